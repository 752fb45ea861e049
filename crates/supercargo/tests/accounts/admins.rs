//! The instance is never without an admin.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Client, Database, on_both};

use crate::scene::{Scene, said};

on_both!(
    the_last_admin_who_is_not_disabled_stays_one,
    two_admins_who_take_each_other_away_at_once_leave_one,
);

/// I5.
async fn the_last_admin_who_is_not_disabled_stays_one(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let other = json!({ "name": "other", "instance_role": "admin" });
    admin.post("/api/v1/users", other).await.expect(201);
    // a disabled one does not count
    let disabled = json!({ "disabled": true });
    let path = "/api/v1/users/other";
    admin.patch(path, disabled.clone()).await.expect(200);
    for refused in [
        admin.patch("/api/v1/users/admin", disabled).await,
        admin
            .patch("/api/v1/users/admin", json!({ "instance_role": "creator" }))
            .await,
        admin.delete("/api/v1/users/admin?confirm=admin").await,
    ] {
        assert_snapshot!(said(&refused), @"409 last-admin: `admin` is the last instance admin who is not disabled; give somebody else that role first: `supercargo user edit NAME --instance-role admin`");
    }
    admin.get("/api/v1/users").await.expect(200);
    admin
        .patch(path, json!({ "disabled": false }))
        .await
        .expect(200);
    // now there is another one
    admin
        .patch("/api/v1/users/admin", json!({ "instance_role": "member" }))
        .await
        .expect(200);
    admin.get("/api/v1/users").await.expect(403);
}

/// The attack is two who ask at the same moment, and each still see the other one.
async fn two_admins_who_take_each_other_away_at_once_leave_one(database: Database) {
    let scene = Scene::start(database).await;
    let mut last: (String, Client) = ("admin".to_owned(), scene.admin.clone());
    for turn in 0..8 {
        let name = format!("other-{turn}");
        let user = json!({ "name": name, "instance_role": "admin" });
        last.1.post("/api/v1/users", user).await.expect(201);
        let scopes = [
            "read", "publish", "yank", "owners", "maintain", "delete", "admin",
        ];
        let token = json!({ "principal": name, "scopes": scopes });
        let other = last.1.with_token(&last.1.token(token).await);
        let change = match turn % 2 {
            0 => json!({ "disabled": true }),
            _ => json!({ "instance_role": "member" }),
        };
        let [one, two] = [&last.0, &name].map(|name| format!("/api/v1/users/{name}"));
        // each asks for the other one's end
        let (first, second) = tokio::join!(
            other.patch(&one, change.clone()),
            last.1.patch(&two, change),
        );
        let done = [&first, &second].map(|answer| answer.status == 200);
        assert_ne!(done[0], done[1], "in turn {turn}: {first}\n{second}");
        if done[0] {
            last = (name, other);
        }
        last.1.get("/api/v1/users").await.expect(200);
    }
}
