//! Databases of one's own.

use supercargo_testkit::Postgres;

#[test]
fn each_test_has_a_database_of_its_own() {
    let (one, other) = (Postgres::database(), Postgres::database());
    assert_ne!(one.url(), other.url());
    for database in [&one, &other] {
        database.execute("CREATE TABLE crates (name TEXT); INSERT INTO crates VALUES ('demo')");
    }
}
