//! What a token says of itself, before anybody is asked whether that is true.

use crate::{Issuers, Preset, TokenRejected, ci::description, jwt::Unproven, shown::Shown};

impl Issuers {
    /// Whose job a token is by its own words: its issuer, its audience and what tells jobs from one another. Nothing of it is
    /// proved and nobody is asked, so the answer is the same whatever rules there are: it may be shown to a stranger.
    ///
    /// # Errors
    /// What is wrong with the token by itself: its form, or its times.
    pub fn claimed(&self, token: &str) -> Result<String, TokenRejected> {
        let unproven = Unproven::parse(token)?;
        let issuer = unproven.issuer()?;
        let claims = unproven.claims();
        claims.times(self.now())?;
        claims.required("jti")?;
        let preset = if claims.text("project_path").is_some() {
            Preset::GitLab
        } else if claims.text("repository").is_some() {
            Preset::GitHub
        } else {
            Preset::Custom
        };
        let audience = match claims.audiences()[..] {
            [] => "it has no `aud`".to_owned(),
            [one] => format!("its `aud` is `{}`", Shown(one)),
            ref several => format!("its `aud` names {} audiences", several.len()),
        };
        Ok(format!(
            "its `iss` is `{}`, {audience}, {}",
            Shown(issuer),
            description(preset, claims)
        ))
    }
}
