//! The table "Who may do what": deed × visibility × role, walked cell by cell over HTTP.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Client, Package, Server, View};

use super::deeds::{Deed, deed, needs_a_spare_version, registry_deed, spare_version, user};
use crate::on_both_databases;

on_both_databases!(
    every_cell_of_the_table_of_registry_rights,
    every_cell_of_the_table_of_instance_rights,
);

/// Everybody's token has all scopes, so that the role alone decides. `stranger` is signed in and no member.
/// 422 is the question for a confirmation: whoever sees it may do it.
pub(super) const REGISTRY_RIGHTS: &str = "
                                         anonymous stranger reader publisher maintainer admin instance-admin

read config.json              public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200
read the index                public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200
read the hosted view          public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200
read the mirror view          public       404       404     404      404       404     404       404
                              internal     401       404     404      404       404     404       404
                              private      401       403     404      404       404     404       404
download                      public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200
download from the mirror      public       404       404     404      404       404     404       404
                              internal     401       404     404      404       404     404       404
                              private      401       403     404      404       404     404       404
search                        public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200
list owners                   public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       403     200      200       200     200       200

publish a new crate           public       401       403     403      200       200     200       200
                              internal     401       403     403      200       200     200       200
                              private      401       403     403      200       200     200       200
publish to one's own          public       401       403     403      200       200     200       200
                              internal     401       403     403      200       200     200       200
                              private      401       403     403      200       200     200       200
publish to another's          public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       403     403      403       200     200       200
yank one's own                public       401       403     403      200       200     200       200
                              internal     401       403     403      200       200     200       200
                              private      401       403     403      200       200     200       200
yank another's                public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       403     403      403       200     200       200
unyank another's              public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       403     403      403       200     200       200
add an owner to one's own     public       401       403     403      200       200     200       200
                              internal     401       403     403      200       200     200       200
                              private      401       403     403      200       200     200       200
add an owner to another's     public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       403     403      403       200     200       200

see the registry              public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
list claims                   public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
claim a name                  public       401       403     403      403       201     201       201
                              internal     401       403     403      403       201     201       201
                              private      401       404     403      403       201     201       201
delete a claim                public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
change settings               public       401       403     403      403       403     200       200
                              internal     401       403     403      403       403     200       200
                              private      401       404     403      403       403     200       200
list members                  public       401       403     403      403       403     200       200
                              internal     401       403     403      403       403     200       200
                              private      401       404     403      403       403     200       200
make a member                 public       401       403     403      403       403     200       200
                              internal     401       403     403      403       403     200       200
                              private      401       404     403      403       403     200       200
remove a member               public       401       403     403      403       403     204       204
                              internal     401       403     403      403       403     204       204
                              private      401       404     403      403       403     204       204
make a service account        public       401       403     403      403       403     201       201
                              internal     401       403     403      403       403     201       201
                              private      401       404     403      403       403     201       201
delete the registry           public       401       403     403      403       403     422       422
                              internal     401       403     403      403       403     422       422
                              private      401       404     403      403       403     422       422

see a crate                   public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
list versions                 public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
see a version                 public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
list quarantines              public       200       200     200      200       200     200       200
                              internal     401       200     200      200       200     200       200
                              private      401       404     200      200       200     200       200
upload a crate file           public       401       403     403      201       201     201       201
                              internal     401       403     403      201       201     201       201
                              private      401       404     403      201       201     201       201
hold a version                public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       404     403      403       200     200       200
lift it from a version        public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
block a crate                 public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       404     403      403       200     200       200
lift it from a crate          public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
delete a version              public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
restore a version             public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       404     403      403       200     200       200
purge a version               public       401       403     403      403       403     204       204
                              internal     401       403     403      403       403     204       204
                              private      401       404     403      403       403     204       204
delete a crate                public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
restore a crate               public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       404     403      403       200     200       200
purge a crate                 public       401       403     403      403       403     204       204
                              internal     401       403     403      403       403     204       204
                              private      401       404     403      403       403     204       204
release a name                public       401       403     403      403       200     200       200
                              internal     401       403     403      403       200     200       200
                              private      401       404     403      403       200     200       200
evict a crate                 public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
evict the cache               public       401       403     403      403       204     204       204
                              internal     401       403     403      403       204     204       204
                              private      401       404     403      403       204     204       204
accept changed bytes          public       401       403     403      403       422     422       422
                              internal     401       403     403      403       422     422       422
                              private      401       404     403      403       422     422       422
";

const INSTANCE_RIGHTS: &str = "
                              anonymous  member  creator  instance-admin

see oneself                      401       200     200       200
list registries                  401       200     200       200
make a registry                  401       403     201       201
restore a registry               401       403     403       409
list upstreams                   401       200     200       200
make an upstream                 401       403     403       201
change an upstream               401       403     403       200
test an upstream                 401       403     403       200
delete an upstream               401       403     403       204
make a user                      401       403     403       201
list users                       401       403     403       200
make a service account           401       403     403       201
list service accounts            401       403     403       200
make a team                      401       403     403       201
list teams                       401       403     403       200
see a team                       401       403     403       200
add a member to a team           401       403     403       200
remove a member of a team        401       403     403       204
delete a team                    401       403     403       204
make a token for oneself         401       201     201       201
make a token for another         401       404     404       201
list tokens                      401       200     200       200
";

/// A row: what is done, where, and what each column gets.
pub(super) struct Row {
    pub(super) deed: &'static str,
    pub(super) visibility: &'static str,
    statuses: Vec<u16>,
}

/// Who stands at the head of each column.
fn heads(table: &'static str) -> Vec<&'static str> {
    let first = table.lines().find(|line| !line.trim().is_empty());
    first.unwrap().split_whitespace().collect()
}

/// The lines below. A deed is not repeated in the lines of its other visibilities.
pub(super) fn rows(table: &'static str) -> Vec<Row> {
    let columns = heads(table).len();
    let mut deed = "";
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines
        .skip(1)
        .map(|line| {
            let (label, rest) = line.split_at(30);
            if !label.trim().is_empty() {
                deed = label.trim();
            }
            let mut words = rest.split_whitespace().peekable();
            let visibility = words.next_if(|word| word.parse::<u16>().is_err());
            let statuses: Vec<u16> = words.map(|word| word.parse().unwrap()).collect();
            assert_eq!(statuses.len(), columns, "{line}");
            Row {
                deed,
                visibility: visibility.unwrap_or_default(),
                statuses,
            }
        })
        .collect()
}

/// Puts back what a deed takes away, so that each cell finds the same.
async fn prepare(name: &str, admin: &Client, registry: &str, turn: usize) {
    let path = format!("/api/v1/registries/{registry}");
    if needs_a_spare_version(name) {
        let spare = Package::new("spare", &spare_version(turn));
        admin.publish(registry, &spare).await.expect(200);
    }
    let spare = format!("{path}/crates/spare");
    let version = format!("{spare}/versions/{}", spare_version(turn));
    let hold = json!({ "action": "hold", "reason": "odd" });
    match name {
        "lift it from a version" => {
            let path = format!("{version}/quarantine");
            admin.put(&path, hold).await.expect(200);
        }
        "lift it from a crate" => {
            let path = format!("{spare}/quarantine");
            admin.put(&path, hold).await.expect(200);
        }
        "restore a version" | "purge a version" => {
            admin.delete(&version).await.expect(204);
        }
        "restore a crate" | "purge a crate" | "release a name" => {
            admin.delete(&spare).await.expect(204);
        }
        "delete a claim" => {
            let claim = json!({ "pattern": "spare-*" });
            let answer = admin.post(&format!("{path}/claims"), claim).await;
            assert!([201, 409].contains(&answer.status.as_u16()), "{answer}");
        }
        "remove a member" => {
            admin.member(registry, "extra", "reader").await;
        }
        _ => {}
    }
}

const REGISTRIES: [(&str, &str); 3] = [
    ("public", "reg-public"),
    ("internal", "reg-internal"),
    ("private", "reg-private"),
];

const ROLES: [&str; 4] = ["reader", "publisher", "maintainer", "admin"];

/// Three registries with two crates each, and one client for each column of the first table.
async fn people_in_three_registries(server: &Server) -> Vec<Client> {
    let admin = server.admin();
    let mut clients = vec![server.anonymous(), user(&admin, "stranger", "member").await];
    for role in ROLES {
        clients.push(user(&admin, &format!("the-{role}"), "member").await);
    }
    admin.create_user("extra").await;
    for (visibility, registry) in REGISTRIES {
        admin
            .create_registry(json!({ "name": registry, "visibility": visibility }))
            .await;
        for role in ROLES {
            admin.member(registry, &format!("the-{role}"), role).await;
        }
        for name in ["own", "another"] {
            admin
                .publish(registry, &Package::new(name, "1.0.0"))
                .await
                .expect(200);
        }
        let owners = [
            "stranger",
            "the-reader",
            "the-publisher",
            "the-maintainer",
            "the-admin",
        ];
        admin
            .put(
                &format!("/{registry}/api/v1/crates/own/owners"),
                json!({ "users": owners }),
            )
            .await
            .expect(200);
    }
    clients.push(admin);
    clients
}

async fn every_cell_of_the_table_of_registry_rights(server: &Server) {
    let clients = people_in_three_registries(server).await;
    let admin = server.admin();
    let heads = heads(REGISTRY_RIGHTS);
    assert_eq!(heads.len(), clients.len());
    let mut wrong = Vec::new();
    let mut turn = 0;
    for row in rows(REGISTRY_RIGHTS) {
        let Row {
            deed, visibility, ..
        } = row;
        let mut registries = REGISTRIES.into_iter();
        let (_, registry) = registries.find(|(of, _)| *of == visibility).unwrap();
        for ((who, client), expected) in heads.iter().zip(&clients).zip(row.statuses) {
            turn += 1;
            prepare(deed, &admin, registry, turn).await;
            let answer = registry_deed(deed, registry, who, turn).by(client).await;
            if answer.status.as_u16() != expected {
                wrong.push(format!(
                    "{deed}, {visibility}, {who}: {expected} expected\n{answer}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    what_was_refused_left_nothing(&admin).await;
}

/// The crates, versions, claims and members that the table's green cells made, and no others.
async fn what_was_refused_left_nothing(admin: &Client) {
    for (_, registry) in REGISTRIES {
        for (who, published) in [
            ("anonymous", 0),
            ("stranger", 0),
            ("reader", 0),
            ("publisher", 1),
            ("maintainer", 1),
            ("admin", 1),
            ("instance-admin", 1),
        ] {
            let listed = admin
                .listed(registry, View::Hosted, &format!("by-{who}"))
                .await;
            assert_eq!(listed.len(), published, "{registry}: {who}");
        }
        assert_eq!(
            admin.listed(registry, View::Index, "own").await.len(),
            1 + 4,
            "{registry}"
        );
        assert_eq!(
            admin.listed(registry, View::Index, "another").await.len(),
            1 + 3,
            "{registry}"
        );
        let claims = admin
            .get(&format!("/api/v1/registries/{registry}/claims"))
            .await
            .json();
        assert_eq!(claims["total"], 3, "{registry}: {claims}");
    }
}

fn instance_deed(name: &str, who: &str) -> Deed {
    use Method as M;
    let api = |method, path: &str| deed(method, format!("/api/v1/{path}"));
    let named = json!({ "name": format!("a-{who}") });
    let upstream = json!({ "name": format!("a-{who}"), "index": "sparse+http://127.0.0.1:9/" });
    match name {
        "see oneself" => api(M::GET, "me"),
        "list registries" => api(M::GET, "registries"),
        "make a registry" => api(M::POST, "registries").json(named),
        "restore a registry" => api(M::POST, "registries/spare/restore"),
        "list upstreams" => api(M::GET, "upstreams"),
        "make an upstream" => api(M::POST, "upstreams").json(upstream),
        "change an upstream" => api(M::PATCH, "upstreams/spare").json(json!({ "usable_by": null })),
        "test an upstream" => api(M::POST, "upstreams/spare/test"),
        "delete an upstream" => api(M::DELETE, "upstreams/spare"),
        "make a user" => api(M::POST, "users").json(named),
        "list users" => api(M::GET, "users"),
        "make a service account" => api(M::POST, "service-accounts").json(named),
        "list service accounts" => api(M::GET, "service-accounts"),
        "make a team" => api(M::POST, "teams").json(named),
        "list teams" => api(M::GET, "teams"),
        "see a team" => api(M::GET, "teams/spare"),
        "add a member to a team" => api(M::PUT, "teams/spare/members/extra"),
        "remove a member of a team" => api(M::DELETE, "teams/spare/members/extra"),
        "delete a team" => api(M::DELETE, "teams/spare"),
        "make a token for oneself" => api(M::POST, "tokens").json(named),
        "make a token for another" => {
            api(M::POST, "tokens").json(json!({ "name": "x", "principal": "extra" }))
        }
        "list tokens" => api(M::GET, "tokens"),
        other => panic!("the table has a deed that nobody can do: `{other}`"),
    }
}

async fn every_cell_of_the_table_of_instance_rights(server: &Server) {
    let admin = server.admin();
    admin.create_user("extra").await;
    let team = json!({ "name": "spare" });
    admin.post("/api/v1/teams", team).await.expect(201);
    admin.create_registry(json!({ "name": "spare" })).await;
    admin
        .create_upstream(json!({ "name": "spare", "index": "sparse+http://127.0.0.1:9/" }))
        .await;
    let clients = [
        server.anonymous(),
        user(&admin, "the-member", "member").await,
        user(&admin, "the-creator", "creator").await,
        user(&admin, "the-admin", "admin").await,
    ];
    let heads = heads(INSTANCE_RIGHTS);
    assert_eq!(heads.len(), clients.len());
    let mut wrong = Vec::new();
    for Row { deed, statuses, .. } in rows(INSTANCE_RIGHTS) {
        for ((who, client), expected) in heads.iter().zip(&clients).zip(statuses) {
            let answer = instance_deed(deed, who).by(client).await;
            if answer.status.as_u16() != expected {
                wrong.push(format!("{deed}, {who}: {expected} expected\n{answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
