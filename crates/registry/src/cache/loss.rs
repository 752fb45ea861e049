//! Which cached files may be lost: those that would come back.
//!
//! What an upstream has lost, or has changed, is all that is left of it. Whoever drops files asks here, whether a limit or a
//! person wants them gone.

use supercargo_store::CachedPlace;
use supercargo_types::Digest;

use crate::{Instance, refusal::Outcome};

impl Instance {
    /// Whether a file that an upstream delivered would come back to everybody who got it; `places` are all who delivered it.
    pub(crate) async fn may_lose(
        &self,
        place: &CachedPlace,
        checksum: &Digest,
        places: &[CachedPlace],
    ) -> Outcome<bool> {
        Ok(self.would_come_back(place, checksum).await?
            && !self.is_needed_elsewhere(place, checksum, places).await?)
    }

    /// Whether a registry has given these bytes out, and reads the name from another upstream now, which never delivered
    /// them: it could not get them back.
    async fn is_needed_elsewhere(
        &self,
        place: &CachedPlace,
        checksum: &Digest,
        places: &[CachedPlace],
    ) -> Outcome<bool> {
        let directory = self.directory().clone();
        let served = self
            .store
            .served_in(&place.spelling, &place.version, checksum)
            .await?;
        for id in served {
            let Some(registry) = directory.registry_by_id(id) else {
                continue;
            };
            // also where that is a registry of this server, which never delivered anything to the cache
            let pinned = self.pinned(registry, &place.spelling).await?;
            let is_here = |id: i64| places.iter().any(|at| at.upstream_id == id);
            if pinned.is_some_and(|attached| !is_here(attached.upstream.id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the last index file that is known of an upstream still lists these bytes.
    async fn would_come_back(&self, place: &CachedPlace, checksum: &Digest) -> Outcome<bool> {
        // one that is down may not come back before the next build
        let directory = self.directory().clone();
        let mut upstreams = directory.upstreams();
        let upstream = upstreams.find(|upstream| upstream.id == place.upstream_id);
        let remote = upstream.and_then(|upstream| upstream.remote());
        if remote.is_some_and(|remote| self.upstream.health(&remote.client).failing().is_some()) {
            return Ok(false);
        }
        let file = self
            .known_file_of(place.upstream_id, &place.spelling)
            .await?;
        Ok(file.is_some_and(|file| !file.gone && file.lists(checksum)))
    }
}
