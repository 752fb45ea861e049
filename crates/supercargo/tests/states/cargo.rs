//! Each state as the real cargo meets it: new resolutions, lockfiles, `--locked` and `--precise`, with a cold and a warm home.
//!
//! Every story is told twice, of a hosted crate and of one of an upstream's, and cargo must not say anything else. Days are
//! taken out of what it says, and the crate is called `demo`.

use std::{fmt::Write as _, path::PathBuf};

use insta::assert_snapshot;
use supercargo_testkit::{Cargo, Database, Dependency, Package, View, on_both};

use crate::scene::{Scene, without_days};

on_both!(
    a_yanked_version_builds_by_lockfile_and_is_not_chosen_any_more,
    a_version_that_was_served_and_is_held_builds_by_lockfile,
    a_version_that_was_not_served_and_is_held_is_refused_with_the_reason,
    a_blocked_version_is_refused_with_the_reason,
    a_deleted_version_is_not_there,
);

/// Same length, so that cargo's columns stand.
const NAMES: [&str; 2] = ["hosted", "cached"];

/// What somebody does who needs `demo`, and the version that they have locked before.
const DEEDS: [(&str, &str, &[&[&str]]); 5] = [
    ("new resolution of `^1`", "", &[&["fetch"]]),
    ("new resolution of `=1.1.0`", "", &[&["fetch"]]),
    ("lockfile", "1.1.0", &[&["fetch"]]),
    ("lockfile, --locked", "1.1.0", &[&["fetch", "--locked"]]),
    (
        "update --precise",
        "1.0.0",
        &[&["update", "CRATE", "--precise", "1.1.0"], &["fetch"]],
    ),
];

/// Somebody with a home and a project, before the state changes.
struct Person {
    deed: &'static str,
    cargo: Cargo,
    folder: PathBuf,
    commands: &'static [&'static [&'static str]],
}

/// Whether anybody has downloaded before.
#[derive(Clone, Copy, PartialEq)]
enum Served {
    Yes,
    No,
}

impl Person {
    async fn prepare(
        scene: &Scene,
        name: &str,
        (deed, locked, commands): (&'static str, &str, &'static [&'static [&'static str]]),
        is_warm: bool,
        served: Served,
    ) -> Self {
        let cargo = scene.cargo();
        let project = |requirement: &str| {
            let needs = Dependency::new(name, requirement).registry("acme");
            Package::new("consumer", "0.1.0").depends_on(needs)
        };
        let folder = cargo.project(&project(&format!("={locked}")));
        // a warm home has the index, and the file where anybody has it
        let prepare = match served {
            Served::Yes => "fetch",
            Served::No => "generate-lockfile",
        };
        let other = cargo.folder("other");
        project("=1.1.0").write_source(&other);
        cargo.run(&other, &[prepare]).await.success();
        if !locked.is_empty() {
            cargo.run(&folder, &["generate-lockfile"]).await.success();
        }
        let requirement = if deed.contains("`=1.1.0`") {
            "=1.1.0"
        } else {
            "1"
        };
        project(requirement).write_source(&folder);
        if !is_warm {
            cargo.forget_downloads();
        }
        Self {
            deed,
            cargo,
            folder,
            commands,
        }
    }

    /// What they do, and what cargo says to it.
    async fn tell(&self, name: &str) -> String {
        let mut told = String::new();
        for command in self.commands {
            let arguments: Vec<&str> = command
                .iter()
                .map(|word| if *word == "CRATE" { name } else { word })
                .collect();
            let outcome = self.cargo.run(&self.folder, &arguments).await;
            let words = arguments.join(" ");
            let code = outcome.status.code().unwrap();
            let messages = outcome.messages();
            writeln!(told, "$ cargo {words} → {code}").unwrap();
            if !messages.is_empty() {
                writeln!(told, "{messages}").unwrap();
            }
            if code != 0 {
                break;
            }
        }
        let lockfile = std::fs::read_to_string(self.folder.join("Cargo.lock"));
        let lockfile = lockfile.unwrap_or_default();
        let entry = lockfile
            .split("[[package]]")
            .find(|entry| entry.contains(&format!("name = \"{name}\"")));
        let version = entry.and_then(|entry| {
            let (_, rest) = entry.split_once("version = \"")?;
            rest.split('"').next()
        });
        writeln!(told, "locked: {}", version.unwrap_or("nothing")).unwrap();
        told
    }
}

/// What comes of each deed after the state of 1.1.0 has changed; once where a cold home and a warm one make no difference.
async fn told(
    database: Database,
    names: &[&str],
    served: Served,
    change: impl AsyncFn(&Scene, &str),
) -> String {
    let scene = Scene::start(database).await;
    let mut stories = Vec::new();
    for name in names {
        if *name == "hosted" {
            scene.publish(name, &["1.0.0", "1.1.0"]).await;
        } else {
            scene.offer(name, &["1.0.0", "1.1.0"]);
        }
        let mut pairs = Vec::new();
        for deed in DEEDS {
            let cold = Person::prepare(&scene, name, deed, false, served).await;
            let warm = Person::prepare(&scene, name, deed, true, served).await;
            pairs.push([cold, warm]);
        }
        change(&scene, name).await;
        let mut story = String::new();
        for [cold, warm] in &pairs {
            let deed = cold.deed;
            let (cold, warm) = (cold.tell(name).await, warm.tell(name).await);
            if cold == warm {
                write!(story, "# {deed}, any home\n{cold}\n").unwrap();
            } else {
                write!(story, "# {deed}, cold home\n{cold}\n").unwrap();
                write!(story, "# {deed}, warm home\n{warm}\n").unwrap();
            }
        }
        stories.push(without_days(&story.replace(name, "demo")));
    }
    let first = stories[0].clone();
    for other in &stories {
        assert_eq!(other, &first, "the origin of a crate shows");
    }
    first
}

async fn a_yanked_version_builds_by_lockfile_and_is_not_chosen_any_more(database: Database) {
    let yank = async |scene: &Scene, name: &str| {
        if name == "hosted" {
            scene
                .admin
                .yank("acme", name, "1.1.0", true)
                .await
                .expect(200);
        } else {
            scene.upstream.yank(name, "1.1.0", true);
            // as after the freshness time
            scene
                .admin
                .delete(&crate::scene::acme("cache/cached"))
                .await
                .expect(204);
        }
        assert_eq!(scene.listed(View::Index, name).await, "1.0.0, 1.1.0 yanked");
    };
    assert_snapshot!(told(database, &NAMES, Served::Yes, yank).await, @r#"
    # new resolution of `^1`, any home
    $ cargo fetch → 0
        Updating `acme` index
         Locking 1 package to latest compatible version
     Downloading crates ...
      Downloaded demo v1.0.0 (registry `acme`)
    locked: 1.0.0

    # new resolution of `=1.1.0`, any home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "=1.1.0"`
      version 1.1.0 is yanked
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: nothing

    # lockfile, cold home
    $ cargo fetch → 0
        Updating `acme` index
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # lockfile, warm home
    $ cargo fetch → 0
    locked: 1.1.0

    # lockfile, --locked, cold home
    $ cargo fetch --locked → 0
        Updating `acme` index
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # lockfile, --locked, warm home
    $ cargo fetch --locked → 0
    locked: 1.1.0

    # update --precise, cold home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 0
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # update --precise, warm home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 0
    locked: 1.1.0
    "#);
}

async fn a_version_that_was_served_and_is_held_builds_by_lockfile(database: Database) {
    let hold = async |scene: &Scene, name: &str| {
        let what = format!("{name}@1.1.0");
        scene
            .quarantine(&what, "hold", "odd build script, see ticket 4711")
            .await;
    };
    assert_snapshot!(told(database, &NAMES, Served::Yes, hold).await, @r#"
    # new resolution of `^1`, any home
    $ cargo fetch → 0
        Updating `acme` index
         Locking 1 package to latest compatible version
     Downloading crates ...
      Downloaded demo v1.0.0 (registry `acme`)
    locked: 1.0.0

    # new resolution of `=1.1.0`, any home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "=1.1.0"`
      version 1.1.0 is yanked
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: nothing

    # lockfile, cold home
    $ cargo fetch → 0
        Updating `acme` index
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # lockfile, warm home
    $ cargo fetch → 0
    locked: 1.1.0

    # lockfile, --locked, cold home
    $ cargo fetch --locked → 0
        Updating `acme` index
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # lockfile, --locked, warm home
    $ cargo fetch --locked → 0
    locked: 1.1.0

    # update --precise, cold home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 0
     Downloading crates ...
      Downloaded demo v1.1.0 (registry `acme`)
    locked: 1.1.0

    # update --precise, warm home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 0
    locked: 1.1.0
    "#);
}

async fn a_version_that_was_not_served_and_is_held_is_refused_with_the_reason(database: Database) {
    let hold = async |scene: &Scene, name: &str| {
        let what = format!("{name}@1.1.0");
        scene
            .quarantine(&what, "hold", "odd build script, see ticket 4711")
            .await;
    };
    assert_snapshot!(told(database, &NAMES, Served::No, hold).await, @r#"
    # new resolution of `^1`, any home
    $ cargo fetch → 0
        Updating `acme` index
         Locking 1 package to latest compatible version
     Downloading crates ...
      Downloaded demo v1.0.0 (registry `acme`)
    locked: 1.0.0

    # new resolution of `=1.1.0`, any home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "=1.1.0"`
      version 1.1.0 is yanked
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: nothing

    # lockfile, cold home
    $ cargo fetch → 101
        Updating `acme` index
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is held in registry `acme` since [DAY]: odd build script, see ticket 4711; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # lockfile, warm home
    $ cargo fetch → 101
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is held in registry `acme` since [DAY]: odd build script, see ticket 4711; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # lockfile, --locked, cold home
    $ cargo fetch --locked → 101
        Updating `acme` index
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is held in registry `acme` since [DAY]: odd build script, see ticket 4711; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # lockfile, --locked, warm home
    $ cargo fetch --locked → 101
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is held in registry `acme` since [DAY]: odd build script, see ticket 4711; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # update --precise, any home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 101
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is held in registry `acme` since [DAY]: odd build script, see ticket 4711; choose another version, or ask a maintainer of the registry
    locked: 1.1.0
    "#);
}

async fn a_blocked_version_is_refused_with_the_reason(database: Database) {
    let block = async |scene: &Scene, name: &str| {
        let what = format!("{name}@1.1.0");
        scene
            .quarantine(&what, "block", "steals tokens, see ticket 4712")
            .await;
    };
    assert_snapshot!(told(database, &NAMES, Served::Yes, block).await, @r#"
    # new resolution of `^1`, any home
    $ cargo fetch → 0
        Updating `acme` index
         Locking 1 package to latest compatible version
     Downloading crates ...
      Downloaded demo v1.0.0 (registry `acme`)
    locked: 1.0.0

    # new resolution of `=1.1.0`, any home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "=1.1.0"`
      version 1.1.0 is yanked
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: nothing

    # lockfile, cold home
    $ cargo fetch → 101
        Updating `acme` index
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is blocked in registry `acme` since [DAY]: steals tokens, see ticket 4712; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # lockfile, warm home
    $ cargo fetch → 0
    locked: 1.1.0

    # lockfile, --locked, cold home
    $ cargo fetch --locked → 101
        Updating `acme` index
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is blocked in registry `acme` since [DAY]: steals tokens, see ticket 4712; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # lockfile, --locked, warm home
    $ cargo fetch --locked → 0
    locked: 1.1.0

    # update --precise, cold home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 101
     Downloading crates ...
    error: failed to download from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download`

    Caused by:
      failed to get successful HTTP response from `http://127.0.0.1:[PORT]/acme/api/v1/crates/demo/1.1.0/download` (127.0.0.1), got 403
      body:
      `demo@1.1.0` is blocked in registry `acme` since [DAY]: steals tokens, see ticket 4712; choose another version, or ask a maintainer of the registry
    locked: 1.1.0

    # update --precise, warm home
    $ cargo update demo --precise 1.1.0 → 0
        Updating `acme` index
    warning: selected package `demo@1.1.0` was yanked by the author
      |
      = help: if possible, try a compatible non-yanked version
        Updating demo v1.0.0 (registry `acme`) -> v1.1.0
    $ cargo fetch → 0
    locked: 1.1.0
    "#);
}

/// Only what is hosted can be deleted.
async fn a_deleted_version_is_not_there(database: Database) {
    let delete = async |scene: &Scene, name: &str| scene.delete(&format!("{name}@1.1.0")).await;
    assert_snapshot!(told(database, &["hosted"], Served::Yes, delete).await, @r#"
    # new resolution of `^1`, any home
    $ cargo fetch → 0
        Updating `acme` index
         Locking 1 package to latest compatible version
     Downloading crates ...
      Downloaded demo v1.0.0 (registry `acme`)
    locked: 1.0.0

    # new resolution of `=1.1.0`, any home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "=1.1.0"`
    candidate versions found which didn't match: 1.0.0
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: nothing

    # lockfile, cold home
    $ cargo fetch → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "^1"` (locked to 1.1.0)
    candidate versions found which didn't match: 1.0.0
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: 1.1.0

    # lockfile, warm home
    $ cargo fetch → 0
    locked: 1.1.0

    # lockfile, --locked, cold home
    $ cargo fetch --locked → 101
        Updating `acme` index
    error: failed to select a version for the requirement `demo = "^1"` (locked to 1.1.0)
    candidate versions found which didn't match: 1.0.0
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: 1.1.0

    # lockfile, --locked, warm home
    $ cargo fetch --locked → 0
    locked: 1.1.0

    # update --precise, any home
    $ cargo update demo --precise 1.1.0 → 101
        Updating `acme` index
    error: no matching package named `demo` found
    location searched: `acme` index
    required by package `consumer v0.1.0 ([ROOT]/projects/consumer)`
    locked: 1.0.0
    "#);
}
