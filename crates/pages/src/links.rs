//! Every address of a page, under the path of BASE. Templates and redirects ask here, so that a prefix is nowhere forgotten.

use url::form_urlencoded::Serializer;

/// Makes addresses of this server: paths, never with a host, for a proxy may have another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    prefix: String,
}

impl Links {
    /// Below the path of BASE: empty, or like `/crates`.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// A path of ours, which begins with `/`, below BASE.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The same with a query; pairs without a value are left out.
    pub fn asking(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut pairs = Serializer::new(String::new());
        for (key, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            pairs.append_pair(key, value);
        }
        match pairs.finish().as_str() {
            "" => self.to(path),
            query => format!("{}?{query}", self.to(path)),
        }
    }

    /// The first page.
    pub fn home(&self) -> String {
        self.to("/")
    }

    /// Search over everything.
    pub fn search(&self, text: &str) -> String {
        self.asking("/-/search", &[("q", text)])
    }

    /// Where people sign in; they come back to `here`, a path below BASE.
    pub fn sign_in(&self, here: &str) -> String {
        let here = if here == "/" { "" } else { here };
        self.asking("/-/login", &[("return_to", here)])
    }

    /// A registry's page.
    pub fn registry(&self, registry: &str) -> String {
        self.to(&format!("/{}", segment(registry)))
    }

    /// A part of a registry's page, such as `upstreams`.
    pub fn of_registry(&self, registry: &str, part: &str) -> String {
        format!("{}/{part}", self.registry(registry))
    }

    /// An upstream's page.
    pub fn upstream(&self, upstream: &str) -> String {
        // one of that name must not be mistaken for the form
        let name = match upstream {
            "new" => "%6Eew".to_owned(),
            name => segment(name),
        };
        self.to(&format!("/-/upstreams/{name}"))
    }

    /// A crate's page.
    pub fn krate(&self, registry: &str, krate: &str) -> String {
        format!("{}/crates/{}", self.registry(registry), segment(krate))
    }

    /// A part of a crate's page, such as `versions`; or the page of a version.
    pub fn of_crate(&self, registry: &str, krate: &str, part: &str) -> String {
        format!("{}/{}", self.krate(registry, krate), segment(part))
    }

    /// A part of the page of a version, such as `features`.
    pub fn of_version(&self, registry: &str, krate: &str, version: &str, part: &str) -> String {
        format!("{}/{part}", self.of_crate(registry, krate, version))
    }

    /// The page in the administration of something with a name: `users`, `teams` or `service-accounts`.
    pub fn administered(&self, kind: &str, name: &str) -> String {
        // `new` is the form for a new one; encoded, it is whoever is called so
        let segment = match name {
            "new" => "%6Eew".to_owned(),
            name => segment(name),
        };
        self.to(&format!("/-/admin/{kind}/{segment}"))
    }

    /// A part of that page, such as `delete`.
    pub fn of_administered(&self, kind: &str, name: &str, part: &str) -> String {
        format!("{}/{part}", self.administered(kind, name))
    }
}

/// One segment of a path. What strangers name is encoded but for what no reader of paths takes apart.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'+' => {
                encoded.push(char::from(byte));
            }
            byte => {
                encoded.push('%');
                for half in [byte >> 4, byte & 15] {
                    encoded.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
                }
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_stands_below_the_prefix() {
        let links = Links::new("/crates");
        assert_eq!(links.home(), "/crates/");
        assert_eq!(
            links.of_version("acme", "demo", "1.0.0-rc.1+b", "features"),
            "/crates/acme/crates/demo/1.0.0-rc.1+b/features"
        );
        assert_eq!(
            links.asking("/acme", &[("q", "a b&c"), ("source", "")]),
            "/crates/acme?q=a+b%26c"
        );
        assert_eq!(
            links.sign_in("/acme?q=x"),
            "/crates/-/login?return_to=%2Facme%3Fq%3Dx"
        );
        assert_eq!(Links::new("").sign_in("/"), "/-/login");
        assert_eq!(links.upstream("crates-io"), "/crates/-/upstreams/crates-io");
        assert_eq!(links.upstream("new"), "/crates/-/upstreams/%6Eew");
    }

    #[test]
    fn somebody_called_new_has_a_page_beside_the_form_for_a_new_one() {
        let links = Links::new("/crates");
        assert_eq!(
            links.of_administered("users", "alice", "delete"),
            "/crates/-/admin/users/alice/delete"
        );
        assert_eq!(
            links.administered("users", "new"),
            "/crates/-/admin/users/%6Eew"
        );
    }

    #[test]
    fn a_strangers_name_stays_within_its_segment() {
        let links = Links::new("");
        assert_eq!(
            links.krate("a/../b", "x?y#z\"<"),
            "/a%2F..%2Fb/crates/x%3Fy%23z%22%3C"
        );
    }
}
