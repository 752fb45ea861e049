//! `cargo-credential-supercargo`: cargo starts it and asks for a token, over standard input and output. With people it speaks on
//! standard error.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
};

/// For a person who has started it.
const HELP: &str = r#"A credential provider for cargo: gets a token of a Supercargo server for a person through the browser, or for a CI job
through its identity, and keeps it. Cargo starts it; there is nothing to type.

Name it in cargo's configuration (~/.cargo/config.toml), where a registry has `cargo:token`:

  [registries.acme]
  index = "sparse+https://crates.acme.example/acme/index/"
  credential-provider = ["cargo-credential-supercargo"]

Arguments stand behind its name there, as in ["cargo-credential-supercargo", "--days", "7"]:

  --days N          how long a token works: 1 to 365 days instead of 12 hours [env: SUPERCARGO_LOGIN_DAYS]
  --no-browser      print the address, and open nothing
  --no-keyring      keep tokens in a file instead of the system's keyring
  --audience HOST/REGISTRY=TEXT
                    for whom a job's identity is made for that registry, where that is not its address

Then `cargo login --registry acme` gets a token, `cargo logout --registry acme` ends it, and whatever else needs one gets it.
"#;

fn main() {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let asks_for = |names: &[&str]| {
        arguments
            .iter()
            .any(|given| names.iter().any(|name| given == name))
    };
    let is_cargo = asks_for(&["--cargo-plugin"]);
    // cargo's standard input is a pipe: at a terminal nobody would hear what the protocol says
    let is_person =
        asks_for(&["--help", "-h"]) || asks_for(&["--version", "-V"]) || io::stdin().is_terminal();
    if is_cargo || !is_person {
        return cargo_credential::main(cargo_credential_supercargo::Provider);
    }
    let version = concat!("cargo-credential-supercargo ", env!("CARGO_PKG_VERSION"));
    let help = if asks_for(&["--version", "-V"]) {
        ""
    } else {
        HELP
    };
    // whoever closes the pipe has read enough
    let _ = write!(io::stdout(), "{version}\n{help}");
}
