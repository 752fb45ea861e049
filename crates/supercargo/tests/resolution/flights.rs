//! R7, R8: one question to the upstream, however many clients ask at once.

use supercargo_testkit::{
    Answer, Client, Database, FakeUpstream, Package, View, eventually, on_both,
};
use tokio::task::JoinSet;

use crate::scene::Scene;

on_both!(
    a_hundred_clients_ask_for_a_cold_index_file_and_the_upstream_is_asked_once,
    a_hundred_clients_ask_for_a_cold_crate_and_the_upstream_is_asked_once,
    a_fetch_goes_on_when_the_client_who_began_it_hangs_up,
);

const CLIENTS: usize = 100;

/// Lets all of them ask while the upstream holds its answer back.
async fn all_at_once<F>(upstream: &FakeUpstream, prefix: &str, ask: impl Fn() -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    upstream.hold(prefix);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask());
    }
    upstream.wait_until_held(1).await;
    upstream.release();
    clients.join_all().await
}

async fn a_hundred_clients_ask_for_a_cold_index_file_and_the_upstream_is_asked_once(
    database: Database,
) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&package);
    let ask = || {
        let client: Client = scene.admin.clone();
        async move { client.index("acme", View::Index, "left-pad").await }
    };
    let answers = all_at_once(&scene.upstream, "/index/", ask).await;
    assert_eq!(answers.len(), CLIENTS);
    for answer in answers {
        assert_eq!(
            answer.expect(200).text(),
            format!("{}\n", package.index_line())
        );
    }
    assert_eq!(scene.asked(), ["/index/le/ft/left-pad"]);
}

async fn a_hundred_clients_ask_for_a_cold_crate_and_the_upstream_is_asked_once(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").ballast(300_000);
    let bytes = package.crate_bytes();
    scene.upstream.publish(&package);
    let ask = || {
        let client: Client = scene.admin.clone();
        async move {
            client
                .download("acme", View::Index, "left-pad", "1.0.0")
                .await
        }
    };
    let answers = all_at_once(&scene.upstream, "/dl/", ask).await;
    assert_eq!(answers.len(), CLIENTS);
    for answer in answers {
        assert_eq!(answer.expect(200).body, bytes);
    }
    assert_eq!(
        scene.asked(),
        [
            "/index/le/ft/left-pad",
            "/index/config.json",
            "/dl/left-pad/1.0.0/download"
        ]
    );
}

async fn a_fetch_goes_on_when_the_client_who_began_it_hangs_up(database: Database) {
    let mut scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").ballast(300_000);
    scene.upstream.publish(&package);
    scene.upstream.hold("/dl/");
    let client = scene.admin.clone();
    let impatient = tokio::spawn(async move {
        client
            .download("acme", View::Index, "left-pad", "1.0.0")
            .await
    });
    scene.upstream.wait_until_held(1).await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    scene.upstream.release();
    eventually("the stored file", || async { scene.stored() == 1 }).await;
    let whole = scene.download("left-pad", "1.0.0").await.expect(200);
    assert_eq!(whole.body, package.crate_bytes());
    assert_eq!(scene.upstream.requests_to("/dl/").len(), 1);
    scene.upstream.stop();
    scene.download("left-pad", "1.0.0").await.expect(200);
}
