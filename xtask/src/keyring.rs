//! What the tests of the credential provider need: the provider itself, and a keyring without a desktop.

use std::process::Command;

use crate::{
    command::{cargo, run, succeeds},
    packages::install,
    workspace::root,
};

/// Builds the provider beside the server: the tests of one package do not build the programs of another.
pub(crate) fn build_provider() -> anyhow::Result<()> {
    let arguments = ["build", "-p", "cargo-credential-supercargo", "--locked"];
    run(cargo().args(arguments).current_dir(root()))
}

/// A Secret Service, a bus for it, and the library by which cargo asks it.
pub(crate) fn find_or_install(may_install: bool) -> anyhow::Result<()> {
    let has_service = succeeds(Command::new("gnome-keyring-daemon").arg("--version"));
    let has_bus = succeeds(Command::new("dbus-run-session").arg("--version"));
    let libraries = crate::command::output(Command::new("ldconfig").arg("-p"));
    let has_library = libraries.is_ok_and(|libraries| libraries.contains("libsecret-1.so.0"));
    for (package, is_there) in [
        ("gnome-keyring", has_service),
        ("dbus", has_bus),
        ("libsecret-1-0", has_library),
    ] {
        if !is_there {
            install(package, "a test of the system's keyring", may_install)?;
        }
    }
    Ok(())
}
