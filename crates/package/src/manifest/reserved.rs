//! Names that nobody may publish: crates.io's list.

use supercargo_types::CrateName;

/// In canonical form: the standard library, the compiler and its tools.
const RUST: [&str; 38] = [
    "alloc",
    "arena",
    "ast",
    "builtins",
    "collections",
    "compiler-builtins",
    "compiler-rt",
    "compiletest",
    "core",
    "coretest",
    "debug",
    "driver",
    "flate",
    "fmt-macros",
    "grammar",
    "graphviz",
    "macro",
    "macros",
    "proc-macro",
    "rbml",
    "rust-installer",
    "rustbook",
    "rustc",
    "rustc-back",
    "rustc-borrowck",
    "rustc-driver",
    "rustc-llvm",
    "rustc-resolve",
    "rustc-trans",
    "rustc-typeck",
    "rustdoc",
    "rustllvm",
    "rustuv",
    "serialize",
    "std",
    "syntax",
    "test",
    "unicode",
];

/// Devices of Windows, where no folder can have such a name. `comN` and `lptN` besides.
const DEVICES: [&str; 4] = ["nul", "con", "prn", "aux"];

/// Whether a crate of this name, or a twin of it, may not be published.
pub fn is_reserved(name: &CrateName) -> bool {
    let name = name.canonical();
    let name = name.as_str();
    RUST.contains(&name) || DEVICES.contains(&name) || is_port(name)
}

/// `com0` to `com9` and `lpt0` to `lpt9`.
fn is_port(name: &str) -> bool {
    let number = name.strip_prefix("com").or(name.strip_prefix("lpt"));
    number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_reserved_in_every_spelling() {
        for name in [
            "std",
            "Std",
            "proc-macro",
            "proc_macro",
            "COM9",
            "lpt0",
            "nul",
        ] {
            assert!(is_reserved(&name.parse().unwrap()), "{name}");
        }
        for name in ["stdx", "com", "com10", "lptx", "tests", "rustc-hash"] {
            assert!(!is_reserved(&name.parse().unwrap()), "{name}");
        }
    }
}
