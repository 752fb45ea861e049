//! What a shell completes: commands and flags, and the words of what has few of them, such as scopes.

use std::any::TypeId;

use clap::{Command, builder::PossibleValuesParser};
use supercargo_types::{
    Action, ClaimMode, InstanceRole, Publishing, Role, Scope, VersionState, View, Visibility,
};

macro_rules! words_of {
    ($id:expr, $($name:ident),+) => {
        $(if $id == TypeId::of::<$name>() {
            Some($name::ALL.iter().map(|word| word.as_str()).collect())
        } else)+ {
            None
        }
    };
}

/// For a script alone: what is typed is read by the types themselves, whose sentences say more than a list.
pub(super) fn with_words(command: Command) -> Command {
    let with_words = command.mut_args(|arg| {
        let id = arg.get_value_parser().type_id();
        let words: Option<Vec<&'static str>> = words_of!(
            id,
            Action,
            ClaimMode,
            InstanceRole,
            Publishing,
            Role,
            Scope,
            VersionState,
            View,
            Visibility
        );
        match words {
            Some(words) => arg.value_parser(PossibleValuesParser::new(words)),
            None => arg,
        }
    });
    with_words.mut_subcommands(self::with_words)
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;

    use super::super::completion;

    #[test]
    fn a_shell_completes_scopes_roles_and_visibilities() {
        for shell in [Shell::Bash, Shell::Zsh] {
            let script = completion(shell);
            for words in [
                "read publish yank owners maintain delete admin",
                "reader publisher maintainer admin",
                "member creator admin",
                "private internal public",
                "private fork merge",
            ] {
                assert!(script.contains(words), "{words}: {shell}");
            }
        }
    }
}
