//! The statements and the two migrations against real schemas.

use sqlx::{Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use supercargo_store::{DatabaseUrl, Store};

use crate::{
    databases::{Database, with_postgres},
    on_both,
};

on_both!(every_statement_fits_the_schema);

async fn every_statement_fits_the_schema(database: Database) {
    let prepared = database.store.prepare_all().await.unwrap_or_else(|error| {
        panic!("{error}: {:?}", error.source);
    });
    assert!(prepared > 60, "only {prepared} statements are listed");
}

const SQLITE_COLUMNS: &str = "
    SELECT t.name || '.' || c.name || ' '
        || CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'BLOB' THEN 'bytea' ELSE LOWER(c.type) END
        || CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END
    FROM sqlite_schema t JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name <> '_sqlx_migrations'";
const POSTGRES_COLUMNS: &str = "
    SELECT table_name || '.' || column_name || ' ' || data_type
        || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";

// SQLite has no index for a key that is the row's own number
const SQLITE_INDEXES: &str = "
    SELECT t.name || ' (' || group_concat(c.name, ', ' ORDER BY c.seqno) || ')'
        || CASE WHEN i.\"unique\" THEN ' unique' ELSE '' END
    FROM sqlite_schema t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c
    WHERE t.type = 'table' AND t.name <> '_sqlx_migrations'
    GROUP BY t.name, i.name, i.\"unique\"
    UNION ALL
    SELECT t.name || ' (' || c.name || ') unique'
    FROM sqlite_schema t JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND c.pk AND c.type = 'INTEGER' AND t.name <> '_sqlx_migrations'";
const POSTGRES_INDEXES: &str = "
    SELECT t.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.place) || ')'
        || CASE WHEN i.indisunique THEN ' unique' ELSE '' END
    FROM pg_index i
        JOIN pg_class t ON t.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> '_sqlx_migrations'
    GROUP BY i.indexrelid, t.relname, i.indisunique";

const SQLITE_REFERENCES: &str = "
    SELECT t.name || '.' || f.\"from\" || ' -> ' || f.\"table\"
        || CASE f.on_delete WHEN 'CASCADE' THEN ' cascade' ELSE '' END
    FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
    WHERE t.type = 'table'";
const POSTGRES_REFERENCES: &str = "
    SELECT c.conrelid::regclass::text || '.' || a.attname || ' -> ' || c.confrelid::regclass::text
        || CASE c.confdeltype WHEN 'c' THEN ' cascade' ELSE '' END
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f'";

/// Both schemas as sorted lines, so that a difference is one line of the failure.
#[tokio::test]
async fn both_migrations_make_the_same_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let url: DatabaseUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    Store::open(&url).await.unwrap().close().await;
    let options = SqliteConnectOptions::new().filename(&path);
    let mut sqlite = SqliteConnection::connect_with(&options).await.unwrap();

    let pairs = [
        (SQLITE_COLUMNS, POSTGRES_COLUMNS, 90),
        (SQLITE_INDEXES, POSTGRES_INDEXES, 20),
        (SQLITE_REFERENCES, POSTGRES_REFERENCES, 15),
    ];
    with_postgres(async move |database| {
        let Store::Postgres(server) = &database.store else {
            panic!("this is PostgreSQL's half");
        };
        let mut postgres: PgConnection = server.pool.acquire().await.unwrap().detach();
        for (here, there, at_least) in pairs {
            let mut left: Vec<String> = sqlx::query_scalar(here)
                .fetch_all(&mut sqlite)
                .await
                .unwrap();
            let mut right: Vec<String> = sqlx::query_scalar(there)
                .fetch_all(&mut postgres)
                .await
                .unwrap();
            left.sort();
            right.sort();
            assert_eq!(left, right);
            assert!(left.len() >= at_least, "{left:#?}");
        }
    })
    .await;
}
