//! The address guard: which addresses an upstream may have.
//!
//! Whoever may name an upstream could otherwise make this server ask its own network: the metadata service of a cloud, a
//! database's web page, `localhost`. A name is judged by the addresses it has at the moment of connecting, and the
//! connection goes to one of those that were judged: a name whose address changes in between (DNS rebinding) gains nothing.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use supercargo_types::AddressRange;
use url::{Host, Url};

/// What `upstream.allow_addresses` lists: `10.0.0.0/8`, `10.1.2.3`, `mirror.acme.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedAddress {
    /// An address range.
    Network(AddressRange),
    /// A host, whatever its addresses are.
    Host(String),
}

/// Neither a range nor a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither an address range nor a host; write it as `10.0.0.0/8`, `fd00::/8` or `mirror.acme.example`"
)]
pub struct InvalidAddress(String);

/// The upstream's name or URL leads to this address, which nobody allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a private address")]
pub(crate) struct PrivateAddress(pub(crate) IpAddr);

impl FromStr for AllowedAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress(text.to_owned());
        if let Ok(range) = text.parse() {
            return Ok(Self::Network(range));
        }
        match Host::parse(text).map_err(|_| invalid())? {
            Host::Ipv4(address) => Ok(Self::Network(IpAddr::from(address).into())),
            Host::Ipv6(address) => Ok(Self::Network(IpAddr::from(address).into())),
            Host::Domain(host) if host.contains('*') => Err(invalid()),
            Host::Domain(host) => Ok(Self::Host(without_dot(&host).to_owned())),
        }
    }
}

impl AllowedAddress {
    fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(range) => range.has(address),
            Self::Host(_) => false,
        }
    }
}

/// `host.` and `host` are one host.
fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Where addresses of names come from.
#[derive(Clone, Debug, Default)]
pub enum Lookup {
    /// The system's resolver.
    #[default]
    System,
    /// A test's: answers in this order, to whatever name, and the last one for ever.
    Scripted(Arc<Mutex<VecDeque<Vec<IpAddr>>>>),
}

impl Lookup {
    /// With port 0, which the connector replaces.
    async fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.collect()),
            Self::Scripted(answers) => {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = match answers.len() {
                    0 | 1 => answers.front().cloned(),
                    _ => answers.pop_front(),
                };
                let addresses = answer.unwrap_or_default().into_iter();
                Ok(addresses.map(|address| (address, 0).into()).collect())
            }
        }
    }
}

/// Judges URLs before a request and names while connecting.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    allow: Arc<[AllowedAddress]>,
    lookup: Lookup,
}

impl Guard {
    pub(crate) fn new(allow: &[AllowedAddress], lookup: Lookup) -> Self {
        Self {
            allow: allow.into(),
            lookup,
        }
    }

    /// A URL whose host is an address never comes to the resolver, so it is judged here.
    pub(crate) fn check(&self, url: &Url) -> Result<(), PrivateAddress> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.allows(address) {
            Ok(())
        } else {
            Err(PrivateAddress(address))
        }
    }

    /// The same for one whose host is a name, with the addresses that it has now. One that has none is not judged.
    pub(crate) async fn look_up(&self, url: &Url) -> Result<(), PrivateAddress> {
        let Some(Host::Domain(host)) = url.host() else {
            return self.check(url);
        };
        if self.allows_host(host) {
            return Ok(());
        }
        let found = self.lookup.addresses(host).await.unwrap_or_default();
        match found.first() {
            Some(first) if !found.iter().any(|found| self.allows(found.ip())) => {
                Err(PrivateAddress(first.ip()))
            }
            _ => Ok(()),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let seen = address.to_canonical();
        is_public(seen) || self.allow.iter().any(|range| range.has(address))
    }

    fn allows_host(&self, host: &str) -> bool {
        let is_it = |allowed: &AllowedAddress| match allowed {
            AllowedAddress::Host(name) => name.eq_ignore_ascii_case(without_dot(host)),
            AllowedAddress::Network(_) => false,
        };
        self.allow.iter().any(is_it)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.lookup.addresses(name.as_str()).await?;
            if guard.allows_host(name.as_str()) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let (allowed, private): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|found| guard.allows(found.ip()));
            match private.first() {
                Some(first) if allowed.is_empty() => Err(PrivateAddress(first.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By the IANA registry of special-purpose addresses (RFC 6890 and what followed).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // 0.0.0.0 connects to this machine; the rest is "this network"
        || a == 0
        // carriers' NAT, where clouds keep metadata services too
        || (a == 100 && (64..128).contains(&b))
        // protocol assignments, and the relays of 6to4
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // benchmarks
        || (a == 198 && (18..20).contains(&b))
        // multicast, reserved, broadcast
        || a >= 224;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, .., high, low] = address.segments();
    // NAT64: how an IPv6 network reaches the IPv4 internet, and just as well 10.0.0.1
    if a == 0x64 && b == 0xff9b && address.segments()[2..6] == [0; 4] {
        let embedded = u32::from(high) << 16 | u32::from(low);
        return is_public_v4(Ipv4Addr::from_bits(embedded));
    }
    // everything outside 2000::/3 is special: loopback, unspecified, mapped, local, multicast
    let global = a & 0xe000 == 0x2000;
    let special = match a {
        // protocols, among them Teredo, which holds an IPv4 address; and documentation
        0x2001 => b < 0x200 || b == 0xdb8,
        // 6to4, which holds an IPv4 address
        0x2002 => true,
        // sinks of reverse look-ups for private addresses
        0x2620 => b == 0x4f && c == 0x8000,
        // documentation
        0x3fff => b < 0x1000,
        _ => false,
    };
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        let allow: Vec<_> = allow.iter().map(|text| text.parse().unwrap()).collect();
        Guard::new(&allow, Lookup::System)
    }

    #[test]
    fn special_addresses_are_refused() {
        let guard = guard(&[]);
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!guard.allows(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        let guard = guard(&[]);
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(guard.allows(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_is_listed_is_allowed_and_nothing_beside_it() {
        let guard = guard(&[
            "10.1.0.0/16",
            "192.168.7.7",
            "fd00::/8",
            "Mirror.Acme.example.",
            "[::1]",
        ]);
        for allowed in [
            "10.1.0.0",
            "10.1.255.255",
            "::ffff:10.1.2.3",
            "192.168.7.7",
            "fd99::1",
            "::1",
        ] {
            assert!(guard.allows(allowed.parse().unwrap()), "{allowed}");
        }
        for refused in [
            "10.0.255.255",
            "10.2.0.0",
            "192.168.7.8",
            "fc00::1",
            "::2",
            "127.0.0.1",
        ] {
            assert!(!guard.allows(refused.parse().unwrap()), "{refused}");
        }
        assert!(guard.allows_host("mirror.acme.example"));
        assert!(guard.allows_host("MIRROR.acme.example."));
        assert!(!guard.allows_host("acme.example"));
        assert!(!guard.allows_host("x.mirror.acme.example"));
    }

    #[test]
    fn the_widest_range_allows_everything() {
        let guard = guard(&["0.0.0.0/0", "::/0"]);
        for any in ["127.0.0.1", "::1", "fe80::1", "10.0.0.1"] {
            assert!(guard.allows(any.parse().unwrap()), "{any}");
        }
    }

    #[test]
    fn addresses_are_seen_through_however_a_url_writes_them() {
        let guard = guard(&[]);
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://0/",
        ] {
            assert!(guard.check(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(guard.check(&"http://1.1.1.1/".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_range_that_makes_no_sense_says_how_to_write_one() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a b",
            "*.acme.example",
            "10.0.0.0/",
            "host/8",
            "host:80",
        ] {
            assert!(bad.parse::<AllowedAddress>().is_err(), "{bad}");
        }
        let error = "10.0.0.0/33".parse::<AllowedAddress>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`10.0.0.0/33` is neither an address range nor a host; write it as `10.0.0.0/8`, `fd00::/8` or `mirror.acme.example`"
        );
    }

    /// DNS rebinding: public when an administrator looks, private when we connect.
    #[tokio::test]
    async fn each_look_up_is_judged_for_itself() {
        let answers = ["1.1.1.1", "10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1"];
        let answers = answers.map(|text| vec![text.parse().unwrap()]);
        let lookup = Lookup::Scripted(Arc::new(Mutex::new(answers.into())));
        let guard = Guard::new(&[], lookup);
        let resolve = || guard.resolve("rebind.example".parse().unwrap());
        let found: Vec<_> = resolve().await.ok().unwrap().collect();
        assert_eq!(found, ["1.1.1.1:0".parse().unwrap()]);
        for _ in 0..3 {
            let Err(error) = resolve().await else {
                panic!("this address is private");
            };
            assert!(error.is::<PrivateAddress>(), "{error}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses() {
        let localhost = || "localhost".parse::<Name>().unwrap();
        let Err(error) = guard(&[]).resolve(localhost()).await else {
            panic!("`localhost` is not public");
        };
        assert!(error.is::<PrivateAddress>(), "{error}");
        for allow in [&["localhost"][..], &["127.0.0.0/8", "::1"]] {
            let found = guard(allow).resolve(localhost()).await.ok().unwrap();
            assert!(found.count() > 0, "{allow:?}");
        }
    }
}
