//! Who may do what: the table of the documentation as types.
//!
//! Each right is a value with private fields that only this module makes, for one registry and one actor. A use case demands
//! the right, so a handler that forgets to ask does not compile, and the registry it was proved for travels with it: no
//! second place parses a URL into a registry.

mod words;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use supercargo_types::{
    CanonicalName, InstanceRole, NamePattern, PrincipalKind, PrincipalRef, Publishing,
    RegistryName, Role, Scope, Scopes, Timestamp, TokenHash, Visibility,
};

use crate::{Instance, directory::Registry};

/// A principal with the token it came with.
#[derive(Debug)]
pub struct Actor {
    pub(crate) token_id: String,
    pub(crate) principal_id: i64,
    pub(crate) principal: PrincipalRef,
    pub(crate) instance_role: InstanceRole,
    pub(crate) roles: HashMap<i64, Role>,
    pub(crate) scopes: Scopes,
    pub(crate) registries: Option<Vec<RegistryName>>,
    pub(crate) crates: Option<Vec<NamePattern>>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) subject: Option<String>,
    pub(crate) noted_use: AtomicI64,
    pub(crate) hash: TokenHash,
}

/// Why someone may not do something. Statuses are made of it at the edge, in one place per surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No token came along.
    SignIn,
    /// A token came along that is none, not any more, or not one of ours. Never says which registry exists.
    BadToken(&'static str),
    /// Name and password that do not belong together. Never says which of them is wrong.
    BadPassword,
    /// The registry does not exist, or this token must not know that it does: both answer alike.
    Hidden,
    /// The registry may be seen, but this may not be done; the sentence says what is missing.
    Right(String),
}

impl Denied {
    /// Stable, for tools.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::BadToken(_) => "bad-token",
            Self::BadPassword => "bad-password",
            Self::Hidden => "no-such-registry",
            Self::Right(_) => "not-allowed",
        }
    }

    /// What to do about it, for who asked for a registry or for something of the instance. Hidden and unknown registries get
    /// the same words to the byte, or the difference would tell which exist.
    pub fn sentence(&self, registry: Option<&RegistryName>) -> String {
        let login =
            |name: &RegistryName| format!("run `cargo login --registry {}`", name.in_cargo());
        match (self, registry) {
            (Self::SignIn, Some(name)) => {
                format!(
                    "registry `{name}` needs a token, or does not exist; {}",
                    login(name)
                )
            }
            (Self::SignIn, None) => {
                "this needs a token; send one in the `Authorization` header".to_owned()
            }
            (Self::BadToken(why), Some(name)) => format!("{why}, then {}", login(name)),
            (Self::BadToken(why), None) => (*why).to_owned(),
            (Self::BadPassword, _) => "no account has this name and this password; type both again, or ask an instance admin to give you another password".to_owned(),
            (Self::Hidden, Some(name)) => format!(
                "there is no registry `{name}`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it"
            ),
            (Self::Hidden, None) => "there is no such registry, or this token may not read it; ask its admins to add you as a member, or use a token that is for it".to_owned(),
            (Self::Right(sentence), _) => sentence.clone(),
        }
    }
}

/// May read in one registry.
#[derive(Clone, Debug)]
pub struct MayRead {
    pub(crate) registry: Arc<Registry>,
    pub(crate) actor: Option<Arc<Actor>>,
}

impl MayRead {
    /// The registry that may be read.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

impl From<&Self> for MayRead {
    fn from(right: &Self) -> Self {
        right.clone()
    }
}

macro_rules! registry_right {
    ($(#[$doc:meta])* $name:ident $(, $owned:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            pub(crate) registry: Arc<Registry>,
            pub(crate) actor: Arc<Actor>,
            $(
                /// The principal that must be among a crate's owners; `None` where any crate may be changed.
                pub(crate) $owned: Option<i64>,
            )?
        }

        impl $name {
            /// The registry the right is for.
            pub fn registry(&self) -> &Arc<Registry> {
                &self.registry
            }

            /// Who acts.
            pub fn actor(&self) -> &Actor {
                &self.actor
            }

            /// # Errors
            /// [`Denied::Right`] when the token's crate patterns do not cover the name.
            pub fn covers(&self, name: &CanonicalName) -> Result<(), Denied> {
                self.actor.covers(name)
            }

            /// # Errors
            /// [`Denied::Right`] when the token's crate patterns do not cover all that this one covers.
            pub fn covers_pattern(&self, pattern: &NamePattern) -> Result<(), Denied> {
                self.actor.covers_pattern(pattern)
            }
        }

        impl From<&$name> for MayRead {
            fn from(right: &$name) -> Self {
                Self { registry: right.registry.clone(), actor: Some(right.actor.clone()) }
            }
        }
    };
}

registry_right! {
    /// May publish new crates in one registry, and versions of those that it owns.
    MayPublish, must_own
}
registry_right! {
    /// May yank in one registry what it owns.
    MayYank, must_own
}
registry_right! {
    /// May change owners in one registry of what it owns.
    MayOwn, must_own
}
registry_right! {
    /// May claim, release and quarantine in one registry.
    MayMaintain
}
registry_right! {
    /// May delete and restore crates in one registry.
    MayDelete
}
registry_right! {
    /// May change one registry's settings and members.
    MayAdminister
}

/// May see the audit log: all of it, or what it says of one registry.
#[derive(Clone, Debug)]
pub struct MayAudit {
    /// The only registry of which it may be seen; none: all of it.
    pub(crate) registry: Option<Arc<Registry>>,
    pub(crate) actor: Arc<Actor>,
}

/// May see who pulled what: from every registry, or from some.
#[derive(Clone, Debug)]
pub struct MaySeeReaders {
    /// The only registries from which it may be seen; none: every one, deleted ones too.
    pub(crate) registries: Option<Vec<Arc<Registry>>>,
}

/// Acts with a good token, as whoever it is.
#[derive(Clone, Debug)]
pub struct SignedIn(pub(crate) Arc<Actor>);

/// May make registries.
#[derive(Clone, Debug)]
pub struct MayCreateRegistries(pub(crate) Arc<Actor>);

/// May make upstreams, users, service accounts and teams.
#[derive(Clone, Debug)]
pub struct MayAdministerInstance(pub(crate) Arc<Actor>);

/// May see, change and delete one service account, and its tokens.
#[derive(Clone, Debug)]
pub struct MayManageService {
    pub(crate) actor: Arc<Actor>,
    pub(crate) account: supercargo_store::AccountRow,
}

impl SignedIn {
    /// Who it is.
    pub fn actor(&self) -> &Actor {
        &self.0
    }
}

impl Actor {
    /// As people write it: `alice`, `service:ci`.
    pub fn principal(&self) -> &PrincipalRef {
        &self.principal
    }

    pub(crate) fn noted_use(&self) -> Timestamp {
        Timestamp::from_micros(self.noted_use.load(Ordering::Relaxed))
    }

    pub(crate) fn note_use(&self, now: Timestamp) {
        self.noted_use.store(now.as_micros(), Ordering::Relaxed);
    }

    /// What it is on the instance.
    pub fn instance_role(&self) -> InstanceRole {
        self.instance_role
    }

    /// The id of the token that came along.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// What the token may be used for.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// The registries the token is narrowed to.
    pub fn token_registries(&self) -> Option<&[RegistryName]> {
        self.registries.as_deref()
    }

    /// The crates the token's writes are narrowed to.
    pub fn token_crates(&self) -> Option<&[NamePattern]> {
        self.crates.as_deref()
    }

    /// When the token ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Who is behind the token, where it was given to a job: `github:acme/app@refs/heads/main (run 4711)`.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    fn token_names(&self, registry: &RegistryName) -> bool {
        self.registries
            .as_ref()
            .is_none_or(|names| names.contains(registry))
    }

    /// As far as it can be told: one of the token's own patterns, or a name that one of them covers.
    pub(crate) fn covers_pattern(&self, pattern: &NamePattern) -> Result<(), Denied> {
        match (&self.crates, pattern.as_str().parse::<CanonicalName>()) {
            (None, _) => Ok(()),
            (Some(patterns), _) if patterns.contains(pattern) => Ok(()),
            (Some(_), Ok(name)) => self.covers(&name),
            (Some(_), Err(_)) => Err(Denied::Right(format!(
                "this token's crate patterns do not cover all of `{pattern}`; use a token that has this pattern"
            ))),
        }
    }

    fn covers(&self, name: &CanonicalName) -> Result<(), Denied> {
        match &self.crates {
            Some(patterns) if !patterns.iter().any(|pattern| pattern.covers(name)) => {
                let allowed: Vec<_> = patterns
                    .iter()
                    .map(|pattern| format!("`{pattern}`"))
                    .collect();
                Err(Denied::Right(format!(
                    "this token may write {} only, not `{name}`; use a token whose crate patterns cover it",
                    allowed.join(", ")
                )))
            }
            _ => Ok(()),
        }
    }

    /// The strongest role in a registry that this token may use there. `None`: nothing, not even reading.
    pub(crate) fn role_in(&self, registry: &Registry) -> Option<Role> {
        if !self.token_names(&registry.name) {
            // what anyone may read, this token may too
            return (registry.visibility == Visibility::Public).then_some(Role::Reader);
        }
        if self.instance_role == InstanceRole::Admin {
            return Some(Role::Admin);
        }
        let member = self.roles.get(&registry.id).copied();
        let open = match registry.visibility {
            Visibility::Public => true,
            Visibility::Internal => !matches!(
                self.principal.kind,
                PrincipalKind::Team | PrincipalKind::Job
            ),
            Visibility::Private => false,
        };
        member.or(open.then_some(Role::Reader))
    }
}

/// An actor that meets a demand in a registry.
struct Standing {
    registry: Arc<Registry>,
    actor: Arc<Actor>,
    must_own: Option<i64>,
}

/// What a use case asks of the actor, in the words of a refusal.
#[derive(Debug)]
struct Demand {
    role: Role,
    scope: Scope,
    deed: &'static str,
}

const PUBLISH: Demand = Demand {
    role: Role::Publisher,
    scope: Scope::Publish,
    deed: "publish",
};
const YANK: Demand = Demand {
    role: Role::Publisher,
    scope: Scope::Yank,
    deed: "yank",
};
const OWN: Demand = Demand {
    role: Role::Publisher,
    scope: Scope::Owners,
    deed: "change owners",
};
const MAINTAIN: Demand = Demand {
    role: Role::Maintainer,
    scope: Scope::Maintain,
    deed: "claim names, quarantine crates or evict what is cached",
};
const DELETE: Demand = Demand {
    role: Role::Maintainer,
    scope: Scope::Delete,
    deed: "delete crates",
};
const ADMINISTER: Demand = Demand {
    role: Role::Admin,
    scope: Scope::Admin,
    deed: "change settings",
};

/// What an actor lacks for a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Lack {
    /// It may not even read there.
    Sight,
    /// Its role is only this one.
    Role(Role),
    /// The token is for other things.
    Scope,
    /// The token is for some crates.
    WholeRegistry,
}

/// Whether an actor meets a demand in a registry; the principal that must be among a crate's owners then, where one must.
fn weigh(actor: &Actor, registry: &Registry, demand: &Demand) -> Result<Option<i64>, Lack> {
    let role = actor.role_in(registry).ok_or(Lack::Sight)?;
    if role < demand.role {
        return Err(Lack::Role(role));
    }
    if !actor.scopes.has(demand.scope) {
        return Err(Lack::Scope);
    }
    // Settings and members reach every crate, so a token for some crates would mean nothing beside this.
    if demand.scope == Scope::Admin && actor.crates.is_some() {
        return Err(Lack::WholeRegistry);
    }
    // a rule with patterns says whose crates its jobs write: those that match, whoever owns them
    let by_rule = actor.principal.kind == PrincipalKind::Job && actor.crates.is_some();
    let any_crate =
        role >= Role::Maintainer || registry.publishing == Publishing::Members || by_rule;
    Ok((!any_crate).then_some(actor.principal_id))
}

impl Instance {
    /// # Errors
    /// [`Denied::Hidden`] for a registry that is not there or may not be seen, [`Denied::SignIn`] without a token.
    pub fn may_read(&self, name: &str, actor: Option<Arc<Actor>>) -> Result<MayRead, Denied> {
        let directory = self.directory();
        let registry = directory.registry(name);
        match (registry, actor) {
            (Some(registry), actor) if registry.visibility == Visibility::Public => Ok(MayRead {
                registry: registry.clone(),
                actor,
            }),
            (_, None) => Err(Denied::SignIn),
            (None, Some(_)) => Err(Denied::Hidden),
            (Some(registry), Some(actor)) => match actor.role_in(registry) {
                Some(_) => Ok(MayRead {
                    registry: registry.clone(),
                    actor: Some(actor),
                }),
                None => Err(Denied::Hidden),
            },
        }
    }

    fn demand(
        &self,
        name: &str,
        actor: Option<Arc<Actor>>,
        demand: &Demand,
    ) -> Result<Standing, Denied> {
        let read = self.may_read(name, actor)?;
        let actor = read.actor.ok_or(Denied::SignIn)?;
        let registry = read.registry;
        let must_own = weigh(&actor, &registry, demand).map_err(|lack| match lack {
            Lack::Sight => Denied::Hidden,
            Lack::Role(_) => Denied::Right(format!(
                "`{}` may not {} in registry `{}`: that needs the role `{}` there; ask one of its admins",
                actor.principal, demand.deed, registry.name, demand.role
            )),
            Lack::Scope => {
                let what_to_do = match actor.principal.kind {
                    PrincipalKind::Job => {
                        "a job has what its trusted publisher says, and one of a pull request `read` alone"
                    }
                    _ => "make one that has it",
                };
                Denied::Right(format!(
                    "this token may not {} in registry `{}`: it lacks the scope `{}`; {what_to_do}",
                    demand.deed, registry.name, demand.scope
                ))
            }
            Lack::WholeRegistry => Denied::Right(format!(
                "this token may not {} in registry `{}`: it is limited to some crates; make one that is not",
                demand.deed, registry.name
            )),
        })?;
        Ok(Standing {
            registry,
            actor,
            must_own,
        })
    }

    /// # Errors
    /// [`Denied`] when the actor may not publish there.
    pub fn may_publish(&self, name: &str, actor: Option<Arc<Actor>>) -> Result<MayPublish, Denied> {
        let Standing {
            registry,
            actor,
            must_own,
        } = self.demand(name, actor, &PUBLISH)?;
        Ok(MayPublish {
            registry,
            actor,
            must_own,
        })
    }

    /// # Errors
    /// [`Denied`] when the actor may not yank there.
    pub fn may_yank(&self, name: &str, actor: Option<Arc<Actor>>) -> Result<MayYank, Denied> {
        let Standing {
            registry,
            actor,
            must_own,
        } = self.demand(name, actor, &YANK)?;
        Ok(MayYank {
            registry,
            actor,
            must_own,
        })
    }

    /// # Errors
    /// [`Denied`] when the actor may not change owners there.
    pub fn may_own(&self, name: &str, actor: Option<Arc<Actor>>) -> Result<MayOwn, Denied> {
        let Standing {
            registry,
            actor,
            must_own,
        } = self.demand(name, actor, &OWN)?;
        Ok(MayOwn {
            registry,
            actor,
            must_own,
        })
    }

    /// # Errors
    /// [`Denied`] when the actor may not claim names there.
    pub fn may_maintain(
        &self,
        name: &str,
        actor: Option<Arc<Actor>>,
    ) -> Result<MayMaintain, Denied> {
        let Standing {
            registry, actor, ..
        } = self.demand(name, actor, &MAINTAIN)?;
        Ok(MayMaintain { registry, actor })
    }

    /// # Errors
    /// [`Denied`] when the actor may not delete crates there.
    pub fn may_delete(&self, name: &str, actor: Option<Arc<Actor>>) -> Result<MayDelete, Denied> {
        let Standing {
            registry, actor, ..
        } = self.demand(name, actor, &DELETE)?;
        Ok(MayDelete { registry, actor })
    }

    /// # Errors
    /// [`Denied`] when the actor may not change settings there.
    pub fn may_administer(
        &self,
        name: &str,
        actor: Option<Arc<Actor>>,
    ) -> Result<MayAdminister, Denied> {
        let Standing {
            registry, actor, ..
        } = self.demand(name, actor, &ADMINISTER)?;
        Ok(MayAdminister { registry, actor })
    }

    /// The whole audit log for instance admins; for a registry's admins what it says of that one, which they have to name.
    ///
    /// # Errors
    /// [`Denied`] for everybody else.
    pub fn may_audit(
        &self,
        registry: Option<&str>,
        actor: Option<Arc<Actor>>,
    ) -> Result<MayAudit, Denied> {
        match (self.may_administer_instance(actor.clone()), registry) {
            (Ok(right), _) => Ok(MayAudit {
                registry: None,
                actor: right.0,
            }),
            (Err(_), Some(name)) => {
                let MayAdminister { registry, actor } = self.may_administer(name, actor)?;
                Ok(MayAudit {
                    registry: Some(registry),
                    actor,
                })
            }
            (Err(Denied::Right(_)), None) => Err(Denied::Right(
                "this token may not see the whole audit log, which is for instance admins; ask for that of a registry that you administer, as in `?registry=acme`, or `--registry acme` on the command line".to_owned(),
            )),
            (Err(denied), None) => Err(denied),
        }
    }

    /// Every registry for instance admins, and for others those that they administer.
    ///
    /// # Errors
    /// [`Denied`] for who administers none.
    pub fn may_see_readers(&self, actor: Option<Arc<Actor>>) -> Result<MaySeeReaders, Denied> {
        if self.may_administer_instance(actor.clone()).is_ok() {
            return Ok(MaySeeReaders { registries: None });
        }
        let actor = actor.ok_or(Denied::SignIn)?;
        let directory = self.directory();
        let registries: Vec<_> = directory
            .registries()
            .filter(|registry| {
                let name = registry.name.as_str();
                self.may_administer(name, Some(actor.clone())).is_ok()
            })
            .cloned()
            .collect();
        if registries.is_empty() {
            return Err(Denied::Right(format!(
                "`{}` may not see who pulled what with this token: that is for the admins of a registry, with a token that has the scope `admin`",
                actor.principal
            )));
        }
        Ok(MaySeeReaders {
            registries: Some(registries),
        })
    }

    /// Service accounts of a registry: instance admins manage all of them, and the registry's admins its own.
    ///
    /// # Errors
    /// [`Denied`] where only the token is too narrow, and nothing for who must not know which accounts there are.
    pub(crate) fn may_manage_accounts_of(
        &self,
        registry_id: Option<i64>,
        actor: &Arc<Actor>,
    ) -> Result<Arc<Actor>, Option<Denied>> {
        let denied = match self.may_administer_instance(Some(actor.clone())) {
            Ok(right) => return Ok(right.0),
            // who could see every account is told what the token lacks
            Err(denied) => (actor.instance_role == InstanceRole::Admin).then_some(denied),
        };
        let directory = self.directory();
        let registry = registry_id.and_then(|id| directory.registry_by_id(id));
        let registry = registry.filter(|registry| actor.role_in(registry) == Some(Role::Admin));
        let name = registry.ok_or(denied)?.name.as_str();
        let right = self.may_administer(name, Some(actor.clone()))?;
        Ok(right.actor)
    }

    /// # Errors
    /// [`Denied::SignIn`] without a token.
    pub fn signed_in(&self, actor: Option<Arc<Actor>>) -> Result<SignedIn, Denied> {
        actor.map(SignedIn).ok_or(Denied::SignIn)
    }

    /// What every person and every service account may see of the instance, such as its upstreams. A job is a guest of one
    /// registry.
    ///
    /// # Errors
    /// [`Denied`] without a token, and for a job.
    pub fn at_home(&self, actor: Option<Arc<Actor>>) -> Result<SignedIn, Denied> {
        let SignedIn(actor) = self.signed_in(actor)?;
        if actor.principal.kind == PrincipalKind::Job {
            return Err(Denied::Right(format!(
                "`{}` may not see that: the token of a job is for one registry alone",
                actor.principal
            )));
        }
        Ok(SignedIn(actor))
    }

    /// # Errors
    /// [`Denied`] when the actor may not make registries.
    pub fn may_create_registries(
        &self,
        actor: Option<Arc<Actor>>,
    ) -> Result<MayCreateRegistries, Denied> {
        instance_right(actor, InstanceRole::Creator, "make registries").map(MayCreateRegistries)
    }

    /// # Errors
    /// [`Denied`] when the actor is no instance admin.
    pub fn may_administer_instance(
        &self,
        actor: Option<Arc<Actor>>,
    ) -> Result<MayAdministerInstance, Denied> {
        instance_right(actor, InstanceRole::Admin, "do that").map(MayAdministerInstance)
    }
}

fn instance_right(
    actor: Option<Arc<Actor>>,
    role: InstanceRole,
    deed: &str,
) -> Result<Arc<Actor>, Denied> {
    let actor = actor.ok_or(Denied::SignIn)?;
    if actor.instance_role < role {
        return Err(Denied::Right(format!(
            "`{}` may not {deed}: that needs the instance role `{role}`; ask an instance admin",
            actor.principal
        )));
    }
    if !actor.scopes.has(Scope::Admin) {
        return Err(Denied::Right(format!(
            "this token may not {deed}: it lacks the scope `admin`; make one that has it"
        )));
    }
    // A token for some registries must not reach past them, or its narrowing would mean nothing.
    if actor.registries.is_some() || actor.crates.is_some() {
        return Err(Denied::Right(format!(
            "this token may not {deed}: it is limited to some registries or crates; make one that is not"
        )));
    }
    Ok(actor)
}
