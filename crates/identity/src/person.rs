//! What a provider says about a person.

use serde_json::Value;

use crate::{Provider, jwt::Claims};

/// Groups that are taken over, and the characters of each.
const GROUPS: usize = 1_000;
const GROUP: usize = 255;
/// In characters, of a name and an e-mail address.
const TEXT: usize = 320;

/// Who signed in. `issuer` and `subject` together are who it is; everything else may change, and an e-mail address may be
/// somebody else's tomorrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who says so.
    pub issuer: String,
    /// What the issuer calls the person, for ever.
    pub subject: String,
    /// An e-mail address. Without [`Person::email_verified`] it is a mere claim of the person.
    pub email: Option<String>,
    /// Whether the provider has seen that the address is theirs.
    pub email_verified: bool,
    /// A name for people.
    pub name: Option<String>,
    /// What the person would like to be called, such as `alice`. Not unique.
    pub username: Option<String>,
    /// Their groups; none where the provider leaves the claim out, as many do for people who are in none. `None` where no claim
    /// is set up for them, and where it is there and cannot be used: then nobody knows which they are.
    pub groups: Option<Vec<String>>,
}

impl Provider {
    /// Of both, the ID token goes first: it is signed.
    pub(crate) fn person(&self, claims: &Claims, info: Option<&Claims>) -> Person {
        let both = || [Some(claims), info].into_iter().flatten();
        let is_usable =
            |text: &str| text.chars().count() <= TEXT && !text.chars().any(char::is_control);
        let text = |name: &str| {
            let mut found = both().filter_map(|claims| claims.text(name));
            found.find(|text| is_usable(text)).map(str::to_owned)
        };
        // whether it is verified is said of the address that stands beside it
        let email = both().find_map(|claims| {
            let email = claims.text("email")?;
            is_usable(email).then(|| (email.to_owned(), is_true(claims.get("email_verified"))))
        });
        Person {
            issuer: self.issuer.as_str().to_owned(),
            subject: claims.text("sub").unwrap_or_default().to_owned(),
            email_verified: email.as_ref().is_some_and(|(_, is_verified)| *is_verified),
            email: email.map(|(email, _)| email),
            name: text("name"),
            username: text("preferred_username"),
            groups: both()
                .find_map(|claims| self.groups(claims))
                .or_else(|| self.is_in_none(both()).then(Vec::new)),
        }
    }

    /// Whether the provider says nothing of groups, in no form.
    fn is_in_none<'a>(&self, mut said: impl Iterator<Item = &'a Claims>) -> bool {
        let Some(claim) = self.groups_claim.as_deref() else {
            return false;
        };
        let first = claim
            .strip_prefix('/')
            .and_then(|path| path.split('/').next());
        said.all(|claims| {
            // too many for the document: it says where to ask for them instead (OpenID Connect Core 1.0, section 5.6.2), or
            // merely that there are some
            let elsewhere = claims.get("_claim_names").is_some_and(|names| {
                let steps = [Some(claim), first].into_iter().flatten();
                steps.into_iter().any(|name| names.get(name).is_some())
            });
            let hidden = claim == "groups" && is_true(claims.get("hasgroups"));
            claims.find(claim).is_none() && !elsewhere && !hidden
        })
    }

    /// All of them or nothing: with a part of them, a person would lose rights that they have.
    pub(crate) fn groups(&self, claims: &Claims) -> Option<Vec<String>> {
        let groups = claims.find(self.groups_claim.as_deref()?)?;
        let groups: Vec<_> = match groups {
            Value::String(one) => vec![one.clone()],
            Value::Array(several) => several
                .iter()
                .map(|group| group.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            _ => return None,
        };
        let is_usable = |group: &String| !group.is_empty() && group.chars().count() <= GROUP;
        (groups.len() <= GROUPS && groups.iter().all(is_usable)).then_some(groups)
    }
}

/// Some providers write it as a text.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_it)) => *is_it,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}
