//! The split that crates.io makes so that cargo before 1.60 is not shown what it cannot parse.

use std::collections::BTreeMap;

type Features = BTreeMap<String, Vec<String>>;

/// `features` and `features2`: the second has every feature that uses `dep:` or `?/`, and those that enable one of
/// them, for they would otherwise refer to something that old cargo does not see.
pub(super) fn split(features: Features) -> (Features, Features) {
    let is_new = |value: &String| value.starts_with("dep:") || value.contains("?/");
    let (mut new, mut old): (Features, Features) = features
        .into_iter()
        .partition(|(_, values)| values.iter().any(is_new));
    loop {
        let (moved, kept): (Features, Features) = old
            .into_iter()
            .partition(|(_, values)| values.iter().any(|value| new.contains_key(value)));
        old = kept;
        if moved.is_empty() {
            return (old, new);
        }
        new.extend(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(list: &[(&str, &[&str])]) -> Features {
        list.iter()
            .map(|(name, values)| {
                let values = values.iter().map(|&value| value.to_owned()).collect();
                ((*name).to_owned(), values)
            })
            .collect()
    }

    #[test]
    fn features_that_enable_new_ones_move_with_them() {
        let all = features(&[
            ("default", &["a"]),
            ("a", &["b"]),
            ("b", &["dep:x"]),
            ("weak", &["y?/z"]),
            ("old", &["y/z", "plain"]),
            ("plain", &[]),
        ]);
        let (old, new) = split(all);
        let names = |features: &Features| features.keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&old), "old plain");
        assert_eq!(names(&new), "a b default weak");
    }

    #[test]
    fn a_circle_of_old_features_stays() {
        let all = features(&[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(split(all.clone()), (all, Features::new()));
    }
}
