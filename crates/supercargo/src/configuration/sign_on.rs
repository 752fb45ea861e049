//! How people sign in: the life of a browser's session, and the provider of OpenID Connect.

use std::fs;

use supercargo_registry::{ClientSecret, IssuerUrl, Provider, SessionSettings, SignOnSettings};
use supercargo_types::AccountName;

use super::{ConfigurationError, Sourced, Values, measure, switch};

/// A hundred times what any provider gives, in bytes.
const LONGEST_SECRET: u64 = 10_000;

impl Values {
    pub(super) fn sessions(&mut self) -> Result<SessionSettings, ConfigurationError> {
        let mut life = |key| {
            let life = self.parsed(key, |text| {
                let life = measure::duration(text)?;
                if life.is_zero() {
                    return Err("would sign nobody in; write it as `12h`".to_owned());
                }
                Ok(life)
            });
            life.map(|life| life.value)
        };
        Ok(SessionSettings {
            lifetime: life("sessions.lifetime")?,
            idle: life("sessions.idle")?,
            renewal: life("sessions.renewal")?,
        })
    }

    pub(super) fn sign_on(&mut self) -> Result<Option<SignOnSettings>, ConfigurationError> {
        let issuer = self.optional("sign_on.issuer");
        let client_id = self.optional("sign_on.client_id");
        let client_secret = self.client_secret()?;
        let scopes = self.list("sign_on.scopes").value;
        let groups_claim = self.optional("sign_on.groups_claim");
        let teams = self.governed_teams()?;
        let admins = self.list("sign_on.admins").value;
        let creators = self.list("sign_on.creators").value;
        let label = self.text("sign_on.label").value;
        let make_accounts = self.parsed("sign_on.make_accounts", switch)?.value;
        let (issuer, client_id) = match (issuer, client_id) {
            (None, None) => return Ok(None),
            (Some(issuer), Some(client_id)) => (issuer, client_id.value),
            (Some(given), None) => return Err(alone("sign_on.issuer", given, "sign_on.client_id")),
            (None, Some(given)) => return Err(alone("sign_on.client_id", given, "sign_on.issuer")),
        };
        let issuer: IssuerUrl = match issuer.value.parse() {
            Ok(parsed) => parsed,
            // what stands before an `@` may be a password
            Err(error) => {
                return Err(ConfigurationError::Secret {
                    key: "sign_on.issuer",
                    origin: issuer.origin,
                    expected: format!("is no issuer: {error}"),
                });
            }
        };
        let provider = Provider {
            issuer,
            client_id,
            client_secret,
            scopes,
            groups_claim: groups_claim.map(|claim| claim.value),
        };
        Ok(Some(SignOnSettings {
            provider,
            label,
            teams,
            admins,
            creators,
            make_accounts,
        }))
    }

    fn client_secret(&mut self) -> Result<Option<ClientSecret>, ConfigurationError> {
        let secret = self.optional("sign_on.client_secret");
        let Some(file) = self.optional("sign_on.client_secret_file") else {
            return Ok(secret.map(|secret| secret.value.into()));
        };
        let refuse = |expected: String| ConfigurationError::Value {
            key: "sign_on.client_secret_file",
            value: file.value.clone(),
            origin: file.origin.clone(),
            expected,
        };
        if secret.is_some() {
            return Err(refuse(
                "stands beside `sign_on.client_secret`; give one of the two".to_owned(),
            ));
        }
        let size = fs::metadata(&file.value).map(|file| file.len());
        let text = match size {
            Ok(LONGEST_SECRET..) => Err("is far longer than any secret".to_owned()),
            Ok(_) => {
                fs::read_to_string(&file.value).map_err(|error| format!("cannot be read: {error}"))
            }
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        let text = text.map_err(refuse)?.trim().to_owned();
        if text.is_empty() {
            return Err(refuse("is empty; write the secret into it".to_owned()));
        }
        Ok(Some(text.into()))
    }

    /// `group=team`. A group's name may have a `=` in it, as those of LDAP have, and a team's has none.
    fn governed_teams(&mut self) -> Result<Vec<(String, AccountName)>, ConfigurationError> {
        let key = "sign_on.teams";
        let Sourced { value, origin } = self.list(key);
        let pair = |text: &String| {
            let (group, team) = text.rsplit_once('=')?;
            let group = group.trim();
            let team = team.trim().parse().ok()?;
            (!group.is_empty()).then(|| (group.to_owned(), team))
        };
        let read = |text: &String| {
            pair(text).ok_or_else(|| ConfigurationError::Value {
                key,
                value: text.clone(),
                origin: origin.clone(),
                expected: "is not a group and a team; write it as `platform=core`".to_owned(),
            })
        };
        value.iter().map(read).collect()
    }
}

fn alone(key: &'static str, given: Sourced<String>, missing: &str) -> ConfigurationError {
    ConfigurationError::Value {
        key,
        value: given.value,
        origin: given.origin,
        expected: format!("is not enough to sign in with a provider; give `{missing}`, too"),
    }
}
