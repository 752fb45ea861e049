//! `supercargo serve`: puts the rooms together in their order, says hello, and serves until it is told to end. No rules.

mod certificate;
mod error;
mod files;
mod greeting;
mod identity;
mod log;
mod signals;
mod snippets;

use std::{
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use supercargo_blobs::{Blobs, MemoryLimits};
use supercargo_http::{Entrance, TrustedProxies};
use supercargo_registry::{FirstStart, Instance, SecretKey, Settings};
use supercargo_store::{InstanceLock, Store};
use supercargo_types::{Clock, Random, TokenSecret};
use tokio::net::TcpListener;

pub(crate) use self::error::StartError;
use self::greeting::{FirstToken, greeting};
use crate::configuration::{Configuration, Sourced};

/// What the store knows once the first start has happened.
const BOOTSTRAPPED: &str = "bootstrapped";
const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Runs until a signal.
pub(crate) async fn serve(configuration: Configuration) -> Result<(), StartError> {
    log::start(&configuration.log)?;
    for warning in &configuration.warnings {
        tracing::warn!("{warning}");
    }
    let tls = configuration.tls.as_ref().map(certificate::open);
    let (tls, renewal) = tls.transpose()?.unzip();
    files::prepare_data_folder(&configuration.data)?;
    // Before the database is touched: a second server started by mistake must not get so far.
    let listener = listen(&configuration.listen).await?;
    let bound = listener
        .local_addr()
        .context("the port that was taken is unknown")?;
    let (local, site) = (configuration.local_url(bound), configuration.site(bound));
    let random = Random::System;
    let secret_key = files::secret_key(&configuration.secret_key_file, &random)?;
    let secret_key = SecretKey::new(secret_key);

    // Held to the end of this function, so for as long as requests are answered.
    let lock = InstanceLock::take(&configuration.database)?;
    let store = Store::open(&configuration.database).await?;
    identity::check_key(&store, &secret_key, &configuration.secret_key_file).await?;
    let blobs = Blobs::open(configuration.storage.clone(), MemoryLimits::default()).await?;
    identity::check_storage(&store, &configuration.storage, &random).await?;
    let is_first = store.meta(BOOTSTRAPPED).await?.is_none();
    let configured = configuration.told(&site);
    let settings = Settings {
        site: site.clone(),
        upstream: configuration.upstream,
        limits: configuration.limits,
        rates: configuration.rates,
        sessions: configuration.sessions,
        sign_on: configuration.sign_on,
        audit: configuration.audit,
        secret_key,
        clock: Clock::System,
        random: random.clone(),
        configured,
    };
    let instance = Instance::open(store, blobs, settings).await?;
    let file = is_first.then(|| configuration.data.value.join(ADMIN_TOKEN_FILE));
    let token = first_start(&instance, configuration.admin_token, file, &random).await?;

    let shutdown = signals::shutdown().context("signals cannot be received")?;
    if let Some(renewal) = renewal {
        certificate::keep_fresh(renewal).context("signals cannot be received")?;
    }
    say(&greeting(&local, &site, &token));
    drop(token);
    tracing::info!(address = %bound, base = site.base(), "listening");
    let entrance = Entrance {
        tls,
        trusted_proxies: TrustedProxies::new(configuration.trusted_proxies),
    };
    supercargo_http::serve(instance, listener, entrance, shutdown)
        .await
        .context("the server ended badly")?;
    drop(lock);
    Ok(())
}

async fn listen(address: &Sourced<SocketAddr>) -> Result<TcpListener, StartError> {
    TcpListener::bind(address.value)
        .await
        .map_err(|reason| StartError::Listen {
            address: address.value,
            origin: address.origin.clone(),
            advice: match reason.kind() {
                io::ErrorKind::AddrInUse => {
                    "another program has this port, perhaps another supercargo: end it, or choose another port with `--listen`"
                }
                io::ErrorKind::PermissionDenied => {
                    "ports below 1024 are for privileged programs: choose another with `--listen`"
                }
                _ => "choose an address of this machine with `--listen`",
            },
            reason,
        })
}

/// Makes what a new instance needs and says where its administrator finds the token.
async fn first_start(
    instance: &Arc<Instance>,
    configured: Option<TokenSecret>,
    file: Option<PathBuf>,
    random: &Random,
) -> Result<FirstToken, StartError> {
    if configured.is_some() {
        return match instance.first_start(configured).await? {
            FirstStart::Already {
                token_differs: true,
            } => {
                tracing::warn!(
                    "`admin_token` is not a token that this database knows, and counts only at the first start; make tokens with `supercargo token create`"
                );
                Ok(FirstToken::Nowhere)
            }
            FirstStart::Already { .. } | FirstStart::Done { .. } => Ok(FirstToken::Nowhere),
        };
    }
    match file {
        Some(path) if !io::stdout().is_terminal() => {
            first_token_in_file(instance, path, random).await
        }
        _ => match instance.first_start(None).await? {
            FirstStart::Done { token } => Ok(FirstToken::Shown(token)),
            FirstStart::Already { .. } => Ok(FirstToken::Nowhere),
        },
    }
}

/// Standard output may be a log that others read, so the token goes to a file.
async fn first_token_in_file(
    instance: &Arc<Instance>,
    path: PathBuf,
    random: &Random,
) -> Result<FirstToken, StartError> {
    let token = TokenSecret::generate(random);
    files::write_admin_token(&path, &token)?;
    match instance.first_start(Some(token)).await? {
        FirstStart::Done { .. } => Ok(FirstToken::InFile(path)),
        // Another replica was first, and its token is the one that counts.
        FirstStart::Already { .. } => {
            remove(&path);
            Ok(FirstToken::Nowhere)
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a token that means nothing was not removed");
    }
}

/// A server whose standard output is closed serves all the same.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::warn!(%error, "standard output cannot be written");
    }
}
