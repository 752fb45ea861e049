//! Text of others in sentences of ours.

use std::fmt;

/// In characters, of a claim or a message in a sentence.
const LENGTH: usize = 120;

/// Somebody else's text, fit for a terminal and a log: whoever names a branch could otherwise write lines of their own there,
/// or turn the rest of the line around.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, character) in self.0.chars().enumerate() {
            if count == LENGTH {
                return f.write_str("…");
            }
            let is_plain = character.is_alphanumeric() || character.is_ascii_graphic();
            // a backtick would end the quotation
            if (is_plain || character == ' ') && character != '`' {
                write!(f, "{character}")?;
            } else {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_its_line_and_is_short() {
        let shown = |text: &str| Shown(text).to_string();
        assert_eq!(shown("refs/heads/grün-1"), "refs/heads/grün-1");
        assert_eq!(shown("a\nb\u{1b}[31m\u{202e}`c`"), "a�b�[31m��c�");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), LENGTH + 1);
    }
}
