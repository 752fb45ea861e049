//! The command line: pins, registries as upstreams, `--republish`, `--auth-origin`.

use std::{fs, process::Stdio};

use serde_json::{Value, json};
use supercargo_testkit::{Database, normalise, on_both};
use tokio::process::Command;

use crate::scene::{PROGRAM, Scene, of};

on_both!(
    what_is_done_with_upstreams_is_done_by_commands_as_well,
    what_commands_are_refused_is_said_in_the_servers_words,
);

/// Exit code, standard output, standard error.
async fn run(scene: &Scene, line: &str) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM)
        .args(line.split_whitespace())
        .env_clear()
        .env("SUPERCARGO_URL", scene.server.url())
        .env("SUPERCARGO_TOKEN", scene.server.admin_token())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

async fn json_of(scene: &Scene, line: &str) -> Value {
    let (code, stdout, stderr) = run(scene, &format!("{line} --json")).await;
    assert_eq!(code, Some(0), "{line}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

async fn what_is_done_with_upstreams_is_done_by_commands_as_well(database: Database) {
    let scene = Scene::start(database).await;
    let secret = scene.server.data().join("secret");
    fs::write(&secret, "hunter2\n").unwrap();
    let made = json_of(
        &scene,
        &format!(
            "upstream create partner --index {} --auth bearer --secret-file {} --auth-origin https://files.example --auth-origin HTTP://Cdn.Example:8080/",
            scene.first.index_url(),
            secret.display()
        ),
    )
    .await;
    let origins = json!(["https://files.example", "http://cdn.example:8080"]);
    assert_eq!(made["auth"]["origins"], origins);
    let (_, shown, _) = run(&scene, "upstream show partner").await;
    for origin in origins.as_array().unwrap() {
        assert!(shown.contains(origin.as_str().unwrap()), "{shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");

    let shared = json_of(&scene, "registry create shared --republish").await;
    assert_eq!(shared["republish"], true);
    let upstream = json_of(&scene, "upstream create shared --registry shared").await;
    assert_eq!(upstream["registry"], "shared");
    let open = "registry create open --visibility public --upstream shared --upstream second";
    let open = json_of(&scene, open).await;
    assert_eq!(open["upstreams"][0]["name"], "shared");
    let (code, _, stderr) = run(&scene, "registry edit shared --republish=false").await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("registry `open`"), "{stderr}");
    json_of(&scene, "registry edit open --visibility private").await;
    let shared = json_of(&scene, "registry edit shared --republish=false").await;
    assert_eq!(shared["republish"], false);
    let (code, said, _) = run(&scene, "upstream test shared").await;
    assert_eq!(
        (code, &*said),
        (Some(0), "upstream `shared` answers within 0 ms\n")
    );

    scene.first.publish(&of("first", "Left_Pad", "1.0.0"));
    scene.second.publish(&of("second", "Left_Pad", "2.0.0"));
    assert_eq!(scene.index("acme", "left_pad").await, "1.0.0");
    let (code, said, stderr) = run(&scene, "crate pin acme Left_Pad second").await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        said,
        "`Left_Pad` in `acme` is read from upstream `second`, before from `first`\n"
    );
    assert_eq!(scene.index("acme", "left_pad").await, "2.0.0");
    let pinned = json_of(&scene, "crate pin acme Left_Pad first").await;
    assert_eq!(pinned, json!({ "upstream": "first", "before": "second" }));
}

async fn what_commands_are_refused_is_said_in_the_servers_words(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let mut table = Vec::new();
    for line in [
        "crate pin outer left-pad first",
        "crate pin nowhere left-pad first",
        "upstream create x --registry nowhere",
        "upstream create x --registry inner --auth none --auth-origin https://files.example",
        "registry edit outer --visibility public",
        "registry edit inner --upstream inner",
        "registry delete inner --yes",
    ] {
        let (code, _, stderr) = run(&scene, line).await;
        let stderr = normalise(&stderr, scene.server.data());
        table.push(format!("$ {line}\n{} {}", code.unwrap(), stderr.trim_end()));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    $ crate pin outer left-pad first
    1 error: registry `outer` does not ask upstream `first` for `left-pad`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show outer`
    $ crate pin nowhere left-pad first
    1 error: there is no registry `nowhere`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    $ upstream create x --registry nowhere
    1 error: `registry`: there is no registry `nowhere` on this server; make it first
    $ upstream create x --registry inner --auth none --auth-origin https://files.example
    2 error: `--auth none` sends nothing anywhere: leave `--auth-origin` out
    $ registry edit outer --visibility public
    1 error: this cannot be: registry `outer`: more people may read it than registry `inner`, which it reads through; an administrator of `inner` has to allow that with `republish`, or the visibility has to be narrower
    $ registry edit inner --upstream inner
    1 error: this cannot be: registry `inner`: it would read through itself
    $ registry delete inner --yes
    1 error: registry `inner` is read through by registry `outer`; detach it there first
    ");
}
