//! Signing in with a provider of OpenID Connect: what is set up, and how.

use askama::Template;

use super::AdminHead;
use crate::{Frame, Moment, filters};

/// What is set up, or how to; nothing of it is secret.
#[derive(Debug, Template)]
#[template(path = "admin_sign_on.html")]
pub struct SignOnPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// The provider, where there is one.
    pub provider: Option<SignOnProvider>,
    /// The address that the provider sends people back to.
    pub redirect: String,
    /// The address that it sends them to who have signed out.
    pub signed_out: String,
    /// Who came by it last.
    pub latest: Vec<SignOnRow>,
    /// How many of its identities are linked to accounts.
    pub linked: u64,
}

/// A provider, as it is set up.
#[derive(Clone, Debug)]
pub struct SignOnProvider {
    /// What people call it.
    pub label: String,
    /// Its issuer.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// Whether we prove to it with a secret that it is us.
    pub has_secret: bool,
    /// What is asked for beside `openid`, `email` and `profile`.
    pub scopes: Vec<String>,
    /// Where a person's groups stand.
    pub groups_claim: Option<String>,
    /// A group there, and the team here that it governs.
    pub teams: Vec<(String, String)>,
    /// Groups whose people are instance admins.
    pub admins: Vec<String>,
    /// Groups whose people make registries.
    pub creators: Vec<String>,
    /// Whether somebody new gets an account.
    pub makes_accounts: bool,
}

/// Who came by a provider.
#[derive(Clone, Debug)]
pub struct SignOnRow {
    /// The account here.
    pub user: String,
    /// What the provider calls them.
    pub subject: String,
    /// The address that it told.
    pub email: Option<String>,
    /// When.
    pub at: Option<Moment>,
}

impl SignOnPage {
    /// The lines that set a provider up.
    fn lines() -> &'static str {
        "[sign_on]\nissuer = \"https://id.acme.example/realms/acme\"   # exactly as in the `iss` of its tokens\nclient_id = \"supercargo\"\nclient_secret_file = \"/etc/supercargo/client-secret\"\nlabel = \"Acme SSO\""
    }

    /// The lines that give people of groups something here.
    fn group_lines() -> &'static str {
        "[sign_on]\nscopes = [\"groups\"]\ngroups_claim = \"groups\"            # or a path, such as \"/realm_access/roles\"\nteams = [\"platform=core\", \"guests=visitors\"]\nadmins = [\"registry-admins\"]\ncreators = [\"platform\"]"
    }
}
