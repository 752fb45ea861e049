//! `config.json` of a registry, and the download URLs that follow from it.

use serde::Deserialize;
use supercargo_types::Digest;
use url::Url;

/// In place of a name, a version and a checksum, to see whether a template makes URLs.
const SAMPLE: &str = "a";

/// What an upstream says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamConfig {
    dl: String,
    /// Whether it wants credentials for every request.
    pub auth_required: bool,
}

#[derive(Deserialize)]
struct Wire {
    dl: Option<String>,
    #[serde(default, rename = "auth-required")]
    auth_required: bool,
}

impl UpstreamConfig {
    /// Reads the file; says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| format!("its `config.json` cannot be read ({error})"))?;
        let dl = wire.dl.ok_or("its `config.json` has no `dl`")?;
        let config = Self {
            dl,
            auth_required: wire.auth_required,
        };
        config.sample()?;
        Ok(config)
    }

    fn sample(&self) -> Result<Url, String> {
        self.download_url(SAMPLE, SAMPLE, &Digest::from_bytes([0; 32]))
    }

    /// Where the file of some version could be.
    pub(crate) fn sample_url(&self) -> Url {
        self.sample()
            .expect("invariant: a template that makes no URL is refused when it is read")
    }

    /// Where a version's file is. Markers are replaced as cargo does it: plainly, `+` and all.
    pub(crate) fn download_url(
        &self,
        name: &str,
        version: &str,
        checksum: &Digest,
    ) -> Result<Url, String> {
        let text = fill(&self.dl, name, version, checksum);
        let url = Url::parse(&text);
        let url = url.map_err(|error| {
            format!("`dl` in its `config.json` gives no absolute URL ({error})")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("`dl` in its `config.json` is neither http nor https".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`dl` in its `config.json` carries credentials".to_owned());
        }
        Ok(url)
    }
}

/// `{crate}`, `{version}`, `{prefix}`, `{lowerprefix}` and `{sha256-checksum}`; where none occurs, the default path follows.
fn fill(template: &str, name: &str, version: &str, checksum: &Digest) -> String {
    const MARKERS: [&str; 5] = [
        "{crate}",
        "{version}",
        "{prefix}",
        "{lowerprefix}",
        "{sha256-checksum}",
    ];
    if !MARKERS.iter().any(|marker| template.contains(marker)) {
        return format!("{template}/{name}/{version}/download");
    }
    let prefix = prefix(name);
    let values = [
        name,
        version,
        &prefix,
        &prefix.to_lowercase(),
        &checksum.hex(),
    ];
    MARKERS
        .iter()
        .zip(values)
        .fold(template.to_owned(), |url, (marker, value)| {
            url.replace(marker, value)
        })
}

/// The folder of a crate in an index, in the name's own case.
fn prefix(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    match letters.as_slice() {
        [] => String::new(),
        [_] => "1".to_owned(),
        [_, _] => "2".to_owned(),
        [first, _, _] => format!("3/{first}"),
        [a, b, c, d, ..] => format!("{a}{b}/{c}{d}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_are_filled_as_cargo_fills_them() {
        let sum = Digest::from_bytes([0xab; 32]);
        let hex = sum.hex();
        let fill = |template: &str, name: &str| fill(template, name, "1.0.0-rc.1+b.5", &sum);
        for (template, name, url) in [
            (
                "https://d.example",
                "Serde",
                "https://d.example/Serde/1.0.0-rc.1+b.5/download",
            ),
            (
                "https://d.example/x/",
                "a",
                "https://d.example/x//a/1.0.0-rc.1+b.5/download",
            ),
            ("https://d.example/{crate}", "a", "https://d.example/a"),
            (
                "https://d.example/{crate}-{version}.crate",
                "a",
                "https://d.example/a-1.0.0-rc.1+b.5.crate",
            ),
            (
                "https://d.example/{prefix}/{crate}/{crate}",
                "Serde_Json",
                "https://d.example/Se/rd/Serde_Json/Serde_Json",
            ),
            (
                "https://d.example/{lowerprefix}/{crate}",
                "Serde_Json",
                "https://d.example/se/rd/Serde_Json",
            ),
            ("https://d.example/{prefix}", "A", "https://d.example/1"),
            ("https://d.example/{prefix}", "Ab", "https://d.example/2"),
            ("https://d.example/{prefix}", "Abc", "https://d.example/3/A"),
            (
                "https://d.example/{lowerprefix}",
                "Abc",
                "https://d.example/3/a",
            ),
            (
                "https://d.example/{sha256-checksum}",
                "a",
                &format!("https://d.example/{hex}"),
            ),
            (
                "https://{crate}.example/{unknown}",
                "a",
                "https://a.example/{unknown}",
            ),
        ] {
            assert_eq!(fill(template, name), url, "{template} {name}");
        }
    }

    #[test]
    fn the_plus_of_build_metadata_stays_as_it_is() {
        let config = UpstreamConfig::parse(br#"{"dl":"https://d.example/dl"}"#).unwrap();
        let url = config.download_url("a", "1.0.0+b", &Digest::from_bytes([0; 32]));
        assert_eq!(
            url.unwrap().as_str(),
            "https://d.example/dl/a/1.0.0+b/download"
        );
    }

    #[test]
    fn other_keys_are_passed_over() {
        let text =
            br#"{"dl":"https://d.example/{crate}","api":null,"auth-required":true,"x":{"y":[]}}"#;
        assert!(UpstreamConfig::parse(text).unwrap().auth_required);
        // cargo does not know this spelling either
        let text = br#"{"dl":"https://d.example/","auth_required":true}"#;
        assert!(!UpstreamConfig::parse(text).unwrap().auth_required);
    }

    proptest! {
        #[test]
        fn no_name_from_outside_panics(template in ".{0,40}", name in ".{0,8}", version in ".{0,8}") {
            let config = UpstreamConfig { dl: template, auth_required: false };
            let _ = config.download_url(&name, &version, &Digest::from_bytes([0; 32]));
        }

        #[test]
        fn no_file_from_outside_panics(text: Vec<u8>) {
            let _ = UpstreamConfig::parse(&text);
        }
    }

    #[test]
    fn each_fault_is_named() {
        let fault = |text: &str| UpstreamConfig::parse(text.as_bytes()).unwrap_err();
        for (text, word) in [
            ("", "cannot be read"),
            ("<!doctype html>", "cannot be read"),
            ("[]", "cannot be read"),
            (r#"{"dl":7}"#, "cannot be read"),
            (
                r#"{"dl":"https://d.example","auth-required":"yes"}"#,
                "cannot be read",
            ),
            ("{}", "has no `dl`"),
            (r#"{"dl":null}"#, "has no `dl`"),
            (r#"{"dl":""}"#, "no absolute URL"),
            (r#"{"dl":"/api/v1/crates"}"#, "no absolute URL"),
            (r#"{"dl":"ftp://d.example/"}"#, "neither http nor https"),
            (r#"{"dl":"file:///etc"}"#, "neither http nor https"),
            (r#"{"dl":"https://u:p@d.example/"}"#, "carries credentials"),
        ] {
            let fault = fault(text);
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }
}
