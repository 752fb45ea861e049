//! What a list of crates is narrowed by: a text, where they come from, their state, their labels. Each can be taken away
//! again by itself.

use crate::{Links, Tab};

/// A list of crates, narrowed.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Where the list is: a path below BASE.
    pub path: String,
    /// What is looked for.
    pub text: String,
    /// `hosted`, `cached`, or empty for both.
    pub source: &'static str,
    /// `available`, `yanked`, `held`, `blocked`, or empty for all.
    pub state: &'static str,
    /// `key=value` or `key` each; all of them have to be there.
    pub labels: Vec<String>,
    /// How the list is ordered: `relevance`, `name`, `updated` or `downloads`.
    pub sort: &'static str,
}

/// Something that a list is narrowed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Narrowed {
    /// What kind of thing.
    pub(crate) what: &'static str,
    /// As it was chosen.
    pub(crate) value: String,
    /// The list without it.
    pub(crate) without: String,
}

impl Narrowing {
    /// In the order of an address.
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let sort = if self.sort == "relevance" {
            ""
        } else {
            self.sort
        };
        let mut pairs = vec![
            ("q", self.text.as_str()),
            ("source", self.source),
            ("state", self.state),
        ];
        pairs.extend(self.labels.iter().map(|label| ("label", label.as_str())));
        pairs.push(("sort", sort));
        pairs
    }

    /// Where it is.
    pub(crate) fn address(&self, links: &Links) -> String {
        links.asking(&self.path, &self.pairs())
    }

    /// The same list with another source.
    pub(crate) fn sources(&self, links: &Links) -> [Tab; 3] {
        [("", "All"), ("hosted", "Hosted"), ("cached", "Cached")].map(|(source, words)| {
            let pairs = self.pairs().into_iter();
            let pairs = pairs.map(|(key, value)| match key {
                "source" => (key, source),
                _ => (key, value),
            });
            Tab {
                words,
                count: None,
                address: links.asking(&self.path, &pairs.collect::<Vec<_>>()),
                is_here: source == self.source,
            }
        })
    }

    /// All that it is narrowed by, but for the text, which stands in its field.
    pub(crate) fn all(&self, links: &Links) -> Vec<Narrowed> {
        let pairs = self.pairs();
        let places = pairs.iter().enumerate();
        let places = places.filter_map(|(place, &(key, value))| {
            let what = match key {
                "source" => "source",
                "state" => "state",
                "label" => "label",
                _ => return None,
            };
            (!value.is_empty()).then_some((place, what, value))
        });
        places
            .map(|(place, what, value)| {
                let mut others = pairs.clone();
                others.remove(place);
                Narrowed {
                    what,
                    value: value.to_owned(),
                    without: links.asking(&self.path, &others),
                }
            })
            .collect()
    }

    /// The list with nothing but its text and its order.
    pub(crate) fn cleared(&self, links: &Links) -> String {
        let mut pairs = self.pairs();
        pairs.retain(|(key, _)| ["q", "sort"].contains(key));
        links.asking(&self.path, &pairs)
    }

    pub(crate) fn is_narrowed(&self) -> bool {
        !self.text.is_empty() || self.has_filters()
    }

    pub(crate) fn has_filters(&self) -> bool {
        !self.source.is_empty() || !self.state.is_empty() || !self.labels.is_empty()
    }

    /// Values of the field for states, with their words.
    pub(crate) fn states() -> [(&'static str, &'static str); 5] {
        [
            ("", "any"),
            ("available", "available"),
            ("yanked", "yanked"),
            ("held", "held"),
            ("blocked", "blocked"),
        ]
    }

    /// Values of the field for the order, with their words.
    pub(crate) fn sorts(&self) -> Vec<(&'static str, &'static str)> {
        let mut sorts = if self.text.is_empty() {
            // without a text the nearest are the first by name
            vec![("relevance", "name")]
        } else {
            vec![("relevance", "relevance"), ("name", "name")]
        };
        sorts.extend([("updated", "last updated"), ("downloads", "downloads")]);
        sorts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowing() -> Narrowing {
        Narrowing {
            path: "/acme".to_owned(),
            text: "a&b".to_owned(),
            source: "hosted",
            state: "held",
            labels: vec!["team=core".to_owned(), "x<".to_owned()],
            sort: "updated",
        }
    }

    #[test]
    fn each_filter_is_taken_away_by_itself() {
        let links = Links::new("/p");
        let all = narrowing().all(&links);
        let all: Vec<_> = all
            .iter()
            .map(|it| format!("{} {}: {}", it.what, it.value, it.without))
            .collect();
        insta::assert_snapshot!(all.join("\n"), @"
        source hosted: /p/acme?q=a%26b&state=held&label=team%3Dcore&label=x%3C&sort=updated
        state held: /p/acme?q=a%26b&source=hosted&label=team%3Dcore&label=x%3C&sort=updated
        label team=core: /p/acme?q=a%26b&source=hosted&state=held&label=x%3C&sort=updated
        label x<: /p/acme?q=a%26b&source=hosted&state=held&label=team%3Dcore&sort=updated
        ");
        assert_eq!(narrowing().cleared(&links), "/p/acme?q=a%26b&sort=updated");
    }

    #[test]
    fn another_source_keeps_the_rest() {
        let sources = narrowing().sources(&Links::new(""));
        let shown = sources.map(|tab| format!("{} {} {}", tab.words, tab.is_here, tab.address));
        insta::assert_snapshot!(shown.join("\n"), @"
        All false /acme?q=a%26b&state=held&label=team%3Dcore&label=x%3C&sort=updated
        Hosted true /acme?q=a%26b&source=hosted&state=held&label=team%3Dcore&label=x%3C&sort=updated
        Cached false /acme?q=a%26b&source=cached&state=held&label=team%3Dcore&label=x%3C&sort=updated
        ");
        assert!(Narrowing::default().all(&Links::new("")).is_empty());
        assert!(!Narrowing::default().is_narrowed());
    }
}
