//! A list of crates whose files are cached, for the page of an upstream and for that of a registry.

use supercargo_pages::{CachedCrateRow, CachedList, Moment};
use supercargo_registry::{CachedCrates, CachedQuery, CachedSort};
use supercargo_types::Timestamp;

use crate::web::{asked::Asked, visitor::Visitor};

/// Crates on a page.
const PAGE: u32 = 50;

/// What a page asks for, and the word for its order. When files were used orders them for instance admins alone: the order
/// tells it as well.
pub(in crate::web) fn cached_query<'a>(
    visitor: &Visitor,
    asked: &'a Asked,
) -> (CachedQuery<'a>, &'static str) {
    let (order, word) = match asked.get("sort") {
        "size" => (CachedSort::Size, "size"),
        "unused" if visitor.is_admin => (CachedSort::Unused, "unused"),
        _ => (CachedSort::Name, "name"),
    };
    let wanted = CachedQuery {
        text: asked.get("q"),
        order,
        limit: PAGE,
        offset: asked.skipped(PAGE.into()),
    };
    (wanted, word)
}

/// The list; `address` is below BASE, with its prefix.
pub(in crate::web) fn cached_list(
    visitor: &Visitor,
    address: String,
    asked: &Asked,
    sort: &'static str,
    found: CachedCrates,
    now: Timestamp,
) -> CachedList {
    let path = address
        .strip_prefix(&visitor.links.to(""))
        .unwrap_or(&address)
        .to_owned();
    let rows = found.items.into_iter().map(|it| CachedCrateRow {
        name: it.name.to_string(),
        upstream: it.upstream,
        files: it.files,
        bytes: it.bytes,
        came: Moment::new(it.came_at, now),
        used: Moment::new(it.used_at, now),
    });
    CachedList {
        text: asked.get("q").to_owned(),
        sort,
        rows: rows.collect(),
        pager: asked.pager(&visitor.links, &path, PAGE.into(), found.total),
        registry: None,
        may_evict: false,
        sees_times: visitor.is_admin,
        address,
    }
}
