//! Trusted publishers: rules of registries about whose CI jobs get a token, and those tokens.

use std::{collections::BTreeMap, time::Duration};

use supercargo_types::{
    Digest, InstanceRole, NamePattern, PrincipalKind, PrincipalRef, PublisherName, Scopes,
    Timestamp,
};

use crate::{
    AuditEntry, Change, NewToken, Store, StoreError, audit,
    engine::Transaction,
    query::{json, query},
    row::Row,
    statements::statements,
    tokens,
};

/// Of one registry: all of them are looked at for each job.
pub const MOST_PUBLISHERS: u64 = 100;
/// How long a job's token stays in lists after its end, for whoever looks for what it did.
const KEPT_AFTER_END: Duration = Duration::from_hours(24);
/// How much longer than needed a used token of an issuer is remembered: clocks of processes differ.
const CLOCKS_DIFFER: Duration = Duration::from_hours(1);

/// What a rule says. Whether it is sound is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherRule {
    /// What is known of the issuer's claims.
    pub preset: String,
    /// Who signs.
    pub issuer: String,
    /// Whom tokens must be made for.
    pub audience: String,
    /// What they must say: names of claims and patterns.
    pub claims: BTreeMap<String, String>,
    /// What jobs may do.
    pub scopes: Scopes,
    /// The crates that they may write, whoever owns them; none: as everybody who publishes there.
    pub crates: Option<Vec<NamePattern>>,
}

/// A rule of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherRow {
    /// Unique in its registry.
    pub name: PublisherName,
    /// Whom its jobs are to us.
    pub principal_id: i64,
    /// The same, as people write it.
    pub principal: PrincipalRef,
    /// What it says.
    pub rule: PublisherRule,
    /// Grows with each change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// When a job got a token by it last.
    pub last_used_at: Option<Timestamp>,
}

/// What became of a new rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublisherCreated {
    /// It holds.
    Done,
    /// The registry has one of that name.
    Taken,
    /// The registry has [`MOST_PUBLISHERS`].
    Full,
}

/// A token for a job.
#[derive(Clone, Debug)]
pub struct NewJobToken<'a> {
    /// The registry of the rule.
    pub registry_id: i64,
    /// The rule.
    pub publisher: &'a PublisherRow,
    /// What names the issuer's token.
    pub key: Digest,
    /// When that may be forgotten.
    pub key_until: Timestamp,
    /// What it gets.
    pub token: &'a NewToken,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobTokenCreated {
    /// It works.
    Done,
    /// The issuer's token was used before.
    Used,
    /// The rule was changed or deleted meanwhile.
    Gone,
}

statements! {
    // the account of a rule that was deleted is that of its successor: it stands in the log under this name
    UPSERT_JOBS = "
        INSERT INTO principals (kind, name, instance_role, registry_id, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, name) DO UPDATE
            SET registry_id = excluded.registry_id, disabled_at = NULL
        RETURNING id";
    INSERT_PUBLISHER = "
        INSERT INTO trusted_publishers (registry_id, name, principal_id, preset, issuer, audience,
            claims, scopes, crates, revision, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10)
        ON CONFLICT (registry_id, name) DO NOTHING";
    COUNT_PUBLISHERS = "
        SELECT COUNT(*) AS total FROM trusted_publishers WHERE registry_id = $1";
    LIST_PUBLISHERS = "
        SELECT t.name, t.principal_id, p.kind AS principal_kind, p.name AS principal_name,
            t.preset, t.issuer, t.audience, t.claims, t.scopes, t.crates, t.revision,
            t.created_at, t.changed_at, t.last_used_at
        FROM trusted_publishers t JOIN principals p ON p.id = t.principal_id
        WHERE t.registry_id = $1
        ORDER BY t.name";
    UPDATE_PUBLISHER = "
        UPDATE trusted_publishers
        SET preset = $4, issuer = $5, audience = $6, claims = $7, scopes = $8, crates = $9,
            revision = revision + 1, changed_at = $10
        WHERE registry_id = $1 AND name = $2 AND revision = $3";
    // it also holds the rule still until the token is there: who deletes it then finds that token
    USE_PUBLISHER = "
        UPDATE trusted_publishers SET last_used_at = $4
        WHERE registry_id = $1 AND name = $2 AND revision = $3";
    DELETE_PUBLISHER = "
        DELETE FROM trusted_publishers WHERE registry_id = $1 AND name = $2
        RETURNING principal_id";
    FORGET_PUBLISHERS = "
        DELETE FROM trusted_publishers WHERE registry_id = $1 RETURNING principal_id";
    DISABLE_JOBS = "UPDATE principals SET disabled_at = $2 WHERE id = $1";
    REVOKE_TOKENS_OF_JOBS = "
        UPDATE tokens SET revoked_at = $2 WHERE principal_id = $1 AND revoked_at IS NULL";
    INSERT_JTI = "
        INSERT INTO used_jtis (token_key, expires_at) VALUES ($1, $2)
        ON CONFLICT (token_key) DO NOTHING";
    PRUNE_JTIS = "
        DELETE FROM used_jtis WHERE token_key IN (
            SELECT token_key FROM used_jtis WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    PRUNE_TOKENS_OF_JOBS = "
        DELETE FROM tokens WHERE id IN (
            SELECT t.id FROM tokens t JOIN principals p ON p.id = t.principal_id
            WHERE p.kind = 'job' AND t.expires_at < $1 ORDER BY t.id LIMIT $2)";
}

fn publisher_row(row: &Row) -> Result<PublisherRow, StoreError> {
    Ok(PublisherRow {
        name: row.parse("name")?,
        principal_id: row.integer("principal_id")?,
        principal: PrincipalRef {
            kind: row.parse("principal_kind")?,
            name: row.parse("principal_name")?,
        },
        rule: PublisherRule {
            preset: row.text("preset")?,
            issuer: row.text("issuer")?,
            audience: row.text("audience")?,
            claims: row.json("claims")?,
            scopes: row.parse("scopes")?,
            crates: row.maybe_json("crates")?,
        },
        revision: row.integer("revision")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

/// Ends what the jobs of a rule have.
async fn revoke(
    transaction: &mut Transaction,
    principal_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let revoke = query(REVOKE_TOKENS_OF_JOBS).bind(principal_id).bind(now);
    transaction.execute(revoke).await?;
    Ok(())
}

async fn disable(
    transaction: &mut Transaction,
    principal_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    revoke(transaction, principal_id, now).await?;
    let disable = query(DISABLE_JOBS).bind(principal_id).bind(now);
    transaction.execute(disable).await?;
    Ok(())
}

/// Deletes the rules of a registry whose name gets a new owner, who must not inherit whom the former one trusted.
pub(crate) async fn forget(
    transaction: &mut Transaction,
    registry_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let forgotten = transaction.rows(query(FORGET_PUBLISHERS).bind(registry_id));
    for row in forgotten.await? {
        disable(transaction, row.integer("principal_id")?, now).await?;
    }
    Ok(())
}

impl Store {
    /// Makes a rule, with the account of its jobs.
    pub async fn create_publisher(
        &self,
        registry_id: i64,
        name: &PublisherName,
        jobs: &PrincipalRef,
        rule: &PublisherRule,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<PublisherCreated, StoreError> {
        let mut transaction = self.write().await?;
        let count = query(COUNT_PUBLISHERS).bind(registry_id);
        let there = match transaction.row(count).await? {
            Some(row) => row.unsigned("total")?,
            None => 0,
        };
        if there >= MOST_PUBLISHERS {
            return Ok(PublisherCreated::Full);
        }
        let upsert = query(UPSERT_JOBS)
            .bind(PrincipalKind::Job.as_str())
            .bind(jobs.name.as_str())
            .bind(InstanceRole::Member.as_str())
            .bind(registry_id)
            .bind(now);
        let Some(row) = transaction.row(upsert).await? else {
            return Ok(PublisherCreated::Taken);
        };
        let insert = query(INSERT_PUBLISHER)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(row.integer("id")?)
            .bind(rule.preset.as_str())
            .bind(rule.issuer.as_str())
            .bind(rule.audience.as_str())
            .bind(json(&rule.claims))
            .bind(rule.scopes.to_string())
            .bind(rule.crates.as_ref().map(json))
            .bind(now);
        if transaction.execute(insert).await? == 0 {
            return Ok(PublisherCreated::Taken);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(PublisherCreated::Done)
    }

    /// The rules of a registry, by name; at most [`MOST_PUBLISHERS`], give or take some that are made at the same moment.
    pub async fn publishers(&self, registry_id: i64) -> Result<Vec<PublisherRow>, StoreError> {
        let list = query(LIST_PUBLISHERS).bind(registry_id);
        self.rows(list).await?.iter().map(publisher_row).collect()
    }

    /// Changes a rule and ends the tokens that were given by what it said before; false when it is not there any more, or was
    /// changed meanwhile.
    pub async fn change_publisher(
        &self,
        registry_id: i64,
        before: &PublisherRow,
        rule: &PublisherRule,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let update = query(UPDATE_PUBLISHER)
            .bind(registry_id)
            .bind(before.name.as_str())
            .bind(before.revision)
            .bind(rule.preset.as_str())
            .bind(rule.issuer.as_str())
            .bind(rule.audience.as_str())
            .bind(json(&rule.claims))
            .bind(rule.scopes.to_string())
            .bind(rule.crates.as_ref().map(json))
            .bind(now);
        if transaction.execute(update).await? == 0 {
            return Ok(false);
        }
        revoke(&mut transaction, before.principal_id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a rule and ends the tokens that it gave; false when it is not there. What its jobs published stays theirs by
    /// name.
    pub async fn delete_publisher(
        &self,
        registry_id: i64,
        name: &PublisherName,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_PUBLISHER)
            .bind(registry_id)
            .bind(name.as_str());
        let Some(row) = transaction.row(delete).await? else {
            return Ok(false);
        };
        disable(&mut transaction, row.integer("principal_id")?, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a job its token, once for each token of its issuer. Nothing is told to other processes: nobody can have asked for
    /// a token before it was made.
    pub async fn create_job_token(
        &self,
        new: &NewJobToken<'_>,
        audit_entry: &AuditEntry,
    ) -> Result<JobTokenCreated, StoreError> {
        let mut transaction = self.write().await?;
        let publisher = new.publisher;
        let hold = query(USE_PUBLISHER)
            .bind(new.registry_id)
            .bind(publisher.name.as_str())
            .bind(publisher.revision)
            .bind(new.token.now);
        if transaction.execute(hold).await? == 0 {
            return Ok(JobTokenCreated::Gone);
        }
        let insert = query(INSERT_JTI).bind(&new.key).bind(new.key_until);
        if transaction.execute(insert).await? == 0 {
            return Ok(JobTokenCreated::Used);
        }
        tokens::insert(&mut transaction, publisher.principal_id, new.token).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(JobTokenCreated::Done)
    }

    /// Forgets what has ended long enough ago: tokens of issuers that nobody takes any more, and tokens of jobs. So many of each
    /// at most; says how many it were in all.
    pub async fn prune_jobs(&self, now: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let jtis = query(PRUNE_JTIS).bind(now.minus(CLOCKS_DIFFER)).bind(most);
        let tokens = query(PRUNE_TOKENS_OF_JOBS)
            .bind(now.minus(KEPT_AFTER_END))
            .bind(most);
        let mut pruned = transaction.execute(jtis).await?;
        pruned += transaction.execute(tokens).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}
