//! A way back in: a token for an administrator, made on the database itself by whoever holds the server's machine.

use std::time::Duration;

use supercargo_store::{AuditEntry, AuditOutcome, NewToken, PrincipalRow, Store, StoreError};
use supercargo_types::{
    AccountName, Clock, InstanceRole, PrincipalKind, PrincipalRef, Random, Scopes, Timestamp,
    TokenSecret,
};

use crate::tokens;

/// Long enough to set things right, and not for ever: what was forgotten once is forgotten again.
const LIFE: Duration = Duration::from_hours(30 * 24);
/// The fact whose row says that a server has started on the database.
const BOOTSTRAPPED: &str = "bootstrapped";

/// A token that may do everything.
#[derive(Debug)]
pub struct Recovered {
    /// The text, to be shown once.
    pub secret: TokenSecret,
    /// By which it is revoked.
    pub id: String,
    /// Whom it stands for.
    pub principal: PrincipalRef,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum NotRecovered {
    /// Nothing is there yet.
    #[error(
        "no server has started on this database yet; `supercargo serve` makes the first token at its first start"
    )]
    NotStarted,
    /// Nobody is called so.
    #[error("there is no user `{0}`; leave `--user` out for the oldest instance admin")]
    NoUser(AccountName),
    /// Whoever holds the machine may get in, and nobody is given rights by it.
    #[error(
        "`{0}` is not an instance admin; leave `--user` out for the oldest one, who can make `{0}` one with `supercargo user edit {0} --instance-role admin`"
    )]
    NoAdmin(AccountName),
    /// Its tokens do not work.
    #[error("`{0}` is disabled; leave `--user` out for the oldest instance admin who is not")]
    Disabled(AccountName),
    /// The rules of the server do not let it come to this.
    #[error("this database has no instance admin who is not disabled; restore a backup")]
    NoAdmins,
    /// The database.
    #[error("the database cannot be read or written: {0}")]
    Store(#[from] StoreError),
}

/// Makes a token with every scope for an instance admin, the oldest who is not disabled where none is named.
///
/// It asks for no right: whoever can read and write the database has them all. The audit log says that it was done.
///
/// # Errors
/// [`NotRecovered`].
pub async fn recover_admin(
    store: &Store,
    user: Option<&AccountName>,
    clock: &Clock,
    random: &Random,
) -> Result<Recovered, NotRecovered> {
    if store.meta(BOOTSTRAPPED).await?.is_none() {
        return Err(NotRecovered::NotStarted);
    }
    let admin = match user {
        Some(name) => named(store, name).await?,
        None => store.oldest_admin().await?.ok_or(NotRecovered::NoAdmins)?,
    };
    let now = clock.now();
    let expires_at = now.plus(LIFE);
    let secret = TokenSecret::generate(random);
    let token = NewToken {
        id: tokens::id_at(now, random),
        hash: secret.hash(),
        prefix: secret.prefix().to_owned(),
        name: "recovery".to_owned(),
        scopes: Scopes::all(),
        registries: None,
        crates: None,
        expires_at: Some(expires_at),
        now,
        subject: None,
    };
    let principal = admin.reference();
    let audit = AuditEntry {
        at: now,
        action: "token.recovered".to_owned(),
        outcome: AuditOutcome::Done,
        principal: None,
        token_id: None,
        address: None,
        user_agent: None,
        registry: None,
        crate_name: None,
        version: None,
        detail: Some(format!(
            "{} for {principal}: {}; with `supercargo admin token`, on the database itself",
            token.id, token.scopes
        )),
        request_id: None,
    };
    if !store.create_token(admin.id, &token, &audit).await? {
        return Err(NotRecovered::Disabled(admin.name));
    }
    Ok(Recovered {
        secret,
        id: token.id,
        principal,
        expires_at,
    })
}

async fn named(store: &Store, name: &AccountName) -> Result<PrincipalRow, NotRecovered> {
    let reference = PrincipalRef {
        kind: PrincipalKind::User,
        name: name.clone(),
    };
    let user = store.find_principal(&reference).await?;
    let user = user.ok_or_else(|| NotRecovered::NoUser(name.clone()))?;
    if user.instance_role != InstanceRole::Admin {
        return Err(NotRecovered::NoAdmin(name.clone()));
    }
    if user.disabled_at.is_some() {
        return Err(NotRecovered::Disabled(name.clone()));
    }
    Ok(user)
}
