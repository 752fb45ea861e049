//! Where a crate's file stands in a sparse index.

use crate::Spelling;

/// `se/rd/serde`, `3/f/foo`, `2/ab`, `1/a`: relative to the index URL, always in lower case.
pub fn sparse_path(name: &Spelling) -> String {
    let name = name.as_str();
    match name.len() {
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_cargo_book() {
        let path = |name: &str| sparse_path(&name.parse().unwrap());
        assert_eq!(path("a"), "1/a");
        assert_eq!(path("ab"), "2/ab");
        assert_eq!(path("abc"), "3/a/abc");
        assert_eq!(path("Serde_JSON"), "se/rd/serde_json");
        assert_eq!(path("o-_x"), "o-/_x/o-_x");
    }
}
