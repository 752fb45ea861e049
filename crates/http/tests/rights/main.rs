//! Who may do what: every address of the server, asked for as every kind of person with every kind of token, in registries of
//! every visibility, against one table that people can read.
//!
//! - `table.txt`: the table, which is the specification; `table` reads it;
//! - `addresses`: what addresses the server has, read off its routers, so that none can be forgotten;
//! - `judge`: what the table says about somebody; it knows nothing of how the server decides;
//! - `people`: everybody there is, with their tokens;
//! - `requests`: for each line a request that harms nobody;
//! - `walk`: asks, and compares;
//! - `world`: the server, in this process.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod addresses;
mod judge;
mod people;
mod requests;
mod table;
mod walk;
mod world;

use std::{collections::BTreeSet, time::Duration};

use http::Method;

use crate::{
    table::{Row, rows},
    world::World,
};

/// I5, I2: a route, a kind of person, a role, a scope, a visibility: each with each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    walk::everything().await;
}

/// I5: whoever adds an address has to say who may use it.
#[tokio::test]
async fn every_address_has_a_line_and_every_line_an_address() {
    let world = World::start().await;
    let addresses = addresses::of(&world.app);
    let lines: BTreeSet<_> = rows()
        .iter()
        .map(|row| (row.method.clone(), addresses::nameless(&row.address)))
        .collect();
    let listed = |of: Vec<&(String, String)>| {
        let lines = of
            .iter()
            .map(|(method, address)| format!("  {method} {address}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let without_line = listed(addresses.difference(&lines).collect());
    let without_address = listed(lines.difference(&addresses).collect());
    assert!(
        without_line.is_empty() && without_address.is_empty(),
        "say in `table.txt` who may use these:\n{without_line}\nand take these out, which are no addresses (any more):\n{without_address}"
    );
}

/// I5: a handler that the listing of addresses does not show would answer here.
#[tokio::test]
async fn no_address_takes_a_method_that_has_no_line() {
    let world = World::start().await;
    let rows = rows();
    let addresses: BTreeSet<_> = rows.iter().map(|row| &row.address).collect();
    for address in addresses {
        let is_listed = |method: &str| {
            rows.iter()
                .any(|row| row.address == *address && (row.method == method || row.method == "ANY"))
        };
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            if is_listed(method.as_str()) {
                continue;
            }
            let path = requests::filled(address, "kpri");
            let answer = world.send(&method, &path, Some(&world.boss), None).await;
            assert!(
                [404, 405].contains(&answer.status),
                "{method} {path}: {answer}"
            );
        }
    }
}

/// I9: whoever reads the audit log finds what was tried under the name that a success has there.
#[tokio::test]
async fn what_is_denied_has_a_name_in_the_audit_log() {
    let world = World::start().await;
    let rows = rows();
    let writes = rows.iter().filter(|row| {
        row.address.starts_with("/api/v1/") && !["GET", "ANY"].contains(&&*row.method)
    });
    for row in writes {
        let method = row.method.parse().unwrap();
        let path = requests::filled(&row.address, "kpri");
        world.send(&method, &path, None, None).await;
        // so many of a minute have entries of their own
        world.clock.advance(Duration::from_mins(1));
    }
    let path = "/api/v1/audit?outcome=denied&limit=200";
    let log = world.must(&Method::GET, path, None).await;
    let items = log["items"].as_array().unwrap();
    assert!(items.len() > 40 && log["next_cursor"].is_null(), "{log}");
    // what has no name yet stands there with its method and address
    let actions = items.iter().map(|item| item["action"].as_str().unwrap());
    let nameless: BTreeSet<_> = actions.filter(|action| action.contains(' ')).collect();
    assert!(
        nameless.is_empty(),
        "give these a name in `attempts.rs`: {nameless:?}"
    );
}

/// Two would contradict each other, or say nothing.
#[test]
fn each_line_is_about_something_else_and_has_a_request() {
    let rows = rows();
    let lines: BTreeSet<_> = rows.iter().map(Row::to_string).collect();
    assert_eq!(lines.len(), rows.len());
    for row in rows {
        assert!(!requests::sample(&row, "kpri", 1).statuses.is_empty());
    }
}
