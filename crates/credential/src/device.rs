//! A login that a person approves in a browser (RFC 8628, in the manner of the server's API).

use std::{
    env, fs,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    browser,
    http::{Http, LoginError, below, printable, shown},
    token_file::KeptToken,
};

/// Where a login is decided is not asked oftener than this, nor more rarely, whatever the server says.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// Longer than this nobody is waited for, whatever the server says: others wait for their turn meanwhile.
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// Questions in a row that may get no answer: networks come and go while somebody looks for their password.
const FAILURES: u32 = 5;
/// Of a name of this machine, in characters.
const LONGEST_NAME: usize = 60;

/// What the person at this machine can be asked with.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Whether a browser may be opened.
    pub may_browse: bool,
}

/// A login that waits for somebody.
pub struct DeviceLogin<'a> {
    http: &'a Http,
    base: &'a Url,
    begun: Begun,
}

/// A token that was given.
pub struct GivenToken {
    /// What is kept of it.
    pub kept: KeptToken,
    /// The server's answer, with the secret in it.
    pub answer: Value,
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_url: String,
    verification_url_complete: String,
    expires_in: u64,
    interval: u64,
}

impl Begun {
    /// The attack is a server that begins a login at another one and passes that one's page on: who approves there would give it
    /// a token of the other.
    fn check(&self, base: &Url) -> Result<(), LoginError> {
        let page = below(base, &["-", "login", "device"])?;
        let mut complete = page.clone();
        complete
            .query_pairs_mut()
            .append_pair("code", &self.user_code);
        let is = |text: &str, wanted: &Url| Url::parse(text).is_ok_and(|url| url == *wanted);
        for (text, wanted) in [
            (&self.verification_url, &page),
            (&self.verification_url_complete, &complete),
        ] {
            if !is(text, wanted) {
                return Err(LoginError::Elsewhere {
                    base: shown(base),
                    page: printable(text),
                });
            }
        }
        Ok(())
    }
}

impl Device {
    /// Whether somebody could see the code.
    pub fn is_attended(self) -> bool {
        io::stderr().is_terminal() || (self.may_browse && browser::is_there())
    }
}

impl<'a> DeviceLogin<'a> {
    /// Asks the server for a login whose token is as `token` says.
    ///
    /// # Errors
    /// [`LoginError`], also for a server that sends the person to another one.
    pub async fn begin(http: &'a Http, base: &'a Url, token: &Value) -> Result<Self, LoginError> {
        let url = below(base, &["api", "v1", "sign-in", "devices"])?;
        let body = json!({ "token": token });
        let answer = http
            .ask(Method::POST, url.clone(), None, Some(&body))
            .await?;
        let status = answer.status;
        let begun = serde_json::from_value(answer.success(&url)?);
        let begun: Begun = begun.map_err(|_| LoginError::Stranger {
            url: url.to_string(),
            status,
        })?;
        begun.check(base)?;
        Ok(Self { http, base, begun })
    }

    /// Tells the person what to do, on standard error, and opens the page where that is possible.
    pub fn show(&self, what: &str, device: Device) {
        let begun = &self.begun;
        let complete = printable(&begun.verification_url_complete);
        let opened = device.may_browse && browser::open(&begun.verification_url_complete);
        let lead = if opened {
            format!("{what}: your browser opens a page; if it does not, open\n  {complete}")
        } else {
            format!(
                "{what}: open this page in a browser, on any machine\n  {complete}\nor {} and type the code",
                printable(&begun.verification_url)
            )
        };
        let code = printable(&begun.user_code);
        let host = self.base.authority();
        say(&format!(
            "{lead}\napprove only on a page of {host} that shows the code\n  {code}\n"
        ));
    }

    /// Waits until somebody has decided.
    ///
    /// # Errors
    /// [`LoginError`]: refused, or too late.
    pub async fn wait(self) -> Result<GivenToken, LoginError> {
        let begun = &self.begun;
        let url = below(self.base, &["api", "v1", "sign-in", "devices", "token"])?;
        let body = json!({ "device_code": begun.device_code });
        let patience = Duration::from_secs(begun.expires_in).min(LONGEST_WAIT);
        let start = Instant::now();
        let mut interval =
            Duration::from_secs(begun.interval).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        let mut line = WaitingLine::new();
        let mut failures = 0;
        while start.elapsed() < patience {
            line.draw(patience.saturating_sub(start.elapsed()));
            tokio::time::sleep(interval).await;
            let asked = self
                .http
                .ask(Method::POST, url.clone(), None, Some(&body))
                .await;
            let outcome = asked.and_then(|answer| answer.success(&url));
            match outcome {
                Ok(answer) => return given(answer, &url),
                Err(LoginError::Refused { code, .. }) if code == "authorization-pending" => {
                    failures = 0;
                }
                Err(LoginError::Refused { code, .. }) if code == "slow-down" => {
                    interval = (interval * 2).min(LONGEST_INTERVAL);
                }
                Err(refused @ LoginError::Refused { .. }) => return Err(refused),
                Err(failed) => {
                    failures += 1;
                    if failures >= FAILURES {
                        return Err(failed);
                    }
                }
            }
        }
        Err(LoginError::TookTooLong)
    }
}

fn given(answer: Value, url: &Url) -> Result<GivenToken, LoginError> {
    match KeptToken::of(&answer) {
        Some(kept) => Ok(GivenToken { kept, answer }),
        None => Err(LoginError::Stranger {
            url: url.to_string(),
            status: reqwest::StatusCode::CREATED,
        }),
    }
}

/// A line that says that something is waited for, drawn again on a terminal and once elsewhere.
struct WaitingLine {
    is_terminal: bool,
    is_drawn: bool,
}

impl WaitingLine {
    fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            is_drawn: false,
        }
    }

    fn draw(&mut self, left: Duration) {
        if self.is_terminal {
            let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
            say(&format!(
                "\rwaiting for your approval ({minutes}:{seconds:02}) "
            ));
        } else if !self.is_drawn {
            say("waiting for your approval\n");
        }
        self.is_drawn = true;
    }
}

impl Drop for WaitingLine {
    fn drop(&mut self) {
        if self.is_terminal && self.is_drawn {
            say("\r\x1b[K");
        }
    }
}

/// To the person; whoever closed standard error does not want to know.
pub(crate) fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// `cargo on laptop`: by which a person knows a token again.
pub fn token_name(program: &str) -> String {
    let named = fs::read_to_string("/etc/hostname").ok();
    let named = named.or_else(|| env::var_os("COMPUTERNAME")?.into_string().ok());
    let machine: String = named
        .unwrap_or_default()
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST_NAME)
        .collect();
    if machine.is_empty() {
        program.to_owned()
    } else {
        format!("{program} on {machine}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, page: &str, complete: &str) -> Result<(), LoginError> {
        let begun = Begun {
            device_code: "x".to_owned(),
            user_code: "BCDF-GHJK".to_owned(),
            verification_url: page.to_owned(),
            verification_url_complete: complete.to_owned(),
            expires_in: 600,
            interval: 2,
        };
        begun.check(&Url::parse(base).unwrap())
    }

    /// The attack is a server that has the person approve at another one.
    #[test]
    fn a_login_is_approved_at_the_server_that_began_it() {
        for base in [
            "https://e.example",
            "https://e.example/",
            "https://e.example/a/b",
        ] {
            let page = format!("{}/-/login/device", base.trim_end_matches('/'));
            let complete = format!("{page}?code=BCDF-GHJK");
            check(base, &page, &complete).unwrap();
            for other in [
                "https://crates.acme.example/-/login/device?code=BCDF-GHJK",
                "http://e.example/-/login/device?code=BCDF-GHJK",
                "https://e.example:8443/-/login/device?code=BCDF-GHJK",
                "https://e.example@crates.acme.example/-/login/device?code=BCDF-GHJK",
                "https://e.example/-/login?return=/-/login/device?code=BCDF-GHJK",
                &format!("{page}?code=BCDF-GHJL"),
                &format!("{complete}#x"),
                &page,
                "",
            ] {
                assert!(check(base, &page, other).is_err(), "{base} {other}");
            }
            let elsewhere = "https://crates.acme.example/-/login/device";
            let refused = check(base, elsewhere, &complete).unwrap_err().to_string();
            assert!(refused.contains(elsewhere), "{refused}");
        }
    }
}
