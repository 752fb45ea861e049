//! The first start: a registry, its upstream, an administrator and a token, made by exactly one of however many processes
//! start at once.

use supercargo_types::{AccountName, InstanceRole, PrincipalKind, Role, Timestamp};

use crate::{
    Attachment, AuditEntry, Change, Created, NewPrincipal, NewRegistry, NewToken, NewUpstream,
    Store, StoreError, audit, members, meta, principals, registries, tokens, upstreams,
};

/// What the first start makes.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// When.
    pub now: Timestamp,
    /// The registry; the upstream below is attached to it, before any it names itself.
    pub registry: NewRegistry,
    /// The upstream.
    pub upstream: NewUpstream,
    /// The instance's administrator, who is also admin of the registry.
    pub admin: AccountName,
    /// The administrator's token.
    pub token: NewToken,
    /// What the audit log says about it.
    pub audit: AuditEntry,
}

/// The fact whose row says that the first start has happened.
const BOOTSTRAPPED: &str = "bootstrapped";

impl Store {
    /// Makes what the first start makes, once; false when it has happened before.
    pub async fn bootstrap(&self, first: &FirstStart) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        if !meta::insert_once(&mut transaction, BOOTSTRAPPED, &first.now.to_string()).await? {
            return Ok(false);
        }
        let upstream = upstreams::insert(&mut transaction, &first.upstream).await?;
        let mut registry = first.registry.clone();
        registry.upstreams.insert(
            0,
            Attachment {
                upstream_id: made(upstream)?,
                only: Vec::new(),
                except: Vec::new(),
            },
        );
        let registry_id = made(registries::insert(&mut transaction, &registry).await?)?;
        let admin = NewPrincipal {
            kind: PrincipalKind::User,
            name: first.admin.clone(),
            email: None,
            password_hash: None,
            instance_role: InstanceRole::Admin,
            registry_id: None,
            now: first.now,
        };
        let admin_id = made(principals::insert(&mut transaction, &admin).await?)?;
        members::upsert(&mut transaction, registry_id, admin_id, Role::Admin).await?;
        tokens::insert(&mut transaction, admin_id, &first.token).await?;
        audit::insert(&mut transaction, &first.audit).await?;
        transaction.tell(Change::Settings);
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }
}

/// Nothing else writes before the first start, so a name that is taken means a database that somebody wrote by hand.
fn made(created: Created) -> Result<i64, StoreError> {
    match created {
        Created::Done(id) => Ok(id),
        Created::Taken(name) => Err(StoreError::Inconsistent(format!(
            "`{name}` exists although the first start has not happened; start with an empty database"
        ))),
    }
}
