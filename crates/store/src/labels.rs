//! Labels of crates and versions: `key=value` pairs that people put there, hosted or upstream's.
//!
//! They are kept by canonical name and number, as quarantines are, so that they outlive what they are about.

use std::collections::{BTreeMap, HashMap};

use supercargo_types::{CanonicalName, Timestamp};

use crate::{
    AuditEntry, Store, StoreError, audit,
    engine::Transaction,
    query::{columns, query},
    row::Row,
    statements::statements,
};

/// What a label is about.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Where.
    pub registry_id: i64,
    /// Which crate, in any spelling.
    pub name: CanonicalName,
    /// Which version, without build metadata; `None` for the whole crate.
    pub number: Option<String>,
}

impl Labelled {
    fn number(&self) -> &str {
        self.number.as_deref().unwrap_or("")
    }
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRow {
    /// By which it is known; there is one of each key.
    pub key: String,
    /// Empty where it is a plain word.
    pub value: String,
    /// When it got this value.
    pub set_at: Timestamp,
    /// By whom, as `alice` or `service:ci`.
    pub set_by: String,
}

/// What becomes of the labels of a crate or a version.
#[derive(Clone, Debug)]
pub struct LabelChange {
    /// These have these values from now on.
    pub set: BTreeMap<String, String>,
    /// These are taken away; those that are not there do not count.
    pub remove: Vec<String>,
    /// Whether all that are not set are taken away.
    pub is_whole: bool,
    /// Most labels that there may be afterwards.
    pub most: usize,
    /// By whom, as `alice` or `service:ci`.
    pub by: String,
    /// When.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelsChanged {
    /// These stand there now, by key. Whether anything is another than before.
    Done(Vec<LabelRow>, bool),
    /// Nothing has changed: there would be this many.
    TooMany(usize),
}

statements! {
    // also keeps two changes at once from getting over the limit together
    LOCK_REGISTRY = "UPDATE registries SET created_at = created_at WHERE id = $1";
    LIST = "
        SELECT label_key, label_value, set_at, set_by FROM labels
        WHERE registry_id = $1 AND canonical = $2 AND number = $3
        ORDER BY label_key";
    UPSERT = "
        INSERT INTO labels (registry_id, canonical, number, label_key, label_value, set_at, set_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (registry_id, canonical, number, label_key) DO UPDATE SET
            label_value = excluded.label_value, set_at = excluded.set_at, set_by = excluded.set_by";
    REMOVE = "
        DELETE FROM labels
        WHERE registry_id = $1 AND canonical = $2 AND number = $3 AND label_key = $4";
    LIST_OF_CRATES = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $3)
        SELECT canonical, label_key, label_value FROM labels
        WHERE registry_id = $1 AND number = ''
            AND canonical IN (SELECT RTRIM(SUBSTR($2, n * 64 + 1, 64)) FROM place)";
    LIST_OF_VERSIONS = "
        SELECT number, label_key, label_value FROM labels
        WHERE registry_id = $1 AND canonical = $2 AND number <> ''";
    FORGET_NAME = "DELETE FROM labels WHERE registry_id = $1 AND canonical = $2";
    LIST_USED = "
        SELECT label_key, label_value, COUNT(*) AS total FROM labels
        WHERE registry_id = $1 AND number = ''
        GROUP BY label_key, label_value
        ORDER BY COUNT(*) DESC, label_key, label_value
        LIMIT $2";
}

/// Drops all labels of a name and of its versions.
pub(crate) async fn forget(
    transaction: &mut Transaction,
    registry_id: i64,
    canonical: &CanonicalName,
) -> Result<(), StoreError> {
    let forget = query(FORGET_NAME).bind(registry_id);
    transaction.execute(forget.bind(canonical.as_str())).await?;
    Ok(())
}

fn label(row: &Row) -> Result<LabelRow, StoreError> {
    Ok(LabelRow {
        key: row.text("label_key")?,
        value: row.text("label_value")?,
        set_at: row.time("set_at")?,
        set_by: row.text("set_by")?,
    })
}

impl Store {
    /// The labels of a crate or a version, by key.
    pub async fn labels(&self, of: &Labelled) -> Result<Vec<LabelRow>, StoreError> {
        let list = query(LIST)
            .bind(of.registry_id)
            .bind(of.name.as_str())
            .bind(of.number());
        self.rows(list).await?.iter().map(label).collect()
    }

    /// The labels of some crates as wholes; those without any are left out.
    pub async fn labels_of_crates(
        &self,
        registry_id: i64,
        names: &[CanonicalName],
    ) -> Result<HashMap<CanonicalName, BTreeMap<String, String>>, StoreError> {
        let mut found: HashMap<CanonicalName, BTreeMap<String, String>> = HashMap::new();
        if names.is_empty() {
            return Ok(found);
        }
        let list = query(LIST_OF_CRATES)
            .bind(registry_id)
            .bind(columns(names))
            .bind(names.len() as u64);
        for row in &self.rows(list).await? {
            let of_one = found.entry(row.parse("canonical")?).or_default();
            of_one.insert(row.text("label_key")?, row.text("label_value")?);
        }
        Ok(found)
    }

    /// The labels of the versions of a crate, by their numbers without build metadata; those without any are left out.
    pub async fn labels_of_versions(
        &self,
        registry_id: i64,
        name: &CanonicalName,
    ) -> Result<HashMap<String, BTreeMap<String, String>>, StoreError> {
        let list = query(LIST_OF_VERSIONS)
            .bind(registry_id)
            .bind(name.as_str());
        let mut found: HashMap<String, BTreeMap<String, String>> = HashMap::new();
        for row in &self.rows(list).await? {
            let of_one = found.entry(row.text("number")?).or_default();
            of_one.insert(row.text("label_key")?, row.text("label_value")?);
        }
        Ok(found)
    }

    /// The labels that crates of a registry have, those of most crates first, with how many crates that is.
    pub async fn labels_in_use(
        &self,
        registry_id: i64,
        limit: u32,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        let list = query(LIST_USED).bind(registry_id).bind(limit);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.text("label_key")?,
                    row.text("label_value")?,
                    row.unsigned("total")?,
                ))
            })
            .collect()
    }

    /// Changes the labels of a crate or a version, all or none of it. A label that has its value already keeps its date. The
    /// audit entry is written only where anything has changed.
    pub async fn change_labels(
        &self,
        of: &Labelled,
        change: &LabelChange,
        audit_entry: &AuditEntry,
    ) -> Result<LabelsChanged, StoreError> {
        let mut transaction = self.write().await?;
        let lock = query(LOCK_REGISTRY).bind(of.registry_id);
        transaction.execute(lock).await?;
        let list = || {
            query(LIST)
                .bind(of.registry_id)
                .bind(of.name.as_str())
                .bind(of.number())
        };
        let rows = transaction.rows(list()).await?;
        let before: Vec<_> = rows.iter().map(label).collect::<Result<_, _>>()?;
        let mut changes = 0;
        for old in &before {
            let is_left = !change.is_whole || change.set.contains_key(&old.key);
            if is_left && !change.remove.contains(&old.key) {
                continue;
            }
            let remove = query(REMOVE)
                .bind(of.registry_id)
                .bind(of.name.as_str())
                .bind(of.number())
                .bind(old.key.as_str());
            changes += transaction.execute(remove).await?;
        }
        for (key, value) in &change.set {
            let is_there = |old: &LabelRow| old.key == *key && old.value == *value;
            if before.iter().any(is_there) && !change.remove.contains(key) {
                continue;
            }
            let upsert = query(UPSERT)
                .bind(of.registry_id)
                .bind(of.name.as_str())
                .bind(of.number())
                .bind(key.as_str())
                .bind(value.as_str())
                .bind(change.now)
                .bind(change.by.as_str());
            changes += transaction.execute(upsert).await?;
        }
        let rows = transaction.rows(list()).await?;
        let after: Vec<_> = rows.iter().map(label).collect::<Result<_, _>>()?;
        if changes == 0 {
            return Ok(LabelsChanged::Done(after, false));
        }
        // not where there are fewer than before: what was allowed once can always be mended
        if after.len() > change.most && after.len() >= before.len() {
            return Ok(LabelsChanged::TooMany(after.len()));
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(LabelsChanged::Done(after, true))
    }
}

/// Labels that all have to be there, as statements compare them: one text and how many they are. What a crate has is compared
/// with it as `\nkey\n` and as `\nkey=value\n`; neither keys nor values hold a line break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedLabels {
    pub(crate) text: String,
    pub(crate) count: u64,
}

impl WantedLabels {
    /// Keys with the value that is wanted; `None` for any. Of a key that is wanted twice with different values there is no
    /// crate, and a value says more than none.
    pub fn new<'a>(wanted: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let mut of_keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, value) in wanted {
            let values = of_keys.entry(key).or_default();
            if let Some(value) = value.filter(|value| !values.contains(value)) {
                values.push(value);
            }
        }
        let mut found = Self::default();
        for (key, values) in of_keys {
            found.count += values.len().max(1) as u64;
            if values.is_empty() {
                found.text.extend(["\n", key, "\n"]);
            }
            for value in values {
                found.text.extend(["\n", key, "=", value, "\n"]);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_two_values_is_nothings() {
        let of = |list: &[(&'static str, Option<&'static str>)]| {
            let wanted = WantedLabels::new(list.iter().copied());
            (wanted.text, wanted.count)
        };
        assert_eq!(of(&[]), (String::new(), 0));
        assert_eq!(
            of(&[("a", None), ("a", Some("b"))]),
            ("\na=b\n".to_owned(), 1)
        );
        assert_eq!(
            of(&[("a", Some("")), ("a", Some(""))]),
            ("\na=\n".to_owned(), 1)
        );
        assert_eq!(of(&[("a", Some("b")), ("a", Some("c"))]).1, 2);
        assert_eq!(of(&[("b", None), ("a", Some("c"))]).0, "\na=c\n\nb\n");
    }
}
