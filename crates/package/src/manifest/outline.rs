//! A look at a manifest that was never checked here, such as an upstream's: what a list shows of it, if it can be read.

use toml::{Table, Value};

use super::targets::normal;

/// What a list or page shows of a crate whose manifest is somebody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// As written.
    pub description: Option<String>,
    /// As written; what is no text is left out.
    pub keywords: Vec<String>,
    /// Where its readme would be, as a path below `name-version/`.
    pub readme_path: Option<String>,
}

const README: &str = "README.md";

impl Outline {
    /// Empty where the manifest cannot be read: nothing depends on it.
    pub(crate) fn of(manifest: &[u8]) -> Self {
        let table = std::str::from_utf8(manifest)
            .ok()
            .and_then(|text| text.parse::<Table>().ok());
        let Some(package) = table.as_ref().and_then(package) else {
            return Self::default();
        };
        let readme_path = match package.get("readme") {
            // cargo writes the name of the readme that it packs; before it did, this was the usual one
            None | Some(Value::Boolean(true)) => Some(README.to_owned()),
            Some(Value::String(path)) => normal(path),
            Some(_) => None,
        };
        let description = package.get("description").and_then(Value::as_str);
        let keywords = package.get("keywords").and_then(Value::as_array);
        let keywords = keywords.into_iter().flatten().filter_map(Value::as_str);
        Self {
            description: description.map(str::to_owned),
            keywords: keywords.map(str::to_owned).collect(),
            readme_path,
        }
    }
}

/// Manifests of cargo's first years have `[project]` instead.
fn package(manifest: &Table) -> Option<&Table> {
    let package = manifest.get("package").or(manifest.get("project"))?;
    package.as_table()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(manifest: &str) -> (Option<String>, Option<String>) {
        let outline = Outline::of(manifest.as_bytes());
        (outline.description, outline.readme_path)
    }

    #[test]
    fn what_can_be_read_is_read() {
        let some = |text: &str| Some(text.to_owned());
        let full = "[package]\nname = 7\ndescription = \"a\\nb\"\nreadme = \"./docs/../R.md\"\n";
        assert_eq!(outline(full), (some("a\nb"), some("R.md")));
        assert_eq!(outline("[project]\n"), (None, some(README)));
        assert_eq!(outline("[package]\nreadme = true\n"), (None, some(README)));
        for (readme, path) in [("false", None), ("[1]", None), ("\"../x\"", None)] {
            let manifest = format!("[package]\ndescription = 1\nreadme = {readme}\n");
            assert_eq!(outline(&manifest), (None, path), "{readme}");
        }
        for broken in ["", "package = 1", "[package", "description = \"x\""] {
            assert_eq!(outline(broken), (None, None), "{broken}");
        }
        assert_eq!(Outline::of(b"[package]\n\xff"), Outline::default());
        let keywords = |text: &str| Outline::of(text.as_bytes()).keywords;
        assert_eq!(
            keywords("[package]\nkeywords = [\"json\", 1, \"no std\"]\n"),
            ["json", "no std"]
        );
        assert_eq!(keywords("[package]\nkeywords = \"json\"\n"), [""; 0]);
    }
}
