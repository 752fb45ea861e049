//! Somebody who types commands, and what they see.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use supercargo_testkit::{Server, normalise};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::PROGRAM;

/// How a command ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A command with nothing in its environment but what is given.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(super) async fn run_with(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
) -> Ended {
    let mut child = command(arguments, environment).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // a command that reads nothing may have closed it
    stdin.write_all(input.as_bytes()).await.unwrap_or_default();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Somebody at a terminal, with the administrator's token in the environment.
pub(super) struct Terminal {
    pub(super) url: String,
    pub(super) token: String,
}

impl Terminal {
    pub(super) fn of(server: &Server) -> Self {
        Self {
            url: server.url(),
            token: server.admin_token().to_owned(),
        }
    }

    pub(super) async fn run(&self, line: &str) -> Ended {
        self.run_with_input(line, "").await
    }

    pub(super) async fn run_with_input(&self, line: &str, input: &str) -> Ended {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let environment = [
            ("SUPERCARGO_URL", &*self.url),
            ("SUPERCARGO_TOKEN", &*self.token),
        ];
        run_with(&arguments, &environment, input).await
    }

    /// What a person sees of several commands, one after the other; each of them succeeds.
    pub(super) async fn session(&self, lines: &[&str]) -> String {
        let mut shown = String::new();
        for line in lines {
            let ended = self.run(line).await;
            assert_eq!(
                ended.code,
                Some(0),
                "{line}: {}{}",
                ended.stdout,
                ended.stderr
            );
            for part in ["$ supercargo ", line, "\n", &ended.stdout, &ended.stderr] {
                shown.push_str(part);
            }
        }
        without_accidents(&shown)
    }

    /// The JSON of a command that succeeds, with nothing else on either output.
    pub(super) async fn json(&self, line: &str) -> Value {
        let ended = self.run(&format!("{line} --json")).await;
        assert_eq!(
            ended.code,
            Some(0),
            "{line}: {}{}",
            ended.stdout,
            ended.stderr
        );
        assert_eq!(ended.stderr, "", "{line}");
        serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", ended.stdout))
    }

    /// The sentence of a command that fails with 1, having printed nothing on standard output.
    pub(super) async fn failure(&self, line: &str) -> String {
        self.failure_with(1, line).await
    }

    /// The same with another exit code.
    pub(super) async fn failure_with(&self, code: i32, line: &str) -> String {
        let ended = self.run(line).await;
        assert_eq!(
            (ended.code, &*ended.stdout),
            (Some(code), ""),
            "{line}: {}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        format!("$ supercargo {line}\n{}", without_accidents(&ended.stderr))
    }
}

/// Without ports, times, ids and tokens, all of which a table pads by their own width.
pub(super) fn without_accidents(text: &str) -> String {
    let text = normalise(text, Path::new("/no/such/root")) + "\n";
    let words = text.split_inclusive([' ', '\n', '`']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', '`', ';', ',']);
        let bare = bare.trim_start_matches("id=");
        let is_time = bare.len() == 20 && bare.ends_with('Z') && bare.contains('T');
        let is_id = bare.len() == 36 && bare.matches('-').count() == 4;
        let mask = if is_time {
            "[TIME]"
        } else if is_id {
            "[ID]"
        } else if bare.starts_with("scg_") && bare.len() > 12 {
            "[SECRET]"
        } else {
            return word.to_owned();
        };
        word.replacen(bare, mask, 1)
    });
    words.collect()
}
