//! How long logs are kept.

use supercargo_testkit::{Database, eventually, on_both};

use crate::scene::{Scene, download, items, told};

on_both!(
    what_is_older_than_the_settings_say_goes_and_leaves_a_note,
    without_a_setting_the_audit_log_is_kept_for_ever_and_downloads_for_thirty_days,
);

/// 2020-01-01, in microseconds.
const OLD: i64 = 1_577_836_800_000_000;
const DOWNLOADS: &str = "/api/v1/audit?action=version.downloaded";

async fn with_old_rows(database: Database) -> Scene {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    download(&scene.admin, "acme", "demo", "1.0.0").await;
    assert_eq!(items(&scene.admin, DOWNLOADS).await.len(), 1);
    // more than go at once
    let many: Vec<_> = (0..2100)
        .map(|number| format!("({}, 'old', 'done')", OLD + number))
        .collect();
    let entries = format!(
        "INSERT INTO audit (at, action, outcome) VALUES {}",
        many.join(",")
    );
    scene.execute(entries).await;
    let downloads = format!(
        "INSERT INTO download_log (at, registry_id, spelling, canonical, version, total)
         SELECT {OLD}, registry_id, spelling, canonical, version, 1 FROM download_log;
         UPDATE pulls SET first_at = {OLD}, total = 2"
    );
    scene.execute(downloads).await;
    assert_eq!(items(&scene.admin, DOWNLOADS).await.len(), 2);
    scene
}

/// I9 (append-only, retention).
async fn what_is_older_than_the_settings_say_goes_and_leaves_a_note(database: Database) {
    let mut scene = with_old_rows(database).await;
    scene.server.change_options(|options| {
        let options = options.setting("audit.keep", "365d");
        options.setting("audit.keep_downloads", "1d")
    });
    scene.server.restart().await;
    eventually("the note", || async {
        !scene.log("action=audit.trimmed").await.is_empty()
    })
    .await;
    assert!(scene.log("action=old").await.is_empty());
    let note = scene.log("action=audit.trimmed").await;
    assert_eq!(note.len(), 1);
    let detail = note[0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("2100 entries from before 20"),
        "{detail}"
    );
    assert!(!scene.log("action=version.published").await.is_empty());
    assert_eq!(items(&scene.admin, DOWNLOADS).await.len(), 1);
    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert_eq!(
        told(&pulled, &["principal", "first_at", "total"]),
        ["admin 2020-01-01T00:00:00Z 2"],
        "who pulled it is kept"
    );
}

async fn without_a_setting_the_audit_log_is_kept_for_ever_and_downloads_for_thirty_days(
    database: Database,
) {
    let mut scene = with_old_rows(database).await;
    scene.server.restart().await;
    eventually("the end of the old download", || async {
        items(&scene.admin, DOWNLOADS).await.len() == 1
    })
    .await;
    let old = scene.admin.get("/api/v1/audit?action=old&limit=1").await;
    assert_eq!(old.expect(200).json()["total"], 2100);
}
