//! What strangers write is shown and never run: issue 6, "safe".

use serde_json::json;
use supercargo_testkit::{Database, Package, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    readmes_run_nothing,
    metadata_runs_nothing,
    addresses_and_questions_run_nothing,
);

/// Each got through somewhere once.
const PAYLOADS: [&str; 26] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<img/src=\"x\"/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=\"data:text/html,<script>alert(1)</script>\"></object>",
    "<embed src=javascript:alert(1)>",
    "<a href=\"javascript:alert(1)\">a</a>",
    "<a href=\"java&#x0A;script:alert(1)\">a</a>",
    "[a](javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![a](x\"onerror=\"alert(1))",
    "<style>body{display:none}</style>",
    "<p style=\"position:fixed;inset:0\">x</p>",
    "<base href=\"https://evil.example/\">",
    "<meta http-equiv=\"refresh\" content=\"0;url=https://evil.example\">",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<details open ontoggle=alert(1)>x</details>",
    "{{ 7 * 7 }}${7*7}<%= 7 * 7 %>",
];

fn assert_safe(what: &str, page: &supercargo_testkit::Page) {
    assert_eq!(
        executable(&page.html),
        Vec::<String>::new(),
        "{what}: {}",
        page.html
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

async fn readmes_run_nothing(database: Database) {
    let scene = Scene::start(database).await;
    for (at, payload) in PAYLOADS.into_iter().enumerate() {
        let text = format!(
            "# Title\n\n{payload}\n\n> {payload}\n\n| {payload} |\n|---|\n\n[a]: {payload}\n"
        );
        let package = Package::new("payload", &format!("1.{at}.0"))
            .field("readme", "README.md")
            .field("repository", "https://github.com/acme/x")
            .file("README.md", &text);
        scene.publish("open", &package).await;
        let path = format!("/open/crates/payload/1.{at}.0");
        let page = scene.anybody(&path).await.expect(200);
        assert!(page.words().contains("Title"), "{page}");
        assert_safe(payload, &page);
    }
}

async fn metadata_runs_nothing(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let mut published = 0;
    for (at, payload) in PAYLOADS.into_iter().enumerate() {
        let name = format!("payload-{at}");
        let mut package = Package::new(&name, "1.0.0")
            .field("description", payload)
            .field("license", "MIT")
            .field("keywords", vec![payload.to_owned()])
            .field("authors", vec![payload.to_owned()]);
        for link in ["repository", "homepage", "documentation"] {
            package = package.field(link, payload);
        }
        let answer = scene.admin.publish("open", &package).await;
        if answer.status != 200 {
            // refused is as good as shown safely
            continue;
        }
        published += 1;
        let block = json!({ "action": "hold", "reason": payload });
        let path = format!("/api/v1/registries/open/crates/{name}/quarantine");
        scene.admin.put(&path, block).await.expect(200);
        for path in [
            format!("/open/crates/{name}"),
            format!("/open/crates/{name}/versions"),
            format!("/open/crates/{name}/1.0.0/features"),
        ] {
            let page = scene.open(&mut root, &path).await.expect(200);
            assert_safe(payload, &page);
        }
    }
    assert!(published > 0);
    let words =
        json!({ "description": PAYLOADS[..10].join("\n"), "labels": { PAYLOADS[2]: PAYLOADS[3] } });
    scene
        .admin
        .patch("/api/v1/registries/open", words)
        .await
        .expect(200);
    for path in [
        "/",
        "/open",
        "/open/upstreams",
        "/open/claims",
        "/-/search?q=payload",
    ] {
        let page = scene.open(&mut root, path).await.expect(200);
        assert_safe(path, &page);
    }
    let page = scene.open(&mut root, "/open").await.expect(200);
    assert!(
        page.html.contains("&#60;script&#62;alert(1)"),
        "{}",
        page.html
    );
    // what is no address of the web is no link
    for scheme in [
        "javascript:",
        "JaVaScRiPt:",
        "data:text/html,",
        "vbscript:",
        "//evil.example/",
    ] {
        let address = format!("{scheme}alert(1)");
        let package = Package::new("linking", &format!("1.0.{}", scheme.len()))
            .field("homepage", address.clone())
            .field("repository", address);
        let answer = scene.admin.publish("open", &package).await;
        if answer.status == 200 {
            let page = scene.anybody("/open/crates/linking").await.expect(200);
            assert_safe(scheme, &page);
            assert!(!page.html.contains("evil.example"), "{page}");
        }
    }
}

async fn addresses_and_questions_run_nothing(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let mut bob = scene.browser_of("bob", "member").await;
    for payload in PAYLOADS {
        let encoded = payload.bytes().fold(String::new(), |encoded, byte| {
            encoded + &format!("%{byte:02X}")
        });
        for path in [
            format!("/{encoded}"),
            format!("/open/{encoded}"),
            format!("/open/crates/{encoded}"),
            format!("/open/crates/demo/{encoded}"),
            format!("/open/crates/demo/{encoded}/features"),
            format!("/open?q={encoded}&source={encoded}&sort={encoded}&page={encoded}"),
            format!("/open/crates/demo/versions?page={encoded}&x={encoded}"),
            format!("/-/search?q={encoded}"),
            format!("/-/login?return_to={encoded}"),
            format!("/-/{encoded}"),
        ] {
            let page = bob.ask(&scene.at(&path)).await;
            assert!(page.status.as_u16() < 500, "{path}: {page}");
            if !page.status.is_redirection() {
                assert_safe(&path, &page);
            }
            let page = scene.anybody(&path).await;
            assert!(page.status.as_u16() < 500, "{path}: {page}");
            if let Some(to) = page.headers.get("location") {
                let to = to.to_str().unwrap();
                assert!(to.starts_with('/') && !to.starts_with("//"), "{path}: {to}");
            } else {
                assert_safe(&path, &page);
            }
        }
    }
}
