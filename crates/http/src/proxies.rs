//! Proxies in front of us: whose word on where a request came from is taken.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};
use supercargo_types::AddressRange;

/// The proxies whose word counts. Nobody's, unless an operator lists them: anyone can send such a header, and the audit log
/// would then name an address of their choice.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<AddressRange>);

impl TrustedProxies {
    /// Those of these ranges.
    pub fn new(ranges: Vec<AddressRange>) -> Self {
        Self(ranges)
    }

    /// Where a request came from: the last address that is no trusted proxy's. Each proxy appends the one that it saw, so
    /// what stands before that one is the client's own invention.
    ///
    /// `X-Forwarded-For` and `Forwarded` (RFC 7239) are read. Most proxies write one of them and pass the other one on as it
    /// came, so where both are there and differ, neither is believed.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.0.is_empty() || !self.trust(peer) {
            return peer;
        }
        let old = elements(headers, "x-forwarded-for");
        let new = elements(headers, header::FORWARDED.as_str());
        let old = old.map(|elements| self.last_untrusted(peer, elements, address));
        let new = new.map(|elements| self.last_untrusted(peer, elements, forwarded_for));
        match (old, new) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(client), _) | (None, Some(client)) => client,
            (None, None) => peer,
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.has(address))
    }

    /// From the last to the first, as long as a trusted proxy says so; the furthest that is known where one says nothing.
    fn last_untrusted(
        &self,
        peer: IpAddr,
        elements: Vec<&str>,
        address: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut known = peer;
        for element in elements.into_iter().rev() {
            let Some(address) = address(element) else {
                return known;
            };
            known = address;
            if !self.trust(known) {
                return known;
            }
        }
        known
    }
}

/// All elements of all headers of a name, in their order; `None` without such a header.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let mut all = None;
    for value in headers.get_all(name) {
        // what is no text is an element that means nothing, and must not be passed over
        let text = value.to_str().unwrap_or("?");
        all.get_or_insert_with(Vec::new).extend(text.split(','));
    }
    all
}

/// `192.0.2.1`, `2001:db8::1`, and with a port `192.0.2.1:4711` and `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| {
            text.parse()
                .ok()
                .map(|with_port: SocketAddr| with_port.ip())
        })
        .map(|address: IpAddr| address.to_canonical())
}

/// `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:4711"`. A comma within quotation marks never stands in an address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut told = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = told.next()?;
    address(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// Where a request from 10.0.0.1 came from, where 10.0.0.0/8 and `fd00::/8` are trusted.
    fn client(headers: &[(&str, &str)]) -> String {
        client_of("10.0.0.1", headers)
    }

    fn client_of(peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let proxies = TrustedProxies::new(trusted.to_vec());
        proxies.client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn nobody_is_believed_unless_an_operator_says_so() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.9"));
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(TrustedProxies::default().client(peer, &headers), peer);
        let other = [
            ("x-forwarded-for", "192.0.2.9"),
            ("forwarded", "for=192.0.2.9"),
        ];
        assert_eq!(client_of("203.0.113.7", &other), "203.0.113.7");
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        for (told, expected) in [
            ("192.0.2.9", "192.0.2.9"),
            // what the client itself has sent comes first
            ("1.1.1.1, 192.0.2.9", "192.0.2.9"),
            ("10.9.9.9, 192.0.2.9", "192.0.2.9"),
            ("192.0.2.9, 10.0.0.2", "192.0.2.9"),
            ("192.0.2.9,10.0.0.2 ,  fd00::1", "192.0.2.9"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("192.0.2.9:4711", "192.0.2.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
            // nothing is known beyond the proxy that says something odd
            ("192.0.2.9, unknown", "10.0.0.1"),
            ("192.0.2.9, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.9,", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(&[("X-Forwarded-For", told)]), expected, "{told}");
        }
        assert_eq!(
            client_of("::ffff:10.0.0.1", &[("X-Forwarded-For", "192.0.2.9")]),
            "192.0.2.9"
        );
        let lines = [
            ("X-Forwarded-For", "192.0.2.9"),
            ("X-Forwarded-For", "10.0.0.2"),
        ];
        assert_eq!(client(&lines), "192.0.2.9");
        assert_eq!(client(&[]), "10.0.0.1");
    }

    #[test]
    fn the_header_of_the_standard_is_read_too() {
        for (told, expected) in [
            ("for=192.0.2.9", "192.0.2.9"),
            ("proto=https;For=\"192.0.2.9:80\";by=10.0.0.1", "192.0.2.9"),
            ("for=1.1.1.1, for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            (
                "for=192.0.2.9, for=10.0.0.2;host=crates.acme.example",
                "192.0.2.9",
            ),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(client(&[("Forwarded", told)]), expected, "{told}");
        }
    }

    /// Most proxies write one header and pass the other one on as the client has sent it.
    #[test]
    fn two_headers_that_differ_are_both_not_believed() {
        let one = ("X-Forwarded-For", "192.0.2.9");
        assert_eq!(client(&[one, ("Forwarded", "for=192.0.2.10")]), "10.0.0.1");
        assert_eq!(client(&[one, ("Forwarded", "for=192.0.2.9")]), "192.0.2.9");
    }
}
