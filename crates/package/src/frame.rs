//! The body of `PUT …/crates/new`: `u32le length | JSON | u32le length | .crate`, read as it arrives.
//!
//! Knows nothing of HTTP or of what is inside the `.crate`. A declared length is only ever compared, never allocated: a
//! body of eight bytes may announce eight gibibytes.

use std::fmt;

use bytes::{Buf as _, Bytes};
use semver::Version;
use serde::Deserialize;
use supercargo_types::{CrateName, InvalidCrateName};

use crate::{
    text::{shown, size},
    version::{InvalidVersion, parse_version},
};

/// How much of each part is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Of the JSON, which holds the whole readme.
    pub metadata_bytes: u64,
    /// Of the `.crate`.
    pub crate_bytes: u64,
}

impl Default for FrameLimits {
    /// 1 MiB of metadata, as on crates.io, and 64 MiB of crate.
    fn default() -> Self {
        Self {
            metadata_bytes: 1 << 20,
            crate_bytes: 64 << 20,
        }
    }
}

/// What a publisher says it publishes. Everything else is taken from the archive's own manifest, so the JSON cannot lie
/// about it; the archive is then held against these two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishMetadata {
    /// As written by the publisher.
    pub name: CrateName,
    /// The full number, build metadata included.
    pub version: Version,
}

/// A half of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramePart {
    /// The JSON.
    Metadata,
    /// The `.crate`.
    Crate,
}

impl fmt::Display for FramePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "publish metadata",
            Self::Crate => "crate file",
        })
    }
}

impl FramePart {
    fn remedy(self) -> &'static str {
        match self {
            Self::Metadata => "shorten the readme, which is part of it",
            Self::Crate => {
                "leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`"
            }
        }
    }
}

/// Why a publish body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameRefused {
    /// A part announces more than is accepted.
    #[error("the {part} has {}, more than the limit of {}; {}", size(*.declared), size(*.limit), .part.remedy())]
    TooLarge {
        /// Which half.
        part: FramePart,
        /// What it announces.
        declared: u64,
        /// What would be accepted.
        limit: u64,
    },
    /// The first half is not JSON, or lacks `name` or `vers`.
    #[error("the publish metadata cannot be read: {0}; send what `cargo publish` sends")]
    Metadata(String),
    /// `name` is no crate name.
    #[error(transparent)]
    Name(#[from] InvalidCrateName),
    /// `vers` is no version.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// Bytes follow the announced end.
    #[error(
        "the body goes on after the end of the crate file; send the two lengths, the metadata and the crate file, nothing else"
    )]
    Trailing,
    /// The body ends before the announced end.
    #[error("the body ends {} before the end of the {part}; publish again", size(*.missing))]
    Short {
        /// The half in which it ends.
        part: FramePart,
        /// How much of that half (or of the length before it) is missing.
        missing: u64,
    },
}

impl FrameRefused {
    /// Whether a limit was the reason.
    pub fn too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

/// Four bytes that may arrive one by one.
#[derive(Debug, Default)]
struct LengthPrefix {
    bytes: [u8; 4],
    filled: usize,
}

impl LengthPrefix {
    fn take_from(&mut self, chunk: &mut Bytes) -> Option<u32> {
        let count = chunk.len().min(self.bytes.len() - self.filled);
        chunk.copy_to_slice(&mut self.bytes[self.filled..self.filled + count]);
        self.filled += count;
        (self.filled == self.bytes.len()).then(|| u32::from_le_bytes(self.bytes))
    }

    fn missing(&self) -> u64 {
        (self.bytes.len() - self.filled) as u64
    }
}

#[derive(Debug)]
enum Expecting {
    MetadataLength(LengthPrefix),
    Metadata { missing: u64 },
    CrateLength(LengthPrefix),
    Crate { missing: u64 },
    End,
}

/// Takes the body in pieces of any size and hands out the pieces of the `.crate`.
#[derive(Debug)]
pub struct FrameReader {
    limits: FrameLimits,
    expecting: Expecting,
    json: Vec<u8>,
    metadata: Option<PublishMetadata>,
    refused: Option<FrameRefused>,
}

impl FrameReader {
    /// Waits for the first byte.
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            expecting: Expecting::MetadataLength(LengthPrefix::default()),
            json: Vec::new(),
            metadata: None,
            refused: None,
        }
    }

    /// Takes the next piece of the body and gives back the part of the `.crate` in it, without copying.
    ///
    /// # Errors
    /// As soon as an announced length is over its limit, the metadata cannot be read, or bytes follow the end. A reader
    /// that has refused once refuses for ever.
    pub fn push(&mut self, chunk: Bytes) -> Result<Option<Bytes>, FrameRefused> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let outcome = self.advance(chunk);
        self.refused = outcome.as_ref().err().cloned();
        outcome
    }

    fn advance(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, FrameRefused> {
        let mut found = None;
        loop {
            match &mut self.expecting {
                Expecting::MetadataLength(prefix) => {
                    let Some(declared) = prefix.take_from(&mut chunk) else {
                        return Ok(found);
                    };
                    let missing =
                        within(FramePart::Metadata, declared, self.limits.metadata_bytes)?;
                    self.expecting = Expecting::Metadata { missing };
                }
                Expecting::Metadata { missing } => {
                    self.json.extend_from_slice(&split(&mut chunk, missing));
                    if *missing > 0 {
                        return Ok(found);
                    }
                    self.metadata = Some(parse_metadata(&std::mem::take(&mut self.json))?);
                    self.expecting = Expecting::CrateLength(LengthPrefix::default());
                }
                Expecting::CrateLength(prefix) => {
                    let Some(declared) = prefix.take_from(&mut chunk) else {
                        return Ok(found);
                    };
                    let missing = within(FramePart::Crate, declared, self.limits.crate_bytes)?;
                    self.expecting = Expecting::Crate { missing };
                }
                Expecting::Crate { missing } => {
                    let part = split(&mut chunk, missing);
                    found = (!part.is_empty()).then_some(part);
                    if *missing > 0 {
                        return Ok(found);
                    }
                    self.expecting = Expecting::End;
                }
                Expecting::End if chunk.is_empty() => return Ok(found),
                Expecting::End => return Err(FrameRefused::Trailing),
            }
        }
    }

    /// What is published, as soon as the JSON is complete: rights can be checked before the `.crate` is read.
    pub fn metadata(&self) -> Option<&PublishMetadata> {
        self.metadata.as_ref()
    }

    /// The end of the body.
    ///
    /// # Errors
    /// When something is missing, or was refused before.
    pub fn finish(self) -> Result<PublishMetadata, FrameRefused> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let (part, missing) = match (&self.expecting, self.metadata) {
            (Expecting::End, Some(metadata)) => return Ok(metadata),
            (Expecting::MetadataLength(prefix), _) => (FramePart::Metadata, prefix.missing()),
            (Expecting::Metadata { missing }, _) => (FramePart::Metadata, *missing),
            (Expecting::CrateLength(prefix), _) => (FramePart::Crate, prefix.missing()),
            (Expecting::Crate { missing }, _) => (FramePart::Crate, *missing),
            (Expecting::End, None) => {
                unreachable!("invariant: the end comes after the metadata was read")
            }
        };
        Err(FrameRefused::Short { part, missing })
    }
}

fn within(part: FramePart, declared: u32, limit: u64) -> Result<u64, FrameRefused> {
    let declared = u64::from(declared);
    if declared > limit {
        return Err(FrameRefused::TooLarge {
            part,
            declared,
            limit,
        });
    }
    Ok(declared)
}

/// The beginning of `chunk`, at most `missing` bytes, by which `missing` shrinks.
fn split(chunk: &mut Bytes, missing: &mut u64) -> Bytes {
    let count = usize::try_from(*missing).map_or(chunk.len(), |missing| missing.min(chunk.len()));
    *missing -= count as u64;
    chunk.split_to(count)
}

fn parse_metadata(json: &[u8]) -> Result<PublishMetadata, FrameRefused> {
    #[derive(Deserialize)]
    struct Wire {
        name: String,
        vers: String,
    }
    let wire: Wire = serde_json::from_slice(json)
        .map_err(|error| FrameRefused::Metadata(shown(&error.to_string())))?;
    Ok(PublishMetadata {
        name: wire.name.parse()?,
        version: parse_version(&wire.vers)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits {
        metadata_bytes: 60,
        crate_bytes: 16,
    };

    fn frame(json: &str, archive: &[u8]) -> Vec<u8> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
        [
            &length(json.len())[..],
            json.as_bytes(),
            &length(archive.len()),
            archive,
        ]
        .concat()
    }

    /// The whole verdict on a body that arrives in pieces of these sizes: the last size is repeated.
    fn read(body: &[u8], sizes: &[usize]) -> Result<(PublishMetadata, Vec<u8>), FrameRefused> {
        let mut reader = FrameReader::new(LIMITS);
        let mut rest = Bytes::copy_from_slice(body);
        let mut archive = Vec::new();
        let mut sizes = sizes.iter().copied();
        let mut size = usize::MAX;
        while !rest.is_empty() {
            size = sizes.next().unwrap_or(size);
            let chunk = rest.split_to(size.min(rest.len()));
            if let Some(part) = reader.push(chunk)? {
                archive.extend_from_slice(&part);
            }
        }
        Ok((reader.finish()?, archive))
    }

    #[test]
    fn a_good_frame_gives_name_version_and_bytes() {
        let body = frame(r#"{"name":"Demo","vers":"1.0.0+a","deps":[{}]}"#, b"bytes");
        let (metadata, archive) = read(&body, &[]).unwrap();
        assert_eq!(metadata.name.as_str(), "Demo");
        assert_eq!(metadata.version.to_string(), "1.0.0+a");
        assert_eq!(archive, b"bytes");
        assert_eq!(read(&body, &[1]).unwrap(), (metadata, archive));
    }

    #[test]
    fn the_metadata_is_there_before_the_crate() {
        let json = r#"{"name":"demo","vers":"1.0.0"}"#;
        let body = Bytes::from(frame(json, b"bytes"));
        let mut reader = FrameReader::new(LIMITS);
        let end = 4 + json.len();
        assert_eq!(reader.push(body.slice(..end - 1)), Ok(None));
        assert_eq!(reader.metadata(), None);
        assert_eq!(reader.push(body.slice(end - 1..end)), Ok(None));
        assert_eq!(reader.metadata().unwrap().name.as_str(), "demo");
    }

    #[test]
    fn tarball_pieces_share_the_memory_of_the_body() {
        let body = Bytes::from(frame(r#"{"name":"demo","vers":"1.0.0"}"#, b"bytes"));
        let mut reader = FrameReader::new(LIMITS);
        let part = reader.push(body.clone()).unwrap().unwrap();
        assert_eq!(part.as_ptr(), body[body.len() - 5..].as_ptr());
    }

    #[test]
    fn bad_frames_say_what_is_wrong() {
        let json = r#"{"name":"demo","vers":"1.0.0"}"#;
        let good = frame(json, b"bytes");
        let huge = [u32::MAX.to_le_bytes().as_slice(), b"{}"].concat();
        let bodies = [
            Vec::new(),
            good[..2].to_vec(),
            good[..20].to_vec(),
            good[..36].to_vec(),
            good[..good.len() - 1].to_vec(),
            [&good[..], b"!"].concat(),
            huge,
            frame(json, &[0; 17]),
            frame("", b"bytes"),
            frame("{}", b"bytes"),
            frame("<html>", b"bytes"),
            frame(r#"{"name":"a","name":"b","vers":"1.0.0"}"#, b"bytes"),
            frame(r#"{"name":"9","vers":"1.0.0"}"#, b"bytes"),
            frame(r#"{"name":"demo","vers":"1.0"}"#, b"bytes"),
        ];
        let say = |body: Vec<u8>| read(&body, &[]).unwrap_err().to_string();
        insta::assert_snapshot!(bodies.map(say).join("\n"), @"
        the body ends 4 bytes before the end of the publish metadata; publish again
        the body ends 2 bytes before the end of the publish metadata; publish again
        the body ends 14 bytes before the end of the publish metadata; publish again
        the body ends 2 bytes before the end of the crate file; publish again
        the body ends 1 byte before the end of the crate file; publish again
        the body goes on after the end of the crate file; send the two lengths, the metadata and the crate file, nothing else
        the publish metadata has 4294967295 bytes, more than the limit of 60 bytes; shorten the readme, which is part of it
        the crate file has 17 bytes, more than the limit of 16 bytes; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
        the publish metadata cannot be read: EOF while parsing a value at line 1 column 0; send what `cargo publish` sends
        the publish metadata cannot be read: missing field `name` at line 1 column 2; send what `cargo publish` sends
        the publish metadata cannot be read: expected value at line 1 column 1; send what `cargo publish` sends
        the publish metadata cannot be read: duplicate field `name` at line 1 column 18; send what `cargo publish` sends
        invalid character `9` in crate name `9`: the first character must be an ASCII letter
        `1.0` is not a version number (unexpected end of input while parsing minor version number); write it as `1.2.3` or `1.2.3-rc.1`
        ");
    }

    #[test]
    fn only_limits_are_too_large() {
        let json = r#"{"name":"demo","vers":"1.0.0"}"#;
        assert!(read(&frame(json, &[0; 17]), &[]).unwrap_err().too_large());
        assert!(!read(&[], &[]).unwrap_err().too_large());
    }

    #[test]
    fn after_a_refusal_nothing_is_accepted() {
        let mut reader = FrameReader::new(LIMITS);
        let body = Bytes::from(frame("{}", b"bytes"));
        let refused = reader.push(body).unwrap_err();
        let good = Bytes::from(frame(r#"{"name":"demo","vers":"1.0.0"}"#, b"x"));
        assert_eq!(reader.push(good), Err(refused.clone()));
        assert_eq!(reader.finish(), Err(refused));
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let json = prop_oneof![
            Just(r#"{"name":"demo","vers":"1.0.0"}"#.to_owned()),
            "[ -~]{0,70}",
        ];
        let archive = proptest::collection::vec(any::<u8>(), 0..20);
        let tail = proptest::collection::vec(any::<u8>(), 0..3);
        let framed = (json, archive, tail, 0..80_usize).prop_map(|(json, archive, tail, cut)| {
            let mut body = frame(&json, &archive);
            body.extend(tail);
            body.truncate(body.len().saturating_sub(cut.saturating_sub(40)));
            body
        });
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..100), framed]
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_the_pieces(
            body in bodies(),
            sizes in proptest::collection::vec(1..20_usize, 1..20),
        ) {
            prop_assert_eq!(read(&body, &sizes), read(&body, &[]));
        }
    }
}
