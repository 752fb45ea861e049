//! Signing in with name and password where there is no browser: for a token that ends.

use std::time::Duration;

use serde::Deserialize;
use supercargo_types::{NamePattern, RegistryName, Scope, Scopes, Timestamp, TokenSecret};
use utoipa::ToSchema;

use crate::{
    Caller, Instance, NewToken, Password, TokenRequest,
    refusal::{Outcome, Refusal},
    rights::Denied,
    tokens::{Token, actor_with},
};

/// What a token gets where nothing is said: what cargo needs of a person.
const SCOPES: [Scope; 4] = [Scope::Read, Scope::Publish, Scope::Yank, Scope::Owners];
const NAME: &str = "sign-in";
/// How long it works where nothing is said, and at most: people sign in again.
const DAYS: u32 = 30;
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// Name and password, and what for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Password,
    /// The token that is wanted.
    #[serde(default)]
    pub token: SignInToken,
}

/// A token for who signs in.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInToken {
    /// By which its owner knows it again; default `sign-in`.
    pub name: Option<String>,
    /// Default `read`, `publish`, `yank` and `owners`.
    pub scopes: Option<Scopes>,
    /// Narrowed to these; null is all.
    pub registries: Option<Vec<RegistryName>>,
    /// Writes narrowed to these; null is all.
    pub crates: Option<Vec<NamePattern>>,
    /// Days from now: 30 where nothing is said, 365 at most.
    pub expires_in_days: Option<u32>,
    /// Or a point in time.
    pub expires_at: Option<Timestamp>,
}

impl SignInToken {
    /// As for a token that is made in another way, and its end.
    fn request(self, now: Timestamp) -> Result<(TokenRequest, Timestamp), Refusal> {
        let days = match (self.expires_in_days, self.expires_at) {
            (None, None) => Some(DAYS),
            (days, _) => days,
        };
        let request = TokenRequest {
            name: self.name.unwrap_or_else(|| NAME.to_owned()),
            principal: None,
            scopes: Some(self.scopes.unwrap_or_else(|| SCOPES.into_iter().collect())),
            registries: self.registries,
            crates: self.crates,
            expires_in_days: days,
            expires_at: self.expires_at,
        };
        request.check_shape()?;
        let end = request.end(now)?;
        let end = end.filter(|end| end.since(now) <= LONGEST);
        let end = end.ok_or_else(|| {
            let text = "a token for a password ends within 365 days; make one with `POST /tokens` where it has to work for longer";
            Refusal::TokenShape(text.to_owned())
        })?;
        Ok((request, end))
    }
}

impl Instance {
    /// A token for name and password.
    ///
    /// # Errors
    /// [`Denied::BadPassword`] for whatever is wrong with the two; [`Refusal::TokenShape`], [`crate::TooMany`],
    /// [`Refusal::TooManySignIns`].
    pub async fn sign_in_for_token(
        &self,
        asked: SignInRequest,
        caller: &Caller,
    ) -> Outcome<NewToken> {
        self.current().await?;
        let now = self.clock().now();
        let (request, end) = asked.token.request(now)?;
        let known = self.check_password(&asked.user, &asked.password, caller);
        let known = known.await?;
        let principal = known.principal();
        let scopes = request.scopes.unwrap_or(Scopes::READ);
        let secret = TokenSecret::generate(self.random());
        let row = supercargo_store::NewToken {
            now,
            ..self.new_row(&secret, &request, scopes, Some(end))
        };
        let new = NewToken::of(secret, row.clone(), principal.clone());
        self.check_registries(&known.account, &new.token).await?;
        let mut audit = self.audit("sign_in.done", None, caller);
        audit.principal = Some(principal.to_string());
        audit.token_id = Some(row.id.clone());
        audit.detail = Some(format!("with the password, for token {}: {scopes}", row.id));
        let write = self.store.create_token_by_password(
            known.account.id,
            &known.password_hash,
            &row,
            &audit,
        );
        // nobody is told: no copy can know a token that did not exist
        if write.await? {
            Ok(new)
        } else {
            // disabled, or the password was changed, since it was looked at
            Err(Denied::BadPassword.into())
        }
    }

    /// A registry that is hidden from them answers as one that does not exist.
    async fn check_registries(
        &self,
        account: &supercargo_store::PrincipalRow,
        token: &Token,
    ) -> Outcome<()> {
        if token.registries.is_none() {
            return Ok(());
        }
        let roles = self.store.roles_of(account.id).await?;
        let actor = actor_with(account, roles, token);
        for name in token.registries.iter().flatten() {
            self.may_read(name.as_str(), Some(actor.clone()))
                .map_err(|_| Refusal::TokenShape(format!("there is no registry `{name}`")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Result<(TokenRequest, Timestamp), String> {
        let token: SignInToken = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let now = Timestamp::from_seconds(1_795_219_200);
        token.request(now).map_err(|error| error.to_string())
    }

    /// I3 (expiry, least rights), I7 (local passwords).
    #[test]
    fn a_token_for_a_password_ends_within_a_year() {
        let (request, end) = asked("{}").unwrap();
        assert_eq!(request.name, "sign-in");
        assert_eq!(
            request.scopes.unwrap().to_string(),
            "read,publish,yank,owners"
        );
        let day = 24 * 3600;
        assert_eq!(end.as_seconds(), 1_795_219_200 + 30 * day);
        let (_, end) = asked(r#"{"expires_in_days":365}"#).unwrap();
        assert_eq!(end.as_seconds(), 1_795_219_200 + 365 * day);
        let (_, end) = asked(r#"{"expires_at":"2026-12-01T00:00:00Z"}"#).unwrap();
        assert!(end.as_seconds() < 1_795_219_200 + 30 * day);
        for bad in [
            r#"{"expires_in_days":366}"#,
            r#"{"expires_in_days":0}"#,
            r#"{"expires_at":"2028-12-01T00:00:00Z"}"#,
            r#"{"expires_at":"2026-11-01T00:00:00Z"}"#,
            r#"{"expires_at":"2026-12-01T00:00:00Z","expires_in_days":1}"#,
            r#"{"principal":"service:ci"}"#,
            r#"{"registries":[]}"#,
            r#"{"name":" "}"#,
        ] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_shows_its_password_nowhere() {
        let text = r#"{"user":"alice","password":"tulip brook 17"}"#;
        let request: SignInRequest = serde_json::from_str(text).unwrap();
        let shown = format!("{request:?}");
        assert!(
            shown.contains("alice") && !shown.contains("tulip"),
            "{shown}"
        );
    }
}
