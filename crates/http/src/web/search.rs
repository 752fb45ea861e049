//! Search over every registry that one may see.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::SearchPage;
use supercargo_registry::{CrateQuery, Failure, Instance};

use super::{asked::Asked, errors, registry::crate_row, respond::page, visitor::Visitor};

/// Found crates of one registry: whoever wants more looks into that registry.
const OF_EACH: u32 = 10;
/// Found crates of a search for which every registry is asked.
const MOST: usize = 50;
/// Registries that are searched, by name: each costs the database a question.
const SEARCHED: usize = 50;

pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    match search(&instance, &visitor, Asked::of(&uri).get("q")).await {
        Ok(response) => response,
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

async fn search(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    text: &str,
) -> Result<Response<Body>, Failure> {
    let now = instance.clock().now();
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let _place = if text.is_empty() {
        None
    } else {
        instance.place_to_search(visitor.actor.as_deref()).await?
    };
    let mut found = Vec::new();
    let mut total = 0;
    let mut places = Vec::new();
    for right in visible.iter().take(SEARCHED).filter(|_| !text.is_empty()) {
        let wanted = CrateQuery {
            text,
            source: None,
            limit: OF_EACH,
            offset: 0,
        };
        let of_one = instance.search(right, &wanted).await?;
        let name = right.registry().name.to_string();
        if of_one.total > 0 {
            total += of_one.total;
            places.push((name.clone(), of_one.total));
        }
        for item in of_one.items {
            let row = crate_row(&name, item.clone(), now);
            found.push((rank(text, &item), row));
        }
    }
    found.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.name.cmp(&right.name)));
    found.truncate(MOST);
    let title = if text.is_empty() {
        "Search".to_owned()
    } else {
        format!("{text} · Search")
    };
    let mut frame = visitor.frame(title);
    frame.step("Registries", frame.links.home());
    frame.last_step("Search");
    text.clone_into(&mut frame.query);
    let template = SearchPage {
        frame,
        text: text.to_owned(),
        crates: found.into_iter().map(|(_, row)| row).collect(),
        total,
        places,
        has_registries: !visible.is_empty(),
    };
    page(visitor, StatusCode::OK, &template)
}

/// The exact name first, then what begins so, then what holds it, then descriptions; hosted crates before cached ones.
fn rank(text: &str, found: &supercargo_registry::FoundCrate) -> (u8, bool, std::cmp::Reverse<u64>) {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let (text, name) = (plain(text), plain(&found.name));
    let distance = if name == text {
        0
    } else if name.starts_with(&text) {
        1
    } else if name.contains(&text) {
        2
    } else {
        3
    };
    let is_cached = found.source == supercargo_registry::CrateSource::Cached;
    (
        distance,
        is_cached,
        std::cmp::Reverse(found.downloads.recent),
    )
}
