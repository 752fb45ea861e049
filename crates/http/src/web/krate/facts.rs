//! What is known of a version, for beside its readme.

use supercargo_pages::{Facts, Moment, Origin, Pushed, Repository};
use supercargo_registry::{CrateDetails, Failure, VersionDetails};
use supercargo_types::{ClaimMode, PrincipalKind, View};
use url::Url;

use super::{Looking, lists};

/// Of a commit, as git shows it.
const SHORT_COMMIT: usize = 9;

impl Looking<'_> {
    pub(super) async fn facts(
        &self,
        details: &CrateDetails,
        shown: &VersionDetails,
    ) -> Result<Facts, Failure> {
        let facts = shown.facts.as_ref();
        let file = format!("{}-{}.crate", self.name(), shown.version);
        // where a session counts, as on no address of cargo's
        let address = self.visitor.links.of_version(
            self.registry().as_str(),
            self.name(),
            &shown.version,
            "download",
        );
        Ok(Facts {
            license: facts.and_then(|facts| {
                let named = facts.license.clone();
                named.or_else(|| Some(format!("in the file {}", facts.license_file.as_ref()?)))
            }),
            msrv: shown.rust_version.clone(),
            edition: facts.map(|facts| facts.edition.clone()),
            size: shown.size,
            claim: self.detail.item.claim.map(ClaimMode::as_str),
            has_build_script: facts.map(|facts| facts.has_build_script),
            is_proc_macro: facts.is_some_and(|facts| facts.is_proc_macro),
            native: shown.links.clone(),
            downloads: (details.downloads.total, details.downloads.recent),
            owners: self.owners().await?,
            links: links(shown),
            file: Some((address, file)),
            checksum: shown.checksum.map(|checksum| checksum.hex()),
            purl: self.purl(&shown.version),
            provenance: self.pushed(shown).await?,
            labels: self.labels(&shown.version),
        })
    }

    async fn owners(&self) -> Result<Vec<(bool, String)>, Failure> {
        match self.instance.owners(&self.right, &self.spelling).await {
            Ok(owners) => Ok(owners
                .into_iter()
                .map(|owner| {
                    let is_team = owner.principal.kind == PrincipalKind::Team;
                    (is_team, owner.principal.to_string())
                })
                .collect()),
            // upstream's crates are nobody's here
            Err(Failure::Refused(_)) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    async fn pushed(&self, shown: &VersionDetails) -> Result<Option<Pushed>, Failure> {
        let Some(at) = shown.published_at.filter(|_| shown.facts.is_some()) else {
            return Ok(None);
        };
        let found = self
            .instance
            .provenance(&self.right, self.name(), &shown.version, at)
            .await?;
        let (run, token) = found.map_or((None, None), |found| {
            (found.run.map(|run| (run, found.run_address)), found.token)
        });
        let facts = shown.facts.as_ref();
        let vcs = facts.and_then(|facts| facts.vcs.as_ref());
        let repository = facts.and_then(|facts| facts.repository.as_deref());
        let commit = vcs.and_then(|vcs| vcs.sha1.as_deref()).map(|commit| {
            let address = repository
                .and_then(|address| Repository::new(address, None, None))
                .map(|repository| repository.commit(commit));
            (commit.chars().take(SHORT_COMMIT).collect(), address)
        });
        Ok(Some(Pushed {
            by: shown
                .publisher
                .as_ref()
                .map(|(_, principal)| principal.to_string()),
            at: Some(Moment::new(at, self.now)),
            token,
            run,
            repository: repository.and_then(|address| {
                let address = web_address(address.trim())?;
                let (_, words) = address.split_once("://")?;
                Some((words.trim_end_matches('/').to_owned(), address))
            }),
            commit,
            is_dirty: vcs.is_some_and(|vcs| vcs.dirty),
        }))
    }

    /// As the specification of package URLs has it: of crates.io's crates the name alone, of others with their index.
    fn purl(&self, version: &str) -> String {
        let name = self.name();
        let origin = self.item(version).map_or(Origin::Hosted, lists::origin);
        let version = version.replace('+', "%2B");
        match origin {
            Origin::Upstream(upstream) if self.right.registry().is_crates_io(&upstream) => {
                format!("pkg:cargo/{name}@{version}")
            }
            Origin::Hosted | Origin::Upstream(_) => {
                let index = self.instance.site().index_url(self.registry(), View::Index);
                let index = index.strip_prefix("sparse+").unwrap_or(&index);
                format!("pkg:cargo/{name}@{version}?repository_url={index}")
            }
        }
    }
}

/// What the manifest links to, as far as a browser may follow: a stranger wrote it.
fn links(shown: &VersionDetails) -> Vec<(&'static str, &'static str, String)> {
    let Some(facts) = &shown.facts else {
        return Vec::new();
    };
    [
        ("ci", "Repository", &facts.repository),
        ("book", "Documentation", &facts.documentation),
        ("globe", "Homepage", &facts.homepage),
    ]
    .into_iter()
    .filter_map(|(icon, words, address)| {
        let address = address.as_deref()?.trim();
        Some((icon, words, web_address(address)?))
    })
    .collect()
}

/// Of http or https, with a host: anything else could run in our page, or lead to one of ours under a stranger's name.
fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    is_web.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_linked() {
        assert_eq!(
            web_address("https://example.org/a b").as_deref(),
            Some("https://example.org/a%20b")
        );
        for other in [
            "javascript:alert(1)",
            " java\nscript:alert(1)",
            "data:text/html,x",
            "/acme",
            "//evil.example",
            "example.org",
            "",
            "file:///etc/passwd",
        ] {
            assert_eq!(web_address(other), None, "{other}");
        }
    }
}
