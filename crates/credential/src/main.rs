//! `cargo-credential-supercargo`: cargo starts it and asks for a token, over standard input and output. With people it speaks on
//! standard error.

fn main() {
    cargo_credential::main(cargo_credential_supercargo::Provider);
}
