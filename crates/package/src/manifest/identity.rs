//! From bytes to a manifest without inheritance, and the crate's identity from it.

use semver::Version;
use serde::Deserialize as _;
use supercargo_types::CrateName;
use toml::{Table, Value};

use super::{Manifest, ManifestRefused};
use crate::{text::shown, version::parse_version};

/// Which crate a manifest is for.
pub(crate) fn package_id(manifest: &[u8]) -> Result<(CrateName, Version), ManifestRefused> {
    let package = parse(manifest)?.package;
    Ok((package.name.parse()?, parse_version(&package.version)?))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, ManifestRefused> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ManifestRefused::Unreadable("it is not UTF-8".to_owned()))?;
    let table: Table = toml::from_str(text).map_err(|error| {
        unreadable(
            &error,
            error
                .span()
                .map(|span| text[..span.start].lines().count().max(1)),
        )
    })?;
    refuse_inheritance(&table)?;
    Manifest::deserialize(Value::Table(table)).map_err(|error| unreadable(&error, None))
}

/// The parser's message in one line; its drawing of the place does not survive cargo's terminal.
fn unreadable(error: &toml::de::Error, line: Option<usize>) -> ManifestRefused {
    let message = line.map_or_else(|| error.to_string(), |_| error.message().to_owned());
    let words: Vec<&str> = message.split_whitespace().collect();
    let message = shown(&words.join(" "));
    ManifestRefused::Unreadable(match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    })
}

/// Looks at every place where cargo knows inheritance. Under `[package.metadata]` the words are the author's own.
fn refuse_inheritance(manifest: &Table) -> Result<(), ManifestRefused> {
    let package = subtable(manifest, "package");
    let fields = package.filter(|(key, _)| *key != "metadata");
    refuse_inherited("package", fields)?;
    for (key, value) in manifest {
        match (key.as_str(), value) {
            ("lints" | "badges", value) if inherits(value) => {
                return Err(ManifestRefused::Workspace(key.clone()));
            }
            ("target", Value::Table(targets)) => {
                for (target, tables) in targets {
                    for (name, table) in tables.as_table().into_iter().flatten() {
                        let place = format!("target.'{target}'.{name}");
                        refuse_inherited(&place, entries(table))?;
                    }
                }
            }
            (name, table) if name.ends_with("dependencies") => {
                refuse_inherited(name, entries(table))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn entries(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table.as_table().into_iter().flatten()
}

fn subtable<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    table.get(key).into_iter().flat_map(entries)
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn refuse_inherited<'a>(
    place: &str,
    entries: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<(), ManifestRefused> {
    for (key, value) in entries {
        if inherits(value) {
            return Err(ManifestRefused::Workspace(shown(&format!("{place}.{key}"))));
        }
    }
    Ok(())
}
