-- States of versions, what people decide about them, and what was asked for.

-- When its bytes were dropped for ever; only on a deleted version.
ALTER TABLE versions ADD COLUMN purged_at BIGINT;
-- When it was downloaded first: a held version is given to those only who may have it already.
ALTER TABLE versions ADD COLUMN served_at BIGINT;
CREATE INDEX versions_by_checksum ON versions (checksum);

-- When it was deleted as a whole; its versions with the same `deleted_at` went with it, and come back with it.
ALTER TABLE crates ADD COLUMN deleted_at BIGINT;
-- When its name was given back to upstream.
ALTER TABLE crates ADD COLUMN released_at BIGINT;

-- Patterns over versions; an empty list of allowed ones allows all.
ALTER TABLE registries ADD COLUMN allow_patterns TEXT NOT NULL DEFAULT '[]';
ALTER TABLE registries ADD COLUMN block_patterns TEXT NOT NULL DEFAULT '[]';
ALTER TABLE registries ADD COLUMN purged_at BIGINT;

-- What its manifest says about it.
ALTER TABLE cached_crates ADD COLUMN description TEXT;
CREATE INDEX cached_crates_by_checksum ON cached_crates (checksum);
CREATE INDEX cached_crates_by_name ON cached_crates (upstream_id, spelling);

-- For the date of the latest change among an upstream's files.
CREATE INDEX cached_index_by_change ON cached_index (upstream_id, changed_at);

-- An empty number is the whole crate, its later versions among them.
CREATE TABLE quarantines (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    canonical TEXT NOT NULL,
    number TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (registry_id, canonical, number)
);

-- By UTC day, as the count of days since 1970-01-01.
CREATE TABLE downloads (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    canonical TEXT NOT NULL,
    version TEXT NOT NULL,
    day BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (registry_id, canonical, version, day)
);

-- Which crates a hosted version needs, by canonical name, whatever registry they are in.
CREATE TABLE dependencies (
    version_id BIGINT NOT NULL REFERENCES versions (id),
    canonical TEXT NOT NULL,
    PRIMARY KEY (version_id, canonical)
);
CREATE INDEX dependencies_by_name ON dependencies (canonical);
INSERT INTO dependencies (version_id, canonical)
SELECT DISTINCT v.id, LOWER(REPLACE(COALESCE(
    json_extract(d.value, '$.package'), json_extract(d.value, '$.name')), '_', '-'))
FROM versions v, json_each(v.entry, '$.deps') d;
