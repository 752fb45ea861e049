//! The files that pages need, in the program. Their addresses carry a hash of their bytes, so that browsers keep them for ever
//! and a new release is seen at once.

use std::{io::Write as _, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use supercargo_types::Digest;

/// A file.
#[derive(Debug)]
pub struct Asset {
    /// The last segment of its address.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same as gzip; nothing where that would not be smaller.
    pub gzip: Option<Vec<u8>>,
    /// The first 16 hexadecimal digits of its SHA-256.
    pub hash: String,
}

/// All of them.
#[derive(Debug)]
pub struct Assets(Vec<Asset>);

const FILES: [(&str, &str, &[u8]); 4] = [
    (
        "supercargo.css",
        "text/css; charset=utf-8",
        include_bytes!("../assets/supercargo.css"),
    ),
    (
        "supercargo.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/supercargo.js"),
    ),
    (
        "icons.svg",
        "image/svg+xml",
        include_bytes!("../assets/icons.svg"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../assets/icon.svg"),
    ),
];

/// Made once, of constants.
pub fn assets() -> &'static Assets {
    static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
        let made = FILES.iter().map(|&(name, kind, bytes)| Asset {
            name,
            kind,
            bytes,
            gzip: Some(gzip(bytes, Compression::best())).filter(|gzip| gzip.len() < bytes.len()),
            hash: Digest::of(bytes).hex()[..16].to_owned(),
        });
        Assets(made.collect())
    });
    &ASSETS
}

/// A page as gzip, made for one answer: quickly rather than small.
pub fn zipped(html: &str) -> Vec<u8> {
    gzip(html.as_bytes(), Compression::fast())
}

fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("invariant: a vector takes what is written to it")
}

impl Assets {
    /// The file at `/-/assets/{hash}/{name}`.
    pub fn find(&self, hash: &str, name: &str) -> Option<&Asset> {
        let mut all = self.0.iter();
        all.find(|asset| asset.name == name && asset.hash == hash)
    }

    /// Its path below BASE.
    ///
    /// # Panics
    /// For a file that there is not.
    pub fn path(&self, name: &str) -> String {
        let asset = self.0.iter().find(|asset| asset.name == name);
        let asset = asset.expect("invariant: templates name files that there are");
        format!("/-/assets/{}/{name}", asset.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_found_at_its_own_hash_only() {
        for (name, ..) in FILES {
            let path = assets().path(name);
            let parts: Vec<_> = path.split('/').collect();
            let asset = assets().find(parts[3], parts[4]).unwrap();
            assert_eq!(asset.name, name);
            assert!(!asset.bytes.is_empty());
            assert!(assets().find("0000000000000000", name).is_none());
        }
        assert!(assets().find(&assets().0[0].hash, "icon.svg").is_none());
    }

    #[test]
    fn every_icon_that_a_template_names_is_in_the_sprite() {
        let sprite = std::str::from_utf8(FILES[2].2).unwrap();
        let mut named = 0;
        for file in std::fs::read_dir("templates").unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for after in text.split("icon(\"").skip(1) {
                let icon = after.split('"').next().unwrap();
                assert!(sprite.contains(&format!("id=\"{icon}\"")), "{icon}");
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    }
}
