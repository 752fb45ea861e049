//! The login itself: who asks, what the person is shown, who decides, and what the program gets.

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Answer, Browser, Database, on_both};

use crate::scene::{BEGIN, POLL, Scene};

on_both!(
    a_program_gets_its_token_when_a_person_has_approved,
    a_refused_login_gives_nothing,
    a_login_is_decided_once_and_its_code_is_good_for_one_token,
    a_person_gives_no_more_than_they_have,
    an_account_that_ended_gives_nothing,
    whoever_is_not_signed_in_is_asked_to_and_comes_back,
    a_form_that_is_a_strangers_decides_nothing,
    a_token_may_not_approve,
    what_is_asked_for_has_to_make_sense,
    nobody_may_ask_or_type_without_end,
    what_was_approved_is_taken_back_with_a_password,
    unknown_codes_are_not_asked_for_without_end,
);

fn said(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let [code, detail] = [answer.code(), answer.detail()].map(Option::unwrap_or_default);
    format!("{status} {code}: {detail}")
}

/// `2026-11-22 06:48:47 UTC` and `2026-11-22` differ from run to run.
fn without_times(text: &str) -> String {
    let words = text
        .split(' ')
        .filter(|word| !word.contains(':') || !word.starts_with(char::is_numeric));
    let words = words.map(|word| if word.starts_with("20") { "DAY" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn complete(login: &Value) -> &str {
    login["verification_url_complete"].as_str().unwrap()
}

/// Row I8.
async fn a_program_gets_its_token_when_a_person_has_approved(database: Database) {
    let scene = Scene::start(database).await;
    let asked = json!({ "registries": ["acme"], "scopes": ["publish"], "expires_in_hours": 12 });
    let login = scene.begin(asked).await;
    let code = login["user_code"].as_str().unwrap();
    assert_eq!(
        complete(&login),
        scene.url(&format!("/-/login/device?code={code}"))
    );
    assert_eq!(login["verification_url"], scene.url("/-/login/device"));
    assert_eq!(login["expires_in"], 600);
    assert_eq!(login["interval"], 2);
    let waiting = scene.poll(&login).await;
    assert_snapshot!(said(&waiting), @"409 authorization-pending: nobody has approved this login yet; ask again in two seconds");
    let soon = scene.poll(&login).await;
    assert_snapshot!(said(&soon), @"429 slow-down: this login is asked for too often; ask again in two seconds");
    assert_eq!(soon.header("retry-after"), Some("2"));
    let mut alice = scene.browser("alice").await;
    // the code as a person types it
    let typed = code.to_lowercase().replace('-', "");
    let page = alice
        .open(&scene.url(&format!("/-/login/device?code={typed}")))
        .await;
    let words = without_times(&page.words().replace(code, "CODE"));
    let (_, words) = words.split_once("Does your ").unwrap();
    let (words, _) = words.split_once(" Refuse ").unwrap();
    assert_snapshot!(words, @"program show this code? CODE Approve only if you started it yourself, just now. Whoever sent you a link to this page may want to act as you. Program laptop/1.0 From 127.0.0.1 Asked just now Token laptop Ends DAY UTC As you, it may read every crate in registry acme , and publish new crates and those that alice owns there until DAY Approve");
    let decided = scene.decide(&mut alice, complete(&login), "approve").await;
    assert!(decided.expect(200).words().contains("Approved"));
    let made = scene.poll(&login).await.expect(201).json();
    assert_eq!(made["principal"], "alice");
    assert_eq!(made["scopes"], json!(["read", "publish"]));
    assert_eq!(made["registries"], json!(["acme"]));
    let token = made["token"].as_str().unwrap();
    let me = scene
        .server
        .anonymous()
        .with_token(token)
        .get("/api/v1/me")
        .await;
    let me = me.expect(200).json();
    assert_eq!(me["principal"]["name"], "alice");
    assert_eq!(me["token"]["id"], made["id"]);
    let approved = scene.log("device_login.approved").await;
    let first = approved[0].split_once(" by ").unwrap().0;
    assert_snapshot!(first, @"alice done `laptop`: read,publish; asked for from 127.0.0.1");
    assert_snapshot!(scene.log("sign_in.done").await[0], @"alice done a program that was approved in the browser");
    assert_snapshot!(scene.log("token.created").await[0], @"alice done ID for alice: read,publish");
}

async fn a_refused_login_gives_nothing(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let mut alice = scene.browser("alice").await;
    let decided = scene.decide(&mut alice, complete(&login), "refuse").await;
    assert!(decided.expect(200).words().contains("Refused"));
    for _ in 0..2 {
        let refused = scene.poll(&login).await;
        assert_snapshot!(said(&refused), @"403 access-denied: this login was refused in the browser; log in again if that was a mistake");
    }
    assert_eq!(scene.tokens_of("alice").await.len(), 0);
    assert_eq!(scene.log("device_login.denied").await.len(), 1);
    assert_eq!(scene.log("device_login.approved").await.len(), 0);
}

async fn a_login_is_decided_once_and_its_code_is_good_for_one_token(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let mut alice = scene.browser("alice").await;
    let page = alice.open(complete(&login)).await.expect(200);
    let form = page.form("/-/login/device").with("decision", "approve");
    alice.send(&form).await.expect(200);
    let again = alice
        .send(&form.with("decision", "refuse"))
        .await
        .expect(409);
    assert!(again.words().contains("decided already"), "{again}");
    let (one, two) = tokio::join!(scene.poll(&login), scene.poll(&login));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404]);
    let over = scene.poll(&login).await;
    assert_snapshot!(said(&over), @"404 expired-code: this login is over: a code holds for ten minutes and is good for one token; log in again");
    let unknown = json!({ "device_code": "0".repeat(64) });
    let unknown = scene.poll(&unknown).await;
    assert_eq!(said(&unknown), said(&over));
    assert_eq!(scene.tokens_of("alice").await.len(), 1);
}

async fn a_person_gives_no_more_than_they_have(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .admin
        .create_registry(json!({ "name": "secret" }))
        .await;
    let mut alice = scene.browser("alice").await;
    // a registry that she may not see is for her one that is not there
    for name in ["secret", "nowhere"] {
        let login = scene.begin(json!({ "registries": [name] })).await;
        let page = alice.open(complete(&login)).await.expect(200);
        let told = format!("There is no registry {name}");
        assert!(page.words().contains(&told), "{page}");
        // no way on that leads nowhere, and one out for the program that waits
        assert!(!page.words().contains("Approve"), "{page}");
        assert!(page.words().contains("make you a member"), "{page}");
        let form = page.form("/-/login/device").with("decision", "approve");
        let refused = alice.send(&form).await.expect(422);
        assert!(refused.words().contains(&told), "{refused}");
        scene.poll(&login).await.expect(409);
        alice
            .send(&form.with("decision", "refuse"))
            .await
            .expect(200);
        let ended = scene.poll(&login).await.expect(403);
        assert_eq!(ended.code().as_deref(), Some("access-denied"));
    }
    // with the scope `admin`, the token has still no more rights than she
    let login = scene.begin(json!({ "scopes": ["admin"] })).await;
    scene
        .decide(&mut alice, complete(&login), "approve")
        .await
        .expect(200);
    let made = scene.poll(&login).await.expect(201).json();
    let client = scene
        .server
        .anonymous()
        .with_token(made["token"].as_str().unwrap());
    client
        .post("/api/v1/users", json!({ "name": "mallory" }))
        .await
        .expect(403);
    client.get("/secret/index/config.json").await.expect(403);
}

async fn an_account_that_ended_gives_nothing(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let other = scene.begin(json!({ "registries": ["acme"] })).await;
    let mut alice = scene.browser("alice").await;
    for login in [&login, &other] {
        scene
            .decide(&mut alice, complete(login), "approve")
            .await
            .expect(200);
    }
    // what she may do is asked again when the token is made
    scene
        .admin
        .delete("/api/v1/registries/acme/members/alice")
        .await
        .expect(204);
    let refused = scene.poll(&other).await;
    assert_snapshot!(said(&refused), @"422 invalid-token-request: there is no registry `acme`");
    let disabled = json!({ "disabled": true });
    scene
        .admin
        .patch("/api/v1/users/alice", disabled)
        .await
        .expect(200);
    let refused = scene.poll(&login).await.expect(403);
    assert_eq!(refused.code().as_deref(), Some("access-denied"));
    assert_eq!(scene.tokens_of("alice").await.len(), 0);
}

async fn whoever_is_not_signed_in_is_asked_to_and_comes_back(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let mut browser = Browser::new();
    let page = browser.open(complete(&login)).await.expect(200);
    assert!(page.path().starts_with("/-/login?"), "{page}");
    let form = page.form("/-/login").with("user", "alice");
    let form = form.with("password", crate::scene::PASSWORD);
    let page = browser.send(&form).await.expect(200);
    let code = login["user_code"].as_str().unwrap();
    assert_eq!(page.path(), format!("/-/login/device?code={code}"));
    // having signed in is no approval
    scene.poll(&login).await.expect(409);
    let form = page.form("/-/login/device").with("decision", "approve");
    browser.send(&form).await.expect(200);
    scene.poll(&login).await.expect(201);
}

/// The attack is a page elsewhere that sends the form with alice's cookie.
async fn a_form_that_is_a_strangers_decides_nothing(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let mut alice = scene.browser("alice").await;
    let page = alice.open(complete(&login)).await.expect(200);
    let form = page.form("/-/login/device").with("decision", "approve");
    let strange = [
        form.clone().from_page("https://evil.example/"),
        form.clone().with("csrf", &"0".repeat(64)),
        form.clone().without("csrf"),
    ];
    for form in strange {
        alice.send(&form).await.expect(403);
    }
    // another person's form is none of hers
    scene.user("bob").await;
    let mut bob = scene.browser("bob").await;
    let _ = bob.send(&form).await.expect(403);
    alice
        .send(&form.clone().with("decision", "perhaps"))
        .await
        .expect(403);
    scene.poll(&login).await.expect(409);
    // in a frame it could be clicked unseen
    let policy = page.headers.get("content-security-policy").unwrap();
    assert!(policy.to_str().unwrap().contains("frame-ancestors 'none'"));
}

/// The attack is a stolen token that makes itself another one.
async fn a_token_may_not_approve(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let page = complete(&login)
        .strip_prefix(&scene.server.url())
        .unwrap()
        .to_owned();
    let answer = scene.admin.get(&page).await;
    assert_eq!(answer.status.as_u16(), 303);
    let form = format!(
        "code={}&decision=approve",
        login["user_code"].as_str().unwrap()
    );
    let sent = scene
        .admin
        .request(http::Method::POST, "/-/login/device")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(form)
        .send();
    assert_eq!(sent.await.status.as_u16(), 303);
    scene.poll(&login).await.expect(409);
}

async fn what_is_asked_for_has_to_make_sense(database: Database) {
    let scene = Scene::start(database).await;
    let nobody = scene.server.anonymous();
    let mut lines = Vec::new();
    for body in [
        json!({}),
        json!({ "token": { "name": "" } }),
        json!({ "token": { "name": "x", "expires_in_days": 366 } }),
        json!({ "token": { "name": "x", "expires_in_days": 1, "expires_in_hours": 1 } }),
        json!({ "token": { "name": "x", "principal": "service:ci" } }),
        json!({ "token": { "name": "x", "scopes": [] } }),
    ] {
        lines.push(said(&nobody.post(BEGIN, body).await));
    }
    lines.push(said(&nobody.post(POLL, json!({ "device_code": 7 })).await));
    let long = json!({ "token": { "name": "x".repeat(20_000) } });
    lines.push(said(&nobody.post(BEGIN, long).await));
    assert_snapshot!(lines.join("\n"), @"
    422 invalid-request: the request does not have the expected shape: missing field `token` at line 1 column 2
    422 invalid-token-request: `name` has 1 to 100 characters and no control characters, as in `laptop`
    422 invalid-token-request: `expires_in_days` is from 1 to 365
    422 invalid-token-request: give `expires_in_days` or `expires_in_hours`, not both
    422 invalid-request: the request does not have the expected shape: unknown field `principal`, expected one of `name`, `scopes`, `registries`, `crates`, `expires_in_days`, `expires_in_hours` at line 1 column 32
    422 invalid-request: the request does not have the expected shape: a token needs at least one scope; use `read` for one that only reads at line 1 column 33
    422 invalid-request: the request does not have the expected shape: invalid type: integer `7`, expected a string at line 1 column 16
    422 invalid-request: the request has more than 16384 bytes
    ");
    let mut alice = scene.browser("alice").await;
    let page = alice.open(&scene.url("/-/login/device")).await.expect(200);
    assert!(page.words().contains("Type it here"), "{page}");
    for (code, status) in [("nonsense", 422), ("BCDF-GHJK", 404), ("%3Cscript%3E", 422)] {
        let url = scene.url(&format!("/-/login/device?code={code}"));
        let page = alice.open(&url).await.expect(status);
        assert!(!page.html.contains("<script>"), "{page}");
    }
}

/// The attacks are a full table, and a search for somebody else's code.
async fn nobody_may_ask_or_type_without_end(database: Database) {
    let scene = Scene::start(database).await;
    let nobody = scene.server.anonymous();
    let mut refused = None;
    for _ in 0..100 {
        let answer = nobody
            .post(BEGIN, json!({ "token": { "name": "x" } }))
            .await;
        if answer.status.as_u16() == 429 {
            refused = answer.code();
            break;
        }
        answer.expect(201);
    }
    assert_eq!(refused.as_deref(), Some("too-many-logins"));
    let mut alice = scene.browser("alice").await;
    let url = scene.url("/-/login/device?code=BCDF-GHJK");
    let mut statuses = Vec::new();
    while statuses.len() < 100 && statuses.last() != Some(&429) {
        statuses.push(alice.open(&url).await.status.as_u16());
    }
    assert!((10..100).contains(&statuses.len()), "{statuses:?}");
    assert_eq!(statuses.pop(), Some(429));
    assert!(statuses.iter().all(|status| *status == 404), "{statuses:?}");
}

/// The attack is a stolen browser that approves a program, which fetches its token after the theft was noticed.
async fn what_was_approved_is_taken_back_with_a_password(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let mut alice = scene.browser("alice").await;
    scene
        .decide(&mut alice, complete(&login), "approve")
        .await
        .expect(200);
    let reset = json!({ "password": "another tulip 18" });
    scene
        .admin
        .patch("/api/v1/users/alice", reset)
        .await
        .expect(200);
    let refused = scene.poll(&login).await.expect(403);
    assert_eq!(refused.code().as_deref(), Some("access-denied"));
    assert_eq!(scene.tokens_of("alice").await.len(), 0);
}

/// The attack is a flood of made-up codes; who waits with a good one is not kept out by it.
async fn unknown_codes_are_not_asked_for_without_end(database: Database) {
    let scene = Scene::start(database).await;
    let login = scene.begin(json!({})).await;
    let unknown = json!({ "device_code": "0".repeat(64) });
    let mut refused = None;
    for _ in 0..200 {
        let answer = scene.poll(&unknown).await;
        if answer.status.as_u16() == 429 {
            refused = answer.code();
            break;
        }
        answer.expect(404);
    }
    assert_eq!(refused.as_deref(), Some("too-many-bad-tokens"));
    scene.poll(&login).await.expect(409);
}
