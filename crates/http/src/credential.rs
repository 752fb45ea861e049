//! The token of a request: raw, as `Bearer`, or as the password of `Basic`. Never from a query string, which ends up in logs.

use std::borrow::Cow;

use http::{HeaderMap, header};
use supercargo_registry::Denied;
use supercargo_types::TokenSecret;

/// What came in the `Authorization` header.
#[derive(Debug)]
pub(crate) enum Credential {
    /// Nothing.
    None,
    /// Something with a token's form.
    Token(TokenSecret),
}

const MALFORMED: Denied = Denied::BadToken(
    "this is not a token of this server: it starts with `scg_` and has 53 characters; copy the whole one",
);

/// All is there, and a character of it is wrong.
const MISTYPED: Denied = Denied::BadToken(
    "a token of this server ends in a checksum, and this one's is wrong; copy it again",
);

/// # Errors
/// [`Denied::BadToken`] when something came that is no token: anonymous rights must not hide a typing error.
pub(crate) fn of(headers: &HeaderMap) -> Result<Credential, Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Credential::None);
    };
    // Two headers could be read as one by a proxy and as the other by us.
    if values.next().is_some() {
        return Err(Denied::BadToken(
            "this request carries two `Authorization` headers; send one",
        ));
    }
    let text = value.to_str().map_err(|_| MALFORMED)?.trim();
    let token = match text.split_once(' ') {
        None => Cow::Borrowed(text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().into(),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
            let decoded = base64(rest.trim())
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or(MALFORMED)?;
            decoded
                .split_once(':')
                .map(|(_, password)| password.to_owned().into())
                .ok_or(MALFORMED)?
        }
        Some(_) => return Err(MALFORMED),
    };
    token.parse().map(Credential::Token).map_err(|_| {
        if TokenSecret::is_mistyped(&token) {
            MISTYPED
        } else {
            MALFORMED
        }
    })
}

/// Standard base64 with or without padding (RFC 4648, 4); `None` for anything else.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "scg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0NjLCC";

    fn read(value: &str) -> Result<Option<String>, Denied> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        of(&headers).map(|credential| match credential {
            Credential::None => None,
            Credential::Token(token) => Some(token.reveal().to_owned()),
        })
    }

    #[test]
    fn three_ways_to_send_a_token() {
        // `anyone:` and the token, in base64
        let basic = "Basic YW55b25lOnNjZ18wMDNhVWxUSkM3dGpsQ1RRajJ1TlUzTUZhZ0NYRzlMUktSY3dHa0JJRGxmME5qTENDICA=";
        for good in [
            TOKEN,
            &format!("Bearer {TOKEN}"),
            &format!("bearer  {TOKEN}"),
            &format!(" {TOKEN} "),
        ] {
            assert_eq!(read(good), Ok(Some(TOKEN.to_owned())), "{good}");
        }
        assert!(base64("YW55b25lOg==").is_some_and(|bytes| bytes == b"anyone:"));
        assert!(read(basic).is_err(), "two blanks too many are no token");
        let exact = format!("anyone:{TOKEN}");
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut encoded = String::new();
        for chunk in exact.as_bytes().chunks(3) {
            let number = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            for digit in 0..=chunk.len() {
                encoded.push(char::from(
                    alphabet[(number >> (18 - 6 * digit) & 63) as usize],
                ));
            }
        }
        assert_eq!(
            read(&format!("Basic {encoded}")),
            Ok(Some(TOKEN.to_owned()))
        );
    }

    #[test]
    fn anything_else_is_a_bad_token_and_not_nobody() {
        for bad in [
            "",
            "nonsense",
            "Digest abc",
            "Basic !!!",
            "Basic bm9jb2xvbg==",
            "Bearer",
            &TOKEN[..52],
        ] {
            assert_eq!(read(bad), Err(MALFORMED), "{bad}");
        }
        let mistyped = TOKEN.replace("003a", "00Ea");
        for bad in [mistyped.clone(), format!("Bearer {mistyped}")] {
            assert_eq!(read(&bad), Err(MISTYPED), "{bad}");
        }
        assert!(matches!(of(&HeaderMap::new()), Ok(Credential::None)));
        let mut twice = HeaderMap::new();
        twice.append(header::AUTHORIZATION, TOKEN.parse().unwrap());
        twice.append(header::AUTHORIZATION, TOKEN.parse().unwrap());
        assert!(of(&twice).is_err());
    }
}
