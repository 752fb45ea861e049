//! HTML as far as a test of safety needs it: every tag with its attributes, as a browser takes them apart.

/// A tag.
#[derive(Debug)]
pub(crate) struct Tag {
    /// In lower case; `/p` for an end.
    pub(crate) name: String,
    /// Names in lower case, and decoded values.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Every tag of a page, in order.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_tag = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        if is_tag {
            let (tag, after) = tag(rest);
            tags.push(tag);
            rest = after;
        }
    }
    tags
}

fn tag(text: &str) -> (Tag, &str) {
    let ends = |c: char| c.is_ascii_whitespace() || c == '>';
    let after_slash = usize::from(text.starts_with('/'));
    let end = text[after_slash..].find(|c: char| ends(c) || c == '/');
    let end = end.map_or(text.len(), |end| end + after_slash);
    let name = text[..end].to_lowercase();
    let mut attributes = Vec::new();
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return (Tag { name, attributes }, after);
        }
        if rest.is_empty() {
            return (Tag { name, attributes }, rest);
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c))
            .unwrap_or(rest.len())
            .max(1);
        let attribute = rest[..end].to_lowercase();
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else {
            attributes.push((attribute, String::new()));
            continue;
        };
        let after = after.trim_start();
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            _ => after.split_at(after.find(ends).unwrap_or(after.len())),
        };
        attributes.push((attribute, decoded(value)));
        rest = after;
    }
}

fn decoded(value: &str) -> String {
    [
        ("&#38;", "&"),
        ("&amp;", "&"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#62;", ">"),
        ("&gt;", ">"),
    ]
    .into_iter()
    .fold(value.to_owned(), |value, (entity, character)| {
        value.replace(entity, character)
    })
}

/// What could run in a page, or make it another one, beyond what every page of ours has.
pub(crate) fn executable(html: &str) -> Vec<String> {
    const RUNS: [&str; 12] = [
        "iframe",
        "frame",
        "object",
        "embed",
        "applet",
        "base",
        "style",
        "math",
        "noscript",
        "template",
        "portal",
        "foreignobject",
    ];
    const LEADS: [&str; 6] = ["href", "src", "action", "xlink:href", "data", "poster"];
    let mut found = Vec::new();
    let mut known = [("script", 1), ("link", 3), ("meta", 2)];
    for tag in tags(html) {
        if RUNS.contains(&tag.name.as_str()) {
            found.push(format!("{tag:?}"));
        }
        if let Some((_, left)) = known.iter_mut().find(|(name, _)| *name == tag.name) {
            let is_ours = match tag.name.as_str() {
                "script" => tag.get("nonce").is_some() && tag.get("src").is_some_and(ours),
                // a style, an icon, and the same page as a feed
                "link" => match tag.get("rel") {
                    Some("stylesheet" | "icon") => tag.get("href").is_some_and(ours),
                    // the same page as a feed
                    Some("alternate") => tag.get("href").is_some_and(|href| {
                        href.starts_with('/')
                            && !href.starts_with("//")
                            && href.ends_with("/feed.atom")
                    }),
                    _ => false,
                },
                _ => tag.get("http-equiv").is_none(),
            };
            if *left == 0 || !is_ours {
                found.push(format!("{tag:?}"));
            }
            *left -= i32::from(*left > 0);
        }
        for (name, value) in &tag.attributes {
            let runs = name.starts_with("on")
                || ["style", "srcdoc", "formaction", "ping", "background"].contains(&name.as_str());
            let plain: String = value
                .chars()
                .filter(|c| !c.is_ascii_whitespace() && !c.is_control())
                .collect();
            let plain = plain.to_lowercase();
            let leads = LEADS.contains(&name.as_str())
                && ["javascript:", "vbscript:", "data:"]
                    .iter()
                    .any(|scheme| plain.starts_with(scheme));
            if runs || leads {
                found.push(format!("{tag:?}"));
            }
        }
    }
    found
}

fn ours(address: &str) -> bool {
    address.contains("/-/assets/") && !address.starts_with("//") && !address.contains(':')
}

#[test]
fn what_could_run_is_found() {
    assert!(executable("<p class=\"x\">a &lt;script&gt;</p><a href='/x'>b</a>").is_empty());
    for bad in [
        "<script>x</script>",
        "<img src=x onerror=alert(1)>",
        "<a href=\" java\nscript:x\">a</a>",
        "<svg/onload=x>",
        "<p style='x'>",
        "<IFRAME srcdoc=x>",
        "<a title=\"x\"onclick=y>",
        "<meta http-equiv=refresh content=x>",
    ] {
        assert!(!executable(bad).is_empty(), "{bad}: {:?}", tags(bad));
    }
}
