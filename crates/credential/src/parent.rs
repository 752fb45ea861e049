//! What the cargo that has started us was started for: cargo tells its providers about operations, not about commands.

/// Whether it is `cargo login`; false where the system does not say.
pub(crate) fn is_cargo_login() -> bool {
    arguments().is_some_and(|arguments| command(&arguments) == Some("login"))
}

/// The first word that is neither an option nor the value of one.
fn command(arguments: &[String]) -> Option<&str> {
    const WITH_VALUE: [&str; 4] = ["--config", "--color", "-Z", "-C"];
    let mut words = arguments.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with(['-', '+']) {
            return Some(word);
        }
    }
    None
}

#[cfg(target_os = "linux")]
fn arguments() -> Option<Vec<String>> {
    let parent = std::os::unix::process::parent_id();
    let line = std::fs::read(format!("/proc/{parent}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0);
    Some(
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect(),
    )
}

#[cfg(all(unix, not(target_os = "linux")))]
fn arguments() -> Option<Vec<String>> {
    let parent = std::os::unix::process::parent_id().to_string();
    let asked = std::process::Command::new("ps")
        .args(["-o", "args=", "-p", &parent])
        .output();
    let line = String::from_utf8(asked.ok()?.stdout).ok()?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

#[cfg(not(unix))]
fn arguments() -> Option<Vec<String>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_found_among_options() {
        let of = |line: &str| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            command(&words).map(str::to_owned)
        };
        for login in [
            "cargo login",
            "/usr/bin/cargo +nightly login --registry acme",
            "cargo --config net.offline=true -Z unstable-options login",
        ] {
            assert_eq!(of(login).as_deref(), Some("login"), "{login}");
        }
        for other in [
            "cargo add login",
            "cargo --config login fetch",
            "cargo",
            "cargo -V",
        ] {
            assert_ne!(of(other).as_deref(), Some("login"), "{other}");
        }
    }
}
