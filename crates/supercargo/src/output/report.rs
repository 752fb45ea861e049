//! What a command has to say, before it is known to whom.

use serde_json::Value;

use super::table::{self, Column};
use crate::exit::Exit;

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
    /// One thing, and several that belong to it.
    Parts {
        /// The API's answer about the thing.
        whole: (&'static str, Value),
        /// How people see its parts.
        columns: &'static [Column],
        /// The API's list of them.
        parts: (&'static str, Value),
    },
    /// Something was done, and the API had nothing to show.
    Done(String),
    /// All that is to be said went to standard output already.
    Nothing,
    /// Something was done that is better said than shown.
    Said {
        /// In words.
        sentence: String,
        /// The API's answer.
        answer: Value,
    },
    /// The same thing done again and again, up to the first time that it failed.
    Steps {
        /// What was done.
        done: Vec<Step>,
        /// What failed, and what was left then.
        failed: Option<(Exit, String)>,
    },
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

/// One of several.
#[derive(Debug)]
pub(crate) struct Step {
    /// In words.
    pub(crate) sentence: String,
    /// What to know about it.
    pub(crate) warnings: Vec<String>,
    /// The API's answer.
    pub(crate) answer: Value,
}

/// Who reads what a command has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    /// JSON.
    Program,
    /// Tables, within the columns of a terminal where it is one.
    Person { width: Option<usize> },
}

impl Reader {
    /// A program asks for JSON; of a person's terminal the width may be known.
    pub(crate) fn new(is_program: bool, width: Option<usize>) -> Self {
        if is_program {
            Self::Program
        } else {
            Self::Person { width }
        }
    }
}

/// What goes where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// For the reader or the next program.
    pub(crate) stdout: String,
    /// For the person beside it.
    pub(crate) stderr: String,
    /// How the program ends.
    pub(crate) exit: Exit,
}

impl Report {
    /// For people, whose terminal has so many columns where it is one, or the API's JSON for machines.
    pub(crate) fn render(self, reader: Reader) -> Rendered {
        let exit = match &self {
            Self::Test { works: false, .. } => Exit::Failed,
            Self::Steps {
                failed: Some((exit, _)),
                ..
            } => *exit,
            _ => Exit::Done,
        };
        let (stdout, stderr) = match reader {
            Reader::Program => self.for_machines(),
            Reader::Person { width } => self.for_people(width),
        };
        Rendered {
            stdout,
            stderr,
            exit,
        }
    }

    fn for_machines(self) -> (String, String) {
        let stdout = match self {
            Self::Item(answer)
            | Self::List { answer, .. }
            | Self::Said { answer, .. }
            | Self::Secret { answer, .. }
            | Self::Test { answer, .. } => format!("{answer:#}\n"),
            Self::Parts { whole, parts, .. } => {
                let answers = [whole, parts].map(|(name, answer)| (name.to_owned(), answer));
                format!("{:#}\n", Value::Object(answers.into_iter().collect()))
            }
            Self::Done(_) | Self::Nothing => String::new(),
            // one text of JSON per step, so that one step is the answer as it came
            Self::Steps { done, failed } => {
                let answers = lines(done.iter().map(|step| format!("{:#}", step.answer)));
                return (answers, error(failed));
            }
        };
        (stdout, String::new())
    }

    fn for_people(self, width: Option<usize>) -> (String, String) {
        match self {
            Self::Item(answer) => (table::fields(&answer), String::new()),
            Self::List { columns, answer } => {
                (table::table(columns, items(&answer), width), String::new())
            }
            Self::Parts {
                whole,
                columns,
                parts,
            } => {
                let whole = table::fields(&whole.1);
                let parts = table::table(columns, items(&parts.1), width);
                (format!("{whole}\n{parts}"), String::new())
            }
            Self::Nothing => (String::new(), String::new()),
            Self::Done(sentence) | Self::Said { sentence, .. } | Self::Test { sentence, .. } => {
                (format!("{sentence}\n"), String::new())
            }
            Self::Steps { done, failed } => {
                let warnings = done.iter().flat_map(|step| &step.warnings);
                let warnings = lines(warnings.map(|text| format!("warning: {text}")));
                let sentences = lines(done.iter().map(|step| step.sentence.clone()));
                (sentences, warnings + &error(failed))
            }
            Self::Secret {
                secret,
                explanation,
                ..
            } => (format!("{secret}\n"), format!("{explanation}\n")),
        }
    }
}

/// The items of the API's list.
fn items(answer: &Value) -> &[Value] {
    answer["items"].as_array().map_or(&[], Vec::as_slice)
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.flat_map(|text| [text, "\n".to_owned()]).collect()
}

fn error(failed: Option<(Exit, String)>) -> String {
    failed.map_or_else(String::new, |(_, sentence)| format!("error: {sentence}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_told_up_to_the_one_that_failed() {
        let steps = || Report::Steps {
            done: ["one", "two"]
                .map(|sentence| Step {
                    sentence: sentence.to_owned(),
                    warnings: vec![format!("{sentence} is odd")],
                    answer: json!({ "step": sentence }),
                })
                .into(),
            failed: Some((Exit::NoAnswer, "three is not done".to_owned())),
        };
        let people = steps().render(PERSON);
        assert_eq!(people.exit, Exit::NoAnswer);
        assert_eq!(people.stdout, "one\ntwo\n");
        assert_eq!(
            people.stderr,
            "warning: one is odd\nwarning: two is odd\nerror: three is not done\n"
        );
        let machines = steps().render(Reader::Program);
        assert_eq!(machines.exit, Exit::NoAnswer);
        let answers = serde_json::Deserializer::from_str(&machines.stdout).into_iter::<Value>();
        let answers: Vec<_> = answers.map(Result::unwrap).collect();
        assert_eq!(
            answers,
            [json!({ "step": "one" }), json!({ "step": "two" })]
        );
        assert_eq!(machines.stderr, "error: three is not done\n");
    }

    const PERSON: Reader = Reader::Person { width: None };

    fn secret() -> Report {
        Report::Secret {
            secret: "scg_secret".to_owned(),
            explanation: "shown once".to_owned(),
            answer: json!({ "token": "scg_secret", "id": "1" }),
        }
    }

    #[test]
    fn a_secret_is_alone_on_standard_output() {
        let Rendered { stdout, stderr, .. } = secret().render(PERSON);
        assert_eq!(stdout, "scg_secret\n");
        assert_eq!(stderr, "shown once\n");
    }

    #[test]
    fn machines_get_the_answer_as_it_came() {
        let Rendered { stdout, stderr, .. } = secret().render(Reader::Program);
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(answer, json!({ "token": "scg_secret", "id": "1" }));
        assert!(stderr.is_empty());
        let done = Report::Done("done".to_owned()).render(Reader::Program);
        assert!(done.stdout.is_empty() && done.exit == Exit::Done);
    }

    #[test]
    fn a_test_that_fails_is_a_failure_in_both_forms() {
        for reader in [Reader::Program, PERSON] {
            let report = Report::Test {
                works: false,
                sentence: "no".to_owned(),
                answer: json!({ "ok": false }),
            };
            assert_eq!(report.render(reader).exit, Exit::Failed);
        }
    }
}
