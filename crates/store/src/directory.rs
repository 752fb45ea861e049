//! All the small settings in one consistent read: what a server keeps in memory to turn a URL into a registry.

use std::collections::HashMap;

use crate::{
    Attachment, ClaimRow, QuarantineRow, RegistryRow, Store, StoreError, UpstreamRow, quarantines,
    query::query, row::Row, statements::statements, upstreams,
};

/// Every registry and every upstream.
#[derive(Clone, Debug)]
pub struct DirectoryRows {
    /// By name, deleted ones among them.
    pub registries: Vec<RegistryRow>,
    /// By name.
    pub upstreams: Vec<UpstreamRow>,
}

statements! {
    LIST_REGISTRIES = "
        SELECT id, name, description, labels, visibility, publishing, created_at, changed_at, deleted_at,
            purged_at, allow_patterns, block_patterns, republish
        FROM registries ORDER BY name";
    LIST_UPSTREAMS = "
        SELECT id, name, kind, index_url, registry_id, auth_kind, auth_username, auth_secret,
            usable_by, auth_origins, created_at
        FROM upstreams ORDER BY name";
    LIST_ATTACHMENTS = "
        SELECT registry_id, upstream_id, only_patterns, except_patterns
        FROM registry_upstreams ORDER BY registry_id, position";
    LIST_CLAIMS = "
        SELECT registry_id, pattern, mode, created_at, created_by
        FROM claims ORDER BY registry_id, pattern";
    LIST_QUARANTINES = "
        SELECT registry_id, canonical, number, action, reason, created_at, created_by
        FROM quarantines ORDER BY registry_id, canonical, number";
}

impl Store {
    /// Reads everything as of one moment.
    pub async fn directory(&self) -> Result<DirectoryRows, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let registries = snapshot.rows(query(LIST_REGISTRIES)).await?;
        let upstreams = snapshot.rows(query(LIST_UPSTREAMS)).await?;
        let attachments = snapshot.rows(query(LIST_ATTACHMENTS)).await?;
        let claims = snapshot.rows(query(LIST_CLAIMS)).await?;
        let quarantines = snapshot.rows(query(LIST_QUARANTINES)).await?;
        snapshot.commit().await?;

        let mut attachments = by_registry(&attachments, attachment)?;
        let mut claims = by_registry(&claims, claim)?;
        let mut quarantines: HashMap<i64, Vec<QuarantineRow>> =
            by_registry(&quarantines, quarantines::quarantine)?;
        Ok(DirectoryRows {
            registries: registries
                .iter()
                .map(|row| {
                    let mut registry = registry(row)?;
                    registry.upstreams = attachments.remove(&registry.id).unwrap_or_default();
                    registry.claims = claims.remove(&registry.id).unwrap_or_default();
                    registry.quarantines = quarantines.remove(&registry.id).unwrap_or_default();
                    Ok(registry)
                })
                .collect::<Result<_, StoreError>>()?,
            upstreams: upstreams
                .iter()
                .map(upstreams::upstream_row)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn by_registry<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<HashMap<i64, Vec<T>>, StoreError> {
    let mut lists = HashMap::<_, Vec<_>>::new();
    for row in rows {
        let list = lists.entry(row.integer("registry_id")?).or_default();
        list.push(read(row)?);
    }
    Ok(lists)
}

fn registry(row: &Row) -> Result<RegistryRow, StoreError> {
    Ok(RegistryRow {
        id: row.integer("id")?,
        name: row.parse("name")?,
        description: row.text("description")?,
        labels: row.json("labels")?,
        visibility: row.parse("visibility")?,
        publishing: row.parse("publishing")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        deleted_at: row.maybe_time("deleted_at")?,
        purged_at: row.maybe_time("purged_at")?,
        allow: row.json("allow_patterns")?,
        block: row.json("block_patterns")?,
        republish: row.flag("republish")?,
        quarantines: Vec::new(),
        upstreams: Vec::new(),
        claims: Vec::new(),
    })
}

fn attachment(row: &Row) -> Result<Attachment, StoreError> {
    Ok(Attachment {
        upstream_id: row.integer("upstream_id")?,
        only: row.json("only_patterns")?,
        except: row.json("except_patterns")?,
    })
}

fn claim(row: &Row) -> Result<ClaimRow, StoreError> {
    Ok(ClaimRow {
        pattern: row.parse("pattern")?,
        mode: row.parse("mode")?,
        created_at: row.time("created_at")?,
        created_by: row.maybe_integer("created_by")?,
    })
}
