//! Upstreams: where registries read through, and with which credentials.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use supercargo_store::{
    Created, Deleted, NewUpstream, UpstreamAuth as StoredAuth, UpstreamRow, UpstreamSettings,
    UpstreamSource as Source,
};
use supercargo_types::{RegistryName, Timestamp};
use supercargo_upstream::{IndexUrl, TrustedOrigin, Upstream, UpstreamAuth, crates_io_index};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    directory::{Directory, Reads, RemoteUpstream, UpstreamSummary},
    refusal::{Failure, Outcome, Refusal},
    rights::{MayAdministerInstance, SignedIn},
    secrets::Secrets,
};

/// The only preset.
const CRATES_IO: &str = "crates.io";
const LONGEST_NAME: usize = 64;
const MOST_ORIGINS: usize = 10;

/// An upstream to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamRequest {
    /// Its name.
    pub name: String,
    /// `crates.io`.
    #[schema(pattern = "^crates[.]io$")]
    pub preset: Option<String>,
    /// Or a sparse index.
    pub index: Option<String>,
    /// Or a registry of this server.
    pub registry: Option<RegistryName>,
    /// None where absent.
    pub auth: Option<AuthRequest>,
    /// The registries that may attach it.
    pub usable_by: Option<Vec<RegistryName>>,
}

/// What can be changed of one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamEdit {
    /// Other credentials.
    pub auth: Option<AuthRequest>,
    /// Other registries; null is all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<RegistryName>>)]
    pub usable_by: Option<Option<Vec<RegistryName>>>,
}

/// Tells a field that is null from one that is absent.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Credentials as they are sent to us; never sent back.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum AuthRequest {
    /// Nothing is sent.
    // with braces, for serde lets a unit variant take any field
    None {},
    /// Sent as it is.
    Token {
        /// The token.
        secret: String,
        /// Origins besides the index's own that are shown it.
        #[serde(default)]
        origins: Vec<String>,
    },
    /// Sent as `Bearer`.
    Bearer {
        /// The token.
        secret: String,
        /// Origins besides the index's own that are shown it.
        #[serde(default)]
        origins: Vec<String>,
    },
    /// Sent as `Basic`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        secret: String,
        /// Origins besides the index's own that are shown it.
        #[serde(default)]
        origins: Vec<String>,
    },
}

impl std::fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthRequest(…)")
    }
}

/// Where an upstream reads, as the API says it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum UpstreamSource {
    /// `{"preset":"crates.io"}`.
    Preset {
        /// Its name.
        preset: &'static str,
    },
    /// `{"index":"sparse+https://…/"}`.
    Index {
        /// The URL.
        index: String,
    },
    /// `{"registry":"shared"}`.
    Registry {
        /// Its name, unless the caller may not see it.
        registry: Option<RegistryName>,
    },
}

/// An upstream as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UpstreamDetail {
    /// Its name.
    pub name: String,
    /// Where it reads.
    #[serde(flatten)]
    pub source: UpstreamSource,
    /// What is sent, without the secret.
    pub auth: AuthShown,
    /// The registries that may attach it.
    pub usable_by: Option<Vec<RegistryName>>,
    /// The registries that read through it, of those the caller may see.
    pub used_by: Vec<RegistryName>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Credentials without their secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuthShown {
    /// `none`, `token`, `bearer` or `basic`.
    pub kind: &'static str,
    /// The user, of `basic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// Origins besides the index's own that are shown it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// What a connection test found.
#[derive(Clone, Debug)]
pub enum UpstreamTest {
    /// It answers as a registry does, within this time.
    Works(Duration),
    /// Why not.
    Fails(String),
}

/// A row with its secret decrypted for the client.
pub(crate) fn summary(row: UpstreamRow, secrets: &Secrets) -> anyhow::Result<UpstreamSummary> {
    let open = |secret: &[u8]| secrets.open(&place(&row.name), secret);
    let auth = match &row.settings.auth {
        StoredAuth::None => UpstreamAuth::None,
        StoredAuth::Token { secret } => UpstreamAuth::Token(open(secret)?.into()),
        StoredAuth::Bearer { secret } => UpstreamAuth::Bearer(open(secret)?.into()),
        StoredAuth::Basic { username, secret } => UpstreamAuth::Basic {
            username: username.clone(),
            secret: open(secret)?.into(),
        },
    };
    let also = row.settings.auth_origins.iter().map(|text| text.parse());
    let also = also.collect::<Result<Vec<_>, _>>()?;
    let remote = |index, is_preset| {
        Reads::Remote(Arc::new(RemoteUpstream {
            id: row.id,
            name: row.name.clone(),
            client: Upstream {
                name: row.name.clone(),
                index,
                auth,
                also,
                is_preset,
            },
        }))
    };
    let reads = match &row.settings.source {
        Source::CratesIo => remote(crates_io_index(), true),
        Source::Sparse { index_url } => remote(index_url.parse()?, false),
        Source::Registry { registry_id } => Reads::Registry(*registry_id),
    };
    Ok(UpstreamSummary {
        id: row.id,
        name: row.name,
        settings: row.settings,
        created_at: row.created_at,
        reads,
    })
}

/// What a secret is bound to when it is encrypted.
fn place(name: &str) -> String {
    format!("upstream `{name}`")
}

fn seal(secrets: &Secrets, name: &str, auth: Option<AuthRequest>) -> Result<StoredAuth, Refusal> {
    let seal = |secret: String| {
        let sendable =
            !secret.is_empty() && secret.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if sendable {
            Ok(secrets.seal(&place(name), &secret))
        } else {
            Err(shape(
                "`auth.secret` is empty or has characters that no header can carry",
            ))
        }
    };
    Ok(match auth {
        None | Some(AuthRequest::None {}) => StoredAuth::None,
        Some(AuthRequest::Token { secret, .. }) => StoredAuth::Token {
            secret: seal(secret)?,
        },
        Some(AuthRequest::Bearer { secret, .. }) => StoredAuth::Bearer {
            secret: seal(secret)?,
        },
        Some(AuthRequest::Basic {
            username, secret, ..
        }) => {
            if username.contains(':') || username.chars().any(char::is_control) {
                return Err(shape(
                    "`auth.username` must not hold `:` or control characters",
                ));
            }
            StoredAuth::Basic {
                username,
                secret: seal(secret)?,
            }
        }
    })
}

/// Where the credentials go besides the index: where its files are kept elsewhere.
fn auth_origins(auth: Option<&AuthRequest>) -> Result<Vec<String>, Refusal> {
    let origins = match auth {
        None | Some(AuthRequest::None {}) => return Ok(Vec::new()),
        Some(
            AuthRequest::Token { origins, .. }
            | AuthRequest::Bearer { origins, .. }
            | AuthRequest::Basic { origins, .. },
        ) => origins,
    };
    if origins.len() > MOST_ORIGINS {
        return Err(Refusal::UpstreamShape(format!(
            "`auth.origins` has at most {MOST_ORIGINS} entries"
        )));
    }
    let parse = |text: &String| match text.parse::<TrustedOrigin>() {
        Ok(origin) => Ok(origin.to_string()),
        Err(invalid) => Err(Refusal::UpstreamShape(format!("`auth.origins`: {invalid}"))),
    };
    origins.iter().map(parse).collect()
}

fn shape(text: &str) -> Refusal {
    Refusal::UpstreamShape(text.to_owned())
}

fn source(directory: &Directory, request: &UpstreamRequest) -> Result<Source, Refusal> {
    match (&request.preset, &request.index, &request.registry) {
        (Some(preset), None, None) if preset == CRATES_IO => Ok(Source::CratesIo),
        (Some(preset), None, None) => Err(Refusal::UpstreamShape(format!(
            "there is no preset `{preset}`; the one there is is `{CRATES_IO}`"
        ))),
        (None, Some(index), None) => {
            let parsed: IndexUrl = index
                .parse()
                .map_err(|error| Refusal::UpstreamShape(format!("`index`: {error}")))?;
            Ok(Source::Sparse {
                index_url: parsed.to_string(),
            })
        }
        (None, None, Some(name)) => {
            if request
                .auth
                .as_ref()
                .is_some_and(|auth| !matches!(auth, AuthRequest::None {}))
            {
                return Err(shape(
                    "`auth`: a registry of this server is read without credentials; leave it out",
                ));
            }
            let registry = directory.registry(name.as_str()).ok_or_else(|| {
                Refusal::UpstreamShape(format!(
                    "`registry`: there is no registry `{name}` on this server; make it first"
                ))
            })?;
            Ok(Source::Registry {
                registry_id: registry.id,
            })
        }
        _ => Err(shape("give one of `preset`, `index` and `registry`")),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let good = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain);
    if good {
        Ok(())
    } else {
        Err(shape(
            "`name` starts with a lower-case letter, then lower-case letters, digits, `_`, `.`, `-`, 64 at most, as in `crates-io`",
        ))
    }
}

impl UpstreamSummary {
    pub(crate) fn has_credentials(&self) -> bool {
        !matches!(self.settings.auth, StoredAuth::None)
    }
}

impl RemoteUpstream {
    /// Whether a dependency's registry URL names this upstream.
    pub(crate) fn is_at(&self, url: &str) -> bool {
        self.client.index.is_at(url) || (self.client.is_preset && url == crate::publish::CRATES_IO)
    }
}

impl Instance {
    fn upstream_detail(&self, upstream: &UpstreamSummary, seen_by: &SignedIn) -> UpstreamDetail {
        let directory = self.directory();
        let auth = &upstream.settings.auth;
        let username = match auth {
            StoredAuth::Basic { username, .. } => Some(username.clone()),
            _ => None,
        };
        let sees = |name: &&RegistryName| {
            self.may_read(name.as_str(), Some(seen_by.0.clone()))
                .is_ok()
        };
        let visible = |name: &RegistryName| sees(&name);
        UpstreamDetail {
            name: upstream.name.clone(),
            source: match &upstream.settings.source {
                Source::Sparse { index_url } => UpstreamSource::Index {
                    index: index_url.clone(),
                },
                Source::CratesIo => UpstreamSource::Preset { preset: CRATES_IO },
                Source::Registry { registry_id } => UpstreamSource::Registry {
                    // null where the caller may not see it
                    registry: directory.registry_name(*registry_id).filter(sees).cloned(),
                },
            },
            auth: AuthShown {
                kind: auth.kind().as_str(),
                username,
                origins: upstream.settings.auth_origins.clone(),
            },
            usable_by: upstream
                .settings
                .usable_by
                .as_ref()
                .map(|names| names.iter().filter(|name| visible(name)).cloned().collect()),
            used_by: directory
                .users_of(upstream.id)
                .into_iter()
                .filter(sees)
                .cloned()
                .collect(),
            created_at: upstream.created_at,
        }
    }

    /// Every upstream, by name.
    pub fn list_upstreams(&self, actor: &SignedIn) -> Vec<UpstreamDetail> {
        let directory = self.directory();
        let mut list: Vec<_> = directory
            .upstreams()
            .map(|upstream| self.upstream_detail(upstream, actor))
            .collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// Only registries that exist: otherwise whoever makes one of that name inherits the credentials.
    fn check_usable_by(&self, names: Option<&[RegistryName]>) -> Result<(), Refusal> {
        let directory = self.directory();
        let missing = names
            .into_iter()
            .flatten()
            .find(|name| directory.registry(name.as_str()).is_none());
        match missing {
            Some(name) => Err(Refusal::UpstreamShape(format!(
                "`usable_by` names registry `{name}`, which does not exist; make it first"
            ))),
            None => Ok(()),
        }
    }

    pub(crate) fn find_upstream(&self, name: &str) -> Outcome<Arc<UpstreamSummary>> {
        let found = self.directory().upstream(name).cloned();
        Ok(found.ok_or_else(|| Refusal::NoUpstream(name.to_owned()))?)
    }

    /// # Errors
    /// [`Refusal::NoUpstream`].
    pub fn upstream(&self, actor: &SignedIn, name: &str) -> Outcome<UpstreamDetail> {
        Ok(self.upstream_detail(&*self.find_upstream(name)?, actor))
    }

    /// # Errors
    /// [`Refusal::UpstreamShape`] naming the part that makes no sense, [`Refusal::UpstreamTaken`].
    pub async fn create_upstream(
        &self,
        right: &MayAdministerInstance,
        request: UpstreamRequest,
        caller: &Caller,
    ) -> Outcome<UpstreamDetail> {
        check_name(&request.name)?;
        self.check_usable_by(request.usable_by.as_deref())?;
        let settings = UpstreamSettings {
            source: source(&self.directory(), &request)?,
            auth_origins: auth_origins(request.auth.as_ref())?,
            auth: seal(&self.secrets, &request.name, request.auth)?,
            usable_by: request.usable_by,
        };
        let new = NewUpstream {
            name: request.name,
            settings,
            now: self.clock().now(),
        };
        let mut audit = self.audit("upstream.created", Some(&right.0), caller);
        audit.detail = Some(new.name.clone());
        let write = self.store.create_upstream(&new, &audit);
        if let Created::Taken(name) = self.write_settings(write).await? {
            return Err(Refusal::UpstreamTaken(name).into());
        }
        self.upstream(&SignedIn(right.0.clone()), &new.name)
    }

    /// # Errors
    /// [`Refusal::NoUpstream`], [`Refusal::UpstreamShape`].
    pub async fn edit_upstream(
        &self,
        right: &MayAdministerInstance,
        name: &str,
        edit: UpstreamEdit,
        caller: &Caller,
    ) -> Outcome<UpstreamDetail> {
        let upstream = self.find_upstream(name)?;
        let mut settings = upstream.settings.clone();
        if let Some(auth) = edit.auth {
            settings.auth_origins = auth_origins(Some(&auth))?;
            settings.auth = seal(&self.secrets, name, Some(auth))?;
        }
        if let Some(usable_by) = edit.usable_by {
            self.check_usable_by(usable_by.as_deref())?;
            settings.usable_by = usable_by;
        }
        let mut audit = self.audit("upstream.changed", Some(&right.0), caller);
        audit.detail = Some(name.to_owned());
        let now = self.clock().now();
        let write = self
            .store
            .update_upstream(upstream.id, &settings, now, &audit);
        if !self.write_settings(write).await? {
            return Err(Refusal::NoUpstream(name.to_owned()).into());
        }
        self.upstream(&SignedIn(right.0.clone()), name)
    }

    /// # Errors
    /// [`Refusal::UpstreamInUse`] naming the users, [`Refusal::NoUpstream`].
    pub async fn delete_upstream(
        &self,
        right: &MayAdministerInstance,
        name: &str,
        caller: &Caller,
    ) -> Outcome<()> {
        let upstream = self.find_upstream(name)?;
        let mut audit = self.audit("upstream.deleted", Some(&right.0), caller);
        audit.detail = Some(name.to_owned());
        let deleted = self
            .write_settings(self.store.delete_upstream(upstream.id, &audit))
            .await?;
        match deleted {
            Deleted::Done => Ok(()),
            Deleted::NotThere => Err(Refusal::NoUpstream(name.to_owned()).into()),
            Deleted::InUse(users) => {
                let users: Vec<_> = users
                    .iter()
                    .map(|user| format!("registry `{user}`"))
                    .collect();
                Err(Refusal::UpstreamInUse {
                    upstream: name.to_owned(),
                    users: users.join(", "),
                }
                .into())
            }
        }
    }

    /// Asks an upstream that is not made yet, as [`Self::test_upstream`] asks one that is, and behind the same guard. Nothing
    /// of it stays.
    ///
    /// # Errors
    /// [`Refusal::UpstreamShape`] naming the part that makes no sense; that it does not answer is a result.
    pub async fn try_upstream(
        &self,
        _right: &MayAdministerInstance,
        request: UpstreamRequest,
    ) -> Outcome<UpstreamTest> {
        // No upstream can be called so: what comes of it says nothing about one of the same name and address.
        let name = match check_name(&request.name) {
            Ok(()) => format!("{} (not saved)", request.name),
            Err(_) => "(not saved)".to_owned(),
        };
        let source = source(&self.directory(), &request)?;
        let settings = UpstreamSettings {
            auth_origins: auth_origins(request.auth.as_ref())?,
            auth: seal(&self.secrets, &name, request.auth)?,
            usable_by: None,
            source,
        };
        let row = UpstreamRow {
            id: 0,
            name,
            settings,
            created_at: self.clock().now(),
        };
        let summary = summary(row, &self.secrets).map_err(Failure::fault)?;
        let Reads::Remote(remote) = summary.reads else {
            // it was found just now
            return Ok(UpstreamTest::Works(Duration::ZERO));
        };
        let tested = self.upstream.test(&remote.client).await;
        self.upstream.forget(&remote.client);
        Ok(match tested {
            Ok(latency) => UpstreamTest::Works(latency),
            Err(failed) => UpstreamTest::Fails(failed.to_string()),
        })
    }

    /// Asks an upstream for its `config.json`.
    ///
    /// # Errors
    /// [`Refusal::NoUpstream`]; that it does not answer is a result.
    pub async fn test_upstream(
        &self,
        _right: &MayAdministerInstance,
        name: &str,
    ) -> Outcome<UpstreamTest> {
        let upstream = self.find_upstream(name)?;
        Ok(match &upstream.reads {
            Reads::Remote(remote) => match self.upstream.test(&remote.client).await {
                Ok(latency) => UpstreamTest::Works(latency),
                Err(failed) => UpstreamTest::Fails(failed.to_string()),
            },
            Reads::Registry(id) => match self.directory().registry_by_id(*id) {
                Some(_) => UpstreamTest::Works(Duration::ZERO),
                None => UpstreamTest::Fails(format!(
                    "upstream `{name}` reads a registry that is deleted; restore that, or delete the upstream"
                )),
            },
        })
    }
}
