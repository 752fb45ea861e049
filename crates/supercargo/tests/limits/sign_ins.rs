//! Sign-ins with a password. Row I7.

use insta::assert_snapshot;
use supercargo_testkit::{Database, Postgres, Server, on_both};

use crate::scene::{PASSWORD, Scene, options, said, wait};

on_both!(
    guesses_of_one_password_are_limited_whether_there_is_such_an_account_or_not,
    the_right_password_gives_the_guesses_back,
    guesses_at_once_are_not_more_than_one_after_the_other,
    an_address_that_guesses_many_accounts_is_limited,
    who_guesses_from_everywhere_locks_nobody_out_where_they_sign_in,
    a_forged_header_does_not_make_another_address,
    the_log_has_one_entry_a_minute_about_a_limit,
);

async fn guesses_of_one_password_are_limited_whether_there_is_such_an_account_or_not(
    database: Database,
) {
    let scene = Scene::start(database, &[("limits.sign_ins", "3 then 1/h")]).await;
    scene.people(&["alice", "bob"]).await;
    let here = scene.here();
    for name in ["alice", "nobody", "not a name"] {
        for _ in 0..3 {
            assert_eq!(here.guess(name).await, 401, "{name}");
        }
    }
    let [alice, nobody, none] = [
        here.sign_in("alice", PASSWORD).await.expect(429),
        here.sign_in("nobody", PASSWORD).await.expect(429),
        here.sign_in("not a name", PASSWORD).await.expect(429),
    ];
    assert_snapshot!(said(&alice), @"429 too-many-failed-sign-ins: too many failed sign-ins; try again in SOME minutes");
    assert_eq!(said(&nobody), said(&alice));
    assert_eq!(said(&none), said(&alice));
    assert!(wait(&alice) > 1800, "it is an hour until the next");
    // a name in capitals is the same name
    assert_eq!(here.guess("ALICE").await, 429);
    assert_eq!(here.enter("bob").await, 201, "another account");
    // who has a token, or another way, does not come here
    let token = scene
        .admin
        .token(serde_json::json!({ "principal": "alice" }));
    let alice = scene.server.anonymous().with_token(&token.await);
    alice.get("/api/v1/me").await.expect(200);
}

async fn the_right_password_gives_the_guesses_back(database: Database) {
    let limits = [
        ("limits.sign_ins", "3 then 1/h"),
        ("limits.sign_ins_of_address", "4 then 1/h"),
    ];
    let scene = Scene::start(database, &limits).await;
    scene.people(&["alice"]).await;
    let here = scene.here();
    for _ in 0..6 {
        assert_eq!(here.enter("alice").await, 201, "what is right is no guess");
    }
    for _ in 0..2 {
        assert_eq!(here.guess("alice").await, 401);
    }
    assert_eq!(here.enter("alice").await, 201);
    // those of the account are back, those of the address are not
    for _ in 0..2 {
        assert_eq!(here.guess("alice").await, 401);
    }
    assert_eq!(here.guess("alice").await, 429);
}

async fn guesses_at_once_are_not_more_than_one_after_the_other(database: Database) {
    let scene = Scene::start(database, &[("limits.sign_ins", "3 then 1/h")]).await;
    scene.people(&["alice"]).await;
    let guesses: Vec<_> = (0..24)
        .map(|_| {
            let here = scene.here();
            tokio::spawn(async move { here.guess("alice").await })
        })
        .collect();
    let mut statuses = Vec::new();
    for guess in guesses {
        statuses.push(guess.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[..3], [401; 3]);
    assert_eq!(statuses[3..], [429; 21]);
}

async fn an_address_that_guesses_many_accounts_is_limited(database: Database) {
    let limits = [
        ("limits.sign_ins_of_address", "5 then 1/h"),
        ("trusted_proxies", "127.0.0.0/8"),
    ];
    let scene = Scene::start(database, &limits).await;
    scene.people(&["alice"]).await;
    for number in 0..5 {
        // all of one network
        let guesser = scene.at(&format!("2001:db8::{number}"));
        assert_eq!(guesser.guess(&format!("person-{number}")).await, 401);
    }
    assert_eq!(scene.at("2001:db8::9").enter("alice").await, 429);
    assert_eq!(scene.at("2001:db8:1::9").enter("alice").await, 201);
    assert_snapshot!(scene.told().await.join("\n"), @"2001:db8::9 too many failed sign-ins by this address");
}

async fn who_guesses_from_everywhere_locks_nobody_out_where_they_sign_in(database: Database) {
    let limits = [
        ("limits.sign_ins", "2 then 1/h"),
        ("limits.sign_ins_of_account", "6 then 1/h"),
        ("trusted_proxies", "127.0.0.0/8"),
    ];
    let scene = Scene::start(database, &limits).await;
    scene.people(&["alice"]).await;
    let home = scene.at("192.0.2.1");
    assert_eq!(home.enter("alice").await, 201);
    for number in 0..3 {
        let guesser = scene.at(&format!("198.51.100.{number}"));
        assert_eq!(guesser.guess("alice").await, 401);
        assert_eq!(guesser.guess("alice").await, 401);
    }
    // no other address can guess, nor sign in
    assert_eq!(scene.at("198.51.100.9").guess("alice").await, 429);
    assert_eq!(scene.at("203.0.113.1").enter("alice").await, 429);
    // but where the person has signed in before, they do, with the few guesses that an address has
    assert_eq!(home.guess("alice").await, 401);
    assert_eq!(home.enter("alice").await, 201);
    // which gave all guesses back
    assert_eq!(scene.at("203.0.113.1").enter("alice").await, 201);
}

async fn a_forged_header_does_not_make_another_address(database: Database) {
    let scene = Scene::start(database, &[("limits.sign_ins", "2 then 1/h")]).await;
    scene.people(&["alice"]).await;
    let mut told = Vec::new();
    for number in 1..=4 {
        let liar = scene.at(&format!("192.0.2.{number}"));
        told.push(liar.guess("alice").await);
    }
    assert_eq!(told, [401, 401, 429, 429]);
}

async fn the_log_has_one_entry_a_minute_about_a_limit(database: Database) {
    let scene = Scene::start(database, &[("limits.sign_ins", "1 then 1/h")]).await;
    let here = scene.here();
    for _ in 0..30 {
        here.guess("alice").await;
        here.guess("my secret in the wrong field").await;
    }
    let told = scene.told().await;
    // a minute may end in between
    assert!((2..=4).contains(&told.len()), "{told:?}");
    assert_snapshot!(told[..2].join("\n"), @"
    127.0.0.1 too many failed sign-ins as `alice`
    127.0.0.1 too many failed sign-ins as what is no account's name
    ");
    let log = scene.server.log();
    assert!(!log.contains("secret in the wrong field"), "{log}");
}

/// Guesses are counted together, on whichever server they are made.
#[tokio::test]
async fn two_servers_on_one_database_count_together() {
    let database = Postgres::database();
    let shared = tempfile::TempDir::new().unwrap();
    let key = supercargo_types::Digest::of(b"a key of two servers").hex();
    std::fs::write(shared.path().join("key"), key).unwrap();
    let token = supercargo_types::TokenSecret::generate(&supercargo_types::Random::System);
    let options = options(
        Database::At(database.url().to_owned()),
        &[("limits.sign_ins", "4 then 1/h")],
    )
    .setting("storage", shared.path().join("storage").to_str().unwrap())
    .setting(
        "secret_key_file",
        shared.path().join("key").to_str().unwrap(),
    )
    .admin_token(token.reveal());
    let one = Scene::with(options.clone()).await;
    let server = Server::start(options).await;
    let other = Scene {
        admin: server.admin(),
        server,
    };
    one.people(&["alice"]).await;
    let [here, there] = [one.here(), other.here()];
    for guesser in [&here, &there, &there, &here] {
        assert_eq!(guesser.guess("alice").await, 401);
    }
    for guesser in [&here, &there] {
        assert_eq!(guesser.enter("alice").await, 429);
    }
}
