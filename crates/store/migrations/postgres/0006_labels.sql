-- Labels of crates and versions, and keywords that search can use.

-- `key=value` pairs; an empty value is a plain word, an empty number the whole crate. They stay when it is deleted, as its
-- number does, and whoever restores it finds them again.
CREATE TABLE labels (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    canonical TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    label_key TEXT COLLATE "C" NOT NULL,
    label_value TEXT COLLATE "C" NOT NULL,
    set_at BIGINT NOT NULL,
    set_by TEXT NOT NULL,
    PRIMARY KEY (registry_id, canonical, number, label_key)
);
CREATE INDEX labels_in_use ON labels (registry_id, number, label_key, label_value);

-- Of its manifest, with spaces between them. What holds an escaped NUL, which PostgreSQL cannot take out of JSON, is passed
-- over: one such manifest must not keep the program from starting.
ALTER TABLE versions ADD COLUMN keywords TEXT NOT NULL DEFAULT '';
UPDATE versions SET keywords = COALESCE(
    (SELECT string_agg(k.value, ' ' ORDER BY k.place)
        FROM json_array_elements_text(versions.facts::json -> 'keywords') WITH ORDINALITY AS k (value, place)), '')
WHERE CASE WHEN POSITION('\u0000' IN facts) > 0 THEN FALSE
    WHEN COALESCE(json_typeof(facts::json -> 'keywords') = 'array', FALSE)
        THEN json_array_length(facts::json -> 'keywords') > 0
    ELSE FALSE END;

-- The same; NULL until its file was looked into.
ALTER TABLE cached_crates ADD COLUMN keywords TEXT;
CREATE INDEX cached_crates_without_keywords ON cached_crates (upstream_id, checksum) WHERE keywords IS NULL;
