//! Pictures of the main pages for `README.md` and `docs/`: `cargo xtask screenshots` writes them anew.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use supercargo_testkit::{Chromium, Tab, TabOptions, png_size};
use tempfile::TempDir;

use crate::{acme::Acme, visitor};

/// Set to anything, it has the pictures written into the project.
const WRITE: &str = "SUPERCARGO_TEST_WRITE_DOCS";
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 860;
/// Whoever clones the project gets all of them, with each former one.
const MOST_BYTES: u64 = 200 * 1024;
const SCHEMES: [&str; 2] = ["light", "dark"];

/// Name of the picture, and the page.
const PAGES: [(&str, &str); 8] = [
    ("home", "/"),
    ("registry", "/acme"),
    ("crate", "/acme/crates/acme-telemetry"),
    ("versions", "/acme/crates/acme-telemetry/versions"),
    ("setup", "/acme/setup"),
    ("new-token", "/-/account/tokens/new"),
    ("audit", "/-/admin/audit"),
    ("upstream", "/-/upstreams/crates-io"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/screenshots")
}

/// Has a page look as it does in use.
async fn show(tab: &Tab, name: &str, path: &str) {
    assert_eq!(tab.go(path).await, 200, "{path}");
    if name == "versions" {
        // past the plot
        tab.focus("css #main").await;
        for _ in 0..12 {
            tab.press("ArrowDown").await;
        }
    }
    if name == "new-token" {
        tab.fill("field Name", "laptop").await;
        tab.check("css input[name=scope][value=publish]").await;
        tab.check("css input[name=registry][value=acme]").await;
        tab.see("css #in-words .could").await;
        tab.focus("css #main").await;
        tab.press("Control+Home").await;
    }
}

#[test]
fn screenshots_are_made_of_the_program_as_it_is() {
    supercargo_testkit::run(async {
        let acme = Acme::start().await;
        let chromium = Chromium::start().await;
        let base = acme.server.base();
        let mira = visitor::tab_of(&chromium, &base, "mira").await;
        let options = TabOptions {
            width: WIDTH,
            height: HEIGHT,
            ..TabOptions::default()
        };
        let tab = chromium.tab_like(&mira, options).await;
        let kept = TempDir::new().unwrap();
        let writes = env::var_os(WRITE).is_some();
        let target = if writes {
            fs::create_dir_all(folder()).unwrap();
            folder()
        } else {
            kept.path().to_owned()
        };
        let mut made = BTreeSet::new();
        for (name, path) in PAGES {
            show(&tab, name, path).await;
            for scheme in SCHEMES {
                let file = format!("{name}-{scheme}.png");
                let picture = target.join(&file);
                tab.picture(&picture, scheme, false).await;
                assert_eq!(png_size(&picture), (WIDTH, HEIGHT), "{file}");
                let bytes = fs::metadata(&picture).unwrap().len();
                assert!(bytes < MOST_BYTES, "{file}: {bytes} bytes");
                made.insert(file);
            }
        }
        assert_eq!(tab.complaints().await, [""; 0]);
        let there = fs::read_dir(folder()).unwrap();
        let there: BTreeSet<_> = there
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(there, made, "run `cargo xtask screenshots`");
    });
}
