//! Browsers that sign in with a token: after the first start there is one, and neither a password nor a provider.
//!
//! A session has every scope, so only a token that has them too may begin one; and it ends with that token.

use supercargo_types::{PrincipalKind, TokenSecret};

use super::{NewSession, named};
use crate::{
    Caller, Failure, Instance,
    refusal::Outcome,
    rights::{Actor, Denied},
    tokens::is_whole,
};

impl Instance {
    /// Signs a browser in as the user of a token. `user` is the name as it was typed, if any was.
    ///
    /// # Errors
    /// [`Denied::BadToken`] for one that is unknown, revoked or expired; [`Denied::Right`] for one that may not do all that its
    /// user may, or is not that user's; [`crate::TooMany`].
    pub async fn begin_session_by_token(
        &self,
        user: &str,
        secret: &TokenSecret,
        caller: &Caller,
    ) -> Outcome<NewSession> {
        self.before_sign_in(user, caller).await?;
        let actor = match self.actor(secret).await {
            Ok(actor) => actor,
            Err(Failure::Denied(denied)) => {
                self.note_sign_in_denied(user, &denied, None, caller);
                return Err(self.bad_sign_in_token(denied, caller));
            }
            Err(failure) => return Err(failure),
        };
        if let Err(denied) = may_begin_session(&actor, user) {
            self.note_sign_in_denied(user, &denied, Some(&actor), caller);
            return Err(denied.into());
        }
        let (mut session, mut row) = self.new_browser(None, caller);
        row.token_id = Some(actor.token_id.clone());
        if let Some(end) = actor.expires_at {
            row.expires_at = row.expires_at.min(end);
        }
        session.expires_at = row.expires_at;
        let mut audit = self.audit("sign_in.done", None, caller);
        audit.principal = Some(actor.principal.to_string());
        audit.token_id = Some(named(&row.id));
        audit.detail = Some(format!("in a browser, with token {}", actor.token_id));
        let create = self
            .store
            .create_session_by_token(actor.principal_id, &row, &audit);
        if !create.await? {
            let ended = "this token was revoked, or its account disabled, at this moment";
            return Err(Denied::BadToken(ended).into());
        }
        self.sign_in_succeeded(user, caller).await?;
        Ok(session)
    }
}

/// Whoever comes here has the token: what is wrong with it tells nobody anything about accounts.
fn may_begin_session(actor: &Actor, user: &str) -> Result<(), Denied> {
    let refuse = |why: String| Err(Denied::Right(why));
    if actor.principal.kind != PrincipalKind::User {
        return refuse(format!(
            "this token is `{}`'s, and only people sign in with a browser; use one of your own",
            actor.principal
        ));
    }
    // a session has every scope: it would give a narrow token that was stolen what it lacks
    if !is_whole(actor) {
        return refuse(
            "this token may not sign in with a browser: it lacks scopes, or is limited to some registries or crates; use one that has every scope and no limit, or a password"
                .to_owned(),
        );
    }
    if !user.is_empty() && user != actor.principal.name.as_str() {
        return refuse(
            "this token is another account's; type that account's name beside it".to_owned(),
        );
    }
    Ok(())
}
