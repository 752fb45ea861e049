//! R7: what one server has asked, another one on the same database need not ask.

use std::fs;

use supercargo_testkit::{
    Client, Database, FakeUpstream, Package, Postgres, Server, ServerOptions, TestDatabase, View,
    eventually,
};
use supercargo_types::{Digest, Random, TokenSecret};
use tempfile::TempDir;

use crate::scene::{PROGRAM, index_file, read_through};

struct Pair {
    servers: [Server; 2],
    clients: [Client; 2],
    upstream: FakeUpstream,
    /// Goes after the servers.
    database: TestDatabase,
    _folder: TempDir,
}

impl Pair {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let key = folder.path().join("key");
        let bytes: [u8; 32] = Random::System.bytes();
        fs::write(&key, Digest::from_bytes(bytes).hex()).unwrap();
        let token = TokenSecret::generate(&Random::System).reveal().to_owned();
        let database = Postgres::database();
        let storage = folder.path().join("storage");
        let options = || {
            let options = ServerOptions::new(PROGRAM)
                .database(Database::At(database.url().to_owned()))
                .setting("storage", storage.to_str().unwrap())
                .setting("secret_key_file", key.to_str().unwrap())
                .admin_token(&token);
            settings
                .iter()
                .fold(options, |options, (key, value)| options.setting(key, value))
        };
        let servers = [
            Server::start(options()).await,
            Server::start(options()).await,
        ];
        let clients = [servers[0].admin(), servers[1].admin()];
        let upstream = FakeUpstream::start();
        read_through(&clients[0], &upstream).await;
        eventually("the registry on the other", || async {
            clients[1].get("/api/v1/registries/acme").await.status == 200
        })
        .await;
        Self {
            servers,
            clients,
            upstream,
            database,
            _folder: folder,
        }
    }

    async fn listed(&self, server: usize) -> Vec<String> {
        let client = &self.clients[server];
        client.listed("acme", View::Index, "left-pad").await
    }

    fn asked(&self) -> usize {
        self.upstream.requests_to(&index_file("left-pad")).len()
    }

    /// What the database knows: when it was checked last; empty where it has nothing.
    fn checked_at(&self) -> String {
        self.database
            .text("SELECT COALESCE(MAX(checked_at)::text, '') FROM cached_index")
    }

    /// Waits until the database has heard of a check after this one.
    async fn checked_after(&self, before: &str) {
        eventually("the check in the database", || async {
            self.checked_at() != before
        })
        .await;
    }
}

#[tokio::test]
async fn what_one_server_has_asked_another_reads_from_the_database() {
    let pair = Pair::start(&[]).await;
    pair.upstream.publish(&Package::new("left-pad", "1.0.0"));
    assert_eq!(pair.listed(0).await, ["1.0.0"]);
    pair.checked_after("").await;
    assert_eq!(pair.listed(1).await, ["1.0.0"]);
    assert_eq!(pair.asked(), 1);
}

/// Also of a file that is known for long, and that has not changed since.
#[tokio::test]
async fn a_check_by_one_server_keeps_the_copy_of_another_fresh() {
    let settings = [
        ("upstream.freshness", "5s"),
        ("upstream.stale_while_revalidate", "0s"),
    ];
    let pair = Pair::start(&settings).await;
    pair.upstream.publish(&Package::new("left-pad", "1.0.0"));
    assert_eq!(pair.listed(0).await, ["1.0.0"]);
    pair.checked_after("").await;
    assert_eq!(pair.listed(1).await, ["1.0.0"]);
    let first = pair.checked_at();
    // both hold it as of the same check; the first server is asked until it is stale
    eventually("the second question", || async {
        pair.listed(0).await;
        pair.asked() == 2
    })
    .await;
    pair.checked_after(&first).await;
    assert_eq!(pair.listed(1).await, ["1.0.0"]);
    assert_eq!(pair.asked(), 2, "the other has looked into the database");
    for server in &pair.servers {
        assert!(!server.log().contains("a request failed"));
    }
}
