//! B1, B2 and B4: index files, 304 and downloads, beside nginx with the same bytes; downloads also over TLS.

use std::{io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use supercargo_testkit::{Authority, Client, Package, Server, ServerOptions};
use tempfile::TempDir;

use crate::{
    Effort,
    load::{Round, Target},
    nginx::{Nginx, Setup},
    process,
    table::{Row, Table, median},
};

/// cargo asks for 16 at once at most through a proxy; large files come on fewer connections.
const CONNECTIONS: u32 = 16;
const LARGE_CONNECTIONS: u32 = 4;
/// Of crates in bytes, with the connections that they come on.
const SIZES: [(usize, u32); 2] = [(100 << 10, CONNECTIONS), (10 << 20, LARGE_CONNECTIONS)];
const VERSIONS: u32 = 30;

pub(crate) async fn run(
    program: &Path,
    effort: Effort,
    wanted: &dyn Fn(&str) -> bool,
    table: &mut Table,
) -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let options = ServerOptions::new(process::pinned(program, folder.path())?);
    let server = Server::start(options.clone()).await;
    let admin = server.admin();
    admin.claim("main", "bench-*", "private").await;
    if wanted("B1") || wanted("B2") {
        index(&server, &admin, effort, wanted, table).await?;
    }
    if !wanted("B4") {
        return Ok(());
    }
    for size in SIZES {
        let beside = [
            (", nginx with sendfile off", Setup::plain(false), Some(1.2)),
            (", nginx with sendfile on", Setup::plain(true), None),
        ];
        download(&server, size, &beside, effort, table).await?;
    }
    drop(server);
    let authority = Authority::new();
    authority.issue(folder.path(), "bench");
    let server = Server::start(options.tls(&authority, folder.path())).await;
    server.admin().claim("main", "bench-*", "private").await;
    let encrypting = Setup {
        tls: Some(folder.path()),
        ..Setup::plain(false)
    };
    for size in SIZES {
        let beside = [(" over TLS, nginx over TLS", encrypting, Some(1.2))];
        download(&server, size, &beside, effort, table).await?;
    }
    Ok(())
}

async fn index(
    server: &Server,
    admin: &Client,
    effort: Effort,
    wanted: &dyn Fn(&str) -> bool,
    table: &mut Table,
) -> anyhow::Result<()> {
    for patch in 0..VERSIONS {
        let package = Package::new("bench-index", &format!("1.0.{patch}"))
            .dependency("serde", "1.0")
            .dependency("tokio", "1.40")
            .feature("default", &["std"])
            .feature("std", &[]);
        admin.publish("main", &package).await.expect(200);
    }
    let path = "/main/index/be/nc/bench-index";
    let answer = admin.get(path).await.expect(200);
    let body = answer.text().into_bytes();
    let etag = answer.header("etag").unwrap_or_default().to_owned();
    println!(
        "B1, B2: an index file of {VERSIONS} versions, {} bytes",
        body.len()
    );

    let nginx = Nginx::start(Setup::plain(true))?;
    nginx.put("index", &body)?;
    nginx.put("index.gz", &gzip(&body)?)?;
    let files = Client::new(nginx.url("").trim_end_matches('/'));
    let beside_etag = etag_of(&files, "identity").await;
    let beside_gzip_etag = etag_of(&files, "gzip").await;

    for gzip in [true, false] {
        let encoding = if gzip { "gzip" } else { "identity" };
        let ours = target(
            server,
            admin,
            path,
            CONNECTIONS,
            &[("Accept-Encoding", encoding)],
        );
        let mut beside = ours.clone();
        (beside.pid, beside.url) = (nginx.pid(), nginx.url("index"));
        beside.headers.retain(|(name, _)| *name != "Authorization");
        if wanted("B1") {
            table.push(compare(
                "B1",
                format!("index GET, {encoding}"),
                &ours,
                &beside,
                effort,
                Some(1.2),
            )?);
        }
        if wanted("B2") {
            let mut ours = ours;
            ours.headers.push(("If-None-Match", etag.clone()));
            let etag = if gzip {
                &beside_gzip_etag
            } else {
                &beside_etag
            };
            beside.headers.push(("If-None-Match", etag.clone()));
            table.push(compare(
                "B2",
                format!("index 304, {encoding}"),
                &ours,
                &beside,
                effort,
                Some(1.2),
            )?);
        }
    }
    Ok(())
}

/// Each nginx comes with what is said of it, and with the goal beside it.
async fn download(
    server: &Server,
    (bytes, connections): (usize, u32),
    beside: &[(&str, Setup<'_>, Option<f64>)],
    effort: Effort,
    table: &mut Table,
) -> anyhow::Result<()> {
    let admin = server.admin();
    let name = format!("bench-{}k", bytes >> 10);
    let package = Package::new(&name, "1.0.0").ballast(bytes);
    admin.publish("main", &package).await.expect(200);
    let path = format!("/main/api/v1/crates/{name}/1.0.0/download");
    let file = admin.get(&path).await.expect(200).body.to_vec();
    println!("B4: a crate of {} bytes", file.len());
    let ours = target(server, &admin, &path, connections, &[]);
    for (how, setup, goal) in beside {
        let nginx = Nginx::start(*setup)?;
        nginx.put("crate", &file)?;
        let beside = Target {
            pid: nginx.pid(),
            url: nginx.url("crate"),
            headers: Vec::new(),
            connections,
        };
        let work = format!("download {} KB{how}", bytes >> 10);
        table.push(compare("B4", work, &ours, &beside, effort, *goal)?);
    }
    Ok(())
}

fn target(
    server: &Server,
    admin: &Client,
    path: &str,
    connections: u32,
    headers: &[(&'static str, &str)],
) -> Target {
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    headers.push(("Authorization", server.admin_token().to_owned()));
    Target {
        pid: server.pid(),
        url: format!("{}{path}", admin.base()),
        headers,
        connections,
    }
}

/// Round by round in turn, so that both meet the same weather.
fn compare(
    id: &str,
    work: String,
    ours: &Target,
    beside: &Target,
    effort: Effort,
    goal: Option<f64>,
) -> anyhow::Result<Row> {
    ours.round(Effort {
        seconds: 1,
        ..effort
    })?;
    beside.round(Effort {
        seconds: 1,
        ..effort
    })?;
    let mut rounds: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..effort.rounds {
        rounds[0].push(ours.round(effort)?);
        rounds[1].push(beside.round(effort)?);
    }
    let middle = |of: fn(&Round) -> f64| {
        rounds
            .each_ref()
            .map(|rounds| median(rounds.iter().map(of).collect()))
    };
    let [ours, beside] = middle(|round| round.cpu_micros);
    let [our_rate, beside_rate] = middle(|round| round.per_second);
    Ok(Row {
        id: id.to_owned(),
        work,
        ours,
        beside,
        unit: "µs CPU",
        ratio: ours / beside,
        goal,
        per_second: Some((our_rate, beside_rate)),
    })
}

async fn etag_of(files: &Client, encoding: &str) -> String {
    let answer = files
        .request(Method::GET, "/index")
        .header("Accept-Encoding", encoding)
        .send()
        .await;
    answer.header("etag").unwrap_or_default().to_owned()
}

fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
