//! The table of `docs/upstream-failures.md`, measured.

use futures_util::{StreamExt as _, stream};
use supercargo_testkit::{Database, on_both};

use crate::{
    cases::{Case, cases},
    measure::measure,
    page,
};

on_both!(rows_about_what_is_stored_are_the_same_on_both_databases);

/// Servers at once: most of the time they wait.
const AT_ONCE: usize = 6;

/// R4, R7, R8: what comes of each fault, for a crate that was never asked for and for one that is cached: what its client
/// sees, what is stored and alarmed, what the next crate of the same upstream meets, and that all is well when it has ended.
#[tokio::test]
async fn every_cell_of_the_page_is_what_happens() {
    let cases = cases();
    let rows: Vec<_> = stream::iter(&cases)
        .map(|case| measure(Database::Sqlite, case))
        .buffered(AT_ONCE)
        .collect()
        .await;
    page::compare(&rows);
}

/// One that is down, one that refuses, one whose bytes are wrong, and one that changes its mind.
async fn rows_about_what_is_stored_are_the_same_on_both_databases(database: Database) {
    let chosen = [
        "answers 500",
        "answers 403",
        "lists another checksum than that of the bytes",
        "lists and sends other bytes under the same version",
    ];
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| chosen.contains(&case.does))
        .collect();
    assert_eq!(cases.len(), chosen.len());
    let page = page::text();
    for case in &cases {
        let row = measure(database.clone(), case).await;
        for line in [page::line(&row), page::sentences(&row)] {
            assert!(
                page.contains(&line),
                "the page has another line than {line}"
            );
        }
    }
}
