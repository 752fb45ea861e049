//! CI systems: their files as the page has them, the shell in them, and the variables that the system would set.

use std::fs;

use serde_json::json;
use supercargo_testkit::{Cargo, CiIssuer, Database, on_both};

use crate::{
    pasted::{Pasted, run_of_dockerfile, script_of_job, steps_of_workflow},
    scene::{PROGRAM, Scene},
};

on_both!(
    a_job_of_github_builds_everything_through_us,
    a_job_of_github_builds_with_a_named_registry,
    a_job_of_gitlab_builds_everything_through_us,
    a_job_of_gitlab_builds_with_a_named_registry,
    a_job_of_cnb_builds_and_its_tag_publishes_everything_through_us,
    a_job_of_cnb_builds_and_its_tag_publishes_with_a_named_registry,
    a_step_of_harness_builds_everything_through_us,
    a_step_of_harness_builds_with_a_named_registry,
    a_job_of_jenkins_builds_everything_through_us,
    a_job_of_jenkins_builds_with_a_named_registry,
    an_image_is_built_everything_through_us,
    an_image_is_built_with_a_named_registry,
);

/// Makes the rule with the page's own line, for an issuer that is not the public one.
async fn trust(scene: &Scene, pasted: &Pasted, issuer: &CiIssuer) {
    let line = pasted.shell()[0].replace("OWNER/REPOSITORY", "acme/app");
    let line = line.replacen("supercargo", PROGRAM, 1);
    let line = format!("{} --issuer {}", line.trim_end(), issuer.url());
    let terminal = Cargo::bare()
        .env("SUPERCARGO_URL", &scene.base)
        .env("SUPERCARGO_TOKEN", scene.server.admin_token());
    terminal.shell(terminal.root(), &line).await.success();
}

fn audience(scene: &Scene) -> String {
    let (_, place) = scene.base.split_once("://").unwrap();
    format!("{place}/{}", scene.registry)
}

async fn github(database: Database, way: &str) {
    let mut scene = Scene::below(database, "team.tools-x", "private", Some("/crates")).await;
    let page = scene.page("github", way).await;
    assert!(
        page.forms()
            .iter()
            .all(|form| !form.action.ends_with("/setup")),
        "no secret: {page}"
    );
    let pasted = Pasted::of(&page);
    let issuer = CiIssuer::start().await;
    trust(&scene, &pasted, &issuer).await;
    let job = scene.bare(way);
    let folder = scene
        .project(&job, way, pasted.file(".cargo/config.toml"))
        .await;
    let steps = steps_of_workflow(pasted.file(".github/workflows/build.yml"));
    let [exchange, build] = &steps[..] else {
        panic!("two steps: {steps:?}");
    };
    let kept = job.root().join("github-env");
    let (url, shown) = issuer.runner();
    let job = job
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &url)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", shown)
        .env("GITHUB_ENV", &kept.to_string_lossy());
    let said = job.shell(&folder, exchange).await.success();
    assert!(said.stdout.contains("::add-mask::scg_"), "{said:?}");
    let mut job = job;
    for line in fs::read_to_string(kept).unwrap().lines() {
        let (name, value) = line.split_once('=').unwrap();
        job = job.env(name, value);
    }
    job.shell(&folder, build).await.success();
}

/// I4, I6.
async fn a_job_of_github_builds_everything_through_us(database: Database) {
    github(database, "everything").await;
}

async fn a_job_of_github_builds_with_a_named_registry(database: Database) {
    github(database, "named").await;
}

async fn gitlab(database: Database, way: &str) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let pasted = Pasted::of(&scene.page("gitlab", way).await);
    let issuer = CiIssuer::start().await;
    trust(&scene, &pasted, &issuer).await;
    let file = pasted.file(".gitlab-ci.yml");
    let audience = audience(&scene);
    assert!(
        file.contains(&format!("SUPERCARGO_ID:\n      aud: {audience}\n")),
        "{file}"
    );
    let identity = issuer.job(&audience, &json!({ "project_path": "acme/app" }));
    let job = scene.bare(way).env("SUPERCARGO_ID", &identity);
    let folder = scene
        .project(&job, way, pasted.file(".cargo/config.toml"))
        .await;
    job.shell(&folder, &script_of_job(file)).await.success();
}

/// I4, I6.
async fn a_job_of_gitlab_builds_everything_through_us(database: Database) {
    gitlab(database, "everything").await;
}

async fn a_job_of_gitlab_builds_with_a_named_registry(database: Database) {
    gitlab(database, "named").await;
}

/// `name: value` lines of YAML, as the environment of a job has them.
fn with_variables(mut job: Cargo, lines: &str, value: impl Fn(&str) -> String) -> Cargo {
    let mut some = false;
    for line in lines.trim().lines() {
        let (variable, told) = line.trim().split_once(": ").unwrap();
        job = job.env(variable, &value(told));
        some = true;
    }
    assert!(some, "no variables: {lines}");
    job
}

async fn cnb(database: Database, way: &str) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let pasted = Pasted::of(&scene.page_with_token("cnb", way).await);
    let job = with_variables(scene.bare(way), pasted.file("cargo.yml"), str::to_owned);
    let folder = scene
        .project(&job, way, pasted.file(".cargo/config.toml"))
        .await;
    let pipelines = pasted.file(".cnb.yml");
    assert_eq!(pipelines.matches("imports: ").count(), 2, "{pipelines}");
    let (pushed, tagged) = pipelines.split_once("  tag_push:\n").unwrap();
    let [build, publish] = [pushed, tagged].map(|part| {
        let (_, script) = part.split_once("script: ").unwrap();
        script.trim()
    });
    job.shell(&folder, build).await.success();
    job.shell(&folder, publish).await.success();
    let url = format!("/api/v1/registries/{}/crates/app", scene.registry);
    scene.admin.get(&url).await.expect(200);
}

/// I4, O7.
async fn a_job_of_cnb_builds_and_its_tag_publishes_everything_through_us(database: Database) {
    cnb(database, "everything").await;
}

async fn a_job_of_cnb_builds_and_its_tag_publishes_with_a_named_registry(database: Database) {
    cnb(database, "named").await;
}

async fn harness(database: Database, way: &str) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let pasted = Pasted::of(&scene.page_with_token("harness", way).await);
    let token = pasted.file("Secret text cargo_token").trim();
    let step = pasted.file("Step of the pipeline");
    let (_, variables) = step.split_once("envVariables:\n").unwrap();
    let (variables, command) = variables.split_once("      command: ").unwrap();
    let job = with_variables(scene.bare(way), variables, |told| {
        assert_eq!(told, "<+secrets.getValue(\"cargo_token\")>");
        token.to_owned()
    });
    let folder = scene
        .project(&job, way, pasted.file(".cargo/config.toml"))
        .await;
    job.shell(&folder, command.trim()).await.success();
}

/// I4.
async fn a_step_of_harness_builds_everything_through_us(database: Database) {
    harness(database, "everything").await;
}

async fn a_step_of_harness_builds_with_a_named_registry(database: Database) {
    harness(database, "named").await;
}

async fn jenkins(database: Database, way: &str) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let pasted = Pasted::of(&scene.page_with_token("jenkins", way).await);
    let token = pasted.file("Secret text cargo-token").trim();
    let pipeline = pasted.file("Jenkinsfile");
    let mut job = scene.bare(way);
    let (_, environment) = pipeline.split_once("environment {\n").unwrap();
    let (environment, _) = environment.split_once('}').unwrap();
    for line in environment.trim().lines() {
        let (variable, value) = line.trim().split_once(" = ").unwrap();
        assert_eq!(value, "credentials('cargo-token')");
        job = job.env(variable, token);
    }
    let folder = scene
        .project(&job, way, pasted.file(".cargo/config.toml"))
        .await;
    let (_, shell) = pipeline.split_once("sh '").unwrap();
    let (shell, _) = shell.split_once('\'').unwrap();
    job.shell(&folder, shell).await.success();
}

/// I4.
async fn a_job_of_jenkins_builds_everything_through_us(database: Database) {
    jenkins(database, "everything").await;
}

async fn a_job_of_jenkins_builds_with_a_named_registry(database: Database) {
    jenkins(database, "named").await;
}

async fn docker(database: Database, way: &str) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let pasted = Pasted::of(&scene.page_with_token("docker", way).await);
    let (mounts, command) = run_of_dockerfile(pasted.file("Dockerfile"));
    assert_eq!(mounts.len(), if way == "named" { 1 } else { 2 });
    let [build] = pasted.shell()[..] else {
        panic!("one block of shell");
    };
    let (export, build) = build.split_once('\n').unwrap();
    let export = export.strip_prefix("export ").unwrap();
    let (variable, token) = export.split_once('=').unwrap();
    let mut image = scene.bare(way);
    for (inside, id) in mounts {
        assert!(
            build.contains(&format!("--secret id={id},env={variable} ")),
            "{build}"
        );
        image = image.env(&inside, token);
    }
    let folder = scene
        .project(&image, way, pasted.file(".cargo/config.toml"))
        .await;
    image.shell(&folder, &command).await.success();
}

/// I4.
async fn an_image_is_built_everything_through_us(database: Database) {
    docker(database, "everything").await;
}

async fn an_image_is_built_with_a_named_registry(database: Database) {
    docker(database, "named").await;
}
