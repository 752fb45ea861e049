//! The hit rate: three machines fetch the same lockfile one after the other; how much of it does the upstream hear?
//!
//! What the machines ask is counted in a reverse proxy in front of the server, what the server asks in the stand-in's log.

use std::path::Path;

use anyhow::ensure;
use supercargo_testkit::ReverseProxy;

use crate::{
    scene::{self, Scene, milliseconds},
    table::{Row, Table},
};

const MACHINES: usize = 3;

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
pub(crate) async fn run(program: &Path, table: &mut Table) -> anyhow::Result<()> {
    let scene = Scene::new(program, &scene::kept_crates()?, &[])?;
    let project = scene::project()?;
    let near = scene.stand_in.near();
    let proxy = ReverseProxy::start("", false).await;
    let options = scene.plain().setting("public_url", &proxy.url());
    let server = scene.server(options, near).await;
    proxy.forward_to(&server.url());

    let (mut asked, mut passed_on) = (Vec::new(), Vec::new());
    for machine in 1..=MACHINES {
        let (carried, mark) = (proxy.carried().len(), scene.stand_in.mark()?);
        milliseconds(&scene.through(&server), project.path(), "fetch --locked").await;
        let carried = proxy.carried().split_off(carried);
        let files = carried
            .iter()
            .filter(|carried| !carried.line.ends_with("/config.json"))
            .count();
        let upstream = scene.stand_in.since(mark, near)?.files();
        println!("hits: machine {machine} asks for {files} files, the server for {upstream}");
        asked.push(files);
        passed_on.push(upstream);
    }
    ensure!(asked[0] > 0, "cargo asked for nothing");
    let (all, upstream): (usize, usize) = (asked.iter().sum(), passed_on.iter().sum());
    table.push(Row {
        id: "hits".to_owned(),
        work: format!(
            "{MACHINES} machines, `fetch --locked`: files asked of the upstream, beside those asked of the server"
        ),
        ours: upstream as f64,
        beside: all as f64,
        unit: "files",
        ratio: upstream as f64 / all as f64,
        goal: None,
        per_second: None,
    });
    let each: Vec<_> = asked
        .iter()
        .zip(&passed_on)
        .map(|(asked, passed_on)| format!("{passed_on} for the {asked} of a machine"))
        .collect();
    table.note(format!(
        "hits: asked of the upstream {}; answered without it {:.1} % of all",
        each.join(", then "),
        100.0 * (1.0 - upstream as f64 / all as f64)
    ));
    Ok(())
}
