-- Labels of crates and versions, and keywords that search can use.

-- `key=value` pairs; an empty value is a plain word, an empty number the whole crate. They stay when it is deleted, as its
-- number does, and whoever restores it finds them again.
CREATE TABLE labels (
    registry_id BIGINT NOT NULL REFERENCES registries (id),
    canonical TEXT NOT NULL,
    number TEXT NOT NULL,
    label_key TEXT NOT NULL,
    label_value TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    set_by TEXT NOT NULL,
    PRIMARY KEY (registry_id, canonical, number, label_key)
);
CREATE INDEX labels_in_use ON labels (registry_id, number, label_key, label_value);

-- Of its manifest, with spaces between them. What holds an escaped NUL is passed over: no other engine could hold it.
ALTER TABLE versions ADD COLUMN keywords TEXT NOT NULL DEFAULT '';
UPDATE versions SET keywords = COALESCE(
    (SELECT group_concat(k.value, ' ') FROM json_each(versions.facts, '$.keywords') k), '')
WHERE CASE WHEN NOT json_valid(facts) OR instr(facts, '\u0000') > 0 THEN FALSE
    WHEN COALESCE(json_type(facts, '$.keywords') = 'array', FALSE) THEN json_array_length(facts, '$.keywords') > 0
    ELSE FALSE END;

-- The same; NULL until its file was looked into.
ALTER TABLE cached_crates ADD COLUMN keywords TEXT;
CREATE INDEX cached_crates_without_keywords ON cached_crates (upstream_id, checksum) WHERE keywords IS NULL;
