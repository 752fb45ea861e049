//! What a command has to say, before it is known to whom.

use serde_json::Value;

use super::table::{self, Column};

/// The outcome of a command.
#[derive(Debug)]
pub(crate) enum Report {
    /// One thing, as the API shows it.
    Item(Value),
    /// Several of a kind.
    List {
        /// How people see them.
        columns: &'static [Column],
        /// The API's list.
        answer: Value,
    },
    /// Something was done, and the API had nothing to show.
    Done(String),
    /// A secret: alone on standard output, so that `TOKEN=$(supercargo token create …)` works.
    Secret {
        /// The text.
        secret: String,
        /// What to know about it.
        explanation: String,
        /// The API's answer.
        answer: Value,
    },
    /// The outcome of a test, which may be that something does not work.
    Test {
        /// Whether it works.
        works: bool,
        /// In words.
        sentence: String,
        /// The API's answer.
        answer: Value,
    },
}

/// What goes where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// For the reader or the next program.
    pub(crate) stdout: String,
    /// For the person beside it.
    pub(crate) stderr: String,
    /// Whether the exit code is 0.
    pub(crate) success: bool,
}

impl Report {
    /// For people, or the API's JSON for machines.
    pub(crate) fn render(self, json: bool) -> Rendered {
        let success = !matches!(self, Self::Test { works: false, .. });
        let (stdout, stderr) = if json {
            self.for_machines()
        } else {
            self.for_people()
        };
        Rendered {
            stdout,
            stderr,
            success,
        }
    }

    fn for_machines(self) -> (String, String) {
        let stdout = match self {
            Self::Item(answer)
            | Self::List { answer, .. }
            | Self::Secret { answer, .. }
            | Self::Test { answer, .. } => format!("{answer:#}\n"),
            Self::Done(_) => String::new(),
        };
        (stdout, String::new())
    }

    fn for_people(self) -> (String, String) {
        match self {
            Self::Item(answer) => (table::fields(&answer), String::new()),
            Self::List { columns, answer } => {
                let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
                (table::table(columns, items), String::new())
            }
            Self::Done(sentence) | Self::Test { sentence, .. } => {
                (format!("{sentence}\n"), String::new())
            }
            Self::Secret {
                secret,
                explanation,
                ..
            } => (format!("{secret}\n"), format!("{explanation}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret() -> Report {
        Report::Secret {
            secret: "scg_secret".to_owned(),
            explanation: "shown once".to_owned(),
            answer: json!({ "token": "scg_secret", "id": "1" }),
        }
    }

    #[test]
    fn a_secret_is_alone_on_standard_output() {
        let Rendered { stdout, stderr, .. } = secret().render(false);
        assert_eq!(stdout, "scg_secret\n");
        assert_eq!(stderr, "shown once\n");
    }

    #[test]
    fn machines_get_the_answer_as_it_came() {
        let Rendered { stdout, stderr, .. } = secret().render(true);
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(answer, json!({ "token": "scg_secret", "id": "1" }));
        assert!(stderr.is_empty());
        let done = Report::Done("done".to_owned()).render(true);
        assert!(done.stdout.is_empty() && done.success);
    }

    #[test]
    fn a_test_that_fails_is_a_failure_in_both_forms() {
        for json in [true, false] {
            let report = Report::Test {
                works: false,
                sentence: "no".to_owned(),
                answer: json!({ "ok": false }),
            };
            assert!(!report.render(json).success);
        }
    }
}
