-- Times are UTC microseconds, digests 32 bytes, lists JSON in TEXT, enums words.
-- The same tables and columns as in migrations/postgres; a test compares them.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE registries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    twin_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    labels TEXT NOT NULL,
    visibility TEXT NOT NULL,
    publishing TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE principals (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    instance_role TEXT NOT NULL,
    registry_id BIGINT REFERENCES registries (id),
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    UNIQUE (kind, name)
);

CREATE TABLE team_members (
    team_id BIGINT NOT NULL REFERENCES principals (id),
    user_id BIGINT NOT NULL REFERENCES principals (id),
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE upstreams (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    index_url TEXT,
    registry_id BIGINT REFERENCES registries (id),
    auth_kind TEXT NOT NULL,
    auth_username TEXT,
    auth_secret BLOB,
    usable_by TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE registry_upstreams (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    upstream_id BIGINT NOT NULL REFERENCES upstreams (id),
    position BIGINT NOT NULL,
    only_patterns TEXT NOT NULL,
    except_patterns TEXT NOT NULL,
    PRIMARY KEY (registry_id, upstream_id)
);
CREATE INDEX registry_upstreams_by_upstream ON registry_upstreams (upstream_id);

CREATE TABLE members (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    role TEXT NOT NULL,
    PRIMARY KEY (registry_id, principal_id)
);
CREATE INDEX members_by_principal ON members (principal_id);

CREATE TABLE claims (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    pattern TEXT NOT NULL,
    mode TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT REFERENCES principals (id),
    PRIMARY KEY (registry_id, pattern)
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    registries TEXT,
    crates TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX tokens_by_principal ON tokens (principal_id, id);

-- A row stays for ever: it marks that the name was hosted here once.
CREATE TABLE crates (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    name TEXT NOT NULL,
    canonical TEXT NOT NULL,
    spelling TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (registry_id, canonical)
);

CREATE TABLE versions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    crate_id BIGINT NOT NULL REFERENCES crates (id),
    version TEXT NOT NULL,
    number TEXT NOT NULL,
    checksum BLOB NOT NULL,
    size BIGINT NOT NULL,
    entry TEXT NOT NULL,
    facts TEXT NOT NULL,
    description TEXT,
    yanked BOOLEAN NOT NULL,
    published_at BIGINT NOT NULL,
    published_by BIGINT REFERENCES principals (id),
    deleted_at BIGINT,
    UNIQUE (crate_id, number)
);

CREATE TABLE owners (
    crate_id BIGINT NOT NULL REFERENCES crates (id),
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    added_at BIGINT NOT NULL,
    PRIMARY KEY (crate_id, principal_id)
);
CREATE INDEX owners_by_principal ON owners (principal_id);

CREATE TABLE cached_index (
    upstream_id BIGINT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    spelling TEXT NOT NULL,
    body BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    fetched_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    gone_at BIGINT,
    PRIMARY KEY (upstream_id, spelling)
);

-- A row proves that this upstream itself delivered these bytes.
CREATE TABLE cached_crates (
    upstream_id BIGINT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    checksum BLOB NOT NULL,
    spelling TEXT NOT NULL,
    version TEXT NOT NULL,
    size BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    PRIMARY KEY (upstream_id, checksum)
);

CREATE TABLE ledger (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    view TEXT NOT NULL,
    spelling TEXT NOT NULL,
    version TEXT NOT NULL,
    checksum BLOB NOT NULL,
    line TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    PRIMARY KEY (registry_id, view, spelling, version)
);

CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    principal TEXT,
    token_id TEXT,
    address TEXT,
    user_agent TEXT,
    registry TEXT,
    crate TEXT,
    version TEXT,
    detail TEXT,
    request_id TEXT
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_registry ON audit (registry, id);
