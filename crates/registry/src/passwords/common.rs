//! Passwords that everybody tries first.

/// What the commonest passwords of at least [`super::SHORTEST`] characters are made of, in lower case: lists of stolen
/// passwords show these again and again, with digits and punctuation before and after. The test below counts them.
const WORDS: &[&str] = &[
    "aaaaaaaaaa",
    "abcabcabc",
    "abcdefgh",
    "abcdefghi",
    "abcdefghij",
    "access",
    "account",
    "adgjmptw",
    "admin",
    "adminadmin",
    "administrator",
    "alexander",
    "asdasdasd",
    "asdf",
    "asdfasdf",
    "asdfasdfasdf",
    "asdfgh",
    "asdfghjk",
    "asdfghjkl",
    "assassin",
    "barcelona",
    "baseball",
    "basketball",
    "batman",
    "buttercup",
    "butterfly",
    "cargo",
    "changeit",
    "changeme",
    "changemenow",
    "charlie",
    "cheese",
    "chocolate",
    "christopher",
    "computer",
    "correcthorsebatterystaple",
    "crates",
    "default",
    "demo",
    "dinosaur",
    "dragon",
    "elephant",
    "everything",
    "facebook",
    "flower",
    "football",
    "forever",
    "freedom",
    "fuckyou",
    "google",
    "guest",
    "hello",
    "hellohello",
    "helloworld",
    "hunter",
    "iloveyou",
    "iloveyousomuch",
    "internet",
    "jennifer",
    "jordan",
    "justinbieber",
    "killer",
    "letmein",
    "letmeinplease",
    "linkedin",
    "liverpool",
    "login",
    "lovely",
    "manchester",
    "master",
    "metallica",
    "michael",
    "microsoft",
    "minecraft",
    "monkey",
    "mustang",
    "mypassword",
    "newpassword",
    "nothing",
    "ohmnamah",
    "p@$$w0rd",
    "p@$$word",
    "p@ssw0rd",
    "p@ssword",
    "pa$$w0rd",
    "pa$$word",
    "pass",
    "passphrase",
    "passw0rd",
    "password",
    "passwordpassword",
    "passwort",
    "photoshop",
    "pokemon",
    "princess",
    "private",
    "q1w2e3r4",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "qazwsx",
    "qazwsxedc",
    "qazwsxedcrfv",
    "qwaszx",
    "qwer",
    "qwerasdf",
    "qwerasdfzxcv",
    "qwert",
    "qwerty",
    "qwertyqwerty",
    "qwertyu",
    "qwertyui",
    "qwertyuio",
    "qwertyuiop",
    "qwertzuiop",
    "registry",
    "remember",
    "root",
    "rootroot",
    "samsung",
    "secret",
    "secretsecret",
    "server",
    "shadow",
    "soccer",
    "something",
    "spiderman",
    "starwars",
    "strawberry",
    "sunshine",
    "super",
    "supercargo",
    "superman",
    "superstar",
    "support",
    "system",
    "temp",
    "temporary",
    "test",
    "testing",
    "testpassword",
    "testtest",
    "tinkerbell",
    "trustno",
    "trustnoone",
    "unknown",
    "user",
    "username",
    "volkswagen",
    "welcome",
    "whatever",
    "winner",
    "wordpass",
    "yourpassword",
    "z1x2c3v4",
    "z1x2c3v4b5",
    "zaq12wsx",
    "zaq1xsw2",
    "zaq1zaq1",
    "zxcvbn",
    "zxcvbnm",
];

/// Walks over the keyboard and the alphabet, in both directions.
const ROWS: &[&str] = &[
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "!qaz@wsx#edc$rfv%tgb",
    "!@#$%^&*()",
];

/// Whether it is one that everybody tries first: a common word with whatever digits and punctuation around it, one piece over
/// and over, or a walk over the keyboard.
pub(super) fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    let bare = bare(&password);
    WORDS.contains(&password.as_str())
        || WORDS.contains(&bare)
        || is_repeated(&password)
        || is_walk(&password)
        // nothing but digits and punctuation: a date, a telephone number
        || bare.is_empty() && password.chars().count() < 16
}

/// Without what is no letter, at both ends.
pub(super) fn bare(password: &str) -> &str {
    password.trim_matches(|character: char| !character.is_alphabetic())
}

/// One piece of up to five characters over and over: `ababababab`, `1231231231`.
fn is_repeated(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    (1..=5).any(|piece| {
        let mut pairs = characters.iter().zip(characters.iter().skip(piece));
        characters.len() >= 2 * piece && pairs.all(|(one, next)| one == next)
    })
}

fn is_walk(password: &str) -> bool {
    let back: String = password.chars().rev().collect();
    ROWS.iter().any(|row| {
        let walk = row.repeat(4);
        walk.contains(password) || walk.contains(&back)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I7 (local passwords).
    #[test]
    fn what_everybody_tries_first_is_recognised() {
        for common in [
            "password123",
            "Password2026!",
            "P@ssw0rd!!",
            "1234567890",
            "0987654321",
            "12345678901234567890",
            "qwertyuiop",
            "poiuytrewq",
            "1qaz2wsx3edc",
            "1q2w3e4r5t",
            "!QAZ@WSX#EDC",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "letmein2026",
            "supercargo1",
            "2026-11-20",
            "Iloveyou12!",
        ] {
            assert!(is_common(common), "{common}");
        }
        for good in [
            "tulip brook 17 lantern",
            "mypasswordisgood",
            "k3yb0ard-walker",
            "8412-7731-9904-1126",
            "Großmutter backt",
        ] {
            assert!(!is_common(good), "{good}");
        }
    }

    #[test]
    fn each_word_stands_once_in_lower_case_and_in_its_place() {
        assert_eq!(WORDS.len(), 160);
        assert!(WORDS.is_sorted_by(|one, next| one < next));
        for word in WORDS {
            assert_eq!(word.to_lowercase(), **word);
        }
    }
}
