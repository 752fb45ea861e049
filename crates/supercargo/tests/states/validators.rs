//! `ETag` and `Last-Modified` of a view through all that changes a state: row V3, and "What a version can be".
//!
//! The law: an `ETag` is a name of bytes; `Last-Modified` grows with every change of bytes and never goes back, whatever
//! happens in between; a conditional request is answered 304 exactly when the bytes are those that the client has.
//!
//! Dates have whole seconds. Where upstream's files are concerned, each change is made when the clock has passed the date of
//! the one before; what is hosted here has to keep the law for changes within one second, too.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Database, Package, View, eventually, on_both};
use supercargo_types::Timestamp;

use crate::scene::{Scene, acme};

on_both!(
    the_validators_of_a_hosted_crate_tell_every_change,
    the_validators_of_an_upstreams_crate_tell_every_change,
    the_validators_of_both_together_tell_every_change,
);

/// What was seen of one crate's views so far.
struct Witness {
    name: &'static str,
    seen: [Vec<Answer>; 3],
}

const VIEWS: [View; 3] = [View::Index, View::Mirror, View::Hosted];

fn path(view: View, name: &str) -> String {
    let file = supercargo_testkit::sparse_path(&name.parse().unwrap());
    match view {
        View::Index => format!("/acme/index/{file}"),
        view => format!("/acme/{view}/index/{file}"),
    }
}

fn modified(answer: &Answer) -> String {
    sortable(answer.header("last-modified").unwrap())
}

/// `Sat, 21 Nov 2026 12:17:25 GMT` as `2026-11-21 12:17:25`.
fn sortable(text: &str) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<_> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else {
        panic!("`{text}` is no HTTP date");
    };
    let month = MONTHS.find(month).unwrap() / 3 + 1;
    let sortable = format!("{year}-{month:02}-{day}T{time}Z");
    assert!(Timestamp::from_rfc3339(&sortable).is_some(), "{text}");
    sortable
}

impl Witness {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            seen: [const { Vec::new() }; 3],
        }
    }

    /// Looks at each view, with every validator that was ever given out.
    async fn look(&mut self, scene: &Scene, after: &str) {
        for (view, seen) in VIEWS.into_iter().zip(&mut self.seen) {
            let path = path(view, self.name);
            let now = scene.admin.get(&path).await;
            if now.status != 200 {
                now.expect(404);
                for former in &*seen {
                    let answer = conditional(scene, &path, former, true, true).await;
                    answer.expect(404);
                }
                continue;
            }
            let context = format!("{view} after {after}");
            for former in &*seen {
                let is_same = former.body == now.body;
                let status = if is_same { 304 } else { 200 };
                for with_date in [false, true] {
                    let answer = conditional(scene, &path, former, true, with_date).await;
                    assert_eq!(answer.status.as_u16(), status, "{context}: {answer}");
                    assert_eq!(answer.header("etag"), now.header("etag"), "{context}");
                }
                assert!(
                    modified(former) <= modified(&now),
                    "{context}: {former}\n{now}"
                );
                if is_same {
                    assert_eq!(former.header("etag"), now.header("etag"), "{context}");
                } else {
                    assert_ne!(former.header("etag"), now.header("etag"), "{context}");
                }
            }
            // cargo asks by ETag; others ask by date alone, and must not be told that nothing has changed since
            if let Some(last) = seen.last() {
                let answer = conditional(scene, &path, last, false, true).await;
                let is_news = last.body != now.body;
                assert!(
                    !is_news || modified(last) < modified(&now),
                    "{context}: {last}\n{now}"
                );
                assert!(!is_news || answer.status == 200, "{context}: {answer}");
            }
            let answer = conditional(scene, &path, &now, false, true).await;
            assert_eq!(answer.status.as_u16(), 304, "{context}: {answer}");
            seen.push(now);
        }
    }

    /// The same, and waits until the clock has passed every date that was given out.
    async fn look_and_wait(&mut self, scene: &Scene, after: &str) {
        self.look(scene, after).await;
        let dates = self.seen.iter().flatten().map(modified).max();
        eventually("the next second", || async {
            let answer = scene.admin.get("/healthz").await;
            let now = answer.header("date").map(sortable);
            now > dates
        })
        .await;
    }

    /// How many different files there were, by view.
    fn files(&self) -> BTreeMap<String, usize> {
        let of_view = |seen: &Vec<Answer>| {
            let mut tags: Vec<_> = seen.iter().map(|answer| answer.header("etag")).collect();
            tags.sort_unstable();
            tags.dedup();
            tags.len()
        };
        let views = VIEWS.iter().zip(&self.seen);
        views
            .map(|(view, seen)| (view.to_string(), of_view(seen)))
            .collect()
    }
}

async fn conditional(
    scene: &Scene,
    path: &str,
    former: &Answer,
    by_tag: bool,
    by_date: bool,
) -> Answer {
    let mut request = scene.admin.request(Method::GET, path);
    if by_tag {
        request = request.header("if-none-match", former.header("etag").unwrap());
    }
    if by_date {
        request = request.header("if-modified-since", former.header("last-modified").unwrap());
    }
    request.send().await
}

async fn the_validators_of_a_hosted_crate_tell_every_change(database: Database) {
    let mut scene = Scene::start(database).await;
    let mut witness = Witness::of("demo");
    scene.publish("demo", &["1.0.0"]).await;
    witness.look(&scene, "the first publish").await;
    scene.publish("demo", &["1.1.0"]).await;
    witness.look(&scene, "a publish").await;
    scene
        .admin
        .yank("acme", "demo", "1.0.0", true)
        .await
        .expect(200);
    witness.look(&scene, "a yank").await;
    scene
        .admin
        .yank("acme", "demo", "1.0.0", false)
        .await
        .expect(200);
    witness.look(&scene, "an unyank").await;
    scene.quarantine("demo@1.1.0", "hold", "odd").await;
    witness.look(&scene, "a hold").await;
    scene.quarantine("demo@1.1.0", "block", "odd").await;
    witness.look(&scene, "a block").await;
    scene.lift("demo@1.1.0").await;
    witness.look(&scene, "a lift").await;
    scene.quarantine("demo", "hold", "odd").await;
    witness.look(&scene, "a hold of the crate").await;
    scene.lift("demo").await;
    witness.look(&scene, "its lift").await;
    scene.delete("demo@1.1.0").await;
    witness.look(&scene, "a deletion").await;
    scene.server.restart().await;
    witness.look(&scene, "a restart").await;
    scene.restore("demo@1.1.0").await;
    witness.look(&scene, "a restore").await;
    scene.change(json!({ "block": ["demo@=1.0.0"] })).await;
    witness.look(&scene, "a pattern").await;
    scene.change(json!({ "block": [] })).await;
    witness.look(&scene, "no pattern").await;
    scene.delete("demo").await;
    witness.look(&scene, "the crate's deletion").await;
    scene.restore("demo").await;
    witness.look(&scene, "the crate's restore").await;
    scene.admin.claim("acme", "demo", "private").await;
    witness.look(&scene, "a claim").await;
    let claim = acme("claims/demo?confirm=demo");
    scene.admin.delete(&claim).await.expect(204);
    witness.look(&scene, "the claim's deletion").await;
    scene.delete("demo@1.0.0").await;
    scene.purge("demo@1.0.0").await;
    witness.look(&scene, "a purge").await;
    let files = witness.files();
    // one, both, and of both the first yanked, the second, or both; then the second alone
    assert_eq!(
        (files["index"], files["hosted"], files["mirror"]),
        (6, 6, 0)
    );
}

async fn the_validators_of_an_upstreams_crate_tell_every_change(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    let mut witness = Witness::of("left-pad");
    scene.offer("left-pad", &["1.0.0", "1.1.0"]);
    witness.look_and_wait(&scene, "the first look").await;
    scene.offer("left-pad", &["1.2.0"]);
    witness.look_and_wait(&scene, "a publish there").await;
    scene.upstream.yank("left-pad", "1.2.0", true);
    witness.look_and_wait(&scene, "a yank there").await;
    scene.upstream.yank("left-pad", "1.2.0", false);
    witness.look_and_wait(&scene, "an unyank there").await;
    scene.quarantine("left-pad@1.1.0", "hold", "odd").await;
    witness.look_and_wait(&scene, "a hold").await;
    scene.quarantine("left-pad@1.1.0", "block", "odd").await;
    witness.look_and_wait(&scene, "a block").await;
    scene.server.restart().await;
    witness.look_and_wait(&scene, "a restart").await;
    scene.lift("left-pad@1.1.0").await;
    witness.look_and_wait(&scene, "a lift").await;
    scene.change(json!({ "block": ["left-pad@<1.2"] })).await;
    witness.look_and_wait(&scene, "a pattern").await;
    scene.change(json!({ "block": [] })).await;
    witness.look_and_wait(&scene, "no pattern").await;
    scene.download("left-pad", "1.0.0").await.expect(200);
    witness.look_and_wait(&scene, "a download").await;
    scene
        .admin
        .delete(&acme("cache/left-pad"))
        .await
        .expect(204);
    witness.look_and_wait(&scene, "an eviction").await;
    scene.upstream.remove("left-pad");
    witness.look_and_wait(&scene, "its loss there").await;
    scene.offer("left-pad", &["1.0.0", "1.1.0", "1.2.0"]);
    witness.look_and_wait(&scene, "its return").await;
    scene.admin.claim("acme", "left-*", "private").await;
    witness.look_and_wait(&scene, "a claim").await;
    scene
        .admin
        .delete(&acme("claims/left-*?confirm=left-*"))
        .await
        .expect(204);
    witness.look_and_wait(&scene, "the claim's deletion").await;
    let files = witness.files();
    // two, three, and of the three the third, the second, the first two, or all yanked
    assert_eq!(
        (files["index"], files["hosted"], files["mirror"]),
        (6, 0, 6)
    );
}

async fn the_validators_of_both_together_tell_every_change(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    let mut witness = Witness::of("left-pad");
    scene.offer("left-pad", &["1.0.0", "1.1.0"]);
    witness.look_and_wait(&scene, "the first look").await;
    let unclaim = acme("claims/left-pad?confirm=left-pad");
    let claim = async |scene: &Scene, mode: &str| {
        scene.admin.delete(&unclaim).await;
        scene.admin.claim("acme", "left-pad", mode).await;
    };
    claim(&scene, "fork").await;
    witness.look_and_wait(&scene, "a fork").await;
    let own = Package::new("left-pad", "1.1.1");
    scene.admin.publish("acme", &own).await.expect(200);
    witness.look_and_wait(&scene, "a publish").await;
    claim(&scene, "merge").await;
    witness.look_and_wait(&scene, "a merge").await;
    scene.quarantine("left-pad", "hold", "odd").await;
    witness.look_and_wait(&scene, "a hold").await;
    scene.lift("left-pad").await;
    scene.offer("left-pad", &["1.2.0"]);
    witness.look_and_wait(&scene, "a publish there").await;
    scene.delete("left-pad@1.1.1").await;
    witness.look_and_wait(&scene, "a deletion").await;
    scene.restore("left-pad@1.1.1").await;
    witness.look_and_wait(&scene, "a restore").await;
    claim(&scene, "private").await;
    witness.look_and_wait(&scene, "a private claim").await;
    scene.admin.delete(&unclaim).await.expect(204);
    witness.look_and_wait(&scene, "no claim").await;
    scene.delete("left-pad").await;
    witness.look_and_wait(&scene, "the crate's deletion").await;
    let confirm = json!({ "confirm": "left-pad" });
    let release = acme("crates/left-pad/release");
    scene.admin.post(&release, confirm).await.expect(200);
    witness.look_and_wait(&scene, "its release").await;
    // the tombstone hides upstream's number in the index view, and only there
    scene.offer("left-pad", &["1.1.1"]);
    witness.look_and_wait(&scene, "upstream's own number").await;
    assert_eq!(
        scene.listed(View::Index, "left-pad").await,
        "1.0.0, 1.1.0, 1.2.0"
    );
    assert_eq!(
        scene.listed(View::Mirror, "left-pad").await,
        "1.0.0, 1.1.0, 1.2.0, 1.1.1"
    );
    scene.server.restart().await;
    witness.look_and_wait(&scene, "a restart").await;
    claim(&scene, "merge").await;
    scene.restore("left-pad").await;
    witness
        .look_and_wait(&scene, "a restore after the release")
        .await;
    assert!(witness.files()["index"] >= 6, "{:?}", witness.files());
}
