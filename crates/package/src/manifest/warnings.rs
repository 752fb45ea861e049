//! What crates.io would refuse and a private registry only mentions: `warnings.other` of the publish answer, the one
//! text that cargo shows after a publish that succeeded.

use url::Url;

use super::PackageFacts;
use crate::text::shown;

/// In bytes, as on crates.io.
const LONGEST_DESCRIPTION: usize = 1000;
const MOST_WORDS: usize = 5;
/// In bytes, as on crates.io.
const LONGEST_KEYWORD: usize = 20;

/// One sentence per matter, in the order of the manifest's fields.
pub fn warnings(facts: &PackageFacts) -> Vec<String> {
    let mut warnings = Vec::new();
    warn_description(facts, &mut warnings);
    warn_license(facts, &mut warnings);
    for (field, url) in [
        ("homepage", &facts.homepage),
        ("documentation", &facts.documentation),
        ("repository", &facts.repository),
    ] {
        if let Some(url) = url.as_deref().filter(|url| !is_web(url)) {
            warnings.push(format!(
                "`{field}` `{}` is not a URL that starts with `https://` or `http://`",
                shown(url)
            ));
        }
    }
    warn_words("keywords", &facts.keywords, &mut warnings);
    for keyword in facts.keywords.iter().filter(|word| !is_keyword(word)) {
        warnings.push(format!(
            "the keyword `{}` is not of the usual form; use at most {LONGEST_KEYWORD} ASCII letters, digits, `_`, `-` and `+`, and start with a letter or digit",
            shown(keyword)
        ));
    }
    warn_words("categories", &facts.categories, &mut warnings);
    for category in facts.categories.iter().filter(|word| !is_category(word)) {
        warnings.push(format!(
            "the category `{}` is not of the usual form; write it as `command-line-utilities` or `development-tools::testing`",
            shown(category)
        ));
    }
    warnings
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

fn warn_description(facts: &PackageFacts, warnings: &mut Vec<String>) {
    if is_blank(facts.description.as_ref()) {
        warnings.push(
            "the crate has no `description`; add a sentence, by which others find it".to_owned(),
        );
    }
    let length = facts.description.as_ref().map_or(0, String::len);
    if length > LONGEST_DESCRIPTION {
        warnings.push(format!(
            "the `description` has {length} bytes; a sentence is enough, {LONGEST_DESCRIPTION} bytes are the most that others accept"
        ));
    }
}

fn warn_license(facts: &PackageFacts, warnings: &mut Vec<String>) {
    const MODE: spdx::ParseMode = spdx::ParseMode {
        allow_slash_as_or_operator: true,
        allow_imprecise_license_names: false,
        allow_postfix_plus_on_gpl: true,
        allow_deprecated: true,
        allow_unknown: false,
    };
    match facts.license.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(license) if spdx::Expression::parse_mode(license, MODE).is_err() => {
            warnings.push(format!(
                "the `license` `{}` is not an SPDX expression such as `MIT OR Apache-2.0`; use `license-file` for a text of your own",
                shown(license)
            ));
        }
        None if is_blank(facts.license_file.as_ref()) => warnings.push(
            "the crate has no `license` or `license-file`; add one, by which others know what they may do"
                .to_owned(),
        ),
        _ => {}
    }
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn warn_words(field: &str, words: &[String], warnings: &mut Vec<String>) {
    if words.len() > MOST_WORDS {
        let count = words.len();
        warnings.push(format!(
            "the crate has {count} {field}; use at most {MOST_WORDS}"
        ));
    }
}

fn is_keyword(word: &str) -> bool {
    word.len() <= LONGEST_KEYWORD
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
}

fn is_category(slug: &str) -> bool {
    slug.split("::").all(|part| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}
