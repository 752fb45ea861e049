//! The first page: registries that one may see, search over all of them, and what is new.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{FirstSteps, HomePage, Moment, RegistryRow, Tally};
use supercargo_registry::{Failure, Instance, MayRead, RegistryOverview};
use supercargo_types::{Timestamp, View};

use super::{asked::Asked, errors, respond::page, visitor::Visitor};

/// Registries on a page.
const PAGE: u64 = 50;
/// Versions that are new.
const NEWS: u32 = 10;

pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    match home(&instance, &visitor, &Asked::of(&uri)).await {
        Ok(response) => response,
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

async fn home(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<Response<Body>, Failure> {
    let now = instance.clock().now();
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let total = visible.len() as u64;
    let skipped = asked.skipped(PAGE).min(total);
    let shown: Vec<_> = visible
        .iter()
        .skip(usize::try_from(skipped).unwrap_or(usize::MAX))
        .take(usize::try_from(PAGE).unwrap_or(usize::MAX))
        .cloned()
        .collect();
    let overview = instance.overview(&shown).await?;
    let mut tally = Tally::default();
    for of_one in &overview {
        tally.hosted += of_one.hosted;
        tally.from_upstreams += of_one.from_upstreams;
        tally.downloads += of_one.downloads;
    }
    let news = instance.newest_versions(&visible, NEWS).await?;
    let first_steps = shown
        .first()
        .filter(|_| tally.hosted == 0 && news.is_empty())
        .filter(|_| {
            instance
                .may_administer_instance(visitor.actor.clone())
                .is_ok()
        })
        .map(|right| first_steps(instance, right));
    let root = instance.may_administer_instance(visitor.actor.clone());
    let deleted = root.map_or(0, |root| instance.deleted_registries(&root).len() as u64);
    let registries = shown.iter().zip(overview);
    let mut frame = visitor.frame("Registries");
    // the one of the page is larger
    frame.has_search = false;
    let template = HomePage {
        registries: registries
            .map(|(right, overview)| row(right, overview, now))
            .collect(),
        total,
        pager: asked.pager(&visitor.links, "/", PAGE, total),
        news: news
            .into_iter()
            .map(|news| supercargo_pages::News {
                registry: news.registry.to_string(),
                name: news.name.to_string(),
                version: news.version,
                publisher: news.publisher.map(|publisher| publisher.to_string()),
                at: Moment::new(news.published_at, now),
            })
            .collect(),
        tally,
        may_create: instance
            .may_create_registries(visitor.actor.clone())
            .is_ok(),
        deleted,
        done: (asked.get("done") == "deleted")
            .then_some("The registry is deleted. An instance admin can restore it for 30 days."),
        first_steps,
        frame,
    };
    page(visitor, StatusCode::OK, &template)
}

fn row(right: &MayRead, overview: RegistryOverview, now: Timestamp) -> RegistryRow {
    let registry = right.registry();
    RegistryRow {
        name: registry.name.to_string(),
        description: registry.description.clone(),
        visibility: registry.visibility.as_str(),
        hosted: overview.hosted,
        hosted_bytes: overview.hosted_bytes,
        from_upstreams: overview.from_upstreams,
        downloads: overview.downloads,
        newest: overview.newest.map(|news| {
            let what = format!("{} {}", news.name, news.version);
            (what, Moment::new(news.published_at, now))
        }),
        upstreams: registry.upstreams.len() as u64,
        failing: overview.failing,
    }
}

fn first_steps(instance: &Instance, right: &MayRead) -> FirstSteps {
    let name = &right.registry().name;
    FirstSteps {
        registry: name.to_string(),
        in_cargo: name.in_cargo(),
        index: instance.site().index_url(name, View::Index),
    }
}
