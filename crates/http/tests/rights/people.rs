//! Everybody there is, with their tokens.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use serde_json::{Value, json};
use supercargo_types::{InstanceRole, Publishing, Random, Role, Scope, TokenSecret, Visibility};

use crate::{judge::Place, world::World};

/// Crates that a token is limited to here, one time those that everything is about, the other time none of them.
const DEMO: [&str; 2] = ["demo", "demo-*"];
const OTHERS: [&str; 1] = ["zz-*"];
/// Of everybody who has one.
pub(crate) const PASSWORD: &str = "tulip brook 17";
/// For a token that has ended when the world stands.
const SHORT: Duration = Duration::from_secs(10);

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Without a token.
    Nobody,
    /// With something in its place.
    Bad,
    User,
    Service,
    Job,
}

/// How somebody says who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// As the `Authorization` header.
    Token(String),
    /// As the cookie of a session.
    Cookie(String),
}

/// A token, and what it is limited to; or a session of a browser, which is limited to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) label: String,
    pub(crate) secret: Secret,
    pub(crate) is_session: bool,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) registries: Option<Vec<String>>,
    pub(crate) crates: Option<Vec<String>>,
}

impl Token {
    fn of(label: &str, secret: Secret) -> Self {
        Self {
            label: label.to_owned(),
            is_session: matches!(secret, Secret::Cookie(_)),
            secret,
            scopes: SCOPES.to_vec(),
            registries: None,
            crates: None,
        }
    }

    pub(crate) fn has(&self, scope: Scope) -> bool {
        scope == Scope::Read || self.scopes.contains(&scope)
    }

    pub(crate) fn names(&self, registry: &str) -> bool {
        let registries = self.registries.as_ref();
        registries.is_none_or(|names| names.iter().any(|name| name == registry))
    }

    pub(crate) fn covers_demo(&self) -> bool {
        self.crates.as_ref().is_none_or(|crates| *crates == DEMO)
    }
}

/// Somebody.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) instance_role: InstanceRole,
    /// By registry; those through a team as well.
    pub(crate) roles: BTreeMap<&'static str, Role>,
    /// Whether the crates that owners write are theirs, in each registry.
    pub(crate) is_owner: bool,
    pub(crate) tokens: Vec<Token>,
}

/// How a role in the four registries came about.
#[derive(Clone, Copy)]
enum Given {
    Nothing,
    Directly(Role),
    /// The user is in this team, which has the role.
    Through(&'static str, Role),
    /// In the registry that nothing is asked of.
    Elsewhere(Role),
}

use Given::{Directly, Elsewhere, Nothing, Through};

/// Users: their role on the instance, what they were given, and whether `demo` and `demo-busy` are theirs.
const USERS: [(&str, InstanceRole, &[Given], bool); 13] = [
    ("stranger", InstanceRole::Member, &[Nothing], false),
    (
        "reader",
        InstanceRole::Member,
        &[Directly(Role::Reader)],
        false,
    ),
    (
        "publisher",
        InstanceRole::Member,
        &[Directly(Role::Publisher)],
        false,
    ),
    (
        "owner",
        InstanceRole::Member,
        &[Directly(Role::Publisher)],
        true,
    ),
    // an owner who is not let write any more, or not in at all
    (
        "was-owner",
        InstanceRole::Member,
        &[Directly(Role::Reader)],
        true,
    ),
    ("lost-owner", InstanceRole::Member, &[Nothing], true),
    (
        "maintainer",
        InstanceRole::Member,
        &[Directly(Role::Maintainer)],
        false,
    ),
    (
        "the-admin",
        InstanceRole::Member,
        &[Directly(Role::Admin)],
        false,
    ),
    (
        "elsewhere",
        InstanceRole::Member,
        &[Elsewhere(Role::Admin)],
        false,
    ),
    // its team owns `demo`
    (
        "in-crew",
        InstanceRole::Member,
        &[Through("crew", Role::Publisher)],
        true,
    ),
    // the stronger of two roles counts
    (
        "raised",
        InstanceRole::Member,
        &[Directly(Role::Reader), Through("heads", Role::Maintainer)],
        false,
    ),
    ("creator", InstanceRole::Creator, &[Nothing], false),
    ("root", InstanceRole::Admin, &[Nothing], false),
];
/// Accounts of the instance for programs.
const SERVICES: [(&str, &[Given], bool); 2] = [
    ("robot", &[Nothing], false),
    ("builder", &[Directly(Role::Publisher)], true),
];

/// The registries, the crate `demo` in each of them.
pub(crate) const PLACES: [Place; 4] = [
    Place {
        name: "kpri",
        visibility: Visibility::Private,
        publishing: Publishing::Owners,
    },
    Place {
        name: "vmem",
        visibility: Visibility::Private,
        publishing: Publishing::Members,
    },
    Place {
        name: "zint",
        visibility: Visibility::Internal,
        publishing: Publishing::Owners,
    },
    Place {
        name: "qpub",
        visibility: Visibility::Public,
        publishing: Publishing::Owners,
    },
];
/// One more, where some people are at home.
pub(crate) const ELSEWHERE: Place = Place {
    name: "xels",
    visibility: Visibility::Private,
    publishing: Publishing::Owners,
};
/// As long as the names of the others, and like them no word of any answer.
pub(crate) const NOWHERE: &str = "jabs";

const SCOPES: [Scope; 7] = [
    Scope::Read,
    Scope::Publish,
    Scope::Yank,
    Scope::Owners,
    Scope::Maintain,
    Scope::Delete,
    Scope::Admin,
];

/// Rules about jobs: what crates they name, and what started the job.
pub(crate) const RULES: [(&str, Option<[&str; 2]>, &str); 3] = [
    ("release", None, "push"),
    ("pattern", Some(DEMO), "push"),
    ("review", Some(DEMO), "pull_request"),
];

/// By which a registry's rule knows its jobs.
pub(crate) fn environment(rule: &str, registry: &str) -> String {
    format!("{rule}-{registry}")
}

fn roles(given: &[Given]) -> BTreeMap<&'static str, Role> {
    let mut roles = BTreeMap::new();
    for given in given {
        let (places, role) = match given {
            Nothing => continue,
            Directly(role) | Through(_, role) => (&PLACES[..], *role),
            Elsewhere(role) => (&[ELSEWHERE][..], *role),
        };
        for place in places {
            let strongest = roles.entry(place.name).or_insert(role);
            *strongest = role.max(*strongest);
        }
    }
    roles
}

fn somebody(name: &str, kind: Kind) -> Person {
    Person {
        name: name.to_owned(),
        kind,
        instance_role: InstanceRole::Member,
        roles: BTreeMap::new(),
        is_owner: false,
        tokens: Vec::new(),
    }
}

/// Makes them all, in registries that are there, and gives those that may be met in each of the places.
pub(crate) async fn everybody(world: &World) -> BTreeMap<&'static str, Vec<Person>> {
    let mut common = Vec::new();
    for team in ["crew", "heads"] {
        world.post("/api/v1/teams", json!({ "name": team })).await;
    }
    for (name, instance_role, given, is_owner) in USERS {
        let user = json!({ "name": name, "instance_role": instance_role, "password": PASSWORD });
        world.post("/api/v1/users", user).await;
        common.push(Person {
            instance_role,
            roles: roles(given),
            is_owner,
            ..somebody(name, Kind::User)
        });
        give(world, name, given).await;
    }
    for (name, given, is_owner) in SERVICES {
        world
            .post("/api/v1/service-accounts", json!({ "name": name }))
            .await;
        let name = format!("service:{name}");
        give(world, &name, given).await;
        common.push(Person {
            roles: roles(given),
            is_owner,
            ..somebody(&name, Kind::Service)
        });
    }
    common.push(service_of(world, ELSEWHERE.name, Role::Admin).await);
    own(world, &common).await;
    for person in &mut common {
        person.tokens = tokens(world, &person.name, &PLACES).await;
        if person.kind == Kind::User {
            let secret = Secret::Cookie(world.session(&person.name).await);
            person.tokens.push(Token::of("a browser", secret));
        }
    }
    common.push(jobs_of(world, ELSEWHERE.name).await.remove(0));
    common.extend(bad_ones(world).await);
    let mut by_place = BTreeMap::new();
    for place in &PLACES {
        let mut people = common.clone();
        let mut service = service_of(world, place.name, Role::Publisher).await;
        service.tokens = tokens(world, &service.name, &[*place]).await;
        people.push(service);
        people.extend(jobs_of(world, place.name).await);
        by_place.insert(place.name, people);
    }
    world.clock.advance(SHORT * 2);
    by_place
}

async fn give(world: &World, name: &str, given: &[Given]) {
    for given in given {
        match *given {
            Nothing => {}
            Directly(role) => {
                for place in PLACES {
                    world.member(place.name, name, role).await;
                }
            }
            Elsewhere(role) => world.member(ELSEWHERE.name, name, role).await,
            Through(team, role) => {
                let path = format!("/api/v1/teams/{team}/members/{name}");
                world.must(&Method::PUT, &path, None).await;
                for place in PLACES {
                    world
                        .member(place.name, &format!("team:{team}"), role)
                        .await;
                }
            }
        }
    }
}

/// Makes crates theirs, a team's where they have it through one.
async fn own(world: &World, people: &[Person]) {
    let owners = people.iter().filter(|person| person.is_owner);
    let owners: Vec<_> = owners
        .map(|person| match person.name.as_str() {
            "in-crew" => "team:crew",
            name => name,
        })
        .collect();
    for place in PLACES {
        for name in ["demo", "demo-busy"] {
            let path = format!("/{}/api/v1/crates/{name}/owners", place.name);
            let owners = json!({ "users": owners });
            world.must(&Method::PUT, &path, Some(owners)).await;
        }
    }
}

async fn service_of(world: &World, registry: &'static str, role: Role) -> Person {
    let name = format!("of-{registry}");
    let account = json!({ "name": name, "registry": registry });
    world.post("/api/v1/service-accounts", account).await;
    let name = format!("service:{name}");
    world.member(registry, &name, role).await;
    Person {
        roles: [(registry, role)].into(),
        ..somebody(&name, Kind::Service)
    }
}

/// One token with every scope, one with each alone, and some that are limited.
async fn tokens(world: &World, principal: &str, places: &[Place]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut kinds = vec![("everything".to_owned(), SCOPES.to_vec(), None, None)];
    for scope in SCOPES {
        kinds.push((format!("only {scope}"), vec![scope], None, None));
    }
    for (label, crates) in [("of demo", &DEMO[..]), ("of others", &OTHERS[..])] {
        let crates: Vec<_> = crates.iter().map(|&name| name.to_owned()).collect();
        kinds.push((label.to_owned(), SCOPES.to_vec(), None, Some(crates)));
    }
    for registry in places
        .iter()
        .map(|place| place.name)
        .chain([ELSEWHERE.name])
    {
        let registries = vec![registry.to_owned()];
        let label = format!("in {registry}");
        kinds.push((label, SCOPES.to_vec(), Some(registries), None));
    }
    for (label, scopes, registries, crates) in kinds {
        let mut token = Token {
            scopes,
            registries,
            crates,
            ..Token::of(&label, Secret::Token(String::new()))
        };
        token.secret = Secret::Token(world.token(principal, &token).await);
        tokens.push(token);
    }
    tokens
}

/// Who has nothing that counts: no token, or something in its place.
async fn bad_ones(world: &World) -> Vec<Person> {
    let bad = |label: &str, secret: String| Person {
        tokens: vec![Token::of(label, Secret::Token(secret))],
        ..somebody("nobody", Kind::Bad)
    };
    world.post("/api/v1/users", json!({ "name": "off" })).await;
    let of_disabled = world.post(
        "/api/v1/tokens",
        json!({ "name": "x", "principal": "off", "scopes": SCOPES }),
    );
    let of_disabled = of_disabled.await;
    let disabled = json!({ "disabled": true });
    world
        .must(&Method::PATCH, "/api/v1/users/off", Some(disabled))
        .await;
    let stale = Secret::Cookie("0".repeat(64));
    let end = world.clock.now().plus(SHORT);
    let ends = json!({ "name": "short", "scopes": SCOPES, "expires_at": end });
    let expired = world.post("/api/v1/tokens", ends).await;
    let revoked = json!({ "name": "revoked", "scopes": SCOPES });
    let revoked = world.post("/api/v1/tokens", revoked).await;
    let path = format!("/api/v1/tokens/{}", text(&revoked, "id"));
    world.must(&Method::DELETE, &path, None).await;
    let unknown = TokenSecret::generate(&Random::System);
    vec![
        somebody("nobody", Kind::Nobody),
        bad("malformed", "nonsense".to_owned()),
        bad("unknown", unknown.reveal().to_owned()),
        bad("revoked", text(&revoked, "token")),
        bad("expired", text(&expired, "token")),
        bad("of a disabled account", text(&of_disabled, "token")),
        Person {
            tokens: vec![Token::of("a stale cookie", stale)],
            ..somebody("nobody", Kind::Nobody)
        },
    ]
}

/// Jobs of three rules: one that may write what is its account's, one with patterns, and a pull request of the latter.
async fn jobs_of(world: &World, registry: &'static str) -> Vec<Person> {
    let mut jobs = Vec::new();
    for (rule, crates, event) in RULES {
        let scopes = [Scope::Read, Scope::Publish, Scope::Yank];
        let environment = environment(rule, registry);
        world
            .post(
                &format!("/api/v1/registries/{registry}/trusted-publishers"),
                json!({
                    "name": rule,
                    "preset": "github",
                    "issuer": world.issuer.url(),
                    "claims": {
                        "repository": "acme/app",
                        "environment": environment,
                    },
                    "scopes": scopes,
                    "crates": crates,
                }),
            )
            .await;
        let crates = crates.map(|crates| crates.map(str::to_owned).to_vec());
        let scopes = match event {
            "pull_request" => vec![Scope::Read],
            _ => scopes.to_vec(),
        };
        let secret = Secret::Token(world.job_by(rule, registry).await);
        let token = Token {
            scopes,
            registries: Some(vec![registry.to_owned()]),
            crates,
            ..Token::of("of a job", secret)
        };
        jobs.push(Person {
            roles: [(registry, Role::Publisher)].into(),
            tokens: vec![token],
            ..somebody(&format!("job:{registry}.{rule}"), Kind::Job)
        });
    }
    jobs
}

/// A field of an answer that is text.
pub(crate) fn text(answer: &Value, field: &str) -> String {
    let value = answer[field].as_str();
    value
        .unwrap_or_else(|| panic!("no `{field}` in {answer}"))
        .to_owned()
}
