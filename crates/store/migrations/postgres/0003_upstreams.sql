-- Several upstreams of a registry, in order; how the cache is used, and its limit.

-- Which upstream a registry reads a name from, since it first did.
CREATE TABLE pins (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    spelling TEXT COLLATE "C" NOT NULL,
    upstream_id BIGINT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    pinned_at BIGINT NOT NULL,
    PRIMARY KEY (registry_id, spelling)
);
CREATE INDEX pins_by_upstream ON pins (upstream_id);

-- The upstream whose bytes were given out, while it exists.
ALTER TABLE ledger ADD COLUMN upstream_id BIGINT REFERENCES upstreams (id) ON DELETE SET NULL;
UPDATE ledger SET upstream_id = (
    SELECT MIN(k.upstream_id)
    FROM cached_crates k JOIN registry_upstreams a ON a.upstream_id = k.upstream_id
    WHERE a.registry_id = ledger.registry_id AND k.checksum = ledger.checksum);
CREATE INDEX ledger_by_upstream ON ledger (upstream_id);
CREATE INDEX ledger_by_checksum ON ledger (checksum);
INSERT INTO pins (registry_id, spelling, upstream_id, pinned_at)
SELECT registry_id, spelling, MIN(upstream_id), MIN(first_at)
FROM ledger WHERE upstream_id IS NOT NULL GROUP BY registry_id, spelling;

-- Whether registries with a wider audience may read through this one.
ALTER TABLE registries ADD COLUMN republish BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX registries_by_change ON registries (changed_at);

-- Further origins that get the credentials, as a JSON list.
ALTER TABLE upstreams ADD COLUMN auth_origins TEXT NOT NULL DEFAULT '[]';

-- When it was last asked for, about: the least recently used go first where the cache is limited.
ALTER TABLE cached_crates ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE cached_crates SET used_at = stored_at;
CREATE INDEX cached_crates_by_use ON cached_crates (used_at);

-- How often the cache helped, by UTC day, as the count of days since 1970-01-01.
CREATE TABLE cache_counts (
    upstream_id BIGINT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (upstream_id, day, kind)
);

-- Who downloaded which version, for a while; equal rows of one moment may stand as one with their number.
CREATE TABLE download_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    spelling TEXT COLLATE "C" NOT NULL,
    canonical TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    principal TEXT,
    token_id TEXT,
    repository TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    total BIGINT NOT NULL
);
CREATE INDEX download_log_by_time ON download_log (at);
CREATE INDEX download_log_by_name ON download_log (registry_id, canonical, id);

-- The same for ever, without the moments between. No principal, no repository: an empty text.
CREATE TABLE pulls (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    canonical TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    repository TEXT COLLATE "C" NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (registry_id, canonical, version, principal, repository)
);
CREATE INDEX pulls_by_name ON pulls (canonical, registry_id);

-- The few rows that a registry's health is made of.
CREATE INDEX audit_alarms ON audit (at) WHERE outcome = 'alarm';
