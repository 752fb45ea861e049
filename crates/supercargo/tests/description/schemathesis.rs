//! Requests that nobody has thought of: Schemathesis makes them up from the description, and looks at the answers.

use std::{env, fs, path::PathBuf, process::Stdio, time::Duration};

use serde_json::json;
use supercargo_testkit::{Database, FakeUpstream, Package, Server, ServerOptions, View};
use tokio::{process::Command, time::timeout};

use crate::{PROGRAM, assert_log_is_clean};

/// What it checks, and how much of it.
const SETTINGS: &str = include_str!("schemathesis.toml");
/// Far more than it takes.
const PATIENCE: Duration = Duration::from_mins(8);

fn program() -> PathBuf {
    let program = env::var_os("SUPERCARGO_TEST_SCHEMATHESIS").map(PathBuf::from);
    let program = program.filter(|program| program.is_file());
    program.expect(
        "Schemathesis is not installed: run `cargo xtask test --install` once with a network, or set SUPERCARGO_TEST_SCHEMATHESIS to a `schemathesis` of the version that xtask/schemathesis/requirements.txt names",
    )
}

/// O6: what the description lets through and what it forbids, tens of thousands of requests as an instance's administrator.
///
/// On one database, for it is about shapes.
#[tokio::test]
async fn whatever_is_sent_the_answer_is_as_described() {
    let program = program();
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("left-pad", "1.0.0"));
    // 429 says nothing of what is behind it
    let limits = [
        "publishes",
        "sign_ins",
        "sign_ins_of_account",
        "sign_ins_of_address",
        "token_guesses",
    ];
    let options = ServerOptions::new(PROGRAM).database(Database::Sqlite);
    let options = limits.iter().fold(options, |options, limit| {
        options.setting(&format!("limits.{limit}"), "0")
    });
    let mut server = Server::start(options).await;
    let admin = server.admin();
    // something to find
    let partner = json!({ "name": "partner", "index": upstream.index_url() });
    admin.create_upstream(partner).await;
    let acme = json!({ "name": "acme", "visibility": "public", "upstreams": ["partner"] });
    admin.create_registry(acme).await;
    admin.publish("acme", &Package::new("demo", "1.0.0")).await;
    let download = admin.download("acme", View::Index, "left-pad", "1.0.0");
    download.await.expect(200);

    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("schemathesis.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(&settings)
        .args(["run", "--no-color"])
        .arg(format!("{}/api/v1/openapi.json", server.url()))
        .arg("--header")
        .arg(format!("Authorization: Bearer {}", server.admin_token()))
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("Schemathesis has not ended").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let said = said.replace(server.admin_token(), "scg_…");
    assert!(output.status.success(), "{said}\n{}", server.log());

    // whatever it did, who administers this server still does, and it had something to say to the end
    admin.get("/api/v1/me").await.expect(200);
    admin.get("/api/v1/users").await.expect(200);
    server.stop().await;
    assert_log_is_clean(&server.log());
}
