//! The first start.

use supercargo_store::{AuditFilter, FirstStart, Store};
use supercargo_types::{InstanceRole, Role, Scopes};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_registry, new_token, new_upstream, principal},
};

on_both!(
    the_first_start_happens_once_among_eight,
    a_first_start_that_fails_leaves_nothing,
);

fn first_start() -> FirstStart {
    let mut token = new_token("first");
    token.scopes = Scopes::all();
    FirstStart {
        now: NOW,
        registry: new_registry("main"),
        upstream: new_upstream("crates-io"),
        admin: "admin".parse().unwrap(),
        token,
        audit: audit("instance.started"),
    }
}

async fn the_first_start_happens_once_among_eight(database: Database) {
    // as eight processes would: each with connections of its own
    let starts: Vec<_> = (0..8)
        .map(|number| {
            let url = database.url.clone();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                let mut first = first_start();
                first.token = new_token(&format!("token-{number}"));
                let did = store.bootstrap(&first).await.unwrap();
                store.close().await;
                did
            })
        })
        .collect();
    let mut winners = 0;
    for start in starts {
        winners += usize::from(start.await.unwrap());
    }
    assert_eq!(winners, 1);

    let store = &database.store;
    let directory = store.directory().await.unwrap();
    let [main] = &directory.registries[..] else {
        panic!("{directory:?}");
    };
    let [upstream] = &directory.upstreams[..] else {
        panic!("{directory:?}");
    };
    assert_eq!(main.name.as_str(), "main");
    assert_eq!(main.upstreams.len(), 1);
    assert_eq!(main.upstreams[0].upstream_id, upstream.id);
    let tokens = store.list_tokens(None, 10, None).await.unwrap();
    assert_eq!(tokens.total, 1);
    let hash = new_token(&tokens.items[0].id).hash;
    let session = store.token_by_hash(&hash).await.unwrap().unwrap();
    assert_eq!(session.principal.reference().to_string(), "admin");
    assert_eq!(session.principal.instance_role, InstanceRole::Admin);
    assert_eq!(session.roles, [(main.id, Role::Admin)]);
    let log = store
        .list_audit(&AuditFilter::default(), 10, None)
        .await
        .unwrap();
    assert_eq!(log.len(), 1);
}

async fn a_first_start_that_fails_leaves_nothing(database: Database) {
    let store = &database.store;
    principal(store, "admin").await;
    let error = store.bootstrap(&first_start()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database contradicts itself: `admin` exists although the first start has not happened; \
         start with an empty database"
    );
    let directory = store.directory().await.unwrap();
    assert!(directory.registries.is_empty() && directory.upstreams.is_empty());
}
