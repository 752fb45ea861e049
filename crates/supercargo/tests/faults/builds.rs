//! The real cargo behind a failing upstream: a cold build says whose failure it is, and a warm one never breaks. One failure
//! of each class; what clients see of all of them is in the page's table.

use std::{fs, time::Duration};

use serde_json::json;
use supercargo_testkit::{
    Cargo, Database, Dependency, FakeUpstream, Fault, Package, Validators, View,
};

use crate::{
    measure::steady,
    scene::{Place, Scene},
};

struct Build {
    scene: Scene,
    place: Place,
}

impl Build {
    /// `left-pad` needs `pad-core`, and both are the upstream's.
    async fn begin() -> Self {
        let scene = Scene::start(Database::Sqlite).await;
        let place = scene.place("partner").await;
        // each question gets a whole file, which can be spoiled
        place.upstream.validators(Validators::None);
        let core = Dependency::new("pad-core", "1").same_registry(&place.upstream.index_url());
        for package in [
            Package::new("left-pad", "1.0.0").depends_on(core),
            Package::new("pad-core", "1.0.0"),
        ] {
            place.upstream.publish(&package);
        }
        Self { scene, place }
    }

    /// A project of somebody who has never built anything.
    fn project(&self) -> (Cargo, std::path::PathBuf) {
        let cargo = self.scene.cargo("partner");
        let dependency = Dependency::new("left-pad", "1").registry("partner");
        let consumer = Package::new("consumer", "0.1.0").depends_on(dependency);
        let folder = cargo.project(&consumer);
        (cargo, folder)
    }

    /// What cargo prints of the server's words when it fails.
    async fn fails(&self) -> String {
        let (cargo, folder) = self.project();
        let refused = cargo.run(&folder, &["build"]).await.failure().refusal();
        steady(&refused)
    }

    /// Builds while all is well, and then with a fresh cargo while `begins` is on: by the lockfile, and resolving anew.
    async fn stays_warm(&mut self, begins: impl AsyncFnOnce(&mut FakeUpstream)) {
        let (cargo, folder) = self.project();
        cargo.run(&folder, &["build"]).await.success();
        begins(&mut self.place.upstream).await;
        for arguments in [&["build", "--locked"][..], &["build"]] {
            cargo.forget_downloads();
            cargo.run(&folder, arguments).await.success();
            fs::remove_file(folder.join("Cargo.lock")).unwrap();
        }
    }

    /// All is well again, and nobody waits until an upstream that was down is asked again.
    async fn ends(&mut self) {
        self.place.upstream.heal();
        let test = json!({});
        let test = self
            .scene
            .admin
            .post("/api/v1/upstreams/partner/test", test);
        assert_eq!(test.await.expect(200).json()["ok"], true);
        self.place.index("left-pad").await.expect(200);
    }
}

/// What cargo prints cold, of an index file and of a crate file; and that it builds warm.
async fn cold_and_warm(fault: Fault) -> String {
    let mut build = Build::begin().await;
    build.place.upstream.fault("/index/le/", fault.clone());
    let index = build.fails().await;
    build.ends().await;
    build.place.upstream.fault("/dl/left-pad/", fault.clone());
    let file = build.fails().await;
    build.ends().await;
    let all = async |upstream: &mut FakeUpstream| upstream.fault("/", fault);
    build.stays_warm(all).await;
    format!("{index}\n{file}")
}

#[tokio::test]
async fn an_upstream_with_an_error_of_its_own_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Status(500)).await, @"
    502: upstream `partner` answers 500 Internal Server Error when asked for `le/ft/left-pad`
    502: upstream `partner` answers 500 Internal Server Error when asked for `left-pad@1.0.0`
    ");
}

#[tokio::test]
async fn a_busy_upstream_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::RetryAfter(503, 1)).await, @"
    503: upstream `partner` answers 503 Service Unavailable when asked for `le/ft/left-pad`
    503: upstream `partner` answers 503 Service Unavailable when asked for `left-pad@1.0.0`
    ");
}

#[tokio::test]
async fn an_upstream_that_refuses_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Status(403)).await, @"
    502: upstream `partner` answers 403 Forbidden when asked for `le/ft/left-pad`; an administrator should look at its credentials
    502: upstream `partner` answers 403 Forbidden when asked for `left-pad@1.0.0`; an administrator should look at its credentials
    ");
}

#[tokio::test]
async fn an_upstream_that_never_answers_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Hang).await, @"
    504: upstream `partner` did not answer within [TIME]
    504: upstream `partner` did not answer within [TIME]
    ");
}

#[tokio::test]
async fn an_upstream_that_resets_connections_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Reset).await, @"
    502: upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: end of file before message length reached
    502: upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: end of file before message length reached
    ");
}

#[tokio::test]
async fn an_upstream_that_drips_breaks_cold_builds_alone() {
    let drip = Fault::SlowDrip(1, Duration::from_millis(300));
    insta::assert_snapshot!(cold_and_warm(drip).await, @"
    504: upstream `partner` did not answer within [TIME]
    504: upstream `partner` did not answer within [TIME]
    ");
}

#[tokio::test]
async fn a_page_in_place_of_every_file_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Html).await, @"
    502: upstream `partner` gives an answer that makes no sense: an HTML page for `le/ft/left-pad`
    502: upstream `partner` gives an answer that makes no sense: an HTML page for `left-pad@1.0.0`
    ");
}

#[tokio::test]
async fn an_upstream_that_redirects_in_a_loop_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::RedirectLoop).await, @"
    502: upstream `partner` redirects more than 5 times
    502: upstream `partner` redirects more than 5 times
    ");
}

/// Of the index file half is no JSON, and of the crate file it is no crate.
#[tokio::test]
async fn an_upstream_that_sends_half_breaks_cold_builds_alone() {
    insta::assert_snapshot!(cold_and_warm(Fault::Truncated).await, @"
    502: upstream `partner` gives an answer that makes no sense: line 1 of the index file of `left-pad` is not a JSON object (EOF while parsing a string at line 1 column …)
    502: upstream `partner` sends other bytes for `left-pad@1.0.0` than its index promises (checksum …, expected …); they were thrown away, so choose another version, or try again when upstream is mended
    ");
}

/// Nobody sees it from outside: the index lists a checksum that the bytes do not have.
#[tokio::test]
async fn a_wrong_checksum_breaks_cold_builds_alone() {
    let mut build = Build::begin().await;
    build.place.upstream.fault("/index/", Fault::WrongChecksum);
    insta::assert_snapshot!(build.fails().await, @"502: upstream `partner` sends other bytes for `left-pad@1.0.0` than its index promises (checksum …, expected …); they were thrown away, so choose another version, or try again when upstream is mended");
    build.place.upstream.heal();
    let lists_others = async |upstream: &mut FakeUpstream| {
        upstream.fault("/index/", Fault::WrongChecksum);
    };
    build.stays_warm(lists_others).await;
}

#[tokio::test]
async fn a_host_that_takes_no_connection_breaks_cold_builds_alone() {
    let mut build = Build::begin().await;
    build.place.upstream.go_dark().await;
    insta::assert_snapshot!(build.fails().await, @"504: upstream `partner` did not answer within [TIME]");
    build.place.upstream.start_again();
    build.ends().await;
    let goes_dark = async |upstream: &mut FakeUpstream| upstream.go_dark().await;
    build.stays_warm(goes_dark).await;
}

/// The bytes that were given out first are what a version is: the others are never served, and an alarm stands in the log.
#[tokio::test]
async fn other_bytes_under_the_same_version_reach_no_build() {
    let mut build = Build::begin().await;
    let first = Package::new("pad-core", "1.0.0");
    let others = first.clone().file("CHANGED", "other bytes");
    let changes = async |upstream: &mut FakeUpstream| upstream.republish(&others);
    build.stays_warm(changes).await;
    let lines = build.place.index("pad-core").await.expect(200).json_lines();
    assert_eq!(lines[0]["cksum"], first.checksum().hex());
    let given = build.place.download(&first).await.unwrap().expect(200);
    assert_eq!(given.body, first.crate_bytes());
    let audited = build.scene.audited().await;
    assert!(!audited.is_empty());
    for row in audited {
        assert_eq!(row.text, "alarm upstream.bytes_changed pad-core 1.0.0");
    }
    assert!(!build.scene.has_stored(&others.checksum().hex()));
}

/// Where no name is left to fail by: `[source.crates-io]` replaced by the mirror view, as most people use it.
#[tokio::test]
async fn a_project_behind_the_mirror_builds_while_its_upstream_is_cut_off() {
    let mut build = Build::begin().await;
    let index = build.scene.server.index_url("partner", View::Mirror);
    let cargo = Cargo::new()
        .registry("partner", &index)
        .token("partner", build.scene.server.admin_token())
        .replace_crates_io("partner");
    let folder = cargo.project(&Package::new("consumer", "0.1.0").dependency("left-pad", "1"));
    cargo.run(&folder, &["build"]).await.success();
    build.place.upstream.stop();
    cargo.forget_downloads();
    cargo.run(&folder, &["build", "--locked"]).await.success();
}
