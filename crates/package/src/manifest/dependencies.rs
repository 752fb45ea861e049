//! Dependencies of all kinds and targets, in the words of the index.

use semver::VersionReq;
use supercargo_types::CrateName;
use url::Url;

use super::{
    Dependency, DependencyKind, DependencyRegistry, ManifestLimits, ManifestRefused,
    features::check_value,
    schema::{DependencyFields, DependencySpec, DependencyTable, Manifest},
};
use crate::text::shown;

/// crates.io's limit for aliases, in characters.
const LONGEST_ALIAS: usize = 64;

/// Takes every dependency out of the manifest, in the order of kinds and names, those for all targets first.
pub(super) fn collect(
    manifest: &mut Manifest,
    limits: &ManifestLimits,
) -> Result<Vec<Dependency>, ManifestRefused> {
    let mut found = Vec::new();
    let tables = [
        (
            DependencyKind::Normal,
            std::mem::take(&mut manifest.dependencies),
        ),
        (
            DependencyKind::Build,
            std::mem::take(&mut manifest.build_dependencies),
        ),
        (
            DependencyKind::Dev,
            std::mem::take(&mut manifest.dev_dependencies),
        ),
    ];
    for (kind, table) in tables {
        take(table, kind, None, &mut found)?;
    }
    for (target, tables) in std::mem::take(&mut manifest.target) {
        take(
            tables.dependencies,
            DependencyKind::Normal,
            Some(&target),
            &mut found,
        )?;
        take(
            tables.build_dependencies,
            DependencyKind::Build,
            Some(&target),
            &mut found,
        )?;
        take(
            tables.dev_dependencies,
            DependencyKind::Dev,
            Some(&target),
            &mut found,
        )?;
    }
    if found.len() > limits.dependencies {
        return Err(ManifestRefused::TooManyDependencies {
            found: found.len(),
            limit: limits.dependencies,
        });
    }
    Ok(found)
}

fn take(
    table: DependencyTable,
    kind: DependencyKind,
    target: Option<&str>,
    found: &mut Vec<Dependency>,
) -> Result<(), ManifestRefused> {
    for (name, DependencySpec(spec)) in table {
        let dependency =
            read(&name, spec, kind, target).map_err(|reason| ManifestRefused::Dependency {
                name: shown(&name),
                reason,
            })?;
        found.push(dependency);
    }
    Ok(())
}

fn read(
    name: &str,
    spec: DependencyFields,
    kind: DependencyKind,
    target: Option<&str>,
) -> Result<Dependency, String> {
    check_alias(name)?;
    let package = spec.package.as_deref().unwrap_or(name);
    let package: CrateName = package
        .parse()
        .map_err(|error: supercargo_types::InvalidCrateName| error.to_string())?;
    if spec.optional && kind == DependencyKind::Dev {
        return Err(
            "dev-dependencies are not allowed to be optional; remove `optional`".to_owned(),
        );
    }
    if spec.artifact.is_some() {
        return Err("artifact dependencies are not supported; remove `artifact`".to_owned());
    }
    if let Some(target) = target {
        check_target(target)?;
    }
    for feature in &spec.features {
        check_value(feature).map_err(|reason| format!("feature `{}`: {reason}", shown(feature)))?;
    }
    Ok(Dependency {
        name_in_toml: name.to_owned(),
        package,
        requirement: requirement(&spec, kind)?,
        registry: registry(&spec)?,
        features: spec.features,
        optional: spec.optional,
        default_features: spec.default_features.unwrap_or(true),
        target: target.map(str::to_owned),
        kind,
    })
}

/// crates.io's rule: a crate name that may also start with `_`.
fn check_alias(name: &str) -> Result<(), String> {
    if name.chars().count() > LONGEST_ALIAS {
        return Err(format!(
            "the name is too long (at most {LONGEST_ALIAS} characters)"
        ));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if starts_well && goes_on_well {
        Ok(())
    } else {
        Err(
            "use ASCII letters, digits, `-` and `_` in the name, and start with a letter or `_`"
                .to_owned(),
        )
    }
}

fn requirement(spec: &DependencyFields, kind: DependencyKind) -> Result<String, String> {
    let text = match (&spec.version, kind) {
        (Some(version), _) => version,
        // Cargo drops development dependencies without a version when it packages, since nobody downstream needs them.
        (None, DependencyKind::Dev) if spec.git.is_none() => "*",
        (None, _) => {
            return Err(
                "it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`"
                    .to_owned(),
            );
        }
    };
    VersionReq::parse(text)
        .map(|requirement| requirement.to_string())
        .map_err(|error| {
            let text = shown(text);
            format!(
                "`{text}` is not a version requirement ({error}); write it as `1.2` or `>=1.2, <3`"
            )
        })
}

/// Cargo drops a version from the index when a dependency's registry is no URL. Other schemes are refused so that
/// nobody can write what only this server writes into stored entries.
fn registry(spec: &DependencyFields) -> Result<DependencyRegistry, String> {
    let Some(index) = &spec.registry_index else {
        return match &spec.registry {
            None => Ok(DependencyRegistry::CratesIo),
            Some(registry) => Err(format!(
                "it names the registry `{}` but not its index; make the crate file with `cargo package`, which writes `registry-index`",
                shown(registry)
            )),
        };
    };
    let refuse = |reason| Err(format!("`registry-index` `{}` {reason}", shown(index)));
    let Ok(url) = Url::parse(index.strip_prefix("sparse+").unwrap_or(index)) else {
        return refuse("is not a URL; write it as `sparse+https://host/path/`");
    };
    if !matches!(url.scheme(), "https" | "http" | "ssh" | "git") {
        return refuse("must start with `sparse+https://`, `https://` or `ssh://`");
    }
    if url.password().is_some() {
        return Err(
            "`registry-index` holds a password, which everybody could read; remove it".to_owned(),
        );
    }
    Ok(DependencyRegistry::Url(index.clone()))
}

/// With cargo's own parser: a target that cargo cannot read makes the version vanish from the index.
fn check_target(target: &str) -> Result<(), String> {
    match target.parse::<cargo_platform::Platform>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "cargo cannot read its target `{}`; write a triple such as `x86_64-pc-windows-msvc`, or `cfg(…)`",
            shown(target)
        )),
    }
}
