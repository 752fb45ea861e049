//! Opening a page in the person's browser, where there is one.

use std::{
    env,
    process::{Command, Stdio},
};

/// Whether a page could be opened: over a connection to another machine it cannot, as a rule.
pub(crate) fn is_there() -> bool {
    command().is_some()
}

/// Opens a page; whether somebody sees it is not known. False where there is nothing to open it with.
pub(crate) fn open(url: &str) -> bool {
    // The server says what is opened. Anything but a page could start any program that the desktop knows.
    let is_page = url.starts_with("https://") || url.starts_with("http://");
    if !is_page || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Some(mut command) = command() else {
        return false;
    };
    // cargo reads our standard output
    let started = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.is_ok()
}

/// What opens a page: what `BROWSER` names, or the desktop's own way.
fn command() -> Option<Command> {
    let named = env::var_os("BROWSER").filter(|named| !named.is_empty());
    if let Some(named) = named {
        return Some(Command::new(named));
    }
    if cfg!(target_os = "macos") {
        return Some(Command::new("open"));
    }
    if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        return Some(command);
    }
    let has_desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .into_iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    has_desktop.then(|| Command::new("xdg-open"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attack is a server that has a program started.
    #[test]
    fn only_pages_are_opened() {
        for other in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "vscode://x",
            "--help",
            "https://a b",
            "https://a\nb",
            "",
        ] {
            assert!(!open(other), "{other}");
        }
    }
}
