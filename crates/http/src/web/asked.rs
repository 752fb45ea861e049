//! What an address of a page asks for after its `?`. What nobody knows is passed over: a link with a word too many still works.

use http::Uri;
use supercargo_pages::{Links, Pager};

/// In characters; of a value that is searched for.
const LONGEST: usize = 400;
/// Nobody turns so many pages, and every page before the one that is asked for costs the database.
const LAST_PAGE: u64 = 10_000;

/// The pairs of a query.
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or("").as_bytes();
        let short = |text: &str| text.chars().take(LONGEST).collect();
        let pairs = url::form_urlencoded::parse(query);
        Self(
            pairs
                .map(|(key, value)| (short(&key), short(&value)))
                .collect(),
        )
    }

    /// Of a page that answers a form.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// A value without blanks around it; empty where there is none.
    pub(super) fn get(&self, key: &str) -> &str {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(found, _)| found == key);
        found.map_or("", |(_, value)| value.trim())
    }

    /// Every value of a key, without blanks around them; empty ones are left out.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |(found, _)| found == key);
        let values = pairs.map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty())
    }

    /// From 1.
    fn page(&self) -> u64 {
        self.get("page").parse().unwrap_or(1).clamp(1, LAST_PAGE)
    }

    /// How many items stand before the page that is asked for.
    pub(super) fn skipped(&self, per_page: u64) -> u64 {
        (self.page() - 1) * per_page
    }

    /// The pages around this one, with everything else as it was asked.
    pub(super) fn pager(&self, links: &Links, path: &str, per_page: u64, total: u64) -> Pager {
        let page = self.page();
        let at = |page: u64| {
            let page = page.to_string();
            let others = self.0.iter().filter(|(key, _)| key != "page");
            let mut query: Vec<_> = others
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            if page != "1" {
                query.push(("page", &page));
            }
            links.asking(path, &query)
        };
        let skipped = self.skipped(per_page);
        Pager {
            first: (skipped + 1).min(total),
            last: (skipped + per_page).min(total),
            total,
            before: (page > 1).then(|| at(page - 1)),
            after: (skipped + per_page < total).then(|| at(page + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_keep_what_was_asked() {
        let asked = Asked::of(&"/acme?q=a+b&page=2&x".parse().unwrap());
        assert_eq!((asked.get("q"), asked.skipped(50)), ("a b", 50));
        let pager = asked.pager(&Links::new("/p"), "/acme", 50, 120);
        assert_eq!(pager.words(), "51 to 100 of 120");
        assert_eq!(pager.before.as_deref(), Some("/p/acme?q=a+b"));
        assert_eq!(pager.after.as_deref(), Some("/p/acme?q=a+b&page=3"));
    }

    #[test]
    fn a_page_is_a_number_within_reason() {
        let skipped = |query: &str| Asked::of(&format!("/?{query}").parse().unwrap()).skipped(10);
        assert_eq!(skipped(""), 0);
        assert_eq!(skipped("page=-1"), 0);
        assert_eq!(skipped("page=0"), 0);
        assert_eq!(skipped("page=99999999999999999999"), 0);
        assert_eq!(skipped("page=18446744073709551615"), 99_990);
    }
}
