//! What a provider's groups make of teams and of roles on the instance.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, ServerOptions, on_both};

use crate::scene::SignOn;

on_both!(
    groups_govern_teams_and_roles_at_each_sign_in,
    groups_that_are_left_out_are_none_and_unusable_ones_let_nobody_in,
    the_last_instance_admin_keeps_the_role,
);

fn mapping(options: ServerOptions) -> ServerOptions {
    options
        .setting(
            "sign_on.teams",
            "platform=core,guests=visitors,nobody=missing",
        )
        .setting("sign_on.admins", "root")
        .setting("sign_on.creators", "dev")
}

impl SignOn {
    async fn teams(&self) -> Vec<Value> {
        let mut members = Vec::new();
        for team in ["core", "visitors", "other"] {
            let path = format!("/api/v1/teams/{team}");
            let team = self.scene.admin.get(&path).await.expect(200).json();
            members.push(team["members"].clone());
        }
        members
    }

    async fn role(&self, user: &str) -> Value {
        let path = format!("/api/v1/users/{user}");
        let user = self.scene.admin.get(&path).await.expect(200).json();
        user["instance_role"].clone()
    }

    async fn make_teams(&self) {
        for team in ["core", "visitors", "other"] {
            let team = json!({ "name": team });
            self.scene
                .admin
                .post("/api/v1/teams", team)
                .await
                .expect(201);
        }
    }
}

/// I7 (groups mapped to teams).
async fn groups_govern_teams_and_roles_at_each_sign_in(database: Database) {
    let world = SignOn::with(database, mapping).await;
    world.make_teams().await;
    world
        .knows("alice", &["platform", "dev", "unknown", "nobody"])
        .await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    assert_eq!(
        world.teams().await,
        [json!(["alice"]), json!([]), json!([])]
    );
    assert_eq!(world.role("alice").await, "creator");
    // a team that no group governs is left alone
    let path = "/api/v1/teams/other/members/alice";
    world.scene.admin.put(path, json!({})).await.success();

    world.knows("alice", &["guests", "root"]).await;
    let mut browser = Browser::new();
    world.sign_on(&mut browser, "alice").await.expect(200);
    assert_eq!(
        world.teams().await,
        [json!([]), json!(["alice"]), json!(["alice"])]
    );
    assert_eq!(world.role("alice").await, "admin");
    let page = browser.open(&world.scene.at("/-/account")).await;
    assert!(page.words().contains("admin of this server"), "{page}");
    let joined = &world.scene.audit("team.member_added").await;
    let issuer = world.provider.url();
    let by = format!("alice in visitors, by the groups at {issuer}");
    assert!(
        joined.iter().any(|entry| entry["detail"] == by),
        "{joined:?}"
    );

    world.knows("alice", &[]).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    assert_eq!(
        world.teams().await,
        [json!([]), json!([]), json!(["alice"])]
    );
    assert_eq!(world.role("alice").await, "member");
    let changed = &world.scene.audit("account.changed").await[0];
    assert_eq!(
        changed["detail"],
        format!("alice: member, by the groups at {issuer}")
    );
    assert!(
        world
            .scene
            .server
            .log()
            .contains("names a team that there is not")
    );
}

/// I7 (nobody keeps rights by having more groups than the provider can send).
async fn groups_that_are_left_out_are_none_and_unusable_ones_let_nobody_in(database: Database) {
    let world = SignOn::with(database, mapping).await;
    world.make_teams().await;
    world.knows("alice", &["platform", "dev"]).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    assert_eq!(world.role("alice").await, "creator");
    let without = json!({ "preferred_username": "alice" });
    let mut too_many = without.clone();
    too_many["groups"] = json!(vec!["x"; 1_001]);
    let mut garbled = without.clone();
    garbled["groups"] = json!({ "platform": true });
    for unusable in [too_many, garbled] {
        world.provider.knows("alice", unusable).await;
        let page = world
            .sign_on(&mut Browser::new(), "alice")
            .await
            .expect(403);
        assert!(page.words().contains("of your groups"), "{page}");
        assert_eq!(world.teams().await[0], json!(["alice"]));
        assert_eq!(world.role("alice").await, "creator");
        let denied = &world.scene.audit("sign_in.denied").await[0];
        assert!(
            denied["detail"].to_string().contains("`groups`"),
            "{denied}"
        );
    }
    world.provider.knows("alice", without).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    assert_eq!(world.teams().await[0], json!([]));
    assert_eq!(world.role("alice").await, "member");
}

/// I7, I5.
async fn the_last_instance_admin_keeps_the_role(database: Database) {
    let world = SignOn::with(database, mapping).await;
    world.knows("alice", &["root"]).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    // the account of the first start goes, and alice is the only one
    let token = json!({ "name": "t", "principal": "alice", "scopes": ["admin"] });
    let token = world.scene.admin.token(token).await;
    let alice = world.scene.admin.with_token(&token);
    let first = world.scene.admin.get("/api/v1/me").await.json();
    let first = first["principal"]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/users/{first}");
    alice
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    world.knows("alice", &[]).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    let role = alice.get("/api/v1/me").await.expect(200).json();
    assert_eq!(role["instance_role"], "admin");
    let log = world.scene.server.log();
    assert!(
        log.contains("does not count the last instance admin"),
        "{log}"
    );
}
