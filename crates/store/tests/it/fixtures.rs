//! Databases that releases wrote, from the first one on: each is opened, brought up to date, read and written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use supercargo_store::{
    Attachment, AuditFilter, AuditOutcome, Created, HostedCrate, Labelled, Published, RegistryRow,
    Store, UpstreamAuth, UpstreamRow, UpstreamSource, YankChange, Yanked,
};
use supercargo_types::{
    ClaimMode, InstanceRole, PrincipalKind, PrincipalRef, Publishing, Role, Timestamp, TokenSecret,
    VersionPattern, View, Visibility,
};

use crate::{
    databases::{Empty, with_empty_postgres, with_empty_sqlite},
    samples::{ANYONE, NOW, audit, new_registry, new_token, new_version, registry},
};

/// What the first administrator of every fixture signs in with; it opens nothing else.
const ADMIN_TOKEN: &str = "scg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0NjLCC";

#[tokio::test]
async fn the_sqlite_database_of_every_release_is_served_on() {
    for release in releases() {
        let dump = fs::read_to_string(release.join("sqlite.sql")).unwrap();
        with_empty_sqlite(async |empty| serve(empty, dump).await).await;
    }
}

#[tokio::test]
async fn the_postgres_database_of_every_release_is_served_on() {
    for release in releases() {
        let dump = fs::read_to_string(release.join("postgres.sql")).unwrap();
        with_empty_postgres(async |empty| serve(empty, dump).await).await;
    }
}

/// A folder for each release whose schema differs from the one before.
fn releases() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut folders: Vec<_> = fixtures
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.contains(&fixtures.join("0.1.0")), "{folders:?}");
    folders
}

#[tokio::test]
async fn versions_of_the_first_release_tell_on_sqlite_what_they_need() {
    let dump = releases()[0].join("sqlite.sql");
    let dump = fs::read_to_string(dump).unwrap();
    with_empty_sqlite(async |empty| tell_dependencies(empty, dump).await).await;
}

#[tokio::test]
async fn versions_of_the_first_release_tell_on_postgres_what_they_need() {
    let dump = releases()[0].join("postgres.sql");
    let dump = fs::read_to_string(dump).unwrap();
    with_empty_postgres(async |empty| tell_dependencies(empty, dump).await).await;
}

/// It had no table of dependencies; they stand in the index lines, with other names where they are renamed.
async fn tell_dependencies(empty: Empty, dump: String) {
    const NEEDS: &str = r#"
        UPDATE versions SET entry = REPLACE(entry, '"deps":[]',
            '"deps":[{"name":"plain_one","package":null},{"name":"plain_one"},{"name":"alias","package":"Real-One"}]')
        WHERE version = '1.1.0-rc.1';"#;
    empty.load(dump).await;
    empty.load(NEEDS.to_owned()).await;
    let database = empty.open().await;
    let acme = settings_are_there(&database.store).await;
    for (needed, dependents) in [
        ("Plain_One", &["acme-Tools 1.1.0-rc.1"][..]),
        ("real_one", &["acme-Tools 1.1.0-rc.1"]),
        ("alias", &[]),
    ] {
        let name = needed.parse().unwrap();
        let page = database.store.dependents(acme.id, &name, 10, 0).await;
        let page = page.unwrap();
        let rows = page.items.iter();
        let found: Vec<_> = rows
            .map(|row| format!("{} {}", row.name, row.version))
            .collect();
        assert_eq!(found, dependents, "{needed}");
    }
}

#[tokio::test]
async fn keywords_of_every_earlier_release_are_found_on_sqlite() {
    for release in releases() {
        let dump = fs::read_to_string(release.join("sqlite.sql")).unwrap();
        with_empty_sqlite(async |empty| find_by_keywords(empty, dump).await).await;
    }
}

#[tokio::test]
async fn keywords_of_every_earlier_release_are_found_on_postgres() {
    for release in releases() {
        let dump = fs::read_to_string(release.join("postgres.sql")).unwrap();
        with_empty_postgres(async |empty| find_by_keywords(empty, dump).await).await;
    }
}

/// Before 0.5.0 they stood in the facts alone. One manifest holds what no text of a database can, and one is broken.
async fn find_by_keywords(empty: Empty, dump: String) {
    const HAVE: &str = r#"
        UPDATE versions SET facts = REPLACE(facts, '"keywords":[]', '"keywords":["harbour","high tide"]')
        WHERE version = '1.1.0-rc.1';
        UPDATE versions SET facts = REPLACE(facts, '"keywords":[]', '"keywords":["harbour\u0000"]')
        WHERE version = '1.0.0+build.5';
        UPDATE versions SET facts = REPLACE(facts, '"keywords":[]', '"keywords":null')
        WHERE version = '2.0.0';"#;
    if dump.contains("label_key") {
        // it has the column, which no migration fills again
        return;
    }
    empty.load(dump).await;
    empty.load(HAVE.to_owned()).await;
    let database = empty.open().await;
    let acme = settings_are_there(&database.store).await;
    for (text, names) in [
        ("harbour", &["acme-Tools"][..]),
        ("tide HIGH", &["acme-Tools"]),
        ("null", &[]),
    ] {
        let page = database.store.search(acme.id, text, 9, 0).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(found, names, "{text}");
    }
    let waiting = database.store.undescribed_crates(9).await.unwrap();
    assert!(!waiting.is_empty(), "cached files are still to be read");
}

async fn serve(empty: Empty, dump: String) {
    let has_labels = dump.contains("label_key");
    let has_states = dump.contains("quarantines");
    let has_pins = dump.contains("pinned_at");
    let has_sessions = dump.contains("CREATE TABLE sessions") || dump.contains("public.sessions");
    empty.load(dump).await;
    let database = empty.open().await;
    let store = &database.store;
    if let Err(error) = store.prepare_all().await {
        panic!("{error}: {:?}", error.source);
    }
    let acme = settings_are_there(store).await;
    people_are_there(store, &acme).await;
    crates_are_there(store, &acme).await;
    cached_files_are_there(store, &acme).await;
    if has_states {
        states_are_there(store).await;
    }
    what_was_given_out_is_pinned(store, &acme).await;
    if has_pins {
        upstreams_are_there(store, &acme, has_sessions).await;
    }
    if has_sessions {
        accounts_are_there(store).await;
    }
    if has_labels {
        labels_are_there(store, &acme).await;
    }
    the_audit_log_is_there(store).await;
    publishing_goes_on(store, &acme).await;
    people_go_on(store, &acme).await;
}

/// Since 0.5.0: of a crate, of a version, and of one of upstream's; and keywords.
async fn labels_are_there(store: &Store, acme: &RegistryRow) {
    let of = |name: &str, number: Option<&str>| Labelled {
        registry_id: acme.id,
        name: name.parse().unwrap(),
        number: number.map(str::to_owned),
    };
    for (of, labels) in [
        (of("acme-tools", None), "reviewed= team=core"),
        (of("acme-tools", Some("1.0.0")), "audited=2026-11"),
        (of("upstream-crate", None), "tier=2"),
    ] {
        let rows = store.labels(&of).await.unwrap();
        let shown = rows.iter().map(|row| format!("{}={}", row.key, row.value));
        assert_eq!(shown.collect::<Vec<_>>().join(" "), labels, "{of:?}");
        assert_eq!(rows[0].set_by, "admin");
    }
    let directory = store.directory().await.unwrap();
    let mut registries = directory.registries.iter();
    let labelled = registries.find(|registry| registry.name.as_str() == "labelled");
    let found = store.search(labelled.unwrap().id, "harbour", 9, 0).await;
    assert_eq!(found.unwrap().total, 1);
}

async fn settings_are_there(store: &Store) -> RegistryRow {
    assert!(store.meta("bootstrapped").await.unwrap().is_some());
    let directory = store.directory().await.unwrap();
    let named = |name: &str| {
        let mut registries = directory.registries.iter();
        let found = registries.find(|registry| registry.name.as_str() == name);
        found.unwrap().clone()
    };
    let (acme, main, retired) = (named("acme"), named("main"), named("retired"));
    let upstream = |name: &str| {
        let mut upstreams = directory.upstreams.iter();
        upstreams.find(|upstream| upstream.name == name).unwrap()
    };
    let (crates_io, partner) = (upstream("crates-io"), upstream("partner"));
    check_upstreams(crates_io, partner);

    assert_eq!(main.visibility, Visibility::Private);
    assert_eq!(main.publishing, Publishing::Owners);
    assert_eq!(main.upstreams[0].upstream_id, crates_io.id);
    assert_eq!((main.deleted_at, main.claims.len()), (None, 0));
    assert!(retired.deleted_at.is_some());

    assert_eq!(acme.description, "fixture");
    assert_eq!(acme.labels["team"], "core");
    assert_eq!(acme.visibility, Visibility::Internal);
    assert_eq!(acme.publishing, Publishing::Members);
    assert_eq!(acme.deleted_at, None);
    let attached = Attachment {
        upstream_id: partner.id,
        only: Vec::new(),
        except: vec!["secret-*".parse().unwrap()],
    };
    assert_eq!(acme.upstreams, [attached]);
    let claims: Vec<_> = acme
        .claims
        .iter()
        .map(|claim| (claim.pattern.to_string(), claim.mode))
        .collect();
    let expected = [("acme-*", ClaimMode::Private), ("forked", ClaimMode::Fork)];
    assert_eq!(
        claims,
        expected.map(|(pattern, mode)| (pattern.to_owned(), mode))
    );
    acme
}

fn check_upstreams(crates_io: &UpstreamRow, partner: &UpstreamRow) {
    assert_eq!(crates_io.name, "crates-io");
    assert_eq!(crates_io.settings.source, UpstreamSource::CratesIo);
    assert_eq!(crates_io.settings.auth, UpstreamAuth::None);
    assert_eq!(partner.name, "partner");
    assert!(
        matches!(&partner.settings.source, UpstreamSource::Sparse { index_url }
            if index_url.starts_with("sparse+http://127.0.0.1:")),
        "{partner:?}"
    );
    assert!(
        matches!(&partner.settings.auth, UpstreamAuth::Basic { username, secret }
            if username == "acme" && secret.len() > "hunter2".len()),
        "{partner:?}"
    );
}

/// Before 0.3.0 there was one upstream, and everything came from it.
async fn what_was_given_out_is_pinned(store: &Store, acme: &RegistryRow) {
    let partner = acme.upstreams[0].upstream_id;
    let spelling = "upstream-crate".parse().unwrap();
    assert_eq!(store.pin(acme.id, &spelling).await.unwrap(), Some(partner));
    let ledger = store.ledger(acme.id, View::Index, &spelling).await.unwrap();
    assert_eq!(ledger[0].upstream_id, Some(partner));
}

async fn upstreams_are_there(store: &Store, acme: &RegistryRow, is_claimed: bool) {
    let directory = store.directory().await.unwrap();
    let mut registries = directory.registries.iter();
    let outer = registries.find(|registry| registry.name.as_str() == "outer");
    let outer = outer.unwrap();
    let upstream = |at: usize| {
        let id = outer.upstreams[at].upstream_id;
        let mut upstreams = directory.upstreams.iter();
        upstreams.find(|upstream| upstream.id == id).unwrap()
    };
    let (inside, second) = (upstream(0), upstream(1));
    let registry_id = acme.id;
    assert_eq!(
        inside.settings.source,
        UpstreamSource::Registry { registry_id }
    );
    assert!(acme.republish && !outer.republish);
    let [origin] = &second.settings.auth_origins[..] else {
        panic!("{second:?}");
    };
    assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
    for (name, id) in [("acme-tools", inside.id), ("upstream-crate", second.id)] {
        let spelling = name.parse().unwrap();
        assert_eq!(store.pin(outer.id, &spelling).await.unwrap(), Some(id));
        let ledger = store
            .ledger(outer.id, View::Index, &spelling)
            .await
            .unwrap();
        // what was claimed since is not the ledger's any more
        let kept = usize::from(!(is_claimed && name == "acme-tools"));
        assert_eq!(ledger.len(), kept, "{name}");
        assert!(ledger.iter().all(|row| row.upstream_id == Some(inside.id)));
    }
}

async fn accounts_are_there(store: &Store) {
    let user = |name: &str| PrincipalRef {
        kind: PrincipalKind::User,
        name: name.parse().unwrap(),
    };
    let alice = store.find_account(&user("alice")).await.unwrap().unwrap();
    assert!(alice.has_password);
    let (alice, hash) = store
        .password_of(&alice.principal.name)
        .await
        .unwrap()
        .unwrap();
    assert!(hash.unwrap().starts_with("$argon2id$"));
    let identities = store.identities(alice.id).await.unwrap();
    assert_eq!(identities[0].subject, "alice-at-the-provider");
    let sessions = store.list_sessions(
        alice.id,
        Timestamp::from_micros(0),
        Timestamp::from_micros(0),
        10,
        None,
    );
    let sessions = sessions.await.unwrap();
    assert_eq!((sessions.total, &sessions.items[0].issuer), (1, &None));

    let bob = store.find_account(&user("bob")).await.unwrap().unwrap();
    assert!(bob.principal.disabled_at.is_some());
    assert_eq!(store.find_account(&user("carol")).await.unwrap(), None);
}

async fn people_are_there(store: &Store, acme: &RegistryRow) {
    let secret: TokenSecret = ADMIN_TOKEN.parse().unwrap();
    let session = store.token_by_hash(&secret.hash()).await.unwrap().unwrap();
    assert_eq!(session.token.name, "first administrator");
    assert_eq!(session.token.prefix, secret.prefix());
    assert_eq!(session.principal.reference().to_string(), "admin");
    assert_eq!(session.principal.instance_role, InstanceRole::Admin);
    assert!(session.roles.len() >= 3, "it made every registry");
    assert!(session.roles.contains(&(acme.id, Role::Admin)));

    let members = store.members(acme.id).await.unwrap();
    let mut roles: Vec<_> = members
        .iter()
        .map(|(member, role)| (member.reference().to_string(), *role))
        .collect();
    roles.sort();
    let expected = [
        ("admin", Role::Admin),
        ("alice", Role::Maintainer),
        ("service:ci", Role::Publisher),
    ];
    assert_eq!(roles, expected.map(|(name, role)| (name.to_owned(), role)));

    let tokens = store.list_tokens(None, 10, None).await.unwrap();
    assert_eq!(tokens.total, 2);
    let build = tokens.items.iter().find(|token| token.name == "build");
    let build = build.unwrap();
    assert_eq!(build.principal.to_string(), "service:ci");
    assert_eq!(build.scopes.to_string(), "read,publish");
    assert_eq!(build.registries.as_deref(), Some(&[acme.name.clone()][..]));
    let pattern = "acme-*".parse().unwrap();
    assert_eq!(build.crates.as_deref(), Some(&[pattern][..]));
    assert!(build.expires_at > Some(build.created_at));
}

async fn tools(store: &Store, acme: &RegistryRow) -> HostedCrate {
    let name = "acme-tools".parse().unwrap();
    store.hosted(acme.id, &name).await.unwrap().unwrap()
}

async fn crates_are_there(store: &Store, acme: &RegistryRow) {
    let tools = tools(store, acme).await;
    assert_eq!(tools.name.as_str(), "acme-Tools");
    let versions: Vec<_> = tools
        .versions
        .iter()
        .map(|version| (version.version.to_string(), version.yanked))
        .collect();
    let expected = [("1.0.0+build.5", true), ("1.1.0-rc.1", false)];
    assert_eq!(
        versions,
        expected.map(|(version, yanked)| (version.to_owned(), yanked))
    );
    for version in &tools.versions {
        let checksum = version.checksum.to_string();
        assert!(version.entry.contains(&checksum), "{version:?}");
        assert_eq!(version.deleted_at, None);
        let facts = store.version_facts(tools.id, &version.version);
        let facts = facts.await.unwrap().unwrap();
        assert!(facts.contains("a crate of the fixture"), "{facts}");
    }
    let owners = store.owners(tools.id).await.unwrap();
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].reference().to_string(), "admin");

    assert_eq!(store.count_hosted(acme.id).await.unwrap(), 2);
    for (text, found) in [
        ("acme_tools", &["acme-Tools"][..]),
        ("of the fixture", &["acme-Tools", "forked"]),
        ("nothing like it", &[]),
    ] {
        let page = store.search(acme.id, text, 10, 0).await.unwrap();
        let names: Vec<_> = page.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, found, "{text}");
    }
}

async fn cached_files_are_there(store: &Store, acme: &RegistryRow) {
    let upstream_id = acme.upstreams[0].upstream_id;
    let spelling = "upstream-crate".parse().unwrap();
    let file = store.cached_index(upstream_id, &spelling).await.unwrap();
    let file = file.unwrap();
    assert_eq!(file.etag.as_deref(), Some("\"fixture\""));
    assert_eq!(file.gone_at, None);
    assert_eq!(file.body_gzip[..2], [0x1f, 0x8b], "it is gzip");

    let ledger = store.ledger(acme.id, View::Index, &spelling).await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0].version, "1.2.3");
    let checksum = ledger[0].checksum;
    assert!(ledger[0].line.contains(&checksum.to_string()));
    let size = store.cached_crate(upstream_id, &checksum).await.unwrap();
    assert!(size > Some(0));
    let pattern = "upstream-*".parse().unwrap();
    let covered = store.cached_versions_covered(acme.id, &pattern);
    assert_eq!(covered.await.unwrap(), 1);
}

/// Since 0.2.0.
async fn states_are_there(store: &Store) {
    let directory = store.directory().await.unwrap();
    let mut registries = directory.registries.iter();
    let states = registries.find(|registry| registry.name.as_str() == "states");
    let states = states.unwrap();
    let texts = |patterns: &[VersionPattern]| {
        let texts = patterns.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(texts(&states.allow), "main-* given-*");
    assert_eq!(texts(&states.block), "main-barred@<2");
    assert_eq!(states.claims[0].mode, ClaimMode::Merge);
    let quarantines: Vec<_> = states
        .quarantines
        .iter()
        .map(|row| {
            let number = row.number.as_deref().unwrap_or("*");
            format!("{} {number} {}: {}", row.name, row.action, row.reason)
        })
        .collect();
    assert_eq!(
        quarantines,
        [
            "main-evil * block: steals tokens",
            "main-states 2.0.0 hold: under review"
        ]
    );

    let name = "main-states".parse().unwrap();
    let hosted = store.hosted(states.id, &name).await.unwrap().unwrap();
    let flags: Vec<_> = hosted
        .versions
        .iter()
        .map(|row| {
            (
                row.number.as_str(),
                row.deleted_at.is_some(),
                row.purged_at.is_some(),
                row.served_at.is_some(),
            )
        })
        .collect();
    assert_eq!(
        flags,
        [
            ("1.0.0", true, false, false),
            ("1.1.0", true, true, false),
            ("2.0.0", false, false, true)
        ]
    );
    let downloads = store.downloads_by_version(states.id, &name).await.unwrap();
    assert_eq!(downloads["2.0.0"], 1);
    let needed = "main-other".parse().unwrap();
    let dependents = store.dependents(states.id, &needed, 10, 0).await.unwrap();
    assert_eq!(dependents.total, 1);

    let given = "given-away".parse().unwrap();
    let row = store.crate_row(states.id, &given).await.unwrap().unwrap();
    assert!(row.released_at.is_some());
    let members = store.members(states.id).await.unwrap();
    let mut members = members.iter();
    assert!(members.any(|(member, _)| member.reference().to_string() == "team:core"));
}

async fn the_audit_log_is_there(store: &Store) {
    let all = AuditFilter::default();
    let entries = store.list_audit(&all, 100, None).await.unwrap();
    assert_eq!(entries.last().unwrap().entry.action, "instance.started");
    // denials are written in batches, after what was done meanwhile
    let mut done = entries
        .iter()
        .filter(|entry| entry.entry.outcome == AuditOutcome::Done);
    assert_eq!(done.next().unwrap().entry.action, "registry.deleted");
    let filter = AuditFilter {
        registry: Some("acme".to_owned()),
        principal: Some("admin".to_owned()),
        action: Some("version.published".to_owned()),
        ..all
    };
    let published = store.list_audit(&filter, 100, None).await.unwrap();
    let versions: Vec<_> = published
        .iter()
        .filter_map(|row| row.entry.version.as_deref())
        .collect();
    assert_eq!(versions, ["2.0.0", "1.1.0-rc.1", "1.0.0+build.5"]);
}

async fn publishing_goes_on(store: &Store, acme: &RegistryRow) {
    let log = audit("fixture.served");
    let before = tools(store, acme).await;
    let publish = async |name, version| {
        let new = new_version(acme.id, name, version);
        store.publish(&new, ANYONE, &log).await.unwrap()
    };
    let crate_id = before.id;
    assert_eq!(
        publish("acme-Tools", "1.1.0").await,
        Published::Version { crate_id }
    );
    let taken = publish("acme-Tools", "1.0.0").await;
    assert_eq!(
        taken,
        Published::Duplicate {
            existing_version: before.versions[0].version.clone(),
            existing_checksum: before.versions[0].checksum,
            existing_is_deleted: false,
        }
    );
    let twin = publish("Acme_tools", "3.0.0").await;
    assert!(matches!(twin, Published::Twin { .. }), "{twin:?}");
    let new = publish("acme-more", "1.0.0").await;
    assert!(matches!(new, Published::New { .. }), "{new:?}");

    for (version, yanked) in [("1.1.0-rc.1", true), ("1.0.0", false)] {
        let change = YankChange {
            registry_id: acme.id,
            name: "acme-tools".parse().unwrap(),
            version: version.parse().unwrap(),
            yanked,
            must_own: None,
            now: NOW,
        };
        let yank = store.set_yanked(&change, &log).await.unwrap();
        assert_eq!(yank, Yanked::Changed);
    }
    let after = tools(store, acme).await;
    let yanked: Vec<_> = after
        .versions
        .iter()
        .map(|version| version.yanked)
        .collect();
    assert_eq!(yanked, [false, true, false]);
    assert!(after.changed_at > before.changed_at);
}

async fn people_go_on(store: &Store, acme: &RegistryRow) {
    let log = audit("fixture.served");
    let retired = new_registry("retired");
    let retired = store.create_registry(&retired, None, &log).await.unwrap();
    assert_eq!(retired, Created::Taken("retired".to_owned()));
    let other = registry(store, "other").await;
    let (member, _) = store.members(acme.id).await.unwrap().remove(0);
    let token = new_token("t1");
    store.create_token(member.id, &token, &log).await.unwrap();
    store
        .set_member(other, member.id, Role::Reader, &log)
        .await
        .unwrap();
    let session = store.token_by_hash(&token.hash).await.unwrap().unwrap();
    assert!(session.roles.contains(&(other, Role::Reader)));
    let newest = store.list_audit(&AuditFilter::default(), 1, None).await;
    assert_eq!(newest.unwrap()[0].entry, log);
}
