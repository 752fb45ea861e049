//! The server under test, in this process: its rooms put together as the program does it, with a clock that is moved by hand.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use supercargo_blobs::{Blobs, MemoryLimits};
use supercargo_registry::{
    AuditSettings, Instance, Limits, Rates, SecretKey, SessionSettings, Settings, UpstreamSettings,
};
use supercargo_store::{DatabaseUrl, Store};
use supercargo_testkit::{Client, Package, Postgres, TestDatabase};
use supercargo_types::{Clock, Digest, Random, Site, Timestamp, TokenSecret};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    contract::{FRESHNESS, NEGATIVE, STALE_IF_ERROR},
    operation::{Bytes, LISTS, NAMES, Person, Place, Remote, Upstream, VERSIONS},
};

/// Who has which role in the registries of a sequence; all tokens have every scope, so that roles decide.
const PEOPLE: [(Person, &str, &str); 5] = [
    (Person::Mia, "mia", "maintainer"),
    (Person::Pat, "pat", "publisher"),
    (Person::Ola, "ola", "publisher"),
    (Person::Rob, "rob", "reader"),
    (Person::Sam, "sam", "reader"),
];
const SCOPES: [&str; 7] = [
    "read", "publish", "yank", "owners", "maintain", "delete", "admin",
];

/// A package that may be published, packed once.
pub(crate) struct Packed {
    pub(crate) frame: Vec<u8>,
    pub(crate) file: Vec<u8>,
    pub(crate) checksum: String,
    pub(crate) line: Value,
}

/// Every package there is.
pub(crate) type Packages = BTreeMap<Bytes, Packed>;

/// Packs them all.
pub(crate) fn packages() -> Packages {
    let mut packages = Packages::new();
    for name in NAMES {
        for version in VERSIONS {
            for flavour in [0, 1] {
                let package = Package::new(name, version).file("FLAVOUR", [b'a' + flavour]);
                let file = package.crate_bytes();
                let bytes = Bytes {
                    name,
                    version,
                    flavour,
                };
                let packed = Packed {
                    frame: package.frame(),
                    checksum: Digest::of(&file).hex(),
                    line: package.index_line(),
                    file,
                };
                packages.insert(bytes, packed);
            }
        }
    }
    packages
}

/// Which database the server has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) struct World {
    /// Goes after the server; the database of PostgreSQL too.
    folder: TempDir,
    postgres: Option<TestDatabase>,
    database: DatabaseUrl,
    address: SocketAddr,
    clock: Clock,
    tokens: BTreeMap<Person, String>,
    client: Client,
    running: Option<Running>,
    /// How many it has seen.
    sequences: usize,
}

struct Running {
    end: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl World {
    /// A new server with an empty database, and its people.
    pub(crate) async fn start(engine: Engine) -> Self {
        let folder = TempDir::with_prefix("supercargo-model-").expect("a folder can be made");
        let (postgres, url) = match engine {
            Engine::Sqlite => {
                let file = folder.path().join("supercargo.db");
                (None, format!("sqlite:{}", file.display()))
            }
            Engine::Postgres => {
                let postgres = Postgres::database();
                let url = postgres.url().to_owned();
                (Some(postgres), url)
            }
        };
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let address = listener
            .local_addr()
            .expect("invariant: it is bound to an address");
        let mut world = Self {
            folder,
            postgres,
            database: url.parse().expect("invariant: a URL of the testkit"),
            address,
            clock: Clock::fixed(Timestamp::from_seconds(1_800_000_000)),
            tokens: BTreeMap::new(),
            client: Client::new(&format!("http://{address}")),
            running: None,
            sequences: 0,
        };
        let secret = TokenSecret::generate(&Random::System);
        world.serve(listener, Some(secret.clone())).await;
        world
            .tokens
            .insert(Person::Admin, secret.reveal().to_owned());
        let admin = world.client(Person::Admin);
        for (person, name, _) in PEOPLE {
            admin.create_user(name).await;
            let token = admin
                .token(json!({ "principal": name, "scopes": SCOPES }))
                .await;
            world.tokens.insert(person, token);
        }
        world
    }

    async fn serve(&mut self, listener: TcpListener, first_token: Option<TokenSecret>) {
        let store = Store::open(&self.database)
            .await
            .expect("the database opens");
        let blobs = Blobs::open(self.folder.path().join("blobs"), MemoryLimits::default())
            .await
            .expect("the folder opens");
        let settings = Settings {
            site: Site::new(&format!("http://{}", self.address), &[])
                .expect("invariant: a sound URL"),
            upstream: UpstreamSettings {
                freshness: FRESHNESS,
                // the contract says what is seen once it is asked for
                stale_while_revalidate: Duration::ZERO,
                negative: NEGATIVE,
                stale_if_error: STALE_IF_ERROR,
                timeout: Duration::from_secs(30),
                allow_addresses: vec!["127.0.0.0/8".to_owned()],
                read_ahead: true,
                cache_size: None,
            },
            limits: Limits {
                crate_size: 1 << 20,
                unpacked_size: 1 << 22,
            },
            rates: Rates::default(),
            sessions: SessionSettings::default(),
            sign_on: None,
            audit: AuditSettings::default(),
            secret_key: SecretKey::new([7; 32]),
            clock: self.clock.clone(),
            random: Random::System,
            configured: Vec::new(),
        };
        let instance = Instance::open(store, blobs, settings)
            .await
            .expect("the instance opens");
        if let Some(token) = first_token {
            instance
                .first_start(Some(token))
                .await
                .expect("the first start is made");
        }
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(supercargo_http::serve(
            Arc::clone(&instance),
            listener,
            supercargo_http::Entrance::default(),
            async move {
                // also when the sender is gone
                let _ = ended.await;
            },
        ));
        self.running = Some(Running { end, served });
    }

    /// Ends the server in its orderly way.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.end.send(());
            running
                .served
                .await
                .expect("the server does not panic")
                .expect("the server ends well");
        }
    }

    /// Ends the server, and starts another on the same database and folder.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        // without the connections of the server that is gone
        self.client = Client::new(self.client.base());
        let listener = TcpListener::bind(self.address)
            .await
            .expect("the port is free again");
        self.serve(listener, None).await;
    }

    pub(crate) fn client(&self, person: Person) -> Client {
        self.client.with_token(&self.tokens[&person])
    }

    /// Whether other servers may use its database.
    pub(crate) fn shares_its_database(&self) -> bool {
        self.postgres.is_some()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The registries and upstreams of a sequence, as the contract begins; `a` and `b` are the indexes of those elsewhere.
    pub(crate) async fn registries(&mut self, places: &[Place], a: &str, b: &str) -> Names {
        self.sequences += 1;
        let names = Names(self.sequences);
        let admin = self.client(Person::Admin);
        for (remote, index) in [(Remote::A, a), (Remote::B, b)] {
            let name = names.upstream(Upstream::Elsewhere(remote));
            let upstream = json!({ "name": name, "index": index });
            admin.create_upstream(upstream).await;
        }
        for place in places {
            let registry = names.registry(*place);
            let upstreams = LISTS[place.first_list()].iter();
            let upstreams: Vec<_> = upstreams.map(|it| names.upstream(it.upstream)).collect();
            admin
                .create_registry(json!({ "name": registry, "upstreams": upstreams }))
                .await;
            for (person, name, role) in PEOPLE {
                if role != "reader" || person == place.reader() {
                    admin.member(&registry, name, role).await;
                }
            }
        }
        if places.contains(&Place::Shared) {
            let name = names.upstream(Upstream::Shared);
            let shared = names.registry(Place::Shared);
            admin
                .create_upstream(json!({ "name": name, "registry": shared }))
                .await;
        }
        names
    }
}

/// How the registries and upstreams of a sequence are called.
pub(crate) struct Names(usize);

impl Names {
    pub(crate) fn registry(&self, place: Place) -> String {
        format!("{place}{}", self.0)
    }

    pub(crate) fn upstream(&self, upstream: Upstream) -> String {
        match upstream {
            Upstream::Elsewhere(Remote::A) => format!("a{}", self.0),
            Upstream::Elsewhere(Remote::B) => format!("b{}", self.0),
            Upstream::Shared => format!("shared{}", self.0),
        }
    }
}
