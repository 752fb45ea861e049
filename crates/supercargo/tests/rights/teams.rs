//! `…/teams`, and what users may do through them.

use std::fmt::Write as _;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Client, Package, Server, View};

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    teams_are_made_shown_and_listed,
    what_no_team_can_be,
    only_users_can_be_members_of_a_team,
    only_instance_admins_manage_teams,
    a_role_of_a_team_is_its_users_role_at_once,
    what_a_team_owns_its_users_publish_and_yank,
    a_team_is_an_owner_like_any_other,
    the_last_owner_is_not_deleted_and_others_leave_nothing_behind,
    where_members_publish_any_publisher_writes_any_crate,
);

async fn team(admin: &Client, name: &str, members: &[&str]) {
    let made = admin.post("/api/v1/teams", json!({ "name": name })).await;
    made.expect(201);
    for user in members {
        join(admin, name, user).await;
    }
}

async fn join(admin: &Client, team: &str, user: &str) {
    let path = format!("/api/v1/teams/{team}/members/{user}");
    let request = admin.request(Method::PUT, &path);
    request.send().await.expect(200);
}

async fn leave(admin: &Client, team: &str, user: &str) {
    let path = format!("/api/v1/teams/{team}/members/{user}");
    admin.delete(&path).await.expect(204);
}

/// A user of the instance who is a member of nothing, with a token that may do everything.
async fn user(admin: &Client, name: &str) -> Client {
    admin.create_user(name).await;
    let scopes = json!(["publish", "yank", "owners", "maintain", "admin"]);
    let token = admin
        .token(json!({ "principal": name, "scopes": scopes }))
        .await;
    admin.with_token(&token)
}

async fn owners(client: &Client, method: Method, krate: &str, owners: Value) -> (u16, String) {
    let path = format!("/acme/api/v1/crates/{krate}/owners");
    let request = client.request(method, &path);
    let answer = request.json(&json!({ "users": owners })).send().await;
    let said = match answer.detail() {
        Some(detail) => detail,
        None => answer.json()["msg"].as_str().unwrap().to_owned(),
    };
    (answer.status.as_u16(), said)
}

async fn teams_are_made_shown_and_listed(server: &Server) {
    let admin = server.admin();
    let made = admin.post("/api/v1/teams", json!({ "name": "core" })).await;
    let mut made = made.expect(201).json();
    assert_time(&made["created_at"]);
    made["created_at"] = json!("[TIME]");
    assert_eq!(
        made,
        json!({ "name": "core", "members": [], "created_at": "[TIME]" })
    );
    for name in ["alice", "bob"] {
        admin.create_user(name).await;
    }
    // to be one already is no error
    for name in ["bob", "alice", "bob"] {
        let path = format!("/api/v1/teams/core/members/{name}");
        let joined = admin.put(&path, json!({})).await.expect(200);
        assert_eq!(joined.json(), json!({ "team": "core", "user": name }));
    }
    let shown = admin.get("/api/v1/teams/core").await.expect(200).json();
    assert_eq!(shown["members"], json!(["alice", "bob"]));
    leave(&admin, "core", "bob").await;
    let again = admin.delete("/api/v1/teams/core/members/bob").await;
    assert_error(&again, 404, "not-a-member");
    team(&admin, "data", &[]).await;
    // a user may have the name of a team
    admin.create_user("core").await;
    let mut list = admin.get("/api/v1/teams").await.expect(200).json();
    for item in list["items"].as_array_mut().unwrap() {
        assert_time(&item["created_at"]);
        item["created_at"] = json!("[TIME]");
    }
    assert_eq!(
        list,
        json!({
            "items": [
                { "name": "core", "member_count": 1, "created_at": "[TIME]" },
                { "name": "data", "member_count": 0, "created_at": "[TIME]" },
            ],
            "next_cursor": null,
            "total": 2,
        })
    );
    let first = admin.get("/api/v1/teams?limit=1").await.expect(200).json();
    assert_eq!(
        (&first["next_cursor"], &first["total"]),
        (&json!("core"), &json!(2))
    );
    let next = admin.get("/api/v1/teams?limit=1&cursor=core").await;
    assert_eq!(next.expect(200).json()["items"][0]["name"], "data");
    admin.delete("/api/v1/teams/data").await.expect(204);
    for gone in ["data", "team:core", "Core", "%00"] {
        let path = format!("/api/v1/teams/{gone}");
        for answer in [admin.get(&path).await, admin.delete(&path).await] {
            assert_error(&answer, 404, "no-such-team");
        }
        let answer = admin.put(&format!("{path}/members/alice"), json!({})).await;
        assert_error(&answer, 404, "no-such-team");
    }
}

async fn what_no_team_can_be(server: &Server) {
    let admin = server.admin();
    team(&admin, "core", &[]).await;
    let taken = admin.post("/api/v1/teams", json!({ "name": "core" })).await;
    assert_error(&taken, 409, "account-name-taken");
    assert_eq!(
        taken.detail().unwrap(),
        "an account named `team:core` exists; choose another name"
    );
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "Core" }),
        json!({ "name": "team:core" }),
        json!({ "name": "x", "members": ["alice"] }),
        json!({ "name": "x".repeat(65) }),
    ] {
        let answer = admin.post("/api/v1/teams", wrong).await;
        assert_error(&answer, 422, "invalid-request");
    }
    let answer = admin.get("/api/v1/teams?role=admin").await;
    assert_error(&answer, 422, "invalid-request");
}

async fn only_users_can_be_members_of_a_team(server: &Server) {
    let admin = server.admin();
    team(&admin, "core", &[]).await;
    team(&admin, "data", &[]).await;
    admin.create_service_account("ci", None).await;
    let mut said = String::new();
    for (who, status, code) in [
        ("service:ci", 422, "not-a-user"),
        ("service:none", 422, "not-a-user"),
        ("team:data", 422, "not-a-user"),
        ("team:core", 422, "not-a-user"),
        ("nobody", 404, "no-such-account"),
        ("Alice", 404, "no-such-account"),
    ] {
        let path = format!("/api/v1/teams/core/members/{who}");
        let answer = admin.put(&path, json!({})).await;
        assert_error(&answer, status, code);
        said.push_str(&answer.detail().unwrap());
        said.push('\n');
        assert_error(&admin.delete(&path).await, 404, "not-a-member");
    }
    insta::assert_snapshot!(said, @r#"
    only users can be members of a team, and `service:ci` is none; give it a role or a crate of its own instead
    only users can be members of a team, and `service:none` is none; give it a role or a crate of its own instead
    only users can be members of a team, and `team:data` is none; give it a role or a crate of its own instead
    only users can be members of a team, and `team:core` is none; give it a role or a crate of its own instead
    there is no account `nobody`; check the name, or make it first
    there is no account `Alice`; check the name, or make it first
    "#);
    let shown = admin.get("/api/v1/teams/core").await.expect(200).json();
    assert_eq!(shown["members"], json!([]));
}

/// The table of rights: only instance admins make teams, and a token that is narrowed does not.
async fn only_instance_admins_manage_teams(server: &Server) {
    let admin = server.admin();
    let alice = user(&admin, "alice").await;
    team(&admin, "core", &["alice"]).await;
    let creator = json!({ "name": "carol", "instance_role": "creator" });
    admin.post("/api/v1/users", creator).await.expect(201);
    let carol = json!({ "principal": "carol", "scopes": ["admin"] });
    let carol = admin.with_token(&admin.token(carol).await);
    let narrow = json!({ "scopes": ["admin"], "registries": ["main"] });
    let narrow = admin.with_token(&admin.token(narrow).await);
    let unscoped = json!({ "scopes": ["maintain"] });
    let unscoped = admin.with_token(&admin.token(unscoped).await);
    for (method, path, body) in [
        (
            Method::POST,
            "/api/v1/teams",
            Some(json!({ "name": "new" })),
        ),
        (Method::GET, "/api/v1/teams", None),
        (Method::GET, "/api/v1/teams/core", None),
        (Method::GET, "/api/v1/teams/none", None),
        (Method::DELETE, "/api/v1/teams/core", None),
        (Method::PUT, "/api/v1/teams/core/members/carol", None),
        (Method::DELETE, "/api/v1/teams/core/members/alice", None),
    ] {
        let by = async |client: &Client| {
            let request = client.request(method.clone(), path);
            match &body {
                Some(body) => request.json(body).send().await,
                None => request.send().await,
            }
        };
        assert_error(&by(&server.anonymous()).await, 401, "sign-in");
        for client in [&alice, &carol, &narrow, &unscoped] {
            assert_error(&by(client).await, 403, "not-allowed");
        }
    }
    let shown = admin.get("/api/v1/teams/core").await.expect(200).json();
    assert_eq!(shown["members"], json!(["alice"]));
}

/// Row I5: a right that comes or goes through a team holds for the next request, whatever memory has of the token.
async fn a_role_of_a_team_is_its_users_role_at_once(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let bob = user(&admin, "bob").await;
    let may = async |publish: u16, version: &str| {
        let package = Package::new(&format!("by-bob-{version}"), "1.0.0");
        bob.publish("acme", &package).await.expect(publish);
        let read = bob.get("/acme/index/config.json").await;
        read.status.as_u16()
    };
    assert_eq!(may(403, "a").await, 403);
    team(&admin, "core", &["bob"]).await;
    assert_eq!(may(403, "b").await, 403);
    admin.member("acme", "team:core", "reader").await;
    assert_eq!(may(403, "c").await, 200);
    admin.member("acme", "team:core", "publisher").await;
    assert_eq!(may(200, "d").await, 200);
    leave(&admin, "core", "bob").await;
    assert_eq!(may(403, "e").await, 403);
    join(&admin, "core", "bob").await;
    assert_eq!(may(200, "f").await, 200);
    // of several roles the strongest counts
    admin.member("acme", "bob", "reader").await;
    team(&admin, "admins", &["bob"]).await;
    admin.member("acme", "team:admins", "admin").await;
    bob.get("/api/v1/registries/acme/members").await.expect(200);
    let members = "/api/v1/registries/acme/members/team";
    admin.delete(&format!("{members}:admins")).await.expect(204);
    let refused = bob.get("/api/v1/registries/acme/members").await;
    assert_error(&refused, 403, "not-allowed");
    assert_eq!(may(200, "g").await, 200);
    // a team that is deleted takes its role along
    admin.delete("/api/v1/teams/core").await.expect(204);
    assert_eq!(may(403, "h").await, 200);
    let list = admin.get("/api/v1/registries/acme/members").await;
    let list = list.expect(200).json();
    let left = json!([
        { "principal": "admin", "role": "admin" },
        { "principal": "bob", "role": "reader" },
    ]);
    assert_eq!(list["items"], left);
}

/// Row P10.
async fn what_a_team_owns_its_users_publish_and_yank(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let [bob, eve] = [user(&admin, "bob").await, user(&admin, "eve").await];
    for name in ["bob", "eve"] {
        admin.member("acme", name, "publisher").await;
    }
    team(&admin, "core", &["bob"]).await;
    let package = |version: &str| Package::new("demo", version);
    admin.publish("acme", &package("1.0.0")).await.expect(200);
    let mut minor = 0;
    let mut tries = async |client: &Client, status: u16| {
        minor += 1;
        let version = format!("1.{minor}.0");
        let published = client.publish("acme", &package(&version)).await;
        published.expect(status);
        for yanked in [true, false] {
            let answer = client.yank("acme", "demo", "1.0.0", yanked).await;
            answer.expect(status);
        }
        let added = owners(client, Method::PUT, "demo", json!(["bob", "nobody"])).await;
        // an owner is told who is unknown; anybody else is not
        assert_eq!(
            added.0,
            if status == 200 { 400 } else { 403 },
            "{}",
            added.1
        );
    };
    tries(&bob, 403).await;
    let added = owners(&admin, Method::PUT, "demo", json!(["team:core"])).await;
    assert_eq!(added.0, 200, "{}", added.1);
    tries(&bob, 200).await;
    tries(&eve, 403).await;
    join(&admin, "core", "eve").await;
    tries(&eve, 200).await;
    leave(&admin, "core", "bob").await;
    tries(&bob, 403).await;
    // to own a crate is no role: without one in the registry it gives nothing
    admin
        .delete("/api/v1/registries/acme/members/eve")
        .await
        .expect(204);
    tries(&eve, 403).await;
    admin.member("acme", "eve", "reader").await;
    tries(&eve, 403).await;
    admin.member("acme", "team:core", "publisher").await;
    tries(&eve, 200).await;
}

/// Row P10: added, listed and removed by its name, refused where any other is.
async fn a_team_is_an_owner_like_any_other(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    team(&admin, "core", &[]).await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let mut said = String::new();
    for (method, names) in [
        (Method::PUT, json!(["team:none"])),
        (Method::PUT, json!(["team:core", "team:none"])),
        (Method::PUT, json!(["team:Core"])),
        (Method::PUT, json!(["core"])),
        (Method::DELETE, json!(["team:core"])),
        (Method::PUT, json!(["team:core"])),
        (Method::PUT, json!(["team:core"])),
        (Method::DELETE, json!(["admin"])),
        (Method::DELETE, json!(["team:core"])),
        (Method::PUT, json!(["admin"])),
        (Method::DELETE, json!(["team:core"])),
    ] {
        let (status, words) = owners(&admin, method.clone(), "demo", names.clone()).await;
        writeln!(said, "{method} {names}: {status} {words}").unwrap();
        let list = admin.get("/acme/api/v1/crates/demo/owners").await;
        let list = list.expect(200).json();
        let logins = list["users"].as_array().unwrap().iter();
        let logins: Vec<_> = logins.map(|user| user["login"].as_str().unwrap()).collect();
        writeln!(said, "    {}", logins.join(" ")).unwrap();
    }
    insta::assert_snapshot!(said, @r#"
    PUT ["team:none"]: 400 `team:none` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
        admin
    PUT ["team:core","team:none"]: 400 `team:none` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
        admin
    PUT ["team:Core"]: 400 `team:Core` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
        admin
    PUT ["core"]: 400 `core` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
        admin
    DELETE ["team:core"]: 400 `team:core` is not an owner of crate `demo`; `cargo owner --list demo` shows who is
        admin
    PUT ["team:core"]: 200 `team:core` now owns crate `demo` of registry `acme`
        admin team:core
    PUT ["team:core"]: 200 `team:core` now owns crate `demo` of registry `acme`
        admin team:core
    DELETE ["admin"]: 200 `admin` no longer owns crate `demo` of registry `acme`
        team:core
    DELETE ["team:core"]: 400 `team:core` is the last owner of crate `demo`; add another one first: `cargo owner --add NAME demo`
        team:core
    PUT ["admin"]: 200 `admin` now owns crate `demo` of registry `acme`
        team:core admin
    DELETE ["team:core"]: 200 `team:core` no longer owns crate `demo` of registry `acme`
        admin
    "#);
}

async fn the_last_owner_is_not_deleted_and_others_leave_nothing_behind(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let bob = user(&admin, "bob").await;
    admin.member("acme", "bob", "publisher").await;
    team(&admin, "core", &["bob"]).await;
    for name in ["demo-a", "demo-b"] {
        admin
            .publish("acme", &Package::new(name, "1.0.0"))
            .await
            .expect(200);
        let added = owners(&admin, Method::PUT, name, json!(["team:core"])).await;
        assert_eq!(added.0, 200, "{}", added.1);
    }
    let removed = owners(&admin, Method::DELETE, "demo-a", json!(["admin"])).await;
    assert_eq!(removed.0, 200, "{}", removed.1);
    let refused = admin.delete("/api/v1/teams/core").await;
    assert_error(&refused, 409, "last-owner");
    insta::assert_snapshot!(refused.detail().unwrap(), @"team `core` is the last owner of `demo-a` in registry `acme`; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`");
    // nothing has changed
    bob.publish("acme", &Package::new("demo-b", "1.1.0"))
        .await
        .expect(200);
    let added = owners(&admin, Method::PUT, "demo-a", json!(["admin"])).await;
    assert_eq!(added.0, 200, "{}", added.1);
    admin.delete("/api/v1/teams/core").await.expect(204);
    bob.publish("acme", &Package::new("demo-b", "1.2.0"))
        .await
        .expect(403);
    // a new team of that name has nothing of the old one
    team(&admin, "core", &["bob"]).await;
    bob.publish("acme", &Package::new("demo-a", "1.1.0"))
        .await
        .expect(403);
    let listed = admin.listed("acme", View::Index, "demo-b").await;
    assert_eq!(listed, ["1.0.0", "1.1.0"]);
}

/// Row P10: `publishing = "members"`.
async fn where_members_publish_any_publisher_writes_any_crate(server: &Server) {
    let admin = server.admin();
    let acme = json!({ "name": "acme", "publishing": "members" });
    admin.create_registry(acme).await;
    let [bob, eve] = [user(&admin, "bob").await, user(&admin, "eve").await];
    team(&admin, "core", &["bob"]).await;
    admin.member("acme", "team:core", "publisher").await;
    admin.member("acme", "eve", "reader").await;
    let package = |version: &str| Package::new("demo", version);
    admin.publish("acme", &package("1.0.0")).await.expect(200);
    bob.publish("acme", &package("1.1.0")).await.expect(200);
    bob.yank("acme", "demo", "1.0.0", true).await.expect(200);
    let added = owners(&bob, Method::PUT, "demo", json!(["team:core"])).await;
    assert_eq!(added.0, 200, "{}", added.1);
    eve.publish("acme", &package("1.2.0")).await.expect(403);
    eve.yank("acme", "demo", "1.0.0", false).await.expect(403);
    // with the next request it is the owners' again, of whom bob's team is one
    let settings = |publishing: &str| json!({ "publishing": publishing });
    let path = "/api/v1/registries/acme";
    admin.patch(path, settings("owners")).await.expect(200);
    bob.publish("acme", &package("1.2.0")).await.expect(200);
    let removed = owners(&admin, Method::DELETE, "demo", json!(["team:core"])).await;
    assert_eq!(removed.0, 200, "{}", removed.1);
    bob.publish("acme", &package("1.3.0")).await.expect(403);
    admin.patch(path, settings("members")).await.expect(200);
    bob.publish("acme", &package("1.3.0")).await.expect(200);
}
