//! The management API as it describes itself, against what it does. Row O6.
//!
//! That an answer has the described shape is seen to by the testkit's client, in every test; here every operation is asked for,
//! and what the description promises of all of them is tried on each.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod document;
mod every_operation;
mod refusals;
mod schemathesis;

use serde_json::Value;
use supercargo_testkit::{Client, Server};

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

/// An operation of the description.
struct Operation {
    method: http::Method,
    /// With names in braces, below `/api/v1`.
    path: String,
    described: Value,
}

impl Operation {
    /// The address, with something in place of each name.
    fn address(&self, something: &str) -> String {
        let pieces = self.path.split('/').map(|piece| {
            if piece.starts_with('{') {
                something
            } else {
                piece
            }
        });
        format!("/api/v1{}", pieces.collect::<Vec<_>>().join("/"))
    }

    /// Whether nobody needs a token for it.
    fn is_open(&self) -> bool {
        let security = self.described["security"].as_array().unwrap();
        security.contains(&serde_json::json!({}))
    }

    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

async fn document(client: &Client) -> Value {
    client.get("/api/v1/openapi.json").await.expect(200).json()
}

/// Every operation that a server describes.
async fn operations(server: &Server) -> Vec<Operation> {
    let document = document(&server.anonymous()).await;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.strip_prefix("/api/v1").unwrap().to_owned(),
                described: described.clone(),
            });
        }
    }
    assert!(operations.len() > 60, "{}", operations.len());
    operations
}

/// No panic and no fault.
fn assert_log_is_clean(log: &str) {
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
    assert!(
        !log.contains("a request failed"),
        "the server answered 500:\n{log}"
    );
}
