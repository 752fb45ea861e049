//! The first start: a registry, its upstream, an administrator and a token.

use supercargo_store::{
    FirstStart as FirstRows, NewRegistry, NewUpstream, UpstreamAuth, UpstreamSettings,
    UpstreamSource,
};
use supercargo_types::{AccountName, Publishing, RegistryName, Scopes, TokenSecret, Visibility};

use crate::{Caller, Instance, tokens};

/// The registry that is there without any configuration.
const FIRST_REGISTRY: &str = "main";
const FIRST_UPSTREAM: &str = "crates-io";
const ADMINISTRATOR: &str = "admin";

/// What a start found.
#[derive(Debug)]
pub enum FirstStart {
    /// Nothing was there: all was made, and this is the administrator's token.
    Done {
        /// To be shown once.
        token: TokenSecret,
    },
    /// It is not the first start.
    Already {
        /// Whether the configured administrator's token is another one than the database knows.
        token_differs: bool,
    },
}

impl Instance {
    /// Makes what a new instance needs, in one transaction; of several replicas, one does.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn first_start(&self, token: Option<TokenSecret>) -> anyhow::Result<FirstStart> {
        let given = token.clone();
        let secret = token.unwrap_or_else(|| TokenSecret::generate(self.random()));
        let now = self.clock().now();
        let registry: RegistryName = FIRST_REGISTRY.parse().expect("invariant: a valid name");
        let admin: AccountName = ADMINISTRATOR.parse().expect("invariant: a valid name");
        let mut audit = self.audit("instance.started", None, &Caller::default());
        audit.registry = Some(registry.to_string());
        let first = FirstRows {
            now,
            registry: NewRegistry {
                name: registry,
                description: "the company's own crates, and crates.io behind them".to_owned(),
                labels: std::collections::BTreeMap::new(),
                visibility: Visibility::Private,
                publishing: Publishing::Owners,
                upstreams: Vec::new(),
                allow: Vec::new(),
                block: Vec::new(),
                republish: false,
                now,
            },
            upstream: NewUpstream {
                name: FIRST_UPSTREAM.to_owned(),
                settings: UpstreamSettings {
                    source: UpstreamSource::CratesIo,
                    auth: UpstreamAuth::None,
                    usable_by: None,
                    auth_origins: Vec::new(),
                },
                now,
            },
            admin,
            token: tokens::row(self, &secret, "first administrator", Scopes::all()),
            audit,
        };
        let is_first = self.store.bootstrap(&first).await?;
        // also where another replica was first, perhaps a moment ago
        self.reload_directory()
            .await
            .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        self.people_changed();
        if is_first {
            return Ok(FirstStart::Done { token: secret });
        }
        let token_differs = match given {
            Some(token) => self.store.token_by_hash(&token.hash()).await?.is_none(),
            None => false,
        };
        Ok(FirstStart::Already { token_differs })
    }
}
