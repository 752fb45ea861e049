//! Aligned columns and fields of JSON values.

use serde_json::Value;
use supercargo_types::{Timestamp, printable};

use super::health;

/// What stands for nothing.
const NOTHING: &str = "-";
/// Between two columns.
const GAP: usize = 2;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its head.
    pub(crate) head: &'static str,
    /// Where its cell is in an item, as JSON pointers; the first one that is there.
    pub(crate) at: &'static [&'static str],
    /// What null means there.
    pub(crate) null: &'static str,
    /// How a value is written.
    pub(crate) write: fn(&Value) -> String,
}

impl Column {
    /// A column of plain values.
    pub(crate) const fn new(head: &'static str, at: &'static [&'static str]) -> Self {
        Self {
            head,
            at,
            null: NOTHING,
            write: text,
        }
    }

    /// A column of times.
    pub(crate) const fn time(head: &'static str, at: &'static [&'static str]) -> Self {
        Self {
            write: time,
            ..Self::new(head, at)
        }
    }

    /// A column of sizes in bytes.
    pub(crate) const fn size(head: &'static str, at: &'static [&'static str]) -> Self {
        Self {
            write: |value| value.as_u64().map_or_else(|| text(value), size),
            ..Self::new(head, at)
        }
    }

    /// With a word for null.
    pub(crate) const fn or(self, null: &'static str) -> Self {
        Self { null, ..self }
    }

    fn cell(&self, item: &Value) -> String {
        let found = self.at.iter().find_map(|at| item.pointer(at));
        let text = match found {
            None | Some(Value::Null) => self.null.to_owned(),
            Some(value) => (self.write)(value),
        };
        if text.is_empty() {
            NOTHING.to_owned()
        } else {
            text
        }
    }
}

/// A table with its heads; a sentence where there is nothing. Where it is wider than the terminal, each item is a block of its
/// own instead: lines that are broken in the middle stand under no head.
pub(super) fn table(columns: &[Column], items: &[Value], width: Option<usize>) -> String {
    if items.is_empty() {
        return "there are none\n".to_owned();
    }
    let heads = columns.iter().map(|column| column.head.to_owned());
    let cells = items
        .iter()
        .map(|item| columns.iter().map(|column| column.cell(item)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(heads.collect()).chain(cells).collect();
    let table = align(&rows);
    let widest = table.lines().map(|line| line.chars().count()).max();
    if width.is_some_and(|width| widest > Some(width)) {
        return blocks(&rows);
    }
    table
}

/// The head and the cell of each column on a line, an empty line between two rows.
fn blocks(rows: &[Vec<String>]) -> String {
    let [heads, rows @ ..] = rows else {
        return String::new();
    };
    let block = |row: &Vec<String>| {
        let lines = heads.iter().zip(row);
        let lines: Vec<_> = lines
            .map(|(head, cell)| vec![head.clone(), cell.clone()])
            .collect();
        align(&lines)
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// One field per line.
pub(super) fn fields(value: &Value) -> String {
    let Value::Object(object) = value else {
        return format!("{}\n", text(value));
    };
    let row = |(name, value): (&String, &Value)| {
        let shown = match value {
            Value::String(_) if name.ends_with("_at") => time(value),
            // a list that narrows something: without one, nothing is narrowed
            Value::Null if matches!(name.as_str(), "usable_by" | "registries" | "crates") => {
                "all".to_owned()
            }
            value => text(value),
        };
        let shown = if shown.is_empty() {
            NOTHING.to_owned()
        } else {
            shown
        };
        vec![printable(&name.replace('_', " ")), shown]
    };
    let rows = |field: (&String, &Value)| match field.0.as_str() {
        "health" => under(field.0, health::lines(field.1)),
        "can" => under(field.0, sentences(field.1)),
        _ => vec![row(field)],
    };
    let rows: Vec<Vec<String>> = object.iter().flat_map(rows).collect();
    align(&rows)
}

/// Each on a line of its own.
fn sentences(value: &Value) -> Vec<String> {
    match value {
        Value::Array(sentences) if !sentences.is_empty() => sentences.iter().map(text).collect(),
        other => vec![text(other)],
    }
}

/// A field of several lines.
fn under(name: &str, lines: Vec<String>) -> Vec<Vec<String>> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names
        .zip(lines)
        .map(|(name, line)| vec![name.to_owned(), line])
        .collect()
}

/// Pads all but the last cell of each row.
fn align(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += cell;
            let pad = width + GAP - cell.chars().count();
            line.extend(std::iter::repeat_n(' ', pad));
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// A value as people read it: lists with commas, named things by their name.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            let named = object.get("name").map(text);
            let pairs: Vec<_> = object
                .iter()
                .filter(|(key, value)| (named.is_none() || *key != "name") && !is_empty(value))
                .map(|(key, value)| format!("{}={}", printable(key), text(value)))
                .collect();
            match (named, pairs.is_empty()) {
                (Some(name), true) => name,
                (Some(name), false) => format!("{name} ({})", pairs.join(" ")),
                (None, _) => pairs.join(" "),
            }
        }
        other => other.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// A time to the second.
pub(crate) fn time(value: &Value) -> String {
    let stamp = value.as_str().and_then(Timestamp::from_rfc3339);
    stamp.map_or_else(|| text(value), Timestamp::pubtime)
}

/// A number of bytes in the largest unit that leaves it at 1 or more.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1 << 10 {
        return format!("{bytes} B");
    }
    // in 1024ths of the unit
    let (mut parts, mut unit) = (bytes, 0);
    while parts >= 1 << 20 {
        parts >>= 10;
        unit += 1;
    }
    // cut off: what is a bit less than a limit must not look like it
    let tenths = (parts * 10) >> 10;
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("NAME", &["/name"]),
        Column::new("SOURCE", &["/preset", "/index"]),
        Column::new("USABLE BY", &["/usable_by"]).or("every registry"),
        Column::time("CREATED", &["/created_at"]),
    ];

    #[test]
    fn columns_are_aligned_and_nothing_is_a_dash() {
        let items = [
            json!({"name": "crates-io", "preset": "crates.io", "usable_by": null, "created_at": "2026-11-20T11:54:12.015923Z"}),
            json!({"name": "é", "index": "sparse+https://registry.example/", "usable_by": ["acme", "core"], "created_at": null}),
            json!({"name": "", "usable_by": []}),
        ];
        assert_snapshot!(table(COLUMNS, &items, None), @"
        NAME       SOURCE                            USABLE BY       CREATED
        crates-io  crates.io                         every registry  2026-11-20T11:54:12Z
        é          sparse+https://registry.example/  acme, core      -
        -          -                                 -               -
        ");
    }

    #[test]
    fn a_table_that_is_wider_than_the_terminal_is_shown_in_blocks() {
        let items = [
            json!({"name": "crates-io", "preset": "crates.io", "usable_by": null, "created_at": "2026-11-20T11:54:12.015923Z"}),
            json!({"name": "é", "preset": "crates.io", "usable_by": ["acme"]}),
        ];
        let whole = table(COLUMNS, &items, None);
        let width = whole.lines().map(|line| line.chars().count()).max();
        assert_eq!(table(COLUMNS, &items, width), whole);
        let narrower = width.map(|width| width - 1);
        assert_snapshot!(table(COLUMNS, &items, narrower), @"
        NAME       crates-io
        SOURCE     crates.io
        USABLE BY  every registry
        CREATED    2026-11-20T11:54:12Z

        NAME       é
        SOURCE     crates.io
        USABLE BY  acme
        CREATED    -
        ");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_snapshot!(table(COLUMNS, &[], None), @"there are none");
    }

    #[test]
    fn fields_stand_one_per_line() {
        let value = json!({
            "name": "acme",
            "description": "",
            "labels": {"team": "core", "tier": "1"},
            "upstreams": [{"name": "crates-io", "only": [], "except": []}, {"name": "partner", "only": ["partner-*"], "except": []}],
            "created_at": "2026-11-20T11:54:12.015923Z",
            "crates": 3,
            "registry": null,
            "usable_by": null,
            "health": [
                {"upstream": "crates-io", "state": "ok", "since": null, "reason": null, "alarms": 0},
                {"upstream": "partner", "state": "unknown", "since": null, "reason": null, "alarms": 0},
            ],
        });
        assert_snapshot!(fields(&value), @"
        name         acme
        description  -
        labels       team=core tier=1
        upstreams    crates-io, partner (only=partner-*)
        created at   2026-11-20T11:54:12Z
        crates       3
        registry     -
        usable by    all
        health       crates-io: ok
                     partner: not asked yet
        ");
        assert_snapshot!(fields(&json!("plain")), @"plain");
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [0, 1023, 1024, (1 << 20) - 1, 1 << 20, 15 << 29, u64::MAX];
        assert_snapshot!(sizes.map(size).join("\n"), @"
        0 B
        1023 B
        1.0 KiB
        1023.9 KiB
        1.0 MiB
        7.5 GiB
        15.9 EiB
        ");
    }

    #[test]
    fn a_description_cannot_steer_the_terminal() {
        let shown = text(&json!("\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}cba\nnext"));
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        assert!(shown.contains("owned"));
    }
}
