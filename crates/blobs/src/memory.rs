//! Small blobs in memory, within a limit in bytes.

use bytes::Bytes;
use moka::sync::Cache;
use supercargo_types::Digest;

/// What an entry costs besides its bytes: key, reference counts and the cache's own bookkeeping, about.
const OVERHEAD: usize = 256;

/// How much memory the copies of blobs may take.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// All copies together, in bytes.
    pub total_bytes: u64,
    /// A larger blob is always read from its file.
    pub blob_bytes: u64,
}

impl Default for MemoryLimits {
    /// 64 MiB, of blobs up to 1 MiB: room for 64 of the largest.
    fn default() -> Self {
        Self {
            total_bytes: 64 << 20,
            blob_bytes: 1 << 20,
        }
    }
}

/// The copies.
#[derive(Debug)]
pub(crate) struct Memory {
    copies: Cache<Digest, Bytes>,
    blob_bytes: u64,
}

impl Memory {
    pub(crate) fn new(limits: MemoryLimits) -> Self {
        let weigh = |_: &Digest, bytes: &Bytes| {
            u32::try_from(bytes.len().saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
        };
        Self {
            copies: Cache::builder()
                .max_capacity(limits.total_bytes)
                .weigher(weigh)
                .build(),
            blob_bytes: limits.blob_bytes,
        }
    }

    /// Whether a blob of this size is kept in memory at all.
    pub(crate) fn takes(&self, size: u64) -> bool {
        size <= self.blob_bytes
    }

    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.copies.contains_key(digest)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.copies.get(digest)
    }

    pub(crate) fn keep(&self, digest: Digest, bytes: Bytes) {
        self.copies.insert(digest, bytes);
    }

    pub(crate) fn forget(&self, digest: &Digest) {
        self.copies.invalidate(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stay_within_their_limit() {
        let memory = Memory::new(MemoryLimits {
            total_bytes: 100_000,
            blob_bytes: 10_000,
        });
        for number in 0..200_u32 {
            let bytes = Bytes::from(vec![0; 9_000]);
            memory.keep(Digest::of(&number.to_be_bytes()), bytes);
        }
        memory.copies.run_pending_tasks();
        assert!(memory.copies.weighted_size() <= 100_000);
        assert!(memory.copies.entry_count() > 0);
    }
}
