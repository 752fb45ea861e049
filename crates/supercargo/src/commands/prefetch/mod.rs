//! `supercargo prefetch`: what lockfiles name is asked for before a build does, so that the server has it by then.
//!
//! It asks what cargo would ask, with the user's token, and compares the checksums of lockfile, index and bytes. Nothing
//! is kept here: files are hashed as they come.

mod plan;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use supercargo_registry::is_crates_io;
use supercargo_types::{Digest, RegistryName, Site, Spelling, View, sparse_path};

use self::plan::{Plan, Versions, Wanted, index_files};
use super::{CommandError, Outcome, lockfile::Lockfile};
use crate::{
    client::{Client, ClientError, Received},
    output::{Progress, Report, printable, size},
};

/// What the server asks for in `Retry-After`: an upstream that stumbled is left alone that long, and with it all that is
/// asked of it meanwhile.
const A_MOMENT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Prefetch {
    /// The lockfiles; what several of them name is asked for once
    #[arg(required = true, value_name = "CARGO.LOCK")]
    lockfiles: Vec<PathBuf>,
    /// The registry
    #[arg(long, value_name = "NAME")]
    registry: RegistryName,
    /// The view that stands for crates.io where builds run; packages of the registry itself come from where they say
    #[arg(long, value_enum, default_value = "mirror")]
    view: Replacement,
    /// How many files are asked for at a time
    #[arg(
        long,
        value_name = "N",
        default_value = "16",
        value_parser = clap::value_parser!(u8).range(1..=64)
    )]
    jobs: u8,
    /// Leave the files at the server, which fetches and proves what it lacks; only checksums and sizes come here
    #[arg(long)]
    no_transfer: bool,
}

/// The views that crates.io can be replaced with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Replacement {
    /// What upstreams have
    Mirror,
    /// The registry as a whole
    Index,
}

/// Why a version cannot be had as it is locked.
#[derive(Clone, Debug, thiserror::Error)]
enum Missing {
    /// In the server's words.
    #[error("{0}")]
    Refused(String),
    /// The same, for now.
    #[error("{0}")]
    Busy(String),
    /// The server ends a file before its end when its checksum is wrong, for it cannot take back its status.
    #[error(
        "the answer broke off twice ({0}): either the connection fails, or upstream sends other bytes than its index promises, and an alarm stands in the server's audit log"
    )]
    BrokenOff(String),
    #[error("the index does not list this version")]
    Unlisted,
    #[error(
        "WRONG CHECKSUM: a lockfile says {locked}, and the index says {listed}; find out which of them was changed before you build with it"
    )]
    Locked { locked: Digest, listed: Digest },
    #[error(
        "WRONG CHECKSUM: the index says {listed}, and what came has {actual}; tell the administrators of the server"
    )]
    Bytes { listed: Digest, actual: Digest },
}

impl Missing {
    /// For machines.
    const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) | Self::Busy(_) | Self::BrokenOff(_) => "refused",
            Self::Unlisted => "unlisted",
            Self::Locked { .. } | Self::Bytes { .. } => "checksum",
        }
    }

    /// The failure of one question; one that all others would share is given back.
    fn of(error: ClientError) -> Result<Self, ClientError> {
        match error {
            ClientError::Unreachable { .. } => Err(error),
            ClientError::Busy(details) => Ok(Self::Busy(details)),
            ClientError::Interrupted { reason, .. } => Ok(Self::BrokenOff(reason)),
            // words of several lines would look like several versions
            one => Ok(Self::Refused(one.to_string().replace('\n', "; "))),
        }
    }
}

/// What became of a plan.
#[derive(Debug, Default)]
struct Prefetched {
    proven: usize,
    bytes: u64,
    missing: Vec<(Wanted, Missing)>,
}

impl Prefetched {
    /// Takes out what failed for a reason that may have passed.
    fn take_passing(&mut self, versions: &Versions) -> Versions {
        let passing = self.missing.extract_if(.., |(_, missing)| {
            matches!(missing, Missing::Busy(_) | Missing::BrokenOff(_))
        });
        let again = passing.map(|(wanted, _)| {
            let checksums = versions[&wanted].clone();
            (wanted, checksums)
        });
        again.collect()
    }
}

impl Prefetch {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        // all of them before anything is asked: a slip of the finger should not show after minutes
        let mut lockfiles = Vec::new();
        for path in &self.lockfiles {
            let lockfile = Lockfile::read(path).map_err(|reason| CommandError::Lockfile {
                path: path.clone(),
                reason,
            })?;
            lockfiles.push(lockfile);
        }
        let site = self.site(client).await?;
        let plan = Plan::of(lockfiles, |source| self.view_of(source, &site));
        let mut outcome = Prefetched::default();
        self.ask(client, &plan.versions, &mut outcome).await?;
        let again = outcome.take_passing(&plan.versions);
        if !again.is_empty() {
            tokio::time::sleep(A_MOMENT).await;
            self.ask(client, &again, &mut outcome).await?;
        }
        // in the order of the codes, which have the worst first
        outcome
            .missing
            .sort_by(|(left, why), (right, other)| (why.code(), left).cmp(&(other.code(), right)));
        Ok(Report::Test {
            works: outcome.missing.is_empty(),
            sentence: self.in_words(&plan, &outcome),
            answer: self.for_machines(&plan, &outcome),
        })
    }

    /// Under which URLs lockfiles name the registry: the server's own, and the one by which it is reached here. Also the
    /// first question that a token has to pass.
    async fn site(&self, client: &Client) -> Result<Site, CommandError> {
        let name = self.registry.as_str();
        let config = client.text(&[name, "index", "config.json"]).await?;
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        let own = config["api"].as_str();
        let base = own.and_then(|url| url.strip_suffix(&format!("/{name}")));
        base.and_then(|base| Site::new(base, &[client.base()]).ok())
            .ok_or_else(|| CommandError::NoRegistry(name.to_owned()))
    }

    /// In which view a package is, by its source.
    fn view_of(&self, source: &str, site: &Site) -> Option<View> {
        if is_crates_io(source.strip_prefix("registry+").unwrap_or(source)) {
            return Some(match self.view {
                Replacement::Mirror => View::Mirror,
                Replacement::Index => View::Index,
            });
        }
        // a git index may stand under any URL; this server has none
        let (name, view) = site.recognise(source.strip_prefix("sparse+")?)?;
        (name == self.registry).then_some(view)
    }

    async fn ask(
        &self,
        client: &Client,
        versions: &Versions,
        outcome: &mut Prefetched,
    ) -> Result<(), ClientError> {
        let listed = self.ask_index(client, versions, outcome).await?;
        self.ask_files(client, listed, outcome).await
    }

    /// Each index file once: what is listed with the checksum of the lockfiles.
    async fn ask_index<'a>(
        &self,
        client: &Client,
        versions: &'a Versions,
        outcome: &mut Prefetched,
    ) -> Result<Vec<(&'a Wanted, Digest)>, ClientError> {
        let files = index_files(versions);
        let mut progress = Progress::count("index", files.len() as u64);
        let asked = files.iter().map(|((view, spelling), wanted)| async move {
            let listed = self.checksums(client, *view, spelling).await;
            (wanted, listed)
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.jobs.into());
        let (mut listed, mut done) = (Vec::new(), 0);
        while let Some((wanted, answer)) = answers.next().await {
            done += 1;
            progress.reached(done);
            let checksums = match answer {
                Ok(checksums) => checksums,
                Err(error) => {
                    let missing = Missing::of(error)?;
                    let all = wanted.iter().map(|wanted| (*wanted).clone());
                    let all = all.map(|wanted| (wanted, missing.clone()));
                    outcome.missing.extend(all);
                    continue;
                }
            };
            for &wanted in wanted {
                let locked = &versions[wanted];
                let found = checksums.get(&wanted.version.to_string()).copied();
                match found.ok_or(Missing::Unlisted).and_then(|listed| {
                    let other = locked.iter().find(|locked| **locked != listed);
                    other.map_or(Ok(listed), |&locked| {
                        Err(Missing::Locked { locked, listed })
                    })
                }) {
                    Ok(checksum) => listed.push((wanted, checksum)),
                    Err(missing) => outcome.missing.push((wanted.clone(), missing)),
                }
            }
        }
        Ok(listed)
    }

    /// By version, as an index file has them. A line that makes no sense lists nothing.
    async fn checksums(
        &self,
        client: &Client,
        view: View,
        name: &Spelling,
    ) -> Result<BTreeMap<String, Digest>, ClientError> {
        #[derive(Deserialize)]
        struct Line {
            vers: String,
            cksum: String,
        }
        let file = sparse_path(name);
        let path = match view {
            View::Index => vec!["index"],
            view => vec![view.as_str(), "index"],
        };
        let path = std::iter::once(self.registry.as_str())
            .chain(path)
            .chain(file.split('/'));
        let text = client.text(&path.collect::<Vec<_>>()).await?;
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
            .filter_map(|line| Some((line.vers, line.cksum.parse().ok()?)));
        Ok(lines.collect())
    }

    /// Each file once, some at a time.
    async fn ask_files(
        &self,
        client: &Client,
        listed: Vec<(&Wanted, Digest)>,
        outcome: &mut Prefetched,
    ) -> Result<(), ClientError> {
        let mut progress = Progress::count("crates", listed.len() as u64);
        let asked = listed.into_iter().map(|(wanted, checksum)| async move {
            let received = self.receive(client, wanted).await;
            (wanted, checksum, received)
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.jobs.into());
        let mut done = 0;
        while let Some((wanted, listed, answer)) = answers.next().await {
            done += 1;
            progress.reached(done);
            let missing = match answer {
                Ok(Received { checksum, .. }) if checksum != listed => Missing::Bytes {
                    listed,
                    actual: checksum,
                },
                Ok(Received { size_bytes, .. }) => {
                    outcome.proven += 1;
                    outcome.bytes = outcome.bytes.saturating_add(size_bytes);
                    continue;
                }
                Err(error) => Missing::of(error)?,
            };
            outcome.missing.push((wanted.clone(), missing));
        }
        Ok(())
    }

    async fn receive(&self, client: &Client, wanted: &Wanted) -> Result<Received, ClientError> {
        let version = wanted.version.to_string();
        let mut path = vec![self.registry.as_str()];
        if wanted.view == View::Mirror {
            path.push(View::Mirror.as_str());
        }
        path.extend(["api", "v1", "crates"]);
        path.extend([wanted.name.as_str(), &version, "download"]);
        if self.no_transfer
            && let Some(received) = client.announced(&path).await?
        {
            return Ok(received);
        }
        // also where nothing was announced: the answer to a HEAD has no words
        client.prove(&path).await
    }

    fn in_words(&self, plan: &Plan, outcome: &Prefetched) -> String {
        let (registry, total) = (&self.registry, plan.versions.len());
        let of = format!(
            "{} of {}",
            counted(total, "version"),
            counted(self.lockfiles.len(), "lockfile")
        );
        let skipped = skipped(plan);
        if total == 0 {
            return format!("there is nothing to fetch from `{registry}`{skipped}");
        }
        if outcome.missing.is_empty() {
            let bytes = size(outcome.bytes);
            return format!("`{registry}` has {of}, with the right checksums ({bytes}){skipped}");
        }
        let lines: String = outcome
            .missing
            .iter()
            .flat_map(|(Wanted { name, version, .. }, missing)| {
                [format!("{name}@{version}: {missing}"), "\n".to_owned()]
            })
            .collect();
        let lacking = outcome.missing.len();
        let rest = match outcome.proven {
            0 => "",
            _ => "; the others are there now, and another run does not fetch them again",
        };
        format!("{lines}{lacking} of {of} cannot be had from `{registry}`{rest}{skipped}")
    }

    fn for_machines(&self, plan: &Plan, outcome: &Prefetched) -> Value {
        let missing = outcome.missing.iter().map(|(wanted, missing)| {
            json!({
                "name": wanted.name,
                "version": wanted.version.to_string(),
                "view": wanted.view,
                "code": missing.code(),
                "reason": missing.to_string(),
            })
        });
        json!({
            "registry": self.registry,
            "lockfiles": self.lockfiles.len(),
            "versions": plan.versions.len(),
            "proven": outcome.proven,
            "bytes": outcome.bytes,
            "missing": missing.collect::<Vec<_>>(),
            "skipped": { "path": plan.paths, "git": plan.gits, "elsewhere": plan.elsewhere },
        })
    }
}

fn skipped(plan: &Plan) -> String {
    let others: Vec<_> = plan.others.iter().map(|url| printable(url)).collect();
    let kinds = [
        (plan.paths, "local package", String::new()),
        (plan.gits, "git package", String::new()),
        (
            plan.elsewhere,
            "package",
            format!(" of other registries (`{}`)", others.join("`, `")),
        ),
    ];
    let told: Vec<_> = kinds
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, what, whose)| counted(number, what) + &whose)
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!("; skipped: {}", told.join(", "))
}

fn counted(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use insta::assert_snapshot;

    use crate::{
        client::canned::{Canned, answer},
        command_line::{Command, CommandLine},
        exit::Exit,
        output::Reader,
    };
    use supercargo_types::Digest;

    /// What a person sees of a server that gives these answers, and what it was asked.
    async fn prefetched(answers: &[(&str, &str)]) -> (Result<String, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        let lockfile = "[[package]]\nname = \"demo\"\nversion = \"1.0.0+x\"\nsource = \"sparse+https://crates.example/acme/index/\"\n";
        std::fs::write(&path, lockfile).unwrap();
        let answers = answers
            .iter()
            .map(|(status, body)| answer(status, "content-type: text/plain\r\n", body));
        let server = Canned::answering(answers.collect()).await;
        let path = path.to_string_lossy();
        let line = ["supercargo", "prefetch", &path, "--registry", "acme"];
        let typed = CommandLine::try_parse_from(line).map_err(|error| error.to_string());
        let Command::Request(request) = typed.unwrap().command else {
            panic!("it is a request");
        };
        let ended = request.run(&server.client(Some("scg_x"))).await;
        let told = match ended {
            Ok(report) => {
                let rendered = report.render(Reader::new(false, None));
                assert_eq!(rendered.exit, Exit::Failed);
                Ok(rendered
                    .stdout
                    .replace(&Digest::of(b"other").hex(), "OTHER"))
            }
            Err(error) => Err(error.to_string().replace(&server.url, "URL")),
        };
        (told, server.asked().join("\n"))
    }

    const CONFIG: &str = r#"{"dl":"","api":"https://crates.example/acme"}"#;

    #[tokio::test]
    async fn bytes_that_are_not_those_of_the_index_are_told_loudly() {
        let line = format!(r#"{{"vers":"1.0.0+x","cksum":"{}"}}"#, "0".repeat(64));
        let index = format!("{{\"vers\":\"0.9.0\"}}\nno line\n{line}\n");
        let answers = [("200 OK", CONFIG), ("200 OK", &index), ("200 OK", "other")];
        let (told, asked) = prefetched(&answers).await;
        assert_snapshot!(told.unwrap(), @"
        demo@1.0.0+x: WRONG CHECKSUM: the index says 0000000000000000000000000000000000000000000000000000000000000000, and what came has OTHER; tell the administrators of the server
        1 of 1 version of 1 lockfile cannot be had from `acme`
        ");
        assert_snapshot!(asked, @"
        GET /prefix/acme/index/config.json scg_x
        GET /prefix/acme/index/de/mo/demo scg_x
        GET /prefix/acme/api/v1/crates/demo/1.0.0+x/download scg_x
        ");
    }

    #[tokio::test]
    async fn the_first_question_decides_whether_there_are_others() {
        let mut told = Vec::new();
        for answer in [
            (
                "403 Forbidden",
                "you may not read `acme`\nask somebody\u{1b}[2J",
            ),
            ("200 OK", "<html>"),
            ("200 OK", r#"{"api":"https://crates.example/other"}"#),
            ("200 OK", r#"{"api":"ftp://crates.example/acme"}"#),
        ] {
            let (error, asked) = prefetched(&[answer]).await;
            assert_eq!(asked, "GET /prefix/acme/index/config.json scg_x");
            told.push(error.unwrap_err());
        }
        assert_snapshot!(told.join("\n"), @"
        you may not read `acme`�ask somebody�[2J
        nothing was fetched: `config.json` of `acme` does not say where its API is; is the address of the server right?
        nothing was fetched: `config.json` of `acme` does not say where its API is; is the address of the server right?
        nothing was fetched: `config.json` of `acme` does not say where its API is; is the address of the server right?
        ");
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_told_once() {
        let (told, asked) = prefetched(&[("200 OK", CONFIG)]).await;
        assert_snapshot!(told.unwrap_err(), @"cannot reach `URL` (Connection refused (os error 111)): is the server running? give its address with `--url` or SUPERCARGO_URL");
        assert_eq!(asked, "GET /prefix/acme/index/config.json scg_x");
    }
}
