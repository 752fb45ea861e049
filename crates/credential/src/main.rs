//! A credential provider for cargo.

fn main() {}
