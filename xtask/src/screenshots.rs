//! `cargo xtask screenshots`: pictures of the main pages, of the program as it is now, for `README.md` and `docs/`.

use crate::{
    command::{cargo, run as run_command, succeeds},
    node,
    workspace::root,
};

/// Has the test that makes the pictures write them into the project.
pub(crate) fn run() -> anyhow::Result<()> {
    node::find_or_install(false)?;
    let mut command = cargo();
    if succeeds(cargo().args(["nextest", "--version"])) {
        command.args(["nextest", "run"]);
    } else {
        command.arg("test");
    }
    run_command(
        command
            .args(["-p", "supercargo", "--test", "browser", "--locked"])
            .args(["--", "screenshots"])
            .current_dir(root())
            .env("SUPERCARGO_TEST_WRITE_DOCS", "1"),
    )
}
