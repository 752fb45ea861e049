-- Jobs of CI systems: whose a registry trusts, and the tokens that they get.

-- A rule of a registry. `revision` grows with each change of it, so that a token is given for what was looked at.
CREATE TABLE trusted_publishers (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    name TEXT NOT NULL,
    principal_id BIGINT NOT NULL REFERENCES principals (id),
    preset TEXT NOT NULL,
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    claims TEXT NOT NULL,
    scopes TEXT NOT NULL,
    crates TEXT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (registry_id, name)
);
CREATE INDEX trusted_publishers_by_principal ON trusted_publishers (principal_id);

-- Tokens of issuers that were exchanged, by SHA-256 of the issuer and the `jti`, until they have expired.
CREATE TABLE used_jtis (
    token_key BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_jtis_by_end ON used_jtis (expires_at);

-- Who is behind a token that was given to a job: `github:acme/app@refs/heads/main (run 4711)`.
ALTER TABLE tokens ADD COLUMN subject TEXT;
