//! Identities at providers, as their account and as instance admins see and change them.

use serde::{Deserialize, Serialize};
use supercargo_identity::IssuerUrl;
use supercargo_store::{IdentityRow, Linked, NewIdentity, PrincipalRow, Unlinked};
use supercargo_types::{AccountName, PrincipalKind, PrincipalRef, Timestamp};

use crate::{
    Browser, Caller, Instance,
    raising::may_give_way_in,
    refusal::{Outcome, Refusal},
    rights::MayAdministerInstance,
    sign_on::linked,
};

/// OpenID Connect Core 1.0, section 2: a subject has no more, in characters.
const LONGEST_SUBJECT: usize = 255;

/// Who an account is at a provider.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// What it calls the person, for ever.
    pub subject: String,
    /// An address that it told; nothing is found by it.
    pub email: Option<String>,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody signed in with it last.
    pub last_used_at: Option<Timestamp>,
}

/// An identity to be linked, or to be unlinked.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityRequest {
    /// The provider, as in the `iss` of its tokens.
    pub issuer: String,
    /// What it calls the person, as in their `sub`.
    pub subject: String,
}

impl From<IdentityRow> for Identity {
    fn from(row: IdentityRow) -> Self {
        Self {
            issuer: row.issuer,
            subject: row.subject,
            email: row.email,
            linked_at: row.linked_at,
            last_used_at: row.last_used_at,
        }
    }
}

impl IdentityRequest {
    /// What is wrong with it, by the name of the field.
    pub fn wrongs(&self) -> Vec<(&'static str, Refusal)> {
        let mut wrongs = Vec::new();
        if let Err(error) = self.issuer.parse::<IssuerUrl>() {
            let refusal = Refusal::Shape(format!("`issuer` is none: {error}"));
            wrongs.push(("issuer", refusal));
        }
        let length = self.subject.chars().count();
        let is_plain = !self.subject.chars().any(char::is_control);
        if !(1..=LONGEST_SUBJECT).contains(&length) || !is_plain {
            let refusal = Refusal::Shape(
                "`subject` has 1 to 255 characters and no control characters, as in the `sub` of the provider's tokens"
                    .to_owned(),
            );
            wrongs.push(("subject", refusal));
        }
        wrongs
    }

    fn check(&self) -> Result<(), Refusal> {
        let first = self.wrongs().into_iter().next();
        first.map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}

impl Instance {
    async fn user(&self, name: &AccountName) -> Outcome<PrincipalRow> {
        let reference = PrincipalRef {
            kind: PrincipalKind::User,
            name: name.clone(),
        };
        let row = self.store.find_principal(&reference).await?;
        Ok(row.ok_or_else(|| Refusal::NoAccount(name.to_string()))?)
    }

    /// The identities of a user.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`].
    pub async fn identities(
        &self,
        _: &MayAdministerInstance,
        user: &AccountName,
    ) -> Outcome<Vec<Identity>> {
        let user = self.user(user).await?;
        let rows = self.store.identities(user.id).await?;
        Ok(rows.into_iter().map(Identity::from).collect())
    }

    /// The identities of who is signed in.
    ///
    /// # Errors
    /// Only faults.
    pub async fn own_identities(&self, browser: &Browser) -> Outcome<Vec<Identity>> {
        let rows = self.store.identities(browser.actor().principal_id).await?;
        Ok(rows.into_iter().map(Identity::from).collect())
    }

    /// Links an identity to a user, on an admin's word.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::Shape`], [`Refusal::IdentityTaken`]; [`crate::Denied::Right`] for a token that
    /// lacks scopes, is narrowed or ends.
    pub async fn link_identity(
        &self,
        right: &MayAdministerInstance,
        user: &AccountName,
        request: IdentityRequest,
        caller: &Caller,
    ) -> Outcome<Identity> {
        may_give_way_in(&right.0, "link an identity")?;
        request.check()?;
        let user = self.user(user).await?;
        let new = NewIdentity {
            issuer: request.issuer,
            subject: request.subject,
            email: None,
            now: self.clock().now(),
        };
        let mut audit = self.audit("identity.linked", Some(&right.0), caller);
        audit.detail = Some(linked(&user.reference(), &new.issuer, &new.subject));
        match self
            .store
            .link_identity(user.id, &new, None, &audit)
            .await?
        {
            Linked::Done => Ok(Identity {
                issuer: new.issuer,
                subject: new.subject,
                email: None,
                linked_at: new.now,
                last_used_at: None,
            }),
            Linked::Same | Linked::OfAnother | Linked::Used => Err(Refusal::IdentityTaken.into()),
        }
    }

    /// Takes an identity away from a user; an admin may take the last one. Browsers that signed in with that provider are
    /// signed out: whoever has the identity may be another by now.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::NoIdentity`].
    pub async fn unlink_identity(
        &self,
        right: &MayAdministerInstance,
        user: &AccountName,
        identity: &IdentityRequest,
        caller: &Caller,
    ) -> Outcome<()> {
        let user = self.user(user).await?;
        self.unlink(&right.0, &user.reference(), user.id, identity, true, caller)
            .await
    }

    /// Takes an identity away from who is signed in, unless nobody could sign in to the account any more. It signs them out
    /// where they signed in with that provider, be it here.
    ///
    /// # Errors
    /// [`Refusal::NoIdentity`], [`Refusal::LastWayIn`].
    pub async fn unlink_own_identity(
        &self,
        browser: &Browser,
        identity: &IdentityRequest,
        caller: &Caller,
    ) -> Outcome<()> {
        let actor = browser.actor();
        self.unlink(
            actor,
            actor.principal(),
            actor.principal_id,
            identity,
            false,
            caller,
        )
        .await
    }

    async fn unlink(
        &self,
        actor: &crate::Actor,
        account: &PrincipalRef,
        account_id: i64,
        identity: &IdentityRequest,
        even_last: bool,
        caller: &Caller,
    ) -> Outcome<()> {
        let IdentityRequest { issuer, subject } = identity;
        let mut audit = self.audit("identity.unlinked", Some(actor), caller);
        audit.detail = Some(linked(account, issuer, subject));
        let now = self.clock().now();
        let unlink = self
            .store
            .unlink_identity(account_id, issuer, subject, even_last, now, &audit);
        match self.write_people(unlink).await? {
            Unlinked::Done => Ok(()),
            Unlinked::NotThere => Err(Refusal::NoIdentity(issuer.clone()).into()),
            Unlinked::LastWay => Err(Refusal::LastWayIn.into()),
        }
    }
}
