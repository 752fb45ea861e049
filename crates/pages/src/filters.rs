//! What templates do to a value on its way out.

#![expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the macro wants the functions so, and makes items of them that are so"
)]

use askama::{Result, Values, filter_fn};

/// `4,318`.
#[filter_fn]
pub(crate) fn count(value: &u64, _: &dyn Values) -> Result<String> {
    Ok(crate::count(*value))
}

/// `6.2 GB`.
#[filter_fn]
pub(crate) fn bytes(value: &u64, _: &dyn Values) -> Result<String> {
    Ok(crate::bytes(*value))
}

/// `3 upstreams`.
#[filter_fn]
pub(crate) fn plural(value: &u64, _: &dyn Values, unit: &str) -> Result<String> {
    Ok(crate::plural(*value, unit))
}

/// A sentence of ours, in which what stands between backticks is code. Its characters are escaped: `|safe` follows.
#[filter_fn]
pub(crate) fn ticked(value: &str, _: &dyn Values) -> Result<String> {
    let mut html = String::with_capacity(value.len() + 32);
    let mut parts = value.split('`').peekable();
    let mut is_code = false;
    while let Some(part) = parts.next() {
        // one that is never closed is a character like others
        let is_closed = is_code && parts.peek().is_some();
        html.push_str(match (is_code, is_closed) {
            (true, true) => "<code>",
            (true, false) => "`",
            (false, _) => "",
        });
        for character in part.chars() {
            match character {
                '&' => html.push_str("&#38;"),
                '<' => html.push_str("&#60;"),
                '>' => html.push_str("&#62;"),
                '"' => html.push_str("&#34;"),
                '\'' => html.push_str("&#39;"),
                character => html.push(character),
            }
        }
        if is_closed {
            html.push_str("</code>");
        }
        is_code = !is_code;
    }
    Ok(html)
}
