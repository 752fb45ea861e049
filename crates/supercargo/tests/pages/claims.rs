//! Claims by form: row R5, and issue 6's page 3.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, Package, View, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    a_claim_is_told_before_it_is_made,
    what_no_claim_can_be_is_said_beside_its_field,
    a_claim_is_deleted_by_its_typed_pattern,
    a_name_that_was_hosted_is_released_by_its_typed_name,
    a_public_crate_is_published_under_a_claim_made_by_form,
    claims_are_made_by_a_form_of_ours_and_by_maintainers_alone,
);

const CLAIMS: &str = "/secret/claims";
const NEW: &str = "/secret/claims/new";

async fn maintainer(scene: &Scene) -> Browser {
    let browser = scene.browser_of("marta", "member").await;
    scene.admin.member("secret", "marta", "maintainer").await;
    browser
}

/// The claims of a registry, as the API says it.
async fn claims(scene: &Scene) -> Vec<String> {
    let path = "/api/v1/registries/secret/claims";
    let list = scene.admin.get(path).await.expect(200).json();
    let items = list["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items
        .map(|item| format!("{} {}", text(&item["pattern"]), text(&item["mode"])))
        .collect()
}

/// R5.
async fn a_claim_is_told_before_it_is_made(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    for (name, version) in [
        ("tool-a", "1.0.0"),
        ("tool-a", "1.1.0"),
        ("tool-b", "1.0.0"),
    ] {
        scene.upstream.publish(&Package::new(name, version));
    }
    scene
        .publish("secret", &Package::new("tool-ours", "1.0.0"))
        .await;
    let alice = scene
        .admin
        .person("alice", "secret", "reader", &["read"])
        .await;
    for (name, version) in [
        ("tool-a", "1.0.0"),
        ("tool-a", "1.1.0"),
        ("tool-b", "1.0.0"),
    ] {
        let got = alice.download("secret", View::Index, name, version).await;
        got.expect(200);
    }
    let page = scene.open(&mut marta, CLAIMS).await.expect(200);
    assert!(page.words().contains("No name is claimed"), "{page}");
    assert!(
        page.words().contains("private For names of your own."),
        "{page}"
    );
    assert!(page.html.contains(&format!("href=\"{NEW}\"")), "{page}");
    let page = scene.open(&mut marta, NEW).await.expect(200);
    assert_eq!(
        page.forms()
            .iter()
            .filter(|form| form.action == NEW)
            .count(),
        1
    );

    let path = format!("{NEW}?pattern=Tool_*&mode=private");
    let page = scene.open(&mut marta, &path).await.expect(200);
    for words in [
        "Claim tool-* as private?",
        "3 versions of upstream’s",
        "1 reader downloaded some of them in the last 30 days",
        "tool-a · 2 tool-b · 1",
        "1 name under it is hosted here, and stays as it is.",
        "Kinder: merge keeps",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert_eq!(executable(&page.html), Vec::<String>::new());
    assert_eq!(
        claims(&scene).await,
        Vec::<String>::new(),
        "it is only told"
    );
    let got = alice
        .download("secret", View::Index, "tool-a", "1.0.0")
        .await;
    got.expect(200);

    let page = marta.send(&page.form(NEW)).await.expect(200);
    for words in ["The claim stands, as of now.", "tool-* private", "by marta"] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert_eq!(claims(&scene).await, ["tool-* private"]);
    let got = alice
        .download("secret", View::Index, "tool-a", "1.0.0")
        .await;
    got.expect(404);
    // readers see what is claimed, and not by whom
    let mut bob = scene.browser_of("bob", "member").await;
    scene.admin.member("secret", "bob", "reader").await;
    let page = scene.open(&mut bob, CLAIMS).await.expect(200);
    assert!(page.words().contains("tool-* private"), "{page}");
    assert!(!page.words().contains("marta"), "{page}");
    assert!(!page.html.contains("/claims/delete"), "{page}");

    let path = format!("{NEW}?pattern=quiet-*&mode=fork");
    let page = scene.open(&mut marta, &path).await.expect(200);
    assert!(
        page.words()
            .contains("Nobody loses anything: secret gave out no version"),
        "{page}"
    );
    let path = format!("{NEW}?pattern=loud&mode=merge");
    let page = scene.open(&mut marta, &path).await.expect(200);
    assert!(page.words().contains("upstream’s versions stay"), "{page}");
}

async fn what_no_claim_can_be_is_said_beside_its_field(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    scene.admin.claim("secret", "acme-*", "private").await;
    for (query, status, words) in [
        (
            "pattern=&mode=private",
            422,
            "a pattern has 1 to 64 characters",
        ),
        (
            "pattern=%22%3E%3Cscript%3E&mode=fork",
            422,
            "invalid character",
        ),
        (
            "pattern=a.b&mode=ours",
            422,
            "2 fields have to be corrected.",
        ),
        ("pattern=ACME_*&mode=fork", 409, "acme-*"),
    ] {
        let page = scene.open(&mut marta, &format!("{NEW}?{query}")).await;
        let page = page.expect(status);
        let said = page.words().to_lowercase();
        assert!(said.contains(&words.to_lowercase()), "{words}: {page}");
        assert!(page.html.contains("aria-invalid=\"true\""), "{page}");
        assert_eq!(executable(&page.html), Vec::<String>::new());
    }
    // what was typed stands there again
    let page = scene
        .open(&mut marta, &format!("{NEW}?pattern=a.b&mode=fork"))
        .await;
    let form = page.form(NEW);
    assert_eq!(form.value("pattern"), Some("a.b"));
    assert_eq!(form.value("mode"), Some("fork"));
    // meanwhile somebody else has made it
    let path = format!("{NEW}?pattern=tool-*&mode=fork");
    let page = scene.open(&mut marta, &path).await.expect(200);
    scene.admin.claim("secret", "tool-*", "private").await;
    let page = marta.send(&page.form(NEW)).await.expect(409);
    assert!(page.words().contains("tool-*"), "{page}");
    let page = scene
        .open(&mut marta, "/secret/claims?q=Acme_Core")
        .await
        .expect(200);
    assert!(page.words().contains("acme-* private"), "{page}");
    assert!(!page.words().contains("tool-*"), "{page}");
    let page = scene
        .open(&mut marta, "/secret/claims?q=%3Ci%3E")
        .await
        .expect(200);
    assert!(
        page.words().contains("No claim has or covers “<i>”."),
        "{page}"
    );
}

async fn a_claim_is_deleted_by_its_typed_pattern(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    scene.admin.claim("secret", "acme-*", "private").await;
    scene
        .publish("secret", &Package::new("acme-core", "1.0.0"))
        .await;
    scene
        .upstream
        .publish(&Package::new("acme-theirs", "6.6.6"));
    let page = scene.open(&mut marta, CLAIMS).await.expect(200);
    let link = "/secret/claims/delete?pattern=acme-*";
    assert!(page.html.contains(link), "{page}");
    let page = scene.open(&mut marta, link).await.expect(200);
    for words in [
        "Delete the claim on acme-* ?",
        "go back to partner at once",
        "1 name under it is hosted here and stays private",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    let form = page.form("/claims/delete");
    for confirm in ["", "acme", "<b>"] {
        let page = marta.send(&form.clone().with("confirm", confirm)).await;
        let page = page.expect(422);
        assert!(page.words().contains("Type acme-* , exactly."), "{page}");
    }
    assert_eq!(claims(&scene).await, ["acme-* private"]);
    let page = marta.send(&form.clone().with("confirm", " acme-* ")).await;
    assert!(
        page.expect(200)
            .words()
            .contains("The claim is deleted, as of now.")
    );
    assert_eq!(claims(&scene).await, Vec::<String>::new());
    let listed = scene
        .admin
        .listed("secret", View::Index, "acme-theirs")
        .await;
    assert_eq!(listed, ["6.6.6"]);
    // and not twice
    marta
        .send(&form.with("confirm", "acme-*"))
        .await
        .expect(404);
    scene.open(&mut marta, link).await.expect(404);
    scene
        .open(&mut marta, "/secret/claims/delete?pattern=a.b")
        .await
        .expect(422);
}

async fn a_name_that_was_hosted_is_released_by_its_typed_name(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    scene
        .publish("secret", &Package::new("Old_Tool", "1.0.0"))
        .await;
    scene
        .publish("secret", &Package::new("alive", "1.0.0"))
        .await;
    scene.upstream.publish(&Package::new("old_tool", "2.0.0"));
    let krate = "/api/v1/registries/secret/crates/old_tool";
    scene.admin.delete(krate).await.expect(204);
    scene
        .admin
        .index("secret", View::Index, "old_tool")
        .await
        .expect(404);

    let page = scene.open(&mut marta, CLAIMS).await.expect(200);
    assert!(
        page.words().contains("Names that were hosted here"),
        "{page}"
    );
    assert!(!page.html.contains("claims/release?crate=alive"), "{page}");
    let link = "/secret/claims/release?crate=Old_Tool";
    assert!(page.html.contains(link), "{page}");
    let page = scene.open(&mut marta, link).await.expect(200);
    assert!(
        page.words()
            .contains("From then on partner may answer for this name."),
        "{page}"
    );
    let form = page.form("/claims/release");
    let page = marta
        .send(&form.clone().with("confirm", "oldtool"))
        .await
        .expect(422);
    assert!(page.words().contains("Type Old_Tool , exactly."), "{page}");
    // a claim covers it as well: that has to go first
    scene.admin.claim("secret", "old-*", "private").await;
    let page = marta
        .send(&form.clone().with("confirm", "Old_Tool"))
        .await
        .expect(409);
    assert!(page.words().contains("delete the claim first"), "{page}");
    let page = scene.open(&mut marta, CLAIMS).await.expect(200);
    assert!(!page.html.contains(link), "{page}");
    let claim = "/api/v1/registries/secret/claims/old-*?confirm=old-*";
    scene.admin.delete(claim).await.expect(204);

    let page = marta
        .send(&form.clone().with("confirm", "old_tool"))
        .await
        .expect(200);
    assert!(
        page.words().contains("The name is released, as of now."),
        "{page}"
    );
    assert!(
        !page.words().contains("Names that were hosted here"),
        "{page}"
    );
    let listed = scene.admin.listed("secret", View::Index, "old_tool").await;
    assert_eq!(listed, ["2.0.0"]);
    scene
        .open(&mut marta, "/secret/claims/release?crate=alive")
        .await
        .expect(404);
    scene
        .open(&mut marta, "/secret/claims/release?crate=%3Cb%3E")
        .await
        .expect(404);
}

/// R5: no placeholder version, once the name is claimed.
async fn a_public_crate_is_published_under_a_claim_made_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    scene.upstream.publish(&Package::new("serde", "1.0.0"));
    let ours = Package::new("serde", "1.0.1");
    scene.admin.publish("secret", &ours).await.expect(409);
    let path = format!("{NEW}?pattern=serde&mode=fork");
    let page = scene.open(&mut marta, &path).await.expect(200);
    marta.send(&page.form(NEW)).await.expect(200);
    scene.admin.publish("secret", &ours).await.expect(200);
    let listed = async |view| scene.admin.listed("secret", view, "serde").await;
    assert_eq!(listed(View::Index).await, ["1.0.1"]);
    assert_eq!(listed(View::Mirror).await, ["1.0.0"]);
}

async fn claims_are_made_by_a_form_of_ours_and_by_maintainers_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut marta = maintainer(&scene).await;
    scene.admin.claim("secret", "acme-*", "private").await;
    let path = format!("{NEW}?pattern=tool-*&mode=fork");
    let page = scene.open(&mut marta, &path).await.expect(200);
    let form = page.form(NEW);
    for wrong in [
        form.clone().without("csrf"),
        form.clone().from_page("https://evil.example/"),
    ] {
        marta.send_only(&wrong).await.expect(403);
    }
    let mut mallory = scene.browser_of("mallory", "member").await;
    let own = scene
        .open(&mut mallory, "/-/account/tokens")
        .await
        .expect(200);
    let csrf = own.form("/-/logout").value("csrf").unwrap().to_owned();
    let forms = ["/new", "/delete", "/release"].map(|part| {
        let mut form = form.clone().with("csrf", &csrf).with("confirm", "acme-*");
        form.action = scene.at(&format!("{CLAIMS}{part}"));
        form.with("pattern", "acme-*").with("crate", "x")
    });
    let pages = [
        NEW,
        "/secret/claims/delete?pattern=acme-*",
        "/secret/claims/release?crate=x",
    ];
    for (form, page) in forms.iter().zip(pages) {
        mallory.send_only(form).await.expect(404);
        scene.open(&mut mallory, page).await.expect(404);
    }
    scene.admin.member("secret", "mallory", "publisher").await;
    for (form, page) in forms.iter().zip(pages) {
        mallory.send_only(form).await.expect(403);
        scene.open(&mut mallory, page).await.expect(403);
    }
    for action in ["claim.created", "claim.deleted", "crate.released"] {
        let denied = format!("/api/v1/audit?principal=mallory&outcome=denied&action={action}");
        let denied = scene.admin.get(&denied).await.expect(200).json();
        assert_eq!(denied["total"], 2, "{action}: {denied}");
    }
    assert_eq!(claims(&scene).await, ["acme-* private"]);
    let log = "/api/v1/audit?action=claim.created&outcome=done";
    let log = scene.admin.get(log).await.expect(200).json();
    assert_eq!(log["total"], json!(1), "{log}");
}
