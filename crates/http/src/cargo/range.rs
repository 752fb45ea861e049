//! Parts of a file: which one a client asks for, and how it is answered (RFC 9110, 14).
//!
//! Knows headers and numbers. What the file is, and who may read it, has been decided before.

use std::ops::Range;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::problem::plain;

/// What `Accept-Ranges` says.
pub(super) const UNIT: HeaderValue = HeaderValue::from_static("bytes");

/// One range, as it is asked for before anybody knows how long the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// `first-last`, both of them included, or `first-` to the end.
    From { first: u64, last: Option<u64> },
    /// `-length`: so many from the end.
    Last(u64),
}

impl ByteRange {
    /// The range of a `GET`. `None` also for several ranges, another unit and nonsense: a server may ignore the header
    /// (14.2), and a client who gets a 200 instead has the whole file. Answers to several ranges would be an attack's lever:
    /// many small or overlapping ranges make one request cost many times the file.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::RANGE).iter();
        let line = lines.next()?;
        if lines.next().is_some() {
            return None;
        }
        Self::parse(line.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, range) = text.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
        match (first, last) {
            ("", length) => number(length).map(Self::Last),
            (first, "") => number(first).map(|first| Self::From { first, last: None }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From {
                    first,
                    last: Some(last),
                })
            }
        }
    }

    /// The part of a file of `size` bytes, which is never empty; `None` where the file has nothing of it.
    pub(super) fn within(self, size: u64) -> Option<Range<u64>> {
        let part = match self {
            Self::From { first, last } => {
                first..last.map_or(size, |last| last.saturating_add(1).min(size))
            }
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (part.start < part.end).then_some(part)
    }
}

/// Digits alone, where `parse` would take a sign as well. What is too large for a number is larger than any file.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Whether a range is still of the file that the client has the rest of (13.1.5). `ETag`s are compared strongly; downloads
/// have no date, so a date never matches.
pub(super) fn is_of_this_file(headers: &HeaderMap, etag: &[u8]) -> bool {
    let mut conditions = headers.get_all(header::IF_RANGE).iter();
    conditions.all(|condition| condition.as_bytes() == etag)
}

/// `206` with this part of a file of `size` bytes; the caller adds what stands beside every answer with the file.
pub(super) fn partial(part: &Range<u64>, size: u64, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let last = part.end - 1;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_RANGE,
        text(&format!("bytes {}-{last}/{size}", part.start)),
    );
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(part.end - part.start),
    );
    response
}

/// `416`, which says how long the file is.
pub(super) fn unsatisfiable(size: u64) -> Response<Body> {
    let mut response = plain(
        StatusCode::RANGE_NOT_SATISFIABLE,
        format!("this file has {size} bytes, and none of those that were asked for\n"),
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, text(&format!("bytes */{size}")));
    headers.insert(header::ACCEPT_RANGES, UNIT);
    response
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("invariant: digits and ASCII signs")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(lines: &[&str]) -> Option<ByteRange> {
        let line = |text: &&str| (header::RANGE, text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        ByteRange::of(&headers)
    }

    /// The part of a file of 100 bytes.
    fn of_hundred(text: &str) -> Option<Range<u64>> {
        asked(&[text]).unwrap().within(100)
    }

    #[test]
    fn one_range_is_a_part_of_the_file() {
        for (text, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..100),
            ("bytes=10-19", 10..20),
            ("bytes=99-99", 99..100),
            ("bytes=90-1000", 90..100),
            ("bytes=0-", 0..100),
            ("bytes=99-", 99..100),
            ("bytes=-1", 99..100),
            ("bytes=-100", 0..100),
            ("bytes=-101", 0..100),
            ("Bytes= 007-8\t", 7..9),
            ("bytes=1-99999999999999999999999", 1..100),
            ("bytes=-99999999999999999999999", 0..100),
        ] {
            assert_eq!(of_hundred(text), Some(part), "{text}");
        }
    }

    #[test]
    fn a_range_behind_the_end_cannot_be_satisfied() {
        for text in [
            "bytes=100-",
            "bytes=100-100",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of_hundred(text), None, "{text}");
        }
        for range in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(asked(&[range]).unwrap().within(0), None, "{range}");
        }
    }

    #[test]
    fn several_ranges_and_nonsense_are_no_range() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "bytes=0-1,",
            "bytes=,0-1",
            "bytes=2-1",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=--1",
            "bytes=1--2",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "bytes=0x1-2",
            "bytes=1.5-2",
            "bytes =0-1",
            "bytes:0-1",
            "lines=0-1",
            "0-1",
        ] {
            assert_eq!(asked(&[text]), None, "{text}");
        }
        assert_eq!(asked(&["bytes=0-1", "bytes=0-1"]), None);
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn a_range_is_given_only_of_the_file_that_the_client_knows() {
        let judged = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_RANGE, line.parse().unwrap());
            }
            is_of_this_file(&headers, b"\"abc\"")
        };
        assert!(judged(&[]) && judged(&["\"abc\""]));
        for other in [
            "\"abd\"",
            "W/\"abc\"",
            "abc",
            "*",
            "",
            "\"abc\", \"abd\"",
            "Sat, 01 Jan 2000 00:00:00 GMT",
        ] {
            assert!(!judged(&[other]), "{other}");
        }
        assert!(!judged(&["\"abc\"", "\"abd\""]));
    }

    /// The words of RFC 9110, 14.1.2, byte by byte: whether the one at this place is asked for.
    fn is_asked_for(place: u64, size: u64, first: Option<u64>, last: Option<u64>) -> bool {
        match (first, last) {
            (Some(first), Some(last)) => first <= place && place <= last,
            (Some(first), None) => first <= place,
            (None, Some(length)) => size - place <= length,
            (None, None) => false,
        }
    }

    proptest! {
        #[test]
        fn a_part_is_exactly_the_bytes_that_are_asked_for(
            size in 0_u64..40,
            first in proptest::option::of(0_u64..50),
            last in proptest::option::of(0_u64..50),
        ) {
            let shown = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
            let range = asked(&[&format!("bytes={}-{}", shown(first), shown(last))]);
            let is_sound = match (first, last) {
                (None, None) => false,
                (Some(first), Some(last)) => first <= last,
                _ => true,
            };
            prop_assert_eq!(range.is_some(), is_sound);
            if let Some(range) = range {
                let expected: Vec<u64> = (0..size)
                    .filter(|&place| is_asked_for(place, size, first, last))
                    .collect();
                let part: Vec<u64> = range.within(size).into_iter().flatten().collect();
                prop_assert_eq!(part, expected);
                prop_assert!(range.within(size).is_none_or(|part| !part.is_empty()));
            }
        }

        #[test]
        fn no_header_is_too_strange(text in "[ -~\t]{0,40}", size: u64) {
            let part = asked(&[&text]).and_then(|range| range.within(size));
            prop_assert!(part.is_none_or(|part| part.start < part.end && part.end <= size));
        }

        #[test]
        fn no_number_is_too_large(first: u64, last: u64, size: u64) {
            let range = asked(&[&format!("bytes={first}-{last}")]);
            let expected = (first <= last && first < size).then(|| {
                let end = (u128::from(last) + 1).min(u128::from(size));
                u128::from(first)..end
            });
            let part = range.and_then(|range| range.within(size));
            prop_assert_eq!(part.map(|part| part.start.into()..part.end.into()), expected);
        }
    }
}
