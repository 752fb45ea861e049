//! CI jobs that a registry trusts, by form: row I6, and issue 6's page 3.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Cargo, CiIssuer, Database, Form, Package, Page, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    a_job_of_github_is_trusted_by_form_and_publishes,
    the_recipe_of_a_rule_gets_its_jobs_a_token,
    a_rule_is_changed_and_its_tokens_end,
    a_rule_is_deleted_by_its_typed_name,
    each_system_has_its_own_fields_and_recipe,
    what_is_wrong_stands_beside_its_field,
    rules_are_made_by_a_form_of_ours_and_by_admins_alone,
);

const RULES: &str = "/secret/trusted-publishers";
const NEW: &str = "/secret/trusted-publishers/new";
const API: &str = "/api/v1/registries/secret/trusted-publishers";

async fn owner(scene: &Scene) -> Browser {
    let browser = scene.browser_of("olivia", "member").await;
    scene.admin.member("secret", "olivia", "admin").await;
    browser
}

async fn form_of(scene: &Scene, browser: &mut Browser, system: &str) -> Form {
    let page = scene.open(browser, &format!("{NEW}?for={system}")).await;
    page.expect(200).form("/new")
}

async fn rules(scene: &Scene) -> Vec<Value> {
    let list = scene.admin.get(API).await.expect(200).json();
    list["items"].as_array().unwrap().clone()
}

fn audience(scene: &Scene) -> String {
    let base = scene.at("/secret");
    base.split_once("://").unwrap().1.to_owned()
}

/// What a job gets for its identity.
async fn exchanged(scene: &Scene, issuer: &CiIssuer, claims: &Value) -> supercargo_testkit::Answer {
    let jwt = issuer.job(&audience(scene), claims);
    let path = "/secret/api/v1/trusted_publishing/tokens";
    let nobody = scene.server.anonymous();
    nobody.post(path, json!({ "jwt": jwt })).await
}

/// I6.
async fn a_job_of_github_is_trusted_by_form_and_publishes(database: Database) {
    let scene = Scene::start(database).await;
    let issuer = CiIssuer::start().await;
    let mut olivia = owner(&scene).await;
    let page = scene.open(&mut olivia, RULES).await.expect(200);
    for words in ["No job is trusted", "Pull requests read, and nothing more"] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert!(page.html.contains(&format!("{NEW}?for=gitlab")), "{page}");
    let form = form_of(&scene, &mut olivia, "github").await;
    let form = form
        .with("name", "release")
        .with("issuer", issuer.url())
        .with("identity", "acme/app")
        .with("reference", "refs/tags/v*")
        .with("environment", "release")
        .with("claims", "run_attempt = 1\r\n\r\n")
        .with("crates", "tool-*, other")
        .with("publish", "yes");
    let page = olivia.send(&form).await.expect(200);
    assert_eq!(page.path(), format!("{RULES}/rules/release?done=trusted"));
    for words in [
        "These jobs are trusted, as of now.",
        "In the workflow",
        "tags: [\"v*\"]",
        "environment: release",
        "cargo publish --registry secret",
        &format!("&audience={}", audience(&scene)),
        "reads and publishes",
        "tool-* , other , whoever owns them",
        "job:secret.release",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let made = rules(&scene).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(
        made[0]["claims"],
        json!({
            "repository": "acme/app", "ref": "refs/tags/v*", "environment": "release",
            "run_attempt": "1",
        })
    );
    assert_eq!(made[0]["scopes"], json!(["read", "publish"]));
    assert_eq!(made[0]["crates"], json!(["tool-*", "other"]));
    assert_eq!(made[0]["audience"], json!(audience(&scene)));

    let mut job = json!({
        "repository": "acme/app", "ref": "refs/tags/v1", "environment": "release",
        "run_attempt": "1", "event_name": "push",
    });
    let token = exchanged(&scene, &issuer, &job).await.expect(200).json();
    let client = scene.server.anonymous();
    let client = client.with_token(token["token"].as_str().unwrap());
    let package = Package::new("tool-new", "1.0.0");
    client.publish("secret", &package).await.expect(200);
    job["ref"] = json!("refs/heads/evil");
    exchanged(&scene, &issuer, &job).await.expect(403);
    let page = scene.open(&mut olivia, RULES).await.expect(200);
    for words in [
        "release GitHub Actions, http://127.0.0.1",
        "repository acme/app",
        "just now",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
}

/// What a page has to paste, the last of it.
fn pasted(page: &Page) -> String {
    let (_, block) = page.html.rsplit_once("<pre ").unwrap();
    let (_, block) = block.split_once("><code>").unwrap();
    let (text, _) = block.split_once("</code></pre>").unwrap();
    let entities = [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ];
    let entities = entities.iter();
    entities.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// I4, I6: the very lines of the page, in a shell; for an audience that means something to a shell and to a query.
async fn the_recipe_of_a_rule_gets_its_jobs_a_token(database: Database) {
    let scene = Scene::start(database).await;
    let issuer = CiIssuer::start().await;
    let mut olivia = owner(&scene).await;
    let publishes = async |variable: &str, name: &str| {
        let client = scene.server.anonymous().with_token(variable);
        let package = Package::new(name, "1.0.0");
        client.publish("secret", &package).await.expect(200);
    };
    let form = form_of(&scene, &mut olivia, "github").await;
    let form = form
        .with("name", "release")
        .with("issuer", issuer.url())
        .with("identity", "acme/app")
        .with("audience", "$(us)&them#'x\"`")
        .with("publish", "yes");
    let workflow = pasted(&olivia.send(&form).await.expect(200));
    let (_, run) = workflow.split_once("run: |\n").unwrap();
    let run: Vec<_> = run
        .lines()
        .map_while(|line| line.strip_prefix("          "))
        .collect();
    let job = Cargo::bare();
    let kept = job.root().join("github-env");
    let (url, shown) = issuer.runner();
    let job = job
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &url)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", shown)
        .env("GITHUB_ENV", &kept.to_string_lossy());
    job.shell(job.root(), &run.join("\n")).await.success();
    let kept = std::fs::read_to_string(kept).unwrap();
    let (variable, token) = kept.lines().next().unwrap().split_once('=').unwrap();
    assert_eq!(variable, "CARGO_REGISTRIES_SECRET_TOKEN");
    publishes(token, "of-workflow").await;

    let form = form_of(&scene, &mut olivia, "custom").await;
    let form = form
        .with("name", "own")
        .with("issuer", issuer.url())
        .with("identity", "repo:acme/app:environment:own")
        .with("publish", "yes");
    let script = pasted(&olivia.send(&form).await.expect(200));
    let claims = json!({ "sub": "repo:acme/app:environment:own" });
    let job = Cargo::bare().env("jwt", &issuer.job(&audience(&scene), &claims));
    let script = script.replace(
        "cargo publish --registry secret",
        "echo \"$CARGO_REGISTRIES_SECRET_MIRROR_TOKEN\"",
    );
    let said = job.shell(job.root(), &script).await.success();
    publishes(said.stdout.trim(), "of-script").await;
}

async fn a_rule_is_changed_and_its_tokens_end(database: Database) {
    let scene = Scene::start(database).await;
    let issuer = CiIssuer::start().await;
    let mut olivia = owner(&scene).await;
    let rule = json!({
        "name": "builds", "preset": "gitlab", "issuer": issuer.url(),
        "claims": { "project_path": "acme/app", "ref_protected": "true" },
    });
    scene.admin.post(API, rule).await.expect(201);
    let job =
        json!({ "project_path": "acme/app", "ref_protected": "true", "pipeline_source": "push" });
    let token = exchanged(&scene, &issuer, &job).await.expect(200).json();
    let client = scene.server.anonymous();
    let client = client.with_token(token["token"].as_str().unwrap());
    client.get("/secret/index/config.json").await.expect(200);

    let edit = format!("{RULES}/rules/builds/edit");
    let page = scene.open(&mut olivia, &edit).await.expect(200);
    let form = page.form("/edit");
    let value = |field: &str| form.value(field).unwrap_or_default().to_owned();
    assert_eq!(value("identity"), "acme/app");
    assert_eq!(value("claims").trim(), "ref_protected = true");
    assert_eq!(value("issuer"), issuer.url());
    assert_eq!(
        value("audience"),
        "",
        "it is the one that it would be by itself"
    );
    assert_eq!(form.value("publish"), None);
    assert!(
        page.words()
            .contains("Tokens that jobs have by this rule end"),
        "{page}"
    );
    // as it is, nothing of it changes
    olivia.send(&form).await.expect(200);
    let before = rules(&scene).await;
    assert_eq!(
        before[0]["claims"],
        json!({ "project_path": "acme/app", "ref_protected": "true" })
    );
    assert_eq!(before[0]["issuer"], issuer.url());

    let form = form.with("claims", "").with("reference", "refs/heads/main");
    let page = olivia
        .send(&form.with("yank", "yes").with("crates", "a-*"))
        .await;
    let page = page.expect(200);
    assert!(
        page.words().contains("The rule is changed, as of now."),
        "{page}"
    );
    assert!(page.words().contains("reads and yanks"), "{page}");
    client.get("/secret/index/config.json").await.expect(401);
    let after = rules(&scene).await;
    assert_eq!(
        after[0]["claims"],
        json!({ "project_path": "acme/app", "ref_path": "refs/heads/main" })
    );
    assert_eq!(after[0]["crates"], json!(["a-*"]));
    // an issuer that is taken away is the public one's again
    let page = scene.open(&mut olivia, &edit).await.expect(200);
    let form = page.form("/edit").with("issuer", "").with("crates", "");
    olivia.send(&form).await.expect(200);
    let after = rules(&scene).await;
    assert_eq!(after[0]["issuer"], "https://gitlab.com");
    assert_eq!(after[0]["crates"], Value::Null);
}

async fn a_rule_is_deleted_by_its_typed_name(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    let rule = json!({ "name": "old", "preset": "github", "claims": { "repository": "acme/app" } });
    scene.admin.post(API, rule).await.expect(201);
    let page = scene.open(&mut olivia, &format!("{RULES}/rules/old")).await;
    let page = page.expect(200);
    assert!(page.words().contains("Type old to confirm"), "{page}");
    let form = page.form("/rules/old/delete");
    let page = olivia
        .send(&form.clone().with("confirm", "odl"))
        .await
        .expect(422);
    assert!(page.words().contains("Type old , exactly."), "{page}");
    assert_eq!(rules(&scene).await.len(), 1);
    let page = olivia
        .send(&form.clone().with("confirm", "old"))
        .await
        .expect(200);
    assert!(page.words().contains("The rule is deleted"), "{page}");
    assert_eq!(rules(&scene).await.len(), 0);
    olivia.send(&form.with("confirm", "old")).await.expect(404);
    for part in ["/rules/old", "/rules/old/edit", "/rules/..%2Fx"] {
        scene
            .open(&mut olivia, &format!("{RULES}{part}"))
            .await
            .expect(404);
    }
}

async fn each_system_has_its_own_fields_and_recipe(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    for (system, has, has_not) in [
        ("github", "repository", "Subject"),
        ("gitlab", "Project", "Subject"),
        ("custom", "Subject", "Branch or tag"),
    ] {
        let page = scene
            .open(&mut olivia, &format!("{NEW}?for={system}"))
            .await;
        let page = page.expect(200);
        assert!(page.words().contains(has), "{has}: {page}");
        assert!(!page.words().contains(has_not), "{has_not}: {page}");
        assert_eq!(page.form("/new").value("preset"), Some(system));
    }
    let page = scene
        .open(&mut olivia, &format!("{NEW}?for=%3Cb%3E"))
        .await
        .expect(200);
    assert_eq!(page.form("/new").value("preset"), Some("custom"));

    let form = form_of(&scene, &mut olivia, "gitlab").await;
    let form = form.with("name", "builds").with("identity", "acme/**");
    let page = olivia.send(&form).await.expect(200);
    let said = page.words();
    assert!(
        said.contains(&format!("aud: \"{}\"", audience(&scene))),
        "{page}"
    );
    assert!(said.contains("cargo build --locked"), "{page}");
    let form = form_of(&scene, &mut olivia, "custom").await;
    let form = form
        .with("name", "own")
        .with("issuer", "https://ci.acme.example")
        .with("audience", "us&them")
        .with("identity", "acme:app");
    let page = olivia.send(&form).await.expect(200);
    for words in [
        "It has to be made for us&them .",
        "\\\"jwt\\\":\\\"$jwt\\\"",
        "Another issuer",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    let presets: Vec<_> = rules(&scene)
        .await
        .iter()
        .map(|rule| rule["preset"].clone())
        .collect();
    assert_eq!(json!(presets), json!(["gitlab", "custom"]));
}

async fn what_is_wrong_stands_beside_its_field(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    let form = form_of(&scene, &mut olivia, "github").await;
    let form = form.with("name", "release").with("identity", "acme/app");
    let nasty = "\"><script>alert(1)</script>";
    for (field, value, at, words) in [
        ("name", "Release!", "name", "1 to 32 lower-case letters"),
        ("identity", "*/app", "identity", "name the owner"),
        ("identity", "", "identity", "whose jobs are meant"),
        (
            "reference",
            "main",
            "reference",
            "GitHub writes whole names there",
        ),
        ("issuer", "ci.acme.example", "issuer", "https://"),
        ("audience", "a*", "audience", "is no pattern"),
        ("claims", "nonsense", "claims", "as a claim and a pattern"),
        ("claims", nasty, "claims", "as a claim and a pattern"),
        (
            "claims",
            "repository = b/c",
            "claims",
            "stands in this form twice",
        ),
        ("claims", "aud = x", "claims", "stands in audience"),
        ("crates", "a.b", "crates", "invalid character"),
        ("crates", nasty, "crates", "invalid character"),
    ] {
        let sent = form.clone().with(field, value);
        let page = olivia.send(&sent).await.expect(422);
        assert!(
            page.html.contains(&format!("id=\"{at}-e\"")),
            "{field}: {page}"
        );
        let said = page.words().to_lowercase();
        assert!(said.contains(&words.to_lowercase()), "{words}: {page}");
        assert_eq!(executable(&page.html), Vec::<String>::new());
        let again = page.form("/new");
        assert_eq!(again.value(field).map(str::trim), Some(value), "{page}");
        assert_eq!(again.value("preset"), Some("github"));
    }
    // all that can be told at once is told at once
    let sent = form
        .clone()
        .with("name", "")
        .with("claims", "x")
        .with("crates", "?");
    let page = olivia.send(&sent).await.expect(422);
    assert!(
        page.words().contains("3 fields have to be corrected."),
        "{page}"
    );
    assert_eq!(rules(&scene).await.len(), 0);
    olivia.send(&form).await.expect(200);
    let page = olivia.send(&form).await.expect(409);
    assert!(page.html.contains("id=\"name-e\""), "{page}");
}

/// I6, and issue 6's "safe".
async fn rules_are_made_by_a_form_of_ours_and_by_admins_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    let rule = json!({ "name": "old", "preset": "github", "claims": { "repository": "acme/app" } });
    scene.admin.post(API, rule).await.expect(201);
    let form = form_of(&scene, &mut olivia, "github").await;
    let form = form.with("name", "evil").with("identity", "evil/app");
    for wrong in [
        form.clone().without("csrf"),
        form.clone().from_page("https://evil.example/"),
    ] {
        olivia.send_only(&wrong).await.expect(403);
    }
    let mut mallory = scene.browser_of("mallory", "member").await;
    let own = scene
        .open(&mut mallory, "/-/account/tokens")
        .await
        .expect(200);
    let csrf = own.form("/-/logout").value("csrf").unwrap().to_owned();
    let forms = ["/new", "/rules/old/edit", "/rules/old/delete"].map(|part| {
        let mut form = form.clone().with("csrf", &csrf).with("confirm", "old");
        form.action = scene.at(&format!("{RULES}{part}"));
        form
    });
    let pages = ["", "/new", "/rules/old", "/rules/old/edit"];
    for (role, status) in [(None, 404), (Some("maintainer"), 403)] {
        if let Some(role) = role {
            scene.admin.member("secret", "mallory", role).await;
        }
        for form in &forms {
            mallory.send_only(form).await.expect(status);
        }
        for page in pages {
            scene
                .open(&mut mallory, &format!("{RULES}{page}"))
                .await
                .expect(status);
        }
    }
    for action in ["created", "changed", "deleted"] {
        let log = "/api/v1/audit?principal=mallory&outcome=denied";
        let denied = format!("{log}&action=trusted_publisher.{action}");
        let denied = scene.admin.get(&denied).await.expect(200).json();
        assert_eq!(denied["total"], 2, "{action}: {denied}");
    }
    let names: Vec<_> = rules(&scene)
        .await
        .iter()
        .map(|rule| rule["name"].clone())
        .collect();
    assert_eq!(json!(names), json!(["old"]));
}
