//! Atom feeds (RFC 4287) of what is new.

use askama::Template;

/// A feed.
#[derive(Debug, Template)]
#[template(path = "feed.xml")]
pub struct Feed {
    /// Stable, and nobody else's: a `tag:` URI.
    pub id: String,
    /// What it is of.
    pub title: String,
    /// Its own address.
    pub here: String,
    /// The page with the same things.
    pub page: String,
    /// RFC 3339; of its newest entry.
    pub updated: String,
    /// The newest first.
    pub entries: Vec<FeedEntry>,
}

/// A version in a feed.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    /// Stable, and nobody else's.
    pub id: String,
    /// `demo 1.0.0`.
    pub title: String,
    /// Its page.
    pub page: String,
    /// RFC 3339: when it was published.
    pub published: String,
    /// By whom; of an upstream's crate the upstream.
    pub author: String,
    /// In a sentence.
    pub summary: String,
}

/// What XML 1.0 can say: other characters stand in no document, not even escaped, and one of them in a stranger's text would
/// end the feed for all of its readers.
fn plain(text: &str) -> String {
    let is_allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    text.chars().filter(|&c| is_allowed(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 6, page 5: whatever a stranger writes, the feed is XML.
    #[test]
    fn a_feed_is_xml_whatever_it_tells() {
        let feed = Feed {
            id: "tag:crates.acme.example,2026:acme".to_owned(),
            title: "New in <acme> & \"more\"".to_owned(),
            here: "https://crates.acme.example/acme/feed.atom".to_owned(),
            page: "https://crates.acme.example/acme".to_owned(),
            updated: "2026-11-21T10:00:00Z".to_owned(),
            entries: vec![FeedEntry {
                id: "tag:crates.acme.example,2026:acme/demo/1.0.0".to_owned(),
                title: "demo 1.0.0".to_owned(),
                page: "https://crates.acme.example/acme/crates/demo/1.0.0?a&b".to_owned(),
                published: "2026-11-21T10:00:00Z".to_owned(),
                author: "alice\u{0}".to_owned(),
                summary: "]]><script>\u{1b}[31m\u{ffff}</summary>".to_owned(),
            }],
        };
        insta::assert_snapshot!(feed.render().unwrap(), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <feed xmlns="http://www.w3.org/2005/Atom">
          <id>tag:crates.acme.example,2026:acme</id>
          <title>New in &#60;acme&#62; &#38; &#34;more&#34;</title>
          <updated>2026-11-21T10:00:00Z</updated>
          <link rel="self" type="application/atom+xml" href="https://crates.acme.example/acme/feed.atom"/>
          <link rel="alternate" type="text/html" href="https://crates.acme.example/acme"/>
          <generator>supercargo</generator>
          <entry>
            <id>tag:crates.acme.example,2026:acme/demo/1.0.0</id>
            <title>demo 1.0.0</title>
            <published>2026-11-21T10:00:00Z</published>
            <updated>2026-11-21T10:00:00Z</updated>
            <author><name>alice</name></author>
            <link rel="alternate" type="text/html" href="https://crates.acme.example/acme/crates/demo/1.0.0?a&#38;b"/>
            <summary>]]&#62;&#60;script&#62;[31m&#60;/summary&#62;</summary>
          </entry>
        </feed>
        "#);
    }
}
