//! Row P4: names as they are asked for, and names that are too much alike.

use http::Method;
use insta::assert_snapshot;
use supercargo_testkit::{Database, Package, View, on_both};

use crate::world::{cargo, server, write_program};

on_both!(
    an_unknown_crate_is_exactly_404,
    any_case_in_the_path_resolves,
    a_twin_is_refused_with_the_name_of_the_crate_that_exists,
);

/// Row P4.
async fn an_unknown_crate_is_exactly_404(database: Database) {
    let server = server(database).await;
    let core = Package::new("acme-core", "1.0.0");
    server.admin().publish("acme", &core).await.expect(200);
    for path in [
        "1/a",
        "2/ab",
        "3/a/abc",
        "ac/me/acme-none",
        "ac/me/acme_core",
        "ac/me/ACME_CORE",
        // no crate can have these, or not there
        "4/abcd",
        "ac/me/1acme",
        "ac/me/acme%20core",
        "xx/yy/acme-core",
        "acme-core",
        "ac/me/",
        "",
        "%00",
        "ac/me/acme-core/",
        "CONFIG.JSON",
    ] {
        for view in ["index", "hosted/index", "mirror/index"] {
            for method in [Method::GET, Method::HEAD] {
                let request = server
                    .admin()
                    .request(method, &format!("/acme/{view}/{path}"));
                let answer = request.send().await.expect(404);
                assert_eq!(answer.header("etag"), None, "{answer}");
            }
        }
    }
}

/// Row P4.
async fn any_case_in_the_path_resolves(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for name in ["Acme_Core", "A", "Ab", "Abc"] {
        let package = Package::new(name, "1.0.0");
        admin.publish("acme", &package).await.expect(200);
    }
    for (name, paths) in [
        (
            "Acme_Core",
            ["ac/me/acme_core", "Ac/me/Acme_Core", "AC/ME/ACME_CORE"],
        ),
        ("A", ["1/a", "1/A", "1/A"]),
        ("Ab", ["2/ab", "2/AB", "2/aB"]),
        ("Abc", ["3/a/abc", "3/A/Abc", "3/a/ABC"]),
    ] {
        for path in paths {
            let answer = admin.get(&format!("/acme/index/{path}")).await.expect(200);
            assert_eq!(answer.json_lines()[0]["name"], name);
        }
        let download = format!("/acme/api/v1/crates/{}/1.0.0/download", name.to_uppercase());
        admin.get(&download).await.expect(200);
    }
}

/// Row P4.
async fn a_twin_is_refused_with_the_name_of_the_crate_that_exists(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let core = Package::new("acme-Core", "1.0.0");
    admin.publish("acme", &core).await.expect(200);
    for twin in ["acme_core", "acme-core", "ACME_CORE", "Acme-Core"] {
        let answer = admin
            .publish("acme", &Package::new(twin, "2.0.0"))
            .await
            .expect(400);
        let detail = answer.detail().unwrap();
        assert!(detail.contains("`acme-Core`"), "{detail}");
    }
    assert_eq!(
        admin.listed("acme", View::Index, "acme-core").await,
        ["1.0.0"]
    );
    assert!(
        admin
            .listed("acme", View::Index, "acme_core")
            .await
            .is_empty()
    );

    let cargo = cargo(&server, &["acme"]);
    let twin = cargo.project(&Package::new("acme_core", "2.0.0"));
    let publish = cargo
        .run(&twin, &["publish", "--registry", "acme"])
        .await
        .failure();
    assert_snapshot!(publish.refusal(), @"400 Bad Request: crate was previously named `acme-Core`: registry `acme` compares names without regard to case, `-` and `_`; publish it as `acme-Core`, or choose another name");
}

/// Row P4: cargo asks for the spellings with `-` and `_` of what is missing, and gives a hint out of the answers.
#[tokio::test]
async fn cargo_points_out_the_similar_name() {
    let server = server(Database::Sqlite).await;
    let core = Package::new("acme-core", "1.0.0");
    server.admin().publish("acme", &core).await.expect(200);
    let cargo = cargo(&server, &["acme"]);
    let app = cargo.folder("app");
    for (name, is_similar) in [
        ("acme_core", true),
        ("Acme-Core", true),
        ("acme-none", false),
    ] {
        write_program(
            &app,
            &format!("{name} = {{ version = \"1\", registry = \"acme\" }}"),
            "",
        );
        let said = cargo.run(&app, &["fetch"]).await.failure().messages();
        // in other words since 1.96
        assert!(said.contains("no matching package "), "{said}");
        assert_eq!(said.contains("acme-core"), is_similar, "{said}");
    }
}
