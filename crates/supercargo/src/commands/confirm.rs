//! Asking back before something is done that is hard to undo.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::CommandError;

/// Goes on when `--yes` was given or a person types the name; a script without `--yes` is refused.
pub(super) fn confirm(name: &str, consequence: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    let refused = || CommandError::NotConfirmed(name.to_owned());
    if !io::stdin().is_terminal() {
        return Err(refused());
    }
    let mut stderr = io::stderr();
    let mut typed = String::new();
    write!(stderr, "{consequence}\ntype `{name}` to confirm: ")
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut typed))
        .map_err(|_| refused())?;
    if typed.trim() == name {
        Ok(())
    } else {
        Err(refused())
    }
}
