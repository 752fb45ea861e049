-- People who sign in: passwords, identities of providers, sessions of browsers, and logins that a person approves.

ALTER TABLE principals ADD COLUMN password_changed_at BIGINT;
-- Deleted for ever: the name stays taken, so that nobody inherits what another one was given. A disabled account can come back.
ALTER TABLE principals ADD COLUMN deleted_at BIGINT;

-- Who somebody is at a provider of OpenID Connect: issuer and subject, never an e-mail address, which may be another's tomorrow.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    email TEXT,
    linked_at BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_principal ON identities (principal_id);

-- A browser that is signed in. Its secret changes from time to time; the former one is believed for some seconds more, for
-- requests that were under way. One that was begun with a token ends with it.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    former_hash BYTEA UNIQUE,
    rotated_at BIGINT NOT NULL,
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    issuer TEXT,
    token_id TEXT REFERENCES tokens (id),
    address TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_principal ON sessions (principal_id, id);

-- A program that asks for a token, which a person approves in a browser (as in RFC 8628). `request` is the token that it asks for.
CREATE TABLE device_logins (
    id TEXT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    user_code TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    approved_by BIGINT REFERENCES principals (id)
);
CREATE INDEX device_logins_by_end ON device_logins (expires_at);

-- Limits that servers share, by SHA-256 of what is limited. `full_at` is when the bucket is full again: all that there is to
-- know of it (the generic cell rate algorithm's theoretical arrival time).
CREATE TABLE limits (
    limit_key BYTEA NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL
);
CREATE INDEX limits_by_end ON limits (full_at);

-- What a registry gave out of upstreams' and its ledger does not know any more, since a claim or a maintainer overrode it: a
-- later hold must not break the builds that have it.
CREATE TABLE formerly_served (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    spelling TEXT NOT NULL,
    version TEXT NOT NULL,
    checksum BYTEA NOT NULL,
    PRIMARY KEY (registry_id, spelling, version, checksum)
);
