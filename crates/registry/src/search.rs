//! `cargo search` over the crates that a registry hosts.

use supercargo_store::SearchRow;

use crate::{Instance, refusal::Outcome, rights::MayRead};

/// crates.io's limit.
const LONGEST_PAGE: u32 = 100;

/// One crate that was found.
#[derive(Debug)]
pub struct SearchHit {
    /// As published.
    pub name: String,
    /// The highest version that is not yanked; the highest of all where all are.
    pub max_version: String,
    /// From its newest version's manifest.
    pub description: Option<String>,
}

/// A page of them.
#[derive(Debug)]
pub struct SearchPage {
    /// In order of relevance.
    pub hits: Vec<SearchHit>,
    /// Of all pages.
    pub total: u64,
}

impl Instance {
    /// Exact name first, then names that begin with the text, then names and descriptions that hold it.
    ///
    /// # Errors
    /// Only faults.
    pub async fn search(
        &self,
        right: &MayRead,
        text: &str,
        per_page: u32,
        page: u32,
    ) -> Outcome<SearchPage> {
        let limit = per_page.clamp(1, LONGEST_PAGE);
        let offset = u64::from(page.max(1) - 1) * u64::from(limit);
        let page = self
            .store
            .search(right.registry.id, text, limit, offset)
            .await?;
        let hits = page.items.iter().filter_map(hit).collect();
        Ok(SearchPage {
            hits,
            total: page.total,
        })
    }
}

fn hit(row: &SearchRow) -> Option<SearchHit> {
    let newest = row
        .versions
        .iter()
        .max_by_key(|found| (!found.yanked, found.version.clone()))?;
    Some(SearchHit {
        name: row.name.to_string(),
        max_version: newest.version.to_string(),
        description: newest.description.clone(),
    })
}

#[cfg(test)]
mod tests {
    use supercargo_store::SearchVersion;

    use super::*;

    #[test]
    fn the_highest_version_that_is_not_yanked() {
        let highest = |list: &[(&str, bool)]| {
            let version = |&(text, yanked): &(&str, bool)| SearchVersion {
                version: text.parse().unwrap(),
                yanked,
                description: Some(text.to_owned()),
            };
            let row = SearchRow {
                name: "demo".parse().unwrap(),
                versions: list.iter().map(version).collect(),
            };
            hit(&row).map(|hit| hit.max_version)
        };
        assert_eq!(
            highest(&[("1.9.0", false), ("1.10.0", false), ("2.0.0", true)]).as_deref(),
            Some("1.10.0")
        );
        assert_eq!(
            highest(&[("1.0.0", true), ("2.0.0-rc.1", true)]).as_deref(),
            Some("2.0.0-rc.1")
        );
        assert_eq!(highest(&[]), None);
    }
}
