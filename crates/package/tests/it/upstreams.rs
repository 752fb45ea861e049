//! Index files of other registries.

use std::borrow::Cow;

use proptest::prelude::*;
use supercargo_package::{UpstreamLine, edit_upstream_line, parse_upstream_file};
use supercargo_types::Spelling;

const CHECKSUM: &str = "abababababababababababababababababababababababababababababababab";

fn demo() -> Spelling {
    "demo".parse().unwrap()
}

fn line(vers: &str, rest: &str) -> String {
    format!(
        r#"{{"name":"demo","vers":"{vers}","deps":[],"cksum":"{CHECKSUM}","features":{{}}{rest}}}"#
    )
}

fn only(line: &str) -> UpstreamLine<'_> {
    let mut lines = parse_upstream_file(&demo(), line.as_bytes()).unwrap();
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

#[test]
fn lines_are_kept_as_they_came() {
    let first = line(
        "1.0.0",
        r#","yanked":true,"pubtime":"2026-11-20T11:54:12Z""#,
    );
    let second = r#"{ "vers": "2.0.0", "name": "Demo", "new": [1.50, 1e3], "cksum": null }"#;
    let file = format!("{first}\r\n\n{second}  \n");
    let lines = parse_upstream_file(&demo(), file.as_bytes()).unwrap();
    let [one, two] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(one.raw, first);
    assert_eq!(one.version, "1.0.0");
    assert_eq!(one.checksum, Some(CHECKSUM.parse().unwrap()));
    assert!(one.yanked);
    let time = one.published_at.unwrap();
    assert_eq!(time.pubtime(), "2026-11-20T11:54:12Z");
    assert_eq!(two.raw, format!("{second}  "));
    assert_eq!(two.name, "Demo");
    assert_eq!((two.checksum, two.yanked), (None, false));
    assert_eq!(two.published_at, None);
}

#[test]
fn versions_that_cargo_ignores_stay_and_cannot_be_downloaded() {
    let wrong_type =
        r#"{"name":"demo","vers":"1.0.0","deps":7,"cksum":7,"yanked":"x","pubtime":7}"#;
    let upper_case = line("1.0.0", "").replace(CHECKSUM, &CHECKSUM.to_uppercase());
    for text in [
        &line("1.0", "")[..],
        &line("v1.0.0", ""),
        wrong_type,
        &upper_case,
    ] {
        let line = only(text);
        assert_eq!(line.raw, text);
        assert_eq!(line.checksum, None);
        assert_eq!(line.dependencies, []);
    }
    let fraction = line("1.0.0", r#","pubtime":"2026-11-20T11:54:12.5Z""#);
    assert_eq!(only(&fraction).published_at, None);
}

#[test]
fn dependencies_tell_their_real_names_and_registries() {
    let text = line("1.0.0", "").replace(
        "[]",
        r#"[{"name":"a","registry":null},{"name":"b","package":"real","registry":"https://u.example/"},{"name":"c","package":null}]"#,
    );
    let found: Vec<_> = only(&text)
        .dependencies
        .into_iter()
        .map(|dependency| (dependency.package, dependency.registry))
        .collect();
    let url = Some("https://u.example/".to_owned());
    assert_eq!(
        found,
        [
            ("a".to_owned(), None),
            ("real".to_owned(), url),
            ("c".to_owned(), None)
        ]
    );
}

#[test]
fn a_file_that_is_no_index_file_is_refused_whole() {
    let good = line("1.0.0", "");
    let say = |file: &[u8]| parse_upstream_file(&demo(), file).unwrap_err().to_string();
    let lines = |lines: &[&str]| say(lines.join("\n").as_bytes());
    let other_checksum = good.replace("ab", "cd");
    let no_checksum = good.replace(CHECKSUM, "");
    insta::assert_snapshot!(
        [
            say(b""),
            say(b"\n \r\n"),
            say(b"\xef\xbb\xbf{}"),
            say(b"\n<!DOCTYPE html><html>"),
            lines(&[&good, "not json"]),
            lines(&[&good, "[]"]),
            lines(&[&good, "{}"]),
            lines(&[&good, &good[..50]]),
            lines(&[&good, r#"{"errors":[{"detail":"no"}]}"#]),
            lines(&[&good, r#"{"name":"demo"}"#]),
            lines(&[&good, &good.replace("demo", "de-mo")]),
            lines(&[&good, r#"{"name":"demo","name":"demo","vers":"1.0.0"}"#]),
            lines(&[&good, &other_checksum]),
            lines(&[&good, &no_checksum]),
            say(&[good.as_bytes(), b"\n\xff"].concat()),
            say(&[good.as_bytes(), good.as_bytes()].concat()),
        ]
        .join("\n"),
        @"
        the index file of `demo` is empty
        the index file of `demo` is empty
        the index file of `demo` starts with a byte order mark
        an HTML page in place of the index file of `demo`
        line 2 of the index file of `demo` is not a JSON object
        line 2 of the index file of `demo` is not a JSON object
        line 2 of the index file of `demo` has no `name`
        line 2 of the index file of `demo` is not a JSON object (EOF while parsing a string at line 1 column 50)
        line 2 of the index file of `demo` has no `name`
        line 2 of the index file of `demo` has no `vers`
        line 2 of the index file of `demo` is about `de-mo`
        line 2 of the index file of `demo` is not a JSON object (duplicate field `name` at line 1 column 21)
        line 2 of the index file of `demo` lists version `1.0.0` a second time, with another checksum
        line 2 of the index file of `demo` lists version `1.0.0` a second time, with another checksum
        line 2 of the index file of `demo` is not UTF-8
        line 1 of the index file of `demo` is not a JSON object (trailing characters at line 1 column 130)
        "
    );
}

#[test]
fn a_file_of_more_lines_than_any_crate_has_versions_is_refused() {
    let file = |lines: u32| {
        let lines = (0..lines).map(|number| line(&format!("1.0.{number}"), "") + "\n\n");
        lines.collect::<String>()
    };
    let most = file(20_000);
    let lines = parse_upstream_file(&demo(), most.as_bytes()).unwrap();
    assert_eq!(lines.len(), 20_000, "blank lines do not count");
    let refused = parse_upstream_file(&demo(), file(20_001).as_bytes()).unwrap_err();
    insta::assert_snapshot!(
        refused,
        @"the index file of `demo` has more than 20000 lines, which is the limit"
    );
}

#[test]
fn hyphen_and_underscore_are_different_names() {
    let file = line("1.0.0", "").replace("demo", "de_mo");
    let parse = |name: &str| parse_upstream_file(&name.parse().unwrap(), file.as_bytes()).is_ok();
    assert!(parse("de_mo"));
    assert!(parse("DE_MO"));
    assert!(!parse("de-mo"));
}

#[test]
fn the_same_version_twice_needs_the_same_checksum() {
    let one = line("1.0.0", "");
    let file = format!(
        "{one}\n{}\n{}",
        line("1.0.0", r#","yanked":true"#),
        line("1.0.0+a", "")
    );
    let file = file.replace(
        r#"1.0.0+a","deps":[],"cksum":"ab"#,
        r#"1.0.0+a","deps":[],"cksum":"cd"#,
    );
    assert_eq!(
        parse_upstream_file(&demo(), file.as_bytes()).unwrap().len(),
        3
    );
}

fn never(_: &str) -> bool {
    false
}

#[test]
fn an_edit_changes_one_value_and_no_other_byte() {
    let spaced = r#"{"name":"demo", "vers":"1.0.0" ,"yanked" : false, "x":1.50}"#;
    let edited = edit_upstream_line(&only(spaced), Some(true), &never).into_owned();
    assert_eq!(edited, spaced.replace("false", "true"));
    let back = edit_upstream_line(&only(&edited), Some(false), &never).into_owned();
    assert_eq!(back, spaced);
    let null = line("1.0.0", r#","yanked":null"#);
    let edited = edit_upstream_line(&only(&null), Some(true), &never).into_owned();
    assert_eq!(edited, null.replace("null", "true"));
    let absent = format!("{}\t", line("1.0.0", ""));
    let edited = edit_upstream_line(&only(&absent), Some(true), &never).into_owned();
    assert_eq!(edited, format!("{}\t", line("1.0.0", r#","yanked":true"#)));
    let escaped = line("1.0.0", r#","yank\u0065d":false"#);
    let edited = edit_upstream_line(&only(&escaped), Some(true), &never).into_owned();
    assert_eq!(edited, escaped.replace("false", "true"));
}

#[test]
fn an_unchanged_line_is_not_copied() {
    let text = line("1.0.0", r#","yanked":true"#);
    let parsed = only(&text);
    for yanked in [None, Some(true)] {
        let edited = edit_upstream_line(&parsed, yanked, &never);
        assert!(matches!(edited, Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn registries_that_are_ours_become_null() {
    let text = line("1.0.0", r#","yanked":false"#).replace(
        "[]",
        r#"[{"registry":"https:\/\/u.example/","name":"a"},{"name":"b","registry":"https://v.example/"},{"name":"c"}]"#,
    );
    let is_ours = |url: &str| url == "https://u.example/";
    let edited = edit_upstream_line(&only(&text), Some(true), &is_ours).into_owned();
    let expected = text
        .replace(r#""https:\/\/u.example/""#, "null")
        .replace("false", "true");
    assert_eq!(edited, expected);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let file = [line("1.0.0", "").as_bytes(), b"\n", &bytes].concat();
        for bytes in [&bytes[..], &file] {
            if let Ok(lines) = parse_upstream_file(&demo(), bytes) {
                prop_assert!(!lines.is_empty());
            }
        }
    }

    #[test]
    fn an_edited_line_is_the_same_json_but_for_the_flag(
        fields in proptest::collection::btree_map("[a-z]{1,5}", any::<i64>(), 0..5),
        before in any::<Option<bool>>(),
        yanked in any::<bool>(),
    ) {
        let mut object = serde_json::json!({"name": "demo", "vers": "1.0.0"});
        for (key, value) in fields {
            object[format!("x-{key}")] = value.into();
        }
        if let Some(before) = before {
            object["yanked"] = before.into();
        }
        let text = object.to_string();
        let edited = edit_upstream_line(&only(&text), Some(yanked), &never).into_owned();
        let is_edited = before.unwrap_or(false) != yanked;
        if is_edited || before.is_some() {
            object["yanked"] = yanked.into();
        }
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&edited).unwrap(), object);
    }
}
