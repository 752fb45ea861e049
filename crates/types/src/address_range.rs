//! Ranges of network addresses, as in `10.0.0.0/8`.

use std::{net::IpAddr, str::FromStr};

/// An address range, or one address: `10.0.0.0/8`, `fd00::/8`, `10.1.2.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// Any address in it.
    address: IpAddr,
    /// How many of its leading bits count.
    bits: u32,
}

/// No address range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address range; write it as `10.0.0.0/8`, `fd00::/8` or `10.1.2.3`")]
pub struct InvalidAddressRange(String);

impl AddressRange {
    /// Whether an address is in it. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address, too.
    pub fn has(&self, address: IpAddr) -> bool {
        self.has_exactly(address) || self.has_exactly(address.to_canonical())
    }

    fn has_exactly(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let differing = base.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let differing = base.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self {
            address,
            bits: width(address),
        }
    }
}

impl FromStr for AddressRange {
    type Err = InvalidAddressRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddressRange(text.to_owned());
        let Some((address, bits)) = text.split_once('/') else {
            return text
                .parse()
                .map(|address: IpAddr| address.into())
                .map_err(|_| invalid());
        };
        let address = address.parse().map_err(|_| invalid())?;
        let bits = bits.parse().map_err(|_| invalid())?;
        if bits <= width(address) {
            Ok(Self { address, bits })
        } else {
            Err(invalid())
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(range: &str, address: &str) -> bool {
        let range: AddressRange = range.parse().unwrap();
        range.has(address.parse().unwrap())
    }

    #[test]
    fn a_range_has_its_addresses_and_none_beside_them() {
        for (range, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.3", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("0.0.0.0/0", "255.1.1.1", "::1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "127.0.0.1"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
        ] {
            assert!(has(range, inside), "{range} {inside}");
            assert!(!has(range, outside), "{range} {outside}");
        }
    }

    #[test]
    fn what_is_no_range_is_shown_with_how_to_write_one() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0/8",
            "proxy",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
        let error = "proxy".parse::<AddressRange>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`proxy` is not an address range; write it as `10.0.0.0/8`, `fd00::/8` or `10.1.2.3`"
        );
    }
}
