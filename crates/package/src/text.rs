//! How untrusted text and sizes are shown in a sentence.

/// Enough to recognise a path or name; the rest would only fill the terminal.
const LONGEST_SHOWN: usize = 120;

/// Untrusted text for a message: control characters escaped, so that an archive cannot send escape sequences to the
/// terminal of whoever reads the refusal, and cut when it is long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST_SHOWN)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// `64 MiB`, `10 KiB` or `17 bytes`: the largest unit that is exact.
pub fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes {
        0 => "0 bytes".to_owned(),
        1 => "1 byte".to_owned(),
        bytes if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        bytes if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_characters() {
        assert_eq!(shown("a\u{1b}[31mb\n\0é"), r"a\u{1b}[31mb\n\u{0}é");
        assert_eq!(shown(&"x".repeat(121)), format!("{}…", "x".repeat(120)));
        assert_eq!(shown(&"x".repeat(120)), "x".repeat(120));
    }

    #[test]
    fn sizes_use_the_largest_exact_unit() {
        let sizes = [0, 1, 17, 1024, 1025, 10 << 20, 1 << 30];
        let texts = sizes.map(size);
        assert_eq!(
            texts,
            [
                "0 bytes",
                "1 byte",
                "17 bytes",
                "1 KiB",
                "1025 bytes",
                "10 MiB",
                "1024 MiB"
            ]
        );
    }
}
