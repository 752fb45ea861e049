//! Starting: several at once, and those that must not.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use supercargo_testkit::{Client, Server, ServerOptions};
use supercargo_types::Random;
use tempfile::TempDir;

use crate::world::{PROGRAM, Shared, write_key};

/// The program itself, for the testkit's server is always given a token.
struct Program {
    child: Child,
    data: TempDir,
}

impl Program {
    fn launch(shared: &Shared) -> Self {
        let data = TempDir::new().unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .env_clear()
            .env("SUPERCARGO_DATABASE", shared.database.url())
            .env("SUPERCARGO_STORAGE", shared.storage())
            .env("SUPERCARGO_SECRET_KEY_FILE", shared.key())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, data }
    }

    /// Where it listens, as it says.
    fn url(&mut self) -> String {
        let out = self.child.stdout.take().unwrap();
        let line = BufReader::new(out)
            .lines()
            .next()
            .expect("it starts")
            .unwrap();
        line.strip_prefix("listening on ").unwrap().to_owned()
    }

    fn token(&self) -> Option<String> {
        let text = fs::read_to_string(self.data.path().join("admin-token")).ok()?;
        Some(text.trim().to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

/// Rows O1 and P6: of several that start at once, one makes what the first start makes, and it alone has the secret.
#[tokio::test]
async fn servers_that_start_at_once_make_one_instance_with_one_secret() {
    let shared = Shared::new();
    let mut programs: Vec<_> = (0..4).map(|_| Program::launch(&shared)).collect();
    let urls: Vec<_> = programs.iter_mut().map(Program::url).collect();
    let tokens: Vec<_> = programs.iter().filter_map(Program::token).collect();
    assert_eq!(tokens.len(), 1, "one of them has the secret");
    for url in urls {
        let admin = Client::new(&url).with_token(&tokens[0]);
        let registries = admin.get("/api/v1/registries").await.expect(200).json();
        let names: Vec<_> = registries["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|registry| registry["name"].clone())
            .collect();
        assert_eq!(names, [json!("main")]);
    }
}

async fn refused(options: ServerOptions) -> String {
    let log = Server::refuse_to_start(options).await;
    log.lines().last().unwrap_or_default().to_owned()
}

fn shown(words: &str, root: &Path) -> String {
    words.replace(&root.display().to_string(), "ROOT")
}

#[tokio::test]
async fn a_server_with_another_key_is_refused() {
    let shared = Shared::new();
    let first = shared.start().await;
    let root = TempDir::new().unwrap();
    let key = root.path().join("key");
    let other: [u8; 32] = Random::System.bytes();
    write_key(&key, other);
    let options = shared
        .options()
        .setting("secret_key_file", key.to_str().unwrap());
    let said = refused(options).await;
    insta::assert_snapshot!(shown(&said, root.path()), @"error: the secret key in `ROOT/key` is not the one that this database was made with; put that one there, or name its file with `secret_key_file`: without it, the upstream credentials in the database cannot be read, and every replica needs the same");
    first.admin().get("/api/v1/me").await.expect(200);
    // what the database knows of the key does not tell it
    let digits = fs::read_to_string(shared.key()).unwrap();
    let known = shared
        .database
        .text("SELECT string_agg(value, ' ') FROM meta");
    assert!(!known.contains(&digits), "{known}");
}

#[tokio::test]
async fn a_server_with_another_storage_is_refused() {
    let shared = Shared::new();
    let _first = shared.start().await;
    let root = TempDir::new().unwrap();
    let elsewhere = root.path().join("empty");
    let options = || {
        shared
            .options()
            .setting("storage", elsewhere.to_str().unwrap())
    };
    let id = fs::read_to_string(shared.storage().join("storage-id")).unwrap();
    let said = |words: String| shown(&words, root.path()).replace(id.trim(), "ID");
    let missing = said(refused(options()).await);
    // a refusal leaves no id behind that would make it another storage for ever
    assert!(!elsewhere.join("storage-id").exists());
    fs::write(elsewhere.join("storage-id"), "0".repeat(32)).unwrap();
    let other = said(refused(options()).await);
    insta::assert_snapshot!(format!("{missing}\n{other}"), @"
    error: the storage folder `ROOT/empty` is not the one that this database was made with: its file `storage-id` is missing; name that folder with `--storage`, which every replica needs to share, or, where its files were moved here by hand, write `ID` into that file
    error: the storage folder `ROOT/empty` is not the one that this database was made with: its file `storage-id` says otherwise; name that folder with `--storage`, which every replica needs to share, or, where its files were moved here by hand, write `ID` into that file
    ");
    // as the words say
    fs::write(elsewhere.join("storage-id"), id).unwrap();
    Server::start(options()).await;
}

/// A single server on a file that lost its key is told at once, and not when an upstream's credentials are needed.
#[tokio::test]
async fn a_server_that_lost_its_key_is_told() {
    let options = ServerOptions::new(PROGRAM);
    let mut server = Server::start(options).await;
    server.stop().await;
    let key = server.data().join("secret-key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let output = Command::new(PROGRAM)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .env_clear()
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        words.contains("is not the one that this database was made with"),
        "{words}"
    );
    fs::write(&key, kept).unwrap();
    server.restart().await;
}
