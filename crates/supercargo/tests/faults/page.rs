//! The page that says what happens: its measured parts are written by the tests, or compared with what they measured.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use crate::measure::Row;

/// Set to anything, it has the page written anew.
const WRITE: &str = "SUPERCARGO_TEST_WRITE_DOCS";
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/upstream-failures.md")
}

pub(crate) fn text() -> String {
    fs::read_to_string(path()).unwrap()
}

pub(crate) fn line(row: &Row) -> String {
    let Row {
        does,
        index_cold,
        index_warm,
        file_cold,
        file_warm,
        next,
        told,
        ..
    } = row;
    format!(
        "| {does} | {index_cold} | {index_warm} | {file_cold} | {file_warm} | {next} | {told} |"
    )
}

pub(crate) fn sentences(row: &Row) -> String {
    let [index, file] = &row.sentences;
    format!("| {} | {index} | {file} |", row.does)
}

/// Both tables.
fn tables(rows: &[Row]) -> String {
    let mut text = "| the upstream … | index file, cold | index file, warm | crate file, cold | crate file, warm | the next crate | told |\n|---|---|---|---|---|---|---|\n".to_owned();
    for row in rows {
        writeln!(text, "{}", line(row)).unwrap();
    }
    text += "\n| the upstream … | what is printed for an index file | what is printed for a crate file |\n|---|---|---|\n";
    for row in rows {
        writeln!(text, "{}", sentences(row)).unwrap();
    }
    text
}

/// Compares the page with these rows, all of them and in their order; or writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says so, which is no setting of the program"
)]
pub(crate) fn compare(rows: &[Row]) {
    let page = text();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (measured, after) = rest.split_once(END).unwrap();
    let tables = tables(rows);
    if env::var(WRITE).is_ok() {
        fs::write(path(), format!("{before}{BEGIN}\n\n{tables}\n{END}{after}")).unwrap();
        return;
    }
    let differing: Vec<_> = tables
        .lines()
        .filter(|line| !measured.lines().any(|on_page| on_page == *line))
        .collect();
    assert!(
        measured.trim() == tables.trim(),
        "docs/upstream-failures.md does not say what happens; look at each difference, and run the test once with {WRITE}=1 where it is meant:\n{}",
        differing.join("\n")
    );
}
