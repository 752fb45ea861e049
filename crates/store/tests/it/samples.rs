//! Rows to begin with. Each is valid; a test changes what it is about.

use std::collections::BTreeMap;

use supercargo_store::{
    AuditEntry, AuditOutcome, Created, NewPrincipal, NewRegistry, NewToken, NewUpstream,
    NewVersion, PublishRule, Store, UpstreamAuth, UpstreamSettings, UpstreamSource,
};
use supercargo_types::{
    Digest, InstanceRole, PrincipalKind, Publishing, Scopes, Timestamp, TokenHash, Visibility,
};

/// Half past a second, so that rounding shows.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_175_652_500_000);

/// Anyone may publish anything.
pub(crate) const ANYONE: PublishRule = PublishRule {
    may_create: true,
    must_own: None,
};

pub(crate) fn audit(action: &str) -> AuditEntry {
    AuditEntry {
        at: NOW,
        action: action.to_owned(),
        outcome: AuditOutcome::Done,
        principal: Some("alice".to_owned()),
        token_id: None,
        address: None,
        user_agent: None,
        registry: None,
        crate_name: None,
        version: None,
        detail: None,
        request_id: None,
    }
}

pub(crate) fn new_registry(name: &str) -> NewRegistry {
    NewRegistry {
        name: name.parse().unwrap(),
        description: String::new(),
        labels: BTreeMap::new(),
        visibility: Visibility::Private,
        publishing: Publishing::Owners,
        upstreams: Vec::new(),
        allow: Vec::new(),
        block: Vec::new(),
        republish: false,
        now: NOW,
    }
}

pub(crate) fn new_upstream(name: &str) -> NewUpstream {
    NewUpstream {
        name: name.to_owned(),
        settings: UpstreamSettings {
            source: UpstreamSource::CratesIo,
            auth: UpstreamAuth::None,
            usable_by: None,
            auth_origins: Vec::new(),
        },
        now: NOW,
    }
}

pub(crate) fn new_token(id: &str) -> NewToken {
    NewToken {
        id: id.to_owned(),
        hash: TokenHash::from_digest(Digest::of(id.as_bytes())),
        prefix: "scg_01234567".to_owned(),
        name: "laptop".to_owned(),
        scopes: Scopes::READ,
        registries: None,
        crates: None,
        expires_at: None,
        now: NOW,
        subject: None,
    }
}

pub(crate) fn new_version(registry_id: i64, name: &str, version: &str) -> NewVersion {
    NewVersion {
        registry_id,
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        checksum: Digest::of(version.as_bytes()),
        size: 1234,
        entry: "{}".to_owned(),
        facts: "{}".to_owned(),
        description: None,
        keywords: String::new(),
        dependencies: Vec::new(),
        principal_id: None,
        now: NOW,
    }
}

pub(crate) fn id(created: Created) -> i64 {
    match created {
        Created::Done(id) => id,
        Created::Taken(name) => panic!("`{name}` is taken"),
    }
}

pub(crate) async fn registry(store: &Store, name: &str) -> i64 {
    let new = new_registry(name);
    let log = audit("registry.created");
    let created = store.create_registry(&new, None, &log);
    id(created.await.unwrap())
}

pub(crate) async fn upstream(store: &Store, name: &str) -> i64 {
    let new = new_upstream(name);
    let log = audit("upstream.created");
    let created = store.create_upstream(&new, &log);
    id(created.await.unwrap())
}

/// A principal as people write it.
pub(crate) async fn principal(store: &Store, reference: &str) -> i64 {
    let reference: supercargo_types::PrincipalRef = reference.parse().unwrap();
    let new = NewPrincipal {
        kind: reference.kind,
        name: reference.name,
        email: (reference.kind == PrincipalKind::User).then(|| "a@mail.example".to_owned()),
        password_hash: None,
        instance_role: InstanceRole::Member,
        registry_id: None,
        now: NOW,
    };
    let log = audit("principal.created");
    let created = store.create_principal(&new, &log);
    id(created.await.unwrap())
}
