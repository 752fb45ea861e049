//! Texts of others, on a terminal of ours.

/// Without what could steer a terminal: escape sequences that repaint the screen or set a title, and characters that turn the
/// direction of writing, so that a line reads as another one.
///
/// ```
/// assert_eq!(supercargo_types::printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
/// ```
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}
