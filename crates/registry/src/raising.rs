//! What a token must not give away unless it has all of it itself: otherwise whoever has stolen a narrow one would turn it into a
//! wide one. That a token ends is no bar: an admin who has just come back in with one has to set a password with it.

use supercargo_types::InstanceRole;

use crate::{
    rights::{Actor, Denied},
    tokens::is_whole,
};

/// Whether it is more than what everybody has.
pub(crate) fn is_raised(role: InstanceRole) -> bool {
    role > InstanceRole::Member
}

/// More on the instance than what a member may do, for some account.
///
/// # Errors
/// [`Denied::Right`] for a token that lacks scopes, or is narrowed.
pub(crate) fn may_raise(actor: &Actor) -> Result<(), Denied> {
    if is_whole(actor) {
        return Ok(());
    }
    Err(Denied::Right(
        "this token may not give a role on the instance: whoever has that can make tokens with every scope, and this token has not; use one with all of them"
            .to_owned(),
    ))
}

/// A password, or an identity at a provider, for some account.
///
/// # Errors
/// [`Denied::Right`] for a token that lacks scopes, or is narrowed.
pub(crate) fn may_give_way_in(actor: &Actor, what: &str) -> Result<(), Denied> {
    if is_whole(actor) {
        return Ok(());
    }
    Err(Denied::Right(format!(
        "this token may not {what}: whoever signs in with that has every scope, and this token has not; use one with all of them"
    )))
}
