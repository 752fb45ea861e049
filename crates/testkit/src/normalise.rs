//! Takes out of cargo's output what differs from run to run, for snapshots.

use std::path::Path;

/// Ports of 127.0.0.1 become `[PORT]`, `root` becomes `[ROOT]`, durations become `[TIME]`, sizes become `[SIZE]`.
pub fn normalise(text: &str, root: &Path) -> String {
    text.replace(&*root.to_string_lossy(), "[ROOT]")
        .lines()
        .map(|line| line_without_times(&without_ports(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `127.0.0.1:41234` → `127.0.0.1:[PORT]`.
fn without_ports(line: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = line.split(HOST);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|character: char| character.is_ascii_digit());
        text.push_str(HOST);
        text.push_str(if rest.len() < part.len() {
            "[PORT]"
        } else {
            ""
        });
        text.push_str(rest);
    }
    text
}

/// Words such as `0.31s`, and sizes such as `1.2KiB` or `12.5 KiB`.
fn line_without_times(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_matches(['(', ')', ',']);
        let is_size_unit = matches!(bare, "B" | "KiB" | "MiB" | "GiB");
        if is_size_unit && words.last().is_some_and(|last| ends_in_number(last)) {
            words.pop();
        }
        let ends_size = ["KiB", "MiB", "GiB", "B"]
            .iter()
            .any(|unit| bare.strip_suffix(unit).is_some_and(is_number));
        if bare.strip_suffix('s').is_some_and(is_number) {
            words.push(word.replace(bare, "[TIME]"));
        } else if is_size_unit || ends_size {
            words.push(word.replace(bare, "[SIZE]"));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

fn ends_in_number(word: &str) -> bool {
    is_number(word.trim_start_matches('('))
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.starts_with(|character: char| character.is_ascii_digit())
        && text
            .chars()
            .all(|character| character.is_ascii_digit() || character == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_taken_out() {
        let text = "    Updating `acme` index\n  \
            Downloaded demo v1.0.0 (registry `acme`)\n  \
            Downloaded 3 crates (1.2MiB) in 0.31s (largest was `x` at 900.5KiB)\n    \
            Packaged 4 files, 1.2KiB (900.0B compressed)\n    \
            Finished `dev` profile [unoptimized] target(s) in 12.05s\n\
            error: failed to get http://127.0.0.1:41234/index/ and 127.0.0.1:1 from /tmp/x/work";
        assert_eq!(
            normalise(text, Path::new("/tmp/x")),
            "    Updating `acme` index\n  \
            Downloaded demo v1.0.0 (registry `acme`)\n  \
            Downloaded 3 crates ([SIZE]) in [TIME] (largest was `x` at [SIZE])\n    \
            Packaged 4 files, [SIZE] ([SIZE] compressed)\n    \
            Finished `dev` profile [unoptimized] target(s) in [TIME]\n\
            error: failed to get http://127.0.0.1:[PORT]/index/ and 127.0.0.1:[PORT] from [ROOT]/work"
        );
    }
}
