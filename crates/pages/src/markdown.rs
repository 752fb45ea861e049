//! Readmes of strangers as HTML that can run nothing, change nothing of the page around it, and reach only what it links.
//!
//! comrak makes HTML of Markdown, ammonia keeps of that only what is on its list of tags and attributes. Whatever comes out is
//! safe because of the second step alone.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use ammonia::Builder;
use comrak::{
    Anchorizer, Arena, Node, Options,
    adapters::{HeadingAdapter, HeadingMeta},
    format_html_with_plugins,
    nodes::{NodeValue, Sourcepos},
    options::Plugins,
    parse_document,
};
use url::Url;

/// What is shown of a readme, in bytes: beyond it, a page would be slow to make and to read.
const LONGEST: usize = 128 * 1024;
/// Elements within each other. The passes over a tree would take a quadratic time for a readme of nothing but `>`.
const DEEPEST: usize = 100;
/// Before the `id`s of a readme, so that none is taken for one of the page's.
const OURS: &str = "readme-";

/// A readme that can stand in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readme {
    /// Safe.
    pub html: String,
    /// Whether something was left out at its end.
    pub is_cut: bool,
}

/// Where the files of a crate are, for the links of its readme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Without a slash at its end.
    base: String,
    /// Folders above the readme, with a slash at the end of each.
    folder: String,
    /// A commit or a branch.
    revision: String,
}

impl Repository {
    /// `None` for an address that is none of the forges whose addresses of files are known.
    pub fn new(address: &str, folder: Option<&str>, revision: Option<&str>) -> Option<Self> {
        const FORGES: [&str; 4] = ["github.com", "gitlab.com", "codeberg.org", "bitbucket.org"];
        let url = Url::parse(address).ok()?;
        let host = url.host_str()?.trim_start_matches("www.");
        let is_forge = url.scheme() == "https" && FORGES.contains(&host);
        let mut segments = url.path_segments()?.filter(|segment| !segment.is_empty());
        let (owner, name) = (segments.next()?, segments.next()?);
        let name = name.strip_suffix(".git").unwrap_or(name);
        let folder = folder.unwrap_or("").trim_matches('/');
        let is_commit = |text: &&str| {
            (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        is_forge.then(|| Self {
            base: format!("https://{host}/{owner}/{name}"),
            folder: if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            },
            revision: revision.filter(is_commit).unwrap_or("HEAD").to_owned(),
        })
    }

    /// Where a commit can be seen.
    pub fn commit(&self, commit: &str) -> String {
        // one forge has another word for it
        let kind = if self.base.starts_with("https://bitbucket.org/") {
            "commits"
        } else {
            "commit"
        };
        format!("{}/{kind}/{commit}", self.base)
    }

    /// The address of what a readme names relative to itself; `None` where that leaves the repository.
    fn resolve(&self, relative: &str, kind: &str) -> Option<String> {
        let root = format!("{}/{kind}/{}/", self.base, self.revision);
        let root = Url::parse(&root).ok()?;
        let target = match relative.strip_prefix('/') {
            Some(from_root) => root.join(from_root),
            None => root.join(&self.folder).ok()?.join(relative),
        };
        let target = target.ok()?;
        target
            .as_str()
            .starts_with(root.as_str())
            .then(|| target.into())
    }
}

/// Makes a readme safe. Images and relative links lead into the repository, where it is known; else they lead nowhere.
pub fn readme(source: &str, repository: Option<&Repository>) -> Readme {
    let end = source.floor_char_boundary(LONGEST);
    let shown = &source[..end];
    Readme {
        html: match to_html(shown) {
            Some(html) => clean(&html, repository),
            None => as_written(shown),
        },
        is_cut: end < source.len(),
    }
}

/// `None` where it is nested deeper than anybody writes.
fn to_html(source: &str) -> Option<String> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    // HTML in Markdown is common, and what is wrong with it is taken out afterwards
    options.render.r#unsafe = true;
    if nesting(source) > DEEPEST {
        return None;
    }
    let arena = Arena::new();
    let root = parse_document(&arena, source, &options);
    demote(root);
    let headings = Headings::default();
    let mut plugins = Plugins::default();
    plugins.render.heading_adapter = Some(&headings);
    let mut html = String::new();
    format_html_with_plugins(root, &options, &mut html, &plugins).ok()?;
    (depth(&html) <= DEEPEST).then_some(html)
}

/// Headings that can be linked to, as on the forges: `#usage`.
#[derive(Default)]
struct Headings(Mutex<Anchorizer>);

impl HeadingAdapter for Headings {
    fn enter(
        &self,
        output: &mut dyn fmt::Write,
        heading: &HeadingMeta,
        _: Option<Sourcepos>,
    ) -> fmt::Result {
        let mut anchors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = anchors.anchorize(&heading.content);
        let id = ammonia::clean_text(&id);
        write!(output, "<h{} id=\"{id}\">", heading.level)
    }

    fn exit(&self, output: &mut dyn fmt::Write, heading: &HeadingMeta) -> fmt::Result {
        write!(output, "</h{}>", heading.level)
    }
}

/// How deep block quotes and lists of the source could be nested, from above.
fn nesting(source: &str) -> usize {
    let of_line = |line: &str| {
        let marks = line.bytes().take_while(|byte| b">-+* \t".contains(byte));
        marks.filter(|byte| b">-+*".contains(byte)).count()
    };
    let is_rule = |line: &str| {
        let mut marks = line.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let first = marks.next();
        marks.all(|byte| Some(byte) == first) && !line.contains('>')
    };
    let lines = source.lines().filter(|line| !is_rule(line));
    lines.map(of_line).max().unwrap_or(0)
}

/// How deep the elements of some HTML could be nested, from above: tags that are never closed count as well.
fn depth(html: &str) -> usize {
    /// These need no end.
    const VOID: [&str; 6] = ["br", "hr", "img", "input", "p", "li"];
    let (mut depth, mut deepest) = (0_usize, 0);
    for after in html.split('<').skip(1) {
        let is_end = after.starts_with('/');
        let name = after.trim_start_matches('/');
        let end = name
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(name.len());
        let name = &name[..end];
        if name.is_empty() || VOID.iter().any(|void| name.eq_ignore_ascii_case(void)) {
            continue;
        }
        if is_end {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

/// The page has a heading of its own above those of the readme.
fn demote(root: Node<'_>) {
    for node in root.descendants() {
        match &mut node.data.borrow_mut().value {
            NodeValue::Heading(heading) => {
                heading.level = (heading.level + 1).min(6);
                heading.setext = false;
            }
            NodeValue::HtmlBlock(block) => block.literal = without_h1(&block.literal),
            NodeValue::HtmlInline(html) => *html = without_h1(html),
            _ => {}
        }
    }
}

fn without_h1(html: &str) -> String {
    let mut parts = html.split('<');
    let mut changed = parts.next().unwrap_or("").to_owned();
    for part in parts {
        changed.push('<');
        let (slash, rest) = match part.strip_prefix('/') {
            Some(rest) => ("/", rest),
            None => ("", part),
        };
        changed.push_str(slash);
        let is_h1 = rest
            .get(..2)
            .is_some_and(|tag| tag.eq_ignore_ascii_case("h1"))
            && !rest[2..].starts_with(|c: char| c.is_ascii_alphanumeric());
        match rest.get(2..).filter(|_| is_h1) {
            Some(rest) => {
                changed.push_str("h2");
                changed.push_str(rest);
            }
            None => changed.push_str(rest),
        }
    }
    changed
}

fn clean(html: &str, repository: Option<&Repository>) -> String {
    let repository = repository.cloned();
    let mut builder = Builder::default();
    builder
        .add_tags(["input"])
        // they would be pictures of the page's own, or make its addresses mean something else
        .rm_tags(["map", "area", "bdo"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("nofollow noopener noreferrer"))
        .id_prefix(Some(OURS))
        .add_generic_attributes(["id"])
        .set_tag_attribute_value("img", "loading", "lazy")
        // a long line scrolls, also by keyboard
        .set_tag_attribute_value("pre", "tabindex", "0")
        // a task of a list, and nothing that could be typed into
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .add_tag_attributes("input", ["checked"])
        .attribute_filter(
            move |element, attribute, value| match (element, attribute) {
                ("a", "href") => link(value, repository.as_ref(), "blob"),
                ("img", "src") => link(value, repository.as_ref(), "raw"),
                (_, "href" | "src" | "cite") => None,
                _ => Some(Cow::Borrowed(value)),
            },
        );
    for tag in ["p", "div", "h2", "h3", "h4", "h5", "h6", "td", "th", "img"] {
        builder.add_tag_attributes(tag, ["align"]);
    }
    // the boxes that comrak makes of `> [!NOTE]`
    builder.add_allowed_classes(
        "div",
        [
            "markdown-alert",
            "markdown-alert-note",
            "markdown-alert-tip",
            "markdown-alert-important",
            "markdown-alert-warning",
            "markdown-alert-caution",
        ],
    );
    builder.add_allowed_classes("p", ["markdown-alert-title"]);
    builder.clean(html).to_string()
}

/// Where a link of a readme leads; `None`: nowhere.
fn link<'a>(value: &'a str, repository: Option<&Repository>, kind: &str) -> Option<Cow<'a, str>> {
    if let Some(fragment) = value.strip_prefix('#') {
        return (kind == "blob").then(|| format!("#{OURS}{fragment}").into());
    }
    match Url::parse(value) {
        Ok(url) if url.has_host() || url.scheme() == "mailto" => Some(Cow::Borrowed(value)),
        // `//host/path` would take the scheme from us, and browsers read `\` as `/`
        Err(url::ParseError::RelativeUrlWithoutBase)
            if !value.starts_with("//") && !value.contains('\\') =>
        {
            repository?.resolve(value, kind).map(Cow::Owned)
        }
        // without a host of its own, it would lead to a page of ours
        Ok(_) | Err(_) => None,
    }
}

fn as_written(source: &str) -> String {
    format!("<pre tabindex=\"0\">{}</pre>", ammonia::clean_text(source))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn shown(source: &str) -> String {
        let repository =
            Repository::new("https://github.com/acme/demo.git", Some("crates/x"), None);
        readme(source, repository.as_ref()).html
    }

    /// V1: images and links of a readme are right.
    #[test]
    fn relative_links_lead_into_the_repository() {
        let of = |source: &str| {
            let html = shown(source);
            let at = html.find("=\"").map_or(0, |at| at + 2);
            html[at..].split('"').next().unwrap_or("").to_owned()
        };
        assert_eq!(
            of("[a](docs/a.md)"),
            "https://github.com/acme/demo/blob/HEAD/crates/x/docs/a.md"
        );
        assert_eq!(
            of("[a](../../LICENSE)"),
            "https://github.com/acme/demo/blob/HEAD/LICENSE"
        );
        assert_eq!(
            of("[a](/LICENSE)"),
            "https://github.com/acme/demo/blob/HEAD/LICENSE"
        );
        assert_eq!(
            of("![a](a.png)"),
            "https://github.com/acme/demo/raw/HEAD/crates/x/a.png"
        );
        assert_eq!(
            of("<img src=\"a.png\">"),
            "https://github.com/acme/demo/raw/HEAD/crates/x/a.png"
        );
        assert_eq!(
            of("[a](https://example.org/x?y#z)"),
            "https://example.org/x?y#z"
        );
        assert_eq!(of("[a](#usage)"), "#readme-usage");
        for out in [
            "[a](../../../../../other/repo)",
            "[a](//evil.example/x)",
            "<a href=\"\\\\evil.example\">a</a>",
        ] {
            assert!(!shown(out).contains("href"), "{out}: {}", shown(out));
        }
        assert!(
            !readme("[a](docs/a.md) ![b](c.png)", None)
                .html
                .contains("docs")
        );
    }

    #[test]
    fn a_repository_is_one_of_a_known_forge() {
        let at = |address: &str, folder: Option<&str>, revision: Option<&str>| {
            Repository::new(address, folder, revision)?.resolve("a", "blob")
        };
        assert_eq!(
            at(
                "https://gitlab.com/a/b/",
                None,
                Some("0123456789abcdef0123456789abcdef01234567")
            )
            .unwrap(),
            "https://gitlab.com/a/b/blob/0123456789abcdef0123456789abcdef01234567/a"
        );
        assert_eq!(
            at(
                "https://www.github.com/a/b/tree/main/c",
                Some("/c/"),
                Some("../x")
            )
            .unwrap(),
            "https://github.com/a/b/blob/HEAD/c/a"
        );
        for unknown in [
            "http://github.com/a/b",
            "https://github.com/a",
            "https://evil.example/a/b",
            "git@github.com:a/b",
            "",
        ] {
            assert_eq!(at(unknown, None, None), None, "{unknown}");
        }
    }

    #[test]
    fn markdown_as_the_forges_write_it() {
        let html = shown(
            "# Demo\n\nUses `code`, ~~not~~ https://example.org.\n\n## Usage & more\n\n- [x] done\n- [ ] open\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n> [!NOTE]\n> careful\n\n```rust\nlet a = \"<b>\";\n```\n\n<h1 align=\"center\">Raw</h1>\n",
        );
        // ammonia writes the attributes of an element in no order
        let html = html.replace("<input checked=\"\" ", "<input ");
        let html = html.replace("<input disabled=\"\" type=\"checkbox\">", "[ ]");
        let html = html.replace("<input type=\"checkbox\" disabled=\"\">", "[ ]");
        insta::assert_snapshot!(html, @r#"
        <h2 id="readme-demo">Demo</h2>
        <p>Uses <code>code</code>, <del>not</del> <a href="https://example.org" rel="nofollow noopener noreferrer">https://example.org</a>.</p>
        <h3 id="readme-usage--more">Usage &amp; more</h3>
        <ul>
        <li>[ ] done</li>
        <li>[ ] open</li>
        </ul>
        <table>
        <thead>
        <tr>
        <th>a</th>
        <th align="right">b</th>
        </tr>
        </thead>
        <tbody>
        <tr>
        <td>1</td>
        <td align="right">2</td>
        </tr>
        </tbody>
        </table>
        <div class="markdown-alert markdown-alert-note">
        <p class="markdown-alert-title">Note</p>
        <p>careful</p>
        </div>
        <pre tabindex="0"><code>let a = "&lt;b&gt;";
        </code></pre>
        <h2 align="center">Raw</h2>
        "#);
    }

    /// Section 6, "safe": a readme can run nothing. Each payload is one that got through somewhere once.
    #[test]
    fn nothing_executable_comes_out() {
        for payload in crate::markdown::tests::PAYLOADS {
            let html = shown(payload);
            let lower = html.to_lowercase();
            for bad in [
                "<script",
                "<style",
                "<iframe",
                "<object",
                "<embed",
                "<form",
                "<base",
                "<meta",
                "<link",
                "<svg",
                "<math",
                "<textarea",
                "<button",
                "javascript:",
                "vbscript:",
                "data:text",
                " onerror",
                " onload",
                " onclick",
                " onmouseover",
                " style=",
                " srcdoc",
                " formaction",
                "xlink:",
            ] {
                // as text it is harmless
                let tags = lower
                    .split('<')
                    .skip(1)
                    .map(|tag| tag.split('>').next().unwrap_or(""));
                let tags: String = tags.fold(String::new(), |all, tag| all + "<" + tag + ">");
                assert!(!tags.contains(bad), "{payload}: {html}");
            }
        }
    }

    pub(crate) const PAYLOADS: [&str; 30] = [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"x\" onerror=\"alert(1)\" onload=alert(2)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<math><mi//xlink:href=\"data:x,<script>alert(4)</script>\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<object data=\"data:text/html,<script>alert(1)</script>\"></object>",
        "<embed src=\"javascript:alert(1)\">",
        "<a href=\"javascript:alert(1)\">a</a>",
        "<a href=\" &#14; javascript:alert(1)\">a</a>",
        "<a href=\"java\nscript:alert(1)\">a</a>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt&colon;alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[a](vbscript:msgbox(1))",
        "![a](javascript:alert(1))",
        "![a](x\"onerror=\"alert(1))",
        "[a]: javascript:alert(1)\n\n[a]",
        "<javascript:alert(1)>",
        "<style>@import 'https://evil.example/x.css';body{display:none}</style>",
        "<p style=\"position:fixed;inset:0\">over everything</p>",
        "<base href=\"https://evil.example/\"><meta http-equiv=refresh content=\"0;url=https://evil.example\">",
        "<form action=\"/-/logout\" method=post><button formaction=\"javascript:alert(1)\">x</button><input type=text name=q></form>",
        "<textarea><img src=x onerror=alert(1)></textarea><details open ontoggle=alert(1)>x</details>",
    ];

    #[test]
    fn ids_of_a_readme_are_never_those_of_the_page() {
        let html = shown("# main\n\n<div id=\"main\"></div><a name=\"find\"></a>");
        assert!(!html.contains("id=\"main\""), "{html}");
        assert!(html.contains("id=\"readme-main\""), "{html}");
        assert!(!html.contains("name="), "{html}");
    }

    #[test]
    fn a_field_of_a_readme_cannot_be_typed_into() {
        let html = shown("<input type=password name=p value=x>");
        assert!(
            html.starts_with("<input ") && html.contains("disabled=\"\""),
            "{html}"
        );
        assert!(html.contains("type=\"checkbox\""), "{html}");
        assert!(!html.contains("name") && !html.contains("value"), "{html}");
    }

    #[test]
    fn a_readme_that_is_nested_for_the_sake_of_it_is_shown_as_it_is_written() {
        for unit in [
            "> ",
            "- ",
            "<div>",
            "<b>",
            "<a href=x><b>",
            "<table><tr><td>",
            "[",
            "*_",
            "![",
            "`",
        ] {
            let mut source = String::new();
            while source.len() < LONGEST {
                write!(source, "{unit}").unwrap();
            }
            let shown = readme(&source, None);
            assert!(!shown.is_cut || source.len() > LONGEST);
            assert!(shown.html.len() < 8 * LONGEST, "{unit}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let source = "ä".repeat(LONGEST);
        let shown = readme(&source, None);
        assert!(shown.is_cut);
        assert!(shown.html.contains("ä"));
        assert!(!readme("short", None).is_cut);
    }
}
