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
