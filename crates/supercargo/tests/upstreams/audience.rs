//! R3, "Who may do what": whose registry may be read through whose, and who reads what that way.

use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, View, on_both};

use crate::scene::{Scene, listed, of, said};

on_both!(
    rights_are_checked_on_the_outer_registry_alone,
    who_may_attach_a_registry,
    what_is_attached_stays_when_the_rest_of_the_list_is_edited,
    a_wider_audience_needs_the_word_of_the_inner_registrys_admin,
    every_registry_behind_counts_for_the_audience,
    an_audience_is_not_widened_later_either,
    no_registry_reads_through_itself,
);

async fn create(scene: &Scene, name: &str, visibility: &str, upstreams: Value) -> String {
    let registry = json!({ "name": name, "visibility": visibility, "upstreams": upstreams });
    said(&scene.admin.post("/api/v1/registries", registry).await)
        .chars()
        .take_while(|&c| c != '{')
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// What changes of it, or why it does not.
async fn changed(scene: &Scene, registry: &str, settings: Value) -> String {
    let answer = scene.try_change(registry, settings).await;
    match answer.status.as_u16() {
        200 => "200".to_owned(),
        _ => said(&answer),
    }
}

/// Who reads outside sees what is inside through it, and nothing of the inner registry itself.
async fn rights_are_checked_on_the_outer_registry_alone(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let hosted = of("inner", "inner-lib", "1.0.0");
    scene.publish("inner", &hosted).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    let reader = scene
        .admin
        .person("rita", "outer", "reader", &["read"])
        .await;
    let token = json!({ "scopes": ["read"], "registries": ["outer"] });
    let narrow = scene.admin.with_token(&scene.admin.token(token).await);
    for client in [&reader, &narrow] {
        assert_eq!(
            listed(client, "outer", View::Index, "inner-lib").await,
            "1.0.0"
        );
        let download = client.download("outer", View::Index, "inner-lib", "1.0.0");
        assert_eq!(download.await.expect(200).body, hosted.crate_bytes());
        for view in [View::Index, View::Mirror] {
            assert_eq!(listed(client, "outer", view, "left-pad").await, "1.0.0");
            client
                .download("outer", view, "left-pad", "1.0.0")
                .await
                .expect(200);
        }
        for &view in View::ALL {
            assert_eq!(listed(client, "inner", view, "inner-lib").await, "403");
        }
        client
            .download("inner", View::Index, "inner-lib", "1.0.0")
            .await
            .expect(403);
        client.get("/api/v1/registries/inner").await.expect(404);
        // nor does the upstream tell that there is such a registry
        let upstreams = client.get("/api/v1/upstreams/inner").await;
        assert_eq!(upstreams.expect(200).json()["registry"], Value::Null);
    }
    for who in [scene.server.anonymous(), member_of_nothing(&scene).await] {
        let status = listed(&who, "outer", View::Index, "inner-lib").await;
        assert!(matches!(&*status, "401" | "403"), "{status}");
    }
    // a member of the inner one alone does not read the outer one
    let insider = scene
        .admin
        .person("ines", "inner", "admin", &["read"])
        .await;
    assert_eq!(
        listed(&insider, "outer", View::Index, "inner-lib").await,
        "403"
    );
}

async fn member_of_nothing(scene: &Scene) -> Client {
    scene.admin.create_user("nora").await;
    let token = json!({ "principal": "nora", "scopes": ["read"] });
    scene.admin.with_token(&scene.admin.token(token).await)
}

/// Admin there, or named in `usable_by`, or an instance admin.
async fn who_may_attach_a_registry(database: Database) {
    let scene = Scene::bare(database, &[]).await;
    for name in ["inner", "outer"] {
        scene.admin.create_registry(json!({ "name": name })).await;
    }
    scene.admit("inner").await;
    let admin_of_outer = scene
        .admin
        .person("olga", "outer", "admin", &["admin"])
        .await;
    let both = scene
        .admin
        .person("bert", "outer", "admin", &["admin"])
        .await;
    scene.admin.member("inner", "bert", "admin").await;
    let half = scene
        .admin
        .person("hana", "outer", "admin", &["admin"])
        .await;
    scene.admin.member("inner", "hana", "maintainer").await;
    let token = async |principal: &str, more: Value| {
        let mut token = json!({ "principal": principal, "scopes": ["admin"] });
        for (key, value) in more.as_object().unwrap() {
            token[key] = value.clone();
        }
        scene.admin.with_token(&scene.admin.token(token).await)
    };
    // rights that a token has not, its principal's do not replace
    let narrow = token("bert", json!({ "registries": ["outer"] })).await;
    let narrow_admin = token("admin", json!({ "registries": ["outer"] })).await;
    let attach = async |client: &Client, status: u16| {
        let path = "/api/v1/registries/outer";
        let answer = client.patch(path, json!({ "upstreams": ["inner"] })).await;
        assert_eq!(answer.status.as_u16(), status, "{answer}");
        if status == 422 {
            assert_eq!(answer.code().as_deref(), Some("upstream-not-usable"));
        }
        let path = "/api/v1/registries/outer";
        let upstreams = scene.admin.get(path).await.json()["upstreams"].clone();
        let is_attached = upstreams.as_array().unwrap().len() == 1;
        assert_eq!(is_attached, status == 200, "{upstreams}");
        scene.admin.attach("outer", json!([])).await;
    };
    attach(&admin_of_outer, 422).await;
    attach(&half, 422).await;
    attach(&narrow, 422).await;
    attach(&narrow_admin, 422).await;
    attach(&both, 200).await;
    attach(&scene.admin, 200).await;
    let usable = json!({ "usable_by": ["outer"] });
    let upstream = "/api/v1/upstreams/inner";
    scene.admin.patch(upstream, usable).await.expect(200);
    for client in [&admin_of_outer, &half, &narrow, &both] {
        attach(client, 200).await;
    }
    let others = json!({ "usable_by": ["inner"] });
    scene.admin.patch(upstream, others).await.expect(200);
    attach(&admin_of_outer, 422).await;
    attach(&both, 200).await;
    // who may not make upstreams cannot make a door of their own
    let door = json!({ "name": "door", "registry": "inner" });
    for client in [&both, &admin_of_outer] {
        client
            .post("/api/v1/upstreams", door.clone())
            .await
            .expect(403);
    }
    // a creator who is nobody inside does not attach it to a registry of their own
    let user = json!({ "name": "carl", "instance_role": "creator" });
    scene.admin.post("/api/v1/users", user).await.expect(201);
    let creator = token("carl", json!({})).await;
    let own = json!({ "name": "carls", "upstreams": ["inner"] });
    let refused = creator.post("/api/v1/registries", own).await.expect(422);
    assert_eq!(refused.code().as_deref(), Some("upstream-not-usable"));
}

async fn what_is_attached_stays_when_the_rest_of_the_list_is_edited(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let olga = scene
        .admin
        .person("olga", "outer", "admin", &["admin"])
        .await;
    let path = "/api/v1/registries/outer";
    for (upstreams, status) in [
        (json!(["second", "inner"]), 200),
        (json!([{ "name": "inner", "except": ["a-*"] }]), 200),
        (json!([]), 200),
        (json!(["inner"]), 422),
    ] {
        let answer = olga.patch(path, json!({ "upstreams": upstreams })).await;
        assert_eq!(answer.status.as_u16(), status, "{answer}");
    }
}

async fn a_wider_audience_needs_the_word_of_the_inner_registrys_admin(database: Database) {
    let scene = Scene::bare(database, &[]).await;
    let visibilities = ["private", "internal", "public"];
    for inner in visibilities {
        create(&scene, &format!("in-{inner}"), inner, json!([])).await;
        scene.admit(&format!("in-{inner}")).await;
    }
    let mut table = Vec::new();
    for outer in visibilities {
        for inner in visibilities {
            let name = format!("{outer}-over-{inner}");
            let upstream = format!("in-{inner}");
            let made = create(&scene, &name, outer, json!([upstream])).await;
            table.push(format!("{name}: {made}"));
        }
    }
    insta::assert_snapshot!(table.join("\n"), @"
    private-over-private: 201
    private-over-internal: 201
    private-over-public: 201
    internal-over-private: 422 invalid-nesting: this cannot be: registry `internal-over-private`: more people may read it than registry `in-private`, which it reads through; an administrator of `in-private` has to allow that with `republish`, or the visibility has to be narrower
    internal-over-internal: 201
    internal-over-public: 201
    public-over-private: 422 invalid-nesting: this cannot be: registry `public-over-private`: more people may read it than registry `in-private`, which it reads through; an administrator of `in-private` has to allow that with `republish`, or the visibility has to be narrower
    public-over-internal: 422 invalid-nesting: this cannot be: registry `public-over-internal`: more people may read it than registry `in-internal`, which it reads through; an administrator of `in-internal` has to allow that with `republish`, or the visibility has to be narrower
    public-over-public: 201
    ");
    // an admin of the inner one allows it, and an admin of the outer one alone does not
    let inner_admin = scene
        .admin
        .person("ines", "in-private", "admin", &["admin"])
        .await;
    let path = "/api/v1/registries/in-private";
    let allow = json!({ "republish": true });
    let allowed = inner_admin.patch(path, allow).await.expect(200);
    assert_eq!(allowed.json()["republish"], true);
    let hosted = of("inner", "inner-lib", "1.0.0");
    scene.publish("in-private", &hosted).await;
    let made = create(&scene, "open", "public", json!(["in-private"])).await;
    assert_eq!(made, "201");
    let anyone = scene.server.anonymous();
    assert_eq!(
        listed(&anyone, "open", View::Index, "inner-lib").await,
        "1.0.0"
    );
    let download = anyone.download("open", View::Index, "inner-lib", "1.0.0");
    assert_eq!(download.await.expect(200).body, hosted.crate_bytes());
    let inside = listed(&anyone, "in-private", View::Index, "inner-lib").await;
    assert_eq!(inside, "401");
}

/// Otherwise a registry in between would open what is behind it.
async fn every_registry_behind_counts_for_the_audience(database: Database) {
    let scene = Scene::bare(database, &[]).await;
    create(&scene, "deep", "private", json!([])).await;
    scene.admit("deep").await;
    create(&scene, "middle", "private", json!(["deep"])).await;
    scene.admit("middle").await;
    let mut table = Vec::new();
    table.push(create(&scene, "open", "public", json!(["middle"])).await);
    scene.change("middle", json!({ "republish": true })).await;
    table.push(create(&scene, "open", "public", json!(["middle"])).await);
    scene.change("deep", json!({ "republish": true })).await;
    scene.change("middle", json!({ "republish": false })).await;
    table.push(create(&scene, "open", "public", json!(["middle"])).await);
    scene.change("middle", json!({ "republish": true })).await;
    table.push(create(&scene, "open", "public", json!(["middle"])).await);
    insta::assert_snapshot!(table.join("\n"), @"
    422 invalid-nesting: this cannot be: registry `open`: more people may read it than registry `deep`, which it reads through; an administrator of `deep` has to allow that with `republish`, or the visibility has to be narrower
    422 invalid-nesting: this cannot be: registry `open`: more people may read it than registry `deep`, which it reads through; an administrator of `deep` has to allow that with `republish`, or the visibility has to be narrower
    422 invalid-nesting: this cannot be: registry `open`: more people may read it than registry `middle`, which it reads through; an administrator of `middle` has to allow that with `republish`, or the visibility has to be narrower
    201
    ");
    scene
        .publish("deep", &of("deep", "deep-lib", "1.0.0"))
        .await;
    let anyone = scene.server.anonymous();
    assert_eq!(
        listed(&anyone, "open", View::Index, "deep-lib").await,
        "1.0.0"
    );
    // what is attached in between later counts as well
    create(&scene, "secret", "private", json!([])).await;
    scene.admit("secret").await;
    let attach = json!({ "upstreams": ["deep", "secret"] });
    let refused = changed(&scene, "middle", attach).await;
    assert!(refused.starts_with("422 invalid-nesting: "), "{refused}");
    assert!(refused.contains("registry `open`"), "{refused}");
}

async fn an_audience_is_not_widened_later_either(database: Database) {
    let scene = Scene::bare(database, &[]).await;
    create(&scene, "inner", "internal", json!([])).await;
    scene.admit("inner").await;
    create(&scene, "outer", "internal", json!(["inner"])).await;
    scene
        .publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await;
    let mut table = Vec::new();
    for (registry, settings) in [
        ("outer", json!({ "visibility": "public" })),
        ("inner", json!({ "visibility": "private" })),
        ("inner", json!({ "republish": true })),
        ("outer", json!({ "visibility": "public" })),
        ("inner", json!({ "visibility": "private" })),
        ("inner", json!({ "republish": false })),
        (
            "inner",
            json!({ "republish": false, "visibility": "public" }),
        ),
        ("inner", json!({ "visibility": "internal" })),
        ("outer", json!({ "visibility": "internal" })),
        ("inner", json!({ "visibility": "internal" })),
    ] {
        let done = changed(&scene, registry, settings.clone()).await;
        table.push(format!("{registry} {settings}: {done}"));
        let anyone = scene.server.anonymous();
        let seen = listed(&anyone, "outer", View::Index, "inner-lib").await;
        assert!(matches!(&*seen, "401" | "1.0.0"), "{seen}");
    }
    insta::assert_snapshot!(table.join("\n"), @r#"
    outer {"visibility":"public"}: 422 invalid-nesting: this cannot be: registry `outer`: more people may read it than registry `inner`, which it reads through; an administrator of `inner` has to allow that with `republish`, or the visibility has to be narrower
    inner {"visibility":"private"}: 422 invalid-nesting: this cannot be: registry `outer`: more people may read it than registry `inner`, which it reads through; an administrator of `inner` has to allow that with `republish`, or the visibility has to be narrower
    inner {"republish":true}: 200
    outer {"visibility":"public"}: 200
    inner {"visibility":"private"}: 200
    inner {"republish":false}: 422 invalid-nesting: this cannot be: registry `outer`: more people may read it than registry `inner`, which it reads through; an administrator of `inner` has to allow that with `republish`, or the visibility has to be narrower
    inner {"republish":false,"visibility":"public"}: 200
    inner {"visibility":"internal"}: 422 invalid-nesting: this cannot be: registry `outer`: more people may read it than registry `inner`, which it reads through; an administrator of `inner` has to allow that with `republish`, or the visibility has to be narrower
    outer {"visibility":"internal"}: 200
    inner {"visibility":"internal"}: 200
    "#);
}

async fn no_registry_reads_through_itself(database: Database) {
    let scene = Scene::bare(database, &[]).await;
    for name in ["one", "two", "three"] {
        create(&scene, name, "private", json!([])).await;
        scene.admit(name).await;
    }
    let mut table = Vec::new();
    for (registry, upstreams) in [
        ("one", json!(["one"])),
        ("one", json!(["two"])),
        ("two", json!(["first", "one"])),
        ("two", json!(["three"])),
        ("three", json!(["second", "one"])),
        ("three", json!([{ "name": "one", "only": ["never-*"] }])),
        ("two", json!([])),
        ("three", json!(["one"])),
    ] {
        let done = changed(&scene, registry, json!({ "upstreams": upstreams })).await;
        table.push(format!("{registry} {upstreams}: {done}"));
    }
    insta::assert_snapshot!(table.join("\n"), @r#"
    one ["one"]: 422 invalid-nesting: this cannot be: registry `one`: it would read through itself
    one ["two"]: 200
    two ["first","one"]: 422 invalid-nesting: this cannot be: registry `one`: it would read through itself
    two ["three"]: 200
    three ["second","one"]: 422 invalid-nesting: this cannot be: registry `one`: it would read through itself
    three [{"name":"one","only":["never-*"]}]: 422 invalid-nesting: this cannot be: registry `one`: it would read through itself
    two []: 200
    three ["one"]: 200
    "#);
    // nothing of what was refused is left
    scene.publish("two", &of("two", "two-lib", "1.0.0")).await;
    for name in ["one", "three"] {
        assert_eq!(scene.index(name, "two-lib").await, "1.0.0");
    }
}
