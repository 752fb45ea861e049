//! What a form says when it comes back: which fields are wrong, and what would be right.

use std::collections::BTreeMap;

/// Sentences beside the fields of a form, and one above it.
///
/// ```
/// let mut wrongs = supercargo_pages::Wrongs::default();
/// wrongs.put("name", "a name starts with a letter, as in `acme`");
/// assert!(wrongs.of("name").is_some() && wrongs.of("index").is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrongs {
    fields: BTreeMap<&'static str, String>,
    whole: Option<String>,
}

impl Wrongs {
    /// Says what is wrong with a field, by the name under which it is sent. The first sentence of a field stands.
    pub fn put(&mut self, field: &'static str, sentence: impl Into<String>) {
        self.fields.entry(field).or_insert_with(|| sentence.into());
    }

    /// Says what is wrong with the form as a whole.
    pub fn put_whole(&mut self, sentence: impl Into<String>) {
        self.whole.get_or_insert_with(|| sentence.into());
    }

    /// What is wrong with a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// What stands above the form: what is wrong with all of it, or how many fields have to be looked at.
    pub fn whole(&self) -> Option<String> {
        let fields = self.fields.len();
        self.whole.clone().or_else(|| match fields {
            0 => None,
            1 => Some("One field has to be corrected.".to_owned()),
            _ => Some(format!("{fields} fields have to be corrected.")),
        })
    }

    /// One of the sentences, where there is room for one alone.
    pub fn first(&self) -> Option<&str> {
        let mut fields = self.fields.values();
        self.whole
            .as_deref()
            .or_else(|| fields.next().map(String::as_str))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.whole.is_none()
    }
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;
    use crate::{Frame, Links, Section, Theme, filters};

    #[derive(Template)]
    #[template(
        ext = "html",
        source = r#"{%- import "parts.html" as parts -%}
{% call parts::problem(wrongs.whole()) %}{% endcall %}
{% call parts::text("name", "Name", "As in `acme`.", value, wrongs.of("name")) %}{% endcall %}
{% call parts::area("only", "Only", "", value, wrongs.of("only"), 2) %}{% endcall %}
{% call parts::confirm("delete", value, "Delete it", wrongs.of("confirm")) %}{% endcall %}
{% call parts::done(Some("It is done.")) %}{% endcall %}"#
    )]
    struct Fields {
        frame: Frame,
        value: &'static str,
        wrongs: Wrongs,
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field_and_nothing_runs() {
        let frame = Frame {
            title: String::new(),
            links: Links::new(""),
            nonce: String::new(),
            theme: Theme::System,
            person: None,
            here: String::new(),
            crumbs: Vec::new(),
            section: Section::Other,
            query: String::new(),
            has_search: false,
        };
        let mut wrongs = Wrongs::default();
        wrongs.put("name", "`<i>` is no name");
        let html = Fields {
            frame,
            value: "\"<b>",
            wrongs,
        };
        let html = html.render().unwrap();
        for part in [
            "One field has to be corrected.",
            "<code>acme</code>",
            "aria-describedby=\"name-h name-e\" aria-invalid=\"true\"",
            "id=\"name-e\"",
            "<code>&#60;i&#62;</code> is no name",
            "rows=\"2\"",
            "Type <code>&#34;&#60;b&#62;</code> to confirm",
            "It is done.",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<b>") && !html.contains("only-e"), "{html}");
    }

    #[test]
    fn the_first_sentence_stands_and_the_rest_is_counted() {
        let mut wrongs = Wrongs::default();
        assert!(wrongs.is_empty() && wrongs.whole().is_none());
        wrongs.put("name", "first");
        wrongs.put("name", "second");
        assert_eq!(wrongs.of("name"), Some("first"));
        assert_eq!(
            wrongs.whole().as_deref(),
            Some("One field has to be corrected.")
        );
        wrongs.put("index", "third");
        assert_eq!(
            wrongs.whole().as_deref(),
            Some("2 fields have to be corrected.")
        );
        wrongs.put_whole("it is taken");
        assert_eq!(wrongs.whole().as_deref(), Some("it is taken"));
        assert!(!wrongs.is_empty());
    }
}
