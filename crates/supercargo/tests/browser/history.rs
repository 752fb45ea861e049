//! Half a year in the life of acme, which no test has the time to wait for: moments and counts are set in the database.

use std::fmt::Write as _;

use sqlx::{Connection as _, SqliteConnection};
use supercargo_testkit::Server;

const DAYS: i64 = 90;

/// Stops the server, and starts it again when that time has passed.
pub(crate) async fn write(server: &mut Server) {
    server.stop().await;
    let file = server.data().join("supercargo.db");
    assert!(file.is_file(), "{}", file.display());
    let url = format!("sqlite:{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let mut statements = String::from(
        // some days between one publish and the next, and everything else was there before
        "UPDATE versions SET published_at = published_at - ((SELECT MAX(id) FROM versions) - id) * 4 * 86400000000
             - 7900000000;
         UPDATE crates SET created_at = (SELECT MIN(v.published_at) FROM versions v WHERE v.crate_id = crates.id);
         UPDATE registries SET created_at = created_at - 200 * 86400000000;
         UPDATE principals SET created_at = created_at - 210 * 86400000000;
         UPDATE upstreams SET created_at = created_at - 205 * 86400000000;
         UPDATE cached_crates SET stored_at = stored_at - 41 * 86400000000;
         UPDATE audit SET at = at - (SELECT MAX(id) FROM audit) * 1900000000 + id * 1900000000;\n",
    );
    // more on working days, more with time, and more after each release
    for back in 0..DAYS {
        let weekend = (back + 1) % 7 < 2;
        let grown = 40 + (DAYS - back) * 2;
        let wave = (back * 37) % 23;
        let total = if weekend {
            grown / 6
        } else {
            grown + wave * 3 + if back % 19 < 3 { 70 } else { 0 }
        };
        writeln!(
            statements,
            "INSERT INTO downloads (registry_id, canonical, version, day, total)
             SELECT c.registry_id, c.canonical, v.version, unixepoch() / 86400 - {back},
                 {total} / (1 + v.id % 5) + v.id % 3
             FROM versions v JOIN crates c ON c.id = v.crate_id
             WHERE v.deleted_at IS NULL AND v.published_at / 86400000000 <= unixepoch() / 86400 - {back}
             ON CONFLICT DO NOTHING;
             INSERT INTO cache_counts (upstream_id, day, kind, total)
             SELECT u.id, unixepoch() / 86400 - {back}, served, share
             FROM upstreams u, (SELECT 'index-hit' AS served, {total} * 3 AS share
                 UNION ALL SELECT 'index-miss', {total} / 7
                 UNION ALL SELECT 'file-hit', {total}
                 UNION ALL SELECT 'file-miss', {total} / 20)
             WHERE u.name = 'crates-io'
             ON CONFLICT DO NOTHING;"
        )
        .unwrap();
    }
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection);
    done.await.unwrap();
    connection.close().await.unwrap();
    server.restart().await;
}
