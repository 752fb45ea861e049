//! Search over every registry that one may see.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::SearchPage;
use supercargo_registry::{CrateQuery, Failure, Instance};

use super::{
    asked::Asked,
    errors,
    registry::{Narrowed, crate_row},
    respond::page,
    visitor::Visitor,
};

/// Found crates of one registry: whoever wants more looks into that registry.
const OF_EACH: u32 = 10;
/// Found crates of a search for which every registry is asked.
const MOST: usize = 50;
/// Registries that are searched, by name, of those that may have it: each costs the database some questions.
const SEARCHED: usize = 50;

pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    match search(&instance, &visitor, &Asked::of(&uri)).await {
        Ok(response) => response,
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

async fn search(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<Response<Body>, Failure> {
    let now = instance.clock().now();
    let mut narrowed = Narrowed::of(asked, "/-/search".to_owned());
    // of many registries at once that would be too much: each of their crates would have to be looked at
    narrowed.forget_state();
    let text = narrowed.shown.text.as_str();
    let is_asked = !text.is_empty() || !narrowed.labels.is_empty();
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let (_place, places) = if is_asked {
        let place = instance.place_to_search(visitor.actor.as_deref()).await?;
        (place, instance.places_to_search(&visible, text).await?)
    } else {
        (None, Vec::new())
    };
    let left_out = places.len().saturating_sub(SEARCHED) as u64;
    let mut found = Vec::new();
    let mut total = 0;
    let mut found_in = Vec::new();
    for right in places.into_iter().take(SEARCHED) {
        let wanted = CrateQuery {
            limit: OF_EACH,
            ..narrowed.query()
        };
        let of_one = instance.search(right, &wanted).await?;
        let name = right.registry().name.to_string();
        if of_one.total > 0 {
            total += of_one.total;
            found_in.push((name.clone(), of_one.total));
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
        narrowing: narrowed.shown,
        crates: found.into_iter().map(|(_, row)| row).collect(),
        total,
        places: found_in,
        left_out,
    };
    page(visitor, StatusCode::OK, &template)
}

/// The exact name first, then what begins so, then what holds it, then descriptions and keywords; of equals, hosted crates
/// before cached ones.
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
