//! Who pulled a version: for the day on which it turns out to be a bad one.

use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::Serialize;
use supercargo_store::{PullRow, PulledVersion, Reader};
use supercargo_types::{
    CanonicalName, NamePattern, RegistryName, Spelling, Timestamp, VersionPattern, version_number,
};
use utoipa::ToSchema;

use crate::{
    Instance,
    refusal::{Failure, Outcome, Refusal},
    rights::{Actor, MayAdminister, MaySeeReaders},
};

/// Of a requirement that is none, in characters.
const SHOWN: usize = 32;

/// Who pulled a version, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pull {
    /// Who; none: somebody without a token.
    pub principal: Option<String>,
    /// For which repository, where a CI job has proven that it is of one.
    pub repository: Option<String>,
    /// From which registry.
    pub registry: RegistryName,
    /// Which version.
    pub version: String,
    /// For the first time.
    pub first_at: Timestamp,
    /// For the last time.
    pub last_at: Timestamp,
    /// How often.
    pub total: u64,
}

/// A page of who pulled something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Exposure {
    /// By registry, then the highest version first, then by reader.
    pub items: Vec<Pull>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// How many the whole list has.
    pub total: u64,
}

/// Which versions are asked for.
#[derive(Clone, Debug)]
pub enum VersionsAsked {
    /// All.
    All,
    /// One number, with any build metadata.
    Exact(Version),
    /// Those that fit; pre-releases with the release that they lead to, for what is bad in `<2` is bad in `1.9.0-rc.1`.
    Fitting(Box<VersionPattern>),
}

impl FromStr for VersionsAsked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(version) = text.parse() {
            return Ok(Self::Exact(version));
        }
        let refused = |reason: String| {
            let shown: String = text.chars().take(SHOWN).collect();
            format!(
                "`{shown}` is neither a version nor a requirement ({reason}); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`"
            )
        };
        if text.trim().is_empty() {
            return Err(refused("nothing stands there".to_owned()));
        }
        let requirement = VersionReq::parse(text).map_err(|error| refused(error.to_string()))?;
        let pattern = format!("*@{requirement}").parse();
        let pattern = pattern.map_err(|_| refused("it is too long".to_owned()))?;
        Ok(Self::Fitting(Box::new(pattern)))
    }
}

impl VersionsAsked {
    fn has(&self, name: &CanonicalName, version: &Version) -> bool {
        match self {
            Self::All => true,
            Self::Exact(wanted) => version_number(wanted) == version_number(version),
            Self::Fitting(pattern) => pattern.bars(name, version),
        }
    }
}

/// One version of one registry whose readers are asked for.
struct Place {
    registry_id: i64,
    registry: RegistryName,
    version: String,
    /// Of whom only what came after it is told.
    since: Timestamp,
    readers: u64,
}

impl Place {
    /// Where a page begins that goes on after one of its readers. Registries and principals have no blank in their names,
    /// versions neither.
    fn cursor(&self, reader: &Reader) -> String {
        let Reader {
            principal,
            repository,
        } = reader;
        format!(
            "{} {} {principal} {repository}",
            self.registry, self.version
        )
    }
}

impl Instance {
    /// Who pulled the asked versions of a crate, from any registry of which the actor may see the readers.
    ///
    /// # Errors
    /// [`Refusal::Shape`] for a cursor that is none.
    pub async fn exposure(
        &self,
        right: &MaySeeReaders,
        name: &Spelling,
        versions: &VersionsAsked,
        limit: u32,
        cursor: Option<&str>,
    ) -> Outcome<Exposure> {
        let since = |pulled: &PulledVersion| match &right.registries {
            None => Some(Timestamp::from_micros(i64::MIN)),
            Some(registries) => registries
                .iter()
                .find(|registry| registry.id == pulled.registry_id)
                // its name may have been that of another registry before, whose members were others
                .map(|registry| registry.created_at),
        };
        let ever = right.registries.is_none();
        let places = self.places(name, versions, ever, since).await?;
        self.readers_of(name, &places, limit, cursor).await
    }

    /// The right once more, as it is now: an export can take a while, and must not outlive a session, nor a membership.
    ///
    /// # Errors
    /// [`Denied`](crate::Denied) when it is not there any more.
    pub async fn still_may_see_readers(&self, actor: &Actor) -> Outcome<MaySeeReaders> {
        let actor = self.actor_again(actor).await?;
        Ok(self.may_see_readers(Some(actor))?)
    }

    /// Who pulled one version from one registry.
    ///
    /// # Errors
    /// [`Refusal::Shape`] for a cursor that is none.
    pub async fn pulls(
        &self,
        right: &MayAdminister,
        name: &Spelling,
        version: &Version,
        limit: u32,
        cursor: Option<&str>,
    ) -> Outcome<Exposure> {
        let registry = &right.registry;
        let since = |pulled: &PulledVersion| {
            (pulled.registry_id == registry.id).then_some(registry.created_at)
        };
        let versions = VersionsAsked::Exact(version.clone());
        let places = self.places(name, &versions, false, since).await?;
        self.readers_of(name, &places, limit, cursor).await
    }

    async fn readers_of(
        &self,
        name: &Spelling,
        places: &[Place],
        limit: u32,
        cursor: Option<&str>,
    ) -> Outcome<Exposure> {
        let name = name.canonical();
        let (begin, mut after) = match cursor {
            Some(cursor) => begin(places, cursor)?,
            None => (0, None),
        };
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut items, mut next_cursor) = (Vec::new(), None);
        for place in &places[begin..] {
            let left = u32::try_from(wanted - items.len()).unwrap_or(u32::MAX);
            let (id, version) = (place.registry_id, place.version.as_str());
            let rows = self
                .store
                .pulls(id, &name, version, place.since, after.as_ref(), left)
                .await?;
            after = None;
            if items.len() + rows.len() == wanted {
                next_cursor = rows.last().map(|row| place.cursor(&row.reader));
            }
            items.extend(rows.into_iter().map(|row| shown(place, row)));
            if items.len() == wanted {
                break;
            }
        }
        let total = places.iter().map(|place| place.readers).sum();
        Ok(Exposure {
            items,
            next_cursor,
            total,
        })
    }

    /// The versions whose readers are asked for, by registry and the highest first; `since` says of each from when on its
    /// readers may be told, if at all.
    async fn places(
        &self,
        name: &Spelling,
        versions: &VersionsAsked,
        ever: bool,
        since: impl Fn(&PulledVersion) -> Option<Timestamp>,
    ) -> Outcome<Vec<Place>> {
        self.write_readers().await;
        let name = &name.canonical();
        let pulled = self.store.pulled_versions(name, ever).await?;
        let mut places: Vec<_> = pulled
            .into_iter()
            .filter_map(|pulled| {
                let since = since(&pulled)?;
                let version: Version = pulled.version.parse().ok()?;
                versions.has(name, &version).then(|| {
                    let place = Place {
                        registry_id: pulled.registry_id,
                        registry: pulled.registry,
                        version: pulled.version,
                        since,
                        readers: pulled.readers,
                    };
                    (version, place)
                })
            })
            .collect();
        places.sort_by(|(left, at), (right, to)| {
            let by_registry = at.registry.cmp(&to.registry);
            by_registry.then_with(|| right.cmp(left))
        });
        Ok(places.into_iter().map(|(_, place)| place).collect())
    }

    /// How many principals pulled lately what a claim takes from upstream; all who came without a token are one.
    pub(crate) async fn recent_readers(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
    ) -> Outcome<u64> {
        self.write_readers().await;
        let since = self.clock().now().minus(super::retention::RECENT);
        Ok(self
            .store
            .count_readers(registry_id, pattern, since)
            .await?)
    }
}

fn shown(place: &Place, row: PullRow) -> Pull {
    let text = |text: String| (!text.is_empty()).then_some(text);
    Pull {
        principal: text(row.reader.principal),
        repository: text(row.reader.repository),
        registry: place.registry.clone(),
        version: place.version.clone(),
        first_at: row.first_at.max(place.since),
        last_at: row.last_at,
        total: row.total,
    }
}

/// The place that a cursor goes on in, and the reader after whom it does.
fn begin(places: &[Place], cursor: &str) -> Result<(usize, Option<Reader>), Failure> {
    let parts: Vec<_> = cursor.splitn(4, ' ').collect();
    let found = match parts[..] {
        [registry, version, principal, repository] => places
            .iter()
            .position(|place| place.registry.as_str() == registry && place.version == version)
            .map(|index| {
                let reader = Reader {
                    principal: principal.to_owned(),
                    repository: repository.to_owned(),
                };
                (index, Some(reader))
            }),
        _ => None,
    };
    found.ok_or_else(|| {
        let text = "`cursor` is the `next_cursor` of the page before; begin again without one";
        Refusal::Shape(text.to_owned()).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(asked: &str) -> String {
        let asked: VersionsAsked = asked.parse().unwrap();
        let name = "demo".parse().unwrap();
        let versions = [
            "1.0.0",
            "1.2.3-rc.1",
            "1.2.3",
            "1.2.3+x",
            "1.3.0",
            "2.0.0-a",
        ];
        let has = |text: &&str| asked.has(&name, &text.parse().unwrap());
        versions
            .into_iter()
            .filter(has)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_whole_version_is_that_one_and_anything_else_a_requirement() {
        assert_eq!(fitting("1.2.3"), "1.2.3 1.2.3+x");
        assert_eq!(fitting("1.2.3-rc.1"), "1.2.3-rc.1");
        assert_eq!(fitting("^1.2"), "1.2.3-rc.1 1.2.3 1.2.3+x 1.3.0");
        assert_eq!(fitting("<1.3"), "1.0.0 1.2.3-rc.1 1.2.3 1.2.3+x");
        assert_eq!(fitting(">=1.3, <3"), "1.3.0 2.0.0-a");
        assert_eq!(fitting("*"), "1.0.0 1.2.3-rc.1 1.2.3 1.2.3+x 1.3.0 2.0.0-a");
    }

    #[test]
    fn what_is_no_requirement_is_refused_with_an_example() {
        let refused = ["", "latest", &">1, ".repeat(100)]
            .map(|text| text.parse::<VersionsAsked>().unwrap_err());
        insta::assert_snapshot!(refused.join("\n"), @"
        `` is neither a version nor a requirement (nothing stands there); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`
        `latest` is neither a version nor a requirement (unexpected character 'l' while parsing major version number); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`
        `>1, >1, >1, >1, >1, >1, >1, >1, ` is neither a version nor a requirement (excessive number of version comparators); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`
        ");
    }
}
