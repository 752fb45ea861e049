//! The lines that set up cargo for a registry, and the page that shows them.
//!
//! They are made here and nowhere else on pages: tests take them from the page, paste them into an empty home, and run cargo.

use askama::Template;
use supercargo_types::{RegistryName, Site, View};

use crate::{Frame, Moment, RegistryHead, Tab, filters};

/// What stands where a token goes, until there is one.
const TOKEN: &str = "scg_THE_TOKEN_OF_STEP_1";

/// How public crates come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// crates.io is replaced by the registry's mirror.
    Everything,
    /// The registry where its name stands; crates.io stays as it is.
    Named,
}

impl Way {
    /// As addresses say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Named => "named",
        }
    }
}

/// Who sets up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Somebody at a terminal.
    Person,
    /// A job of GitHub Actions, which proves who it is.
    Github,
    /// A job of GitLab CI, which proves who it is.
    Gitlab,
    /// A job of CNB, with a token in a repository of secrets.
    Cnb,
    /// A pipeline of Harness, with a token among its secrets.
    Harness,
    /// A job of Jenkins, with a token among its credentials.
    Jenkins,
    /// A build of an image, with a token as its secret.
    Docker,
    /// Who lets others in.
    Administrator,
}

impl Audience {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Person,
        Self::Github,
        Self::Gitlab,
        Self::Cnb,
        Self::Harness,
        Self::Jenkins,
        Self::Docker,
        Self::Administrator,
    ];

    /// As addresses say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Cnb => "cnb",
            Self::Harness => "harness",
            Self::Jenkins => "jenkins",
            Self::Docker => "docker",
            Self::Administrator => "admin",
        }
    }

    /// As people say it.
    fn words(self) -> &'static str {
        match self {
            Self::Person => "For a person",
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Cnb => "CNB",
            Self::Harness => "Harness",
            Self::Jenkins => "Jenkins",
            Self::Docker => "Docker build",
            Self::Administrator => "For an administrator",
        }
    }

    /// Whether a token is stored for it. The others exchange their identity for one that lives for minutes.
    pub fn needs_token(self) -> bool {
        !matches!(self, Self::Github | Self::Gitlab | Self::Administrator)
    }

    /// Whether what it does publishes, as a rule.
    pub(crate) fn publishes(self) -> bool {
        matches!(self, Self::Person | Self::Cnb)
    }

    /// Whether it is about how public crates come in.
    fn has_ways(self) -> bool {
        self != Self::Administrator
    }
}

/// A registry, as recipes need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub registry: String,
    /// As cargo writes it.
    pub in_cargo: String,
    /// The URL of its index.
    pub index: String,
    /// That of its mirror.
    pub mirror_index: String,
    /// The variable that holds a token for it.
    pub variable: String,
    /// The same for its mirror.
    pub mirror_variable: String,
    /// The address of the registry on this server: `https://crates.acme.example/acme`.
    pub address: String,
}

/// Lines to paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The file that they belong into; none for a shell.
    pub file: Option<&'static str>,
    /// Each with its end.
    pub text: String,
}

impl Lines {
    pub(crate) fn is_one_line(&self) -> bool {
        self.text.lines().count() == 1
    }
}

/// A step of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub heading: String,
    /// Why, or what else to know.
    pub words: String,
    /// What to paste.
    pub lines: Vec<Lines>,
}

impl Place {
    /// The registry of this name on a server.
    pub fn of(site: &Site, name: &RegistryName) -> Self {
        let variable = name.token_variable();
        // cargo makes it of the name in its configuration
        let mirror_variable = variable.replace("_TOKEN", "_MIRROR_TOKEN");
        Self {
            registry: name.to_string(),
            in_cargo: name.in_cargo(),
            index: site.index_url(name, View::Index),
            mirror_index: site.index_url(name, View::Mirror),
            variable,
            mirror_variable,
            address: format!("{}/{name}", site.base()),
        }
    }

    /// What its mirror is called in cargo's configuration.
    pub fn mirror(&self) -> String {
        format!("{}-mirror", self.in_cargo)
    }

    /// The address without its scheme: for whom a job's identity is made.
    pub fn audience(&self) -> &str {
        let address = self.address.as_str();
        address.split_once("://").map_or(address, |(_, rest)| rest)
    }

    /// Every table names a credential provider: without one, cargo refuses a registry that wants a token, even where the token
    /// is there.
    pub fn config(&self, way: Way) -> String {
        let table = |name: &str, index: &str| {
            format!(
                "[registries.{name}]\nindex = \"{index}\"\ncredential-provider = [\"cargo:token\"]\n"
            )
        };
        let named = table(&self.in_cargo, &self.index);
        match way {
            Way::Named => named,
            Way::Everything => {
                let mirror = self.mirror();
                let of_mirror = table(&mirror, &self.mirror_index);
                format!("{named}\n{of_mirror}\n[source.crates-io]\nreplace-with = \"{mirror}\"\n")
            }
        }
    }

    /// A mirror wants the token under its own name.
    fn credentials(&self, way: Way, token: &str) -> String {
        let table = |name: &str| format!("[registries.{name}]\ntoken = \"{token}\"\n");
        match way {
            Way::Named => table(&self.in_cargo),
            Way::Everything => format!("{}\n{}", table(&self.in_cargo), table(&self.mirror())),
        }
    }

    /// A line for each variable that holds the token.
    pub(crate) fn for_variables(&self, way: Way, line: impl Fn(&str) -> String) -> String {
        let of_mirror = (way == Way::Everything).then_some(&self.mirror_variable);
        let variables = [&self.variable].into_iter().chain(of_mirror);
        let lines: Vec<_> = variables.map(|variable| line(variable)).collect();
        lines.concat()
    }

    /// The steps for somebody, but for the one in which a token is made.
    pub fn steps(&self, audience: Audience, way: Way, token: Option<&str>) -> Vec<Step> {
        match audience {
            Audience::Person => self.person(way, token.unwrap_or(TOKEN)),
            Audience::Github => self.github(way),
            Audience::Gitlab => self.gitlab(way),
            Audience::Cnb => self.cnb(way, token.unwrap_or(TOKEN)),
            Audience::Harness => self.harness(way, token.unwrap_or(TOKEN)),
            Audience::Jenkins => self.jenkins(way, token.unwrap_or(TOKEN)),
            Audience::Docker => self.docker(way, token.unwrap_or(TOKEN)),
            Audience::Administrator => self.administrator(),
        }
    }

    fn person(&self, way: Way, token: &str) -> Vec<Step> {
        let name = &self.in_cargo;
        let mut words = format!(
            "The first line puts a crate of {} into your `Cargo.toml`, the second publishes the one that you are in.",
            self.registry
        );
        if way == Way::Everything {
            words += " What you add without a registry comes from crates.io, through the mirror.";
        }
        vec![
            Step {
                heading: format!("Tell cargo where {} is", self.registry),
                words:
                    "In your home, or in `.cargo/config.toml` of a workspace for all who work on it."
                        .to_owned(),
                lines: vec![file("~/.cargo/config.toml", self.config(way))],
            },
            Step {
                heading: "Give cargo the token".to_owned(),
                words: format!(
                    "In your home and nowhere else. Or run `cargo login --registry {name}` and paste it there."
                ),
                lines: vec![file(
                    "~/.cargo/credentials.toml",
                    self.credentials(way, token),
                )],
            },
            Step {
                heading: "Use it".to_owned(),
                words,
                lines: vec![
                    shell(format!("cargo add --registry {name} CRATE\n")),
                    shell(format!("cargo publish --registry {name}\n")),
                ],
            },
        ]
    }

    /// Where a project says what all who build it need.
    pub(crate) fn in_project(&self, way: Way) -> Step {
        Step {
            heading: "In the repository".to_owned(),
            words: "For jobs and people alike. There is no secret in it.".to_owned(),
            lines: vec![file(".cargo/config.toml", self.config(way))],
        }
    }

    fn trust(&self, preset: &str, claim: &str) -> Step {
        Step {
            heading: "Trust the repository".to_owned(),
            words: format!(
                "The job proves who it is, and gets a token for 30 minutes: no secret is stored. An admin of {} says once whose jobs are meant; with `--scope publish` they publish as well.",
                self.registry
            ),
            lines: vec![shell(format!(
                "supercargo trusted-publisher create {} ci --preset {preset} --claim {claim}=OWNER/REPOSITORY\n",
                self.registry
            ))],
        }
    }

    /// Turns the identity in `$jwt` into a token in `$token`.
    pub(crate) fn exchange(&self) -> String {
        format!(
            "token=$(curl -sSf --json \"{{\\\"jwt\\\":\\\"$jwt\\\"}}\" \\\n  {}/api/v1/trusted_publishing/tokens |\n  sed 's/.*\"token\": *\"\\([^\"]*\\)\".*/\\1/')\n",
            self.address
        )
    }

    fn github(&self, way: Way) -> Vec<Step> {
        let mut run = format!(
            "jwt=$(curl -sSf -H \"Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN\" \\\n  \"$ACTIONS_ID_TOKEN_REQUEST_URL&audience={}\" |\n  sed 's/.*\"value\": *\"\\([^\"]*\\)\".*/\\1/')\n{}echo \"::add-mask::$token\"\n",
            self.audience(),
            self.exchange()
        );
        run += &self.for_variables(way, |variable| {
            format!("echo \"{variable}=$token\" >> \"$GITHUB_ENV\"\n")
        });
        let workflow = format!(
            "name: build\non: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    permissions:\n      id-token: write\n      contents: read\n    steps:\n      - uses: actions/checkout@v4\n      - name: A token for this job\n        run: |\n{}      - run: cargo build --locked\n",
            indented(&run, 10)
        );
        vec![
            self.trust("github", "repository"),
            self.in_project(way),
            Step {
                heading: "In the workflow".to_owned(),
                words: "The job needs `id-token: write`, and a machine with curl and cargo."
                    .to_owned(),
                lines: vec![file(".github/workflows/build.yml", workflow)],
            },
        ]
    }

    fn gitlab(&self, way: Way) -> Vec<Step> {
        let run = format!("jwt=$SUPERCARGO_ID\n{}", self.exchange());
        let mut script = format!("    - |\n{}", indented(&run, 6));
        script += &self.for_variables(way, |variable| format!("    - export {variable}=$token\n"));
        let job = format!(
            "build:\n  image: rust:1\n  id_tokens:\n    SUPERCARGO_ID:\n      aud: {}\n  script:\n{script}    - cargo build --locked\n",
            self.audience()
        );
        vec![
            self.trust("gitlab", "project_path"),
            self.in_project(way),
            Step {
                heading: "In the pipeline".to_owned(),
                words: "The image needs curl and cargo.".to_owned(),
                lines: vec![file(".gitlab-ci.yml", job)],
            },
        ]
    }

    fn cnb(&self, way: Way, token: &str) -> Vec<Step> {
        let pipeline = |event: &str, name: &str, script: String| {
            format!(
                "  {event}:\n    - docker:\n        image: rust:1\n      imports: ADDRESS_OF_THE_FILE\n      stages:\n        - name: {name}\n          script: {script}\n"
            )
        };
        let pipelines = format!(
            "$:\n{}{}",
            pipeline("push", "build", "cargo build --locked".to_owned()),
            pipeline(
                "tag_push",
                "publish",
                format!("cargo publish --registry {}", self.in_cargo)
            )
        );
        let secrets = self.for_variables(way, |variable| format!("{variable}: {token}\n"));
        vec![
            Step {
                heading: "Give CNB the token".to_owned(),
                words: "In a file of a repository of secrets, so that it stands in no history that others read."
                    .to_owned(),
                lines: vec![file("cargo.yml", secrets)],
            },
            self.in_project(way),
            Step {
                heading: "In the pipeline".to_owned(),
                words: "Put the address of the file with the secrets where `ADDRESS_OF_THE_FILE` stands. Every push builds, and a tag publishes."
                    .to_owned(),
                lines: vec![file(".cnb.yml", pipelines)],
            },
        ]
    }

    fn harness(&self, way: Way, token: &str) -> Vec<Step> {
        let variables = self.for_variables(way, |variable| {
            format!("        {variable}: <+secrets.getValue(\"cargo_token\")>\n")
        });
        let step = format!(
            "- step:\n    type: Run\n    name: build\n    identifier: build\n    spec:\n      connectorRef: account.harnessImage\n      image: rust:1\n      shell: Sh\n      envVariables:\n{variables}      command: cargo build --locked\n"
        );
        vec![
            Step {
                heading: "Give Harness the token".to_owned(),
                words: "Among the project's secrets, as text with the ID `cargo_token`.".to_owned(),
                lines: vec![file("Secret text cargo_token", format!("{token}\n"))],
            },
            self.in_project(way),
            Step {
                heading: "In the pipeline".to_owned(),
                words: "A step of a build stage. `connectorRef` says where its image comes from."
                    .to_owned(),
                lines: vec![file("Step of the pipeline", step)],
            },
        ]
    }

    fn jenkins(&self, way: Way, token: &str) -> Vec<Step> {
        let environment = self.for_variables(way, |variable| {
            format!("    {variable} = credentials('cargo-token')\n")
        });
        let pipeline = format!(
            "pipeline {{\n  agent {{ docker {{ image 'rust:1' }} }}\n  environment {{\n{environment}  }}\n  stages {{\n    stage('build') {{\n      steps {{\n        sh 'cargo build --locked'\n      }}\n    }}\n  }}\n}}\n"
        );
        vec![
            Step {
                heading: "Give Jenkins the token".to_owned(),
                words: "Among its credentials, as a secret text with the ID `cargo-token`."
                    .to_owned(),
                lines: vec![file("Secret text cargo-token", format!("{token}\n"))],
            },
            self.in_project(way),
            Step {
                heading: "In the pipeline".to_owned(),
                words: "Jenkins hides the token in what it logs.".to_owned(),
                lines: vec![file("Jenkinsfile", pipeline)],
            },
        ]
    }

    fn administrator(&self) -> Vec<Step> {
        let name = &self.registry;
        let base = self.address.strip_suffix(&format!("/{name}"));
        let base = base.unwrap_or(&self.address);
        let step = |heading: &str, words: &str, lines: String| Step {
            heading: heading.to_owned(),
            words: words.to_owned(),
            lines: vec![shell(lines)],
        };
        vec![
            step(
                "On the command line",
                "The second line opens this server in your browser, and keeps a token for a month.",
                format!("export SUPERCARGO_URL={base}\nsupercargo login\n"),
            ),
            step(
                "Claim your names",
                "What you claim is private: no upstream is ever asked for it, whoever takes the name there.",
                format!("supercargo claim create {name} 'PREFIX-*'\n"),
            ),
            step(
                "Let people in",
                "As `reader`, `publisher`, `maintainer` or `admin`; a team is `team:NAME`.",
                format!("supercargo member set {name} NAME publisher\n"),
            ),
            self.trust("github", "repository"),
        ]
    }

    fn docker(&self, way: Way, token: &str) -> Vec<Step> {
        let mounts = self.for_variables(way, |variable| {
            format!("--mount=type=secret,id=cargo-token,env={variable},required=true \\\n    ")
        });
        let variable = &self.variable;
        vec![
            self.in_project(way),
            Step {
                heading: "In the Dockerfile".to_owned(),
                words: "A secret stands in no layer and in no history of the image, as an `ARG` or `ENV` would.".to_owned(),
                lines: vec![file(
                    "Dockerfile",
                    format!(
                        "# syntax=docker/dockerfile:1.10\nFROM rust:1\nWORKDIR /app\nCOPY . .\nRUN {mounts}cargo build --locked\n"
                    ),
                )],
            },
            Step {
                heading: "Build".to_owned(),
                words: "With the token in the environment: that of a CI system's secrets, or typed.".to_owned(),
                lines: vec![shell(format!(
                    "export {variable}={token}\ndocker build --secret id=cargo-token,env={variable} .\n"
                ))],
            },
        ]
    }
}

pub(crate) fn file(name: &'static str, text: String) -> Lines {
    Lines {
        file: Some(name),
        text,
    }
}

pub(crate) fn shell(text: String) -> Lines {
    Lines { file: None, text }
}

pub(crate) fn indented(text: &str, by: usize) -> String {
    let lines = text.lines().map(|line| format!("{:by$}{line}\n", ""));
    lines.collect::<Vec<_>>().concat()
}

/// The page that says how cargo is set up for a registry.
#[derive(Debug, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// For whom.
    pub audience: Audience,
    /// How public crates come in.
    pub way: Way,
    /// Whether there are any to come in.
    pub has_upstreams: bool,
    /// The registry.
    pub place: Place,
    /// Whether the visitor may publish there.
    pub may_publish: bool,
    /// What a token is called if nobody says otherwise.
    pub token_name: String,
    /// A token that was just made.
    pub made: Option<MadeToken>,
    /// Why none was made.
    pub problem: Option<String>,
}

/// A token that stands in the lines.
#[derive(Clone, Debug)]
pub struct MadeToken {
    /// As its owner calls it.
    pub name: String,
    /// Its text.
    pub secret: String,
    /// When it ends.
    pub ends: Option<Moment>,
    /// Whether it publishes, too.
    pub publishes: bool,
}

impl SetupPage {
    fn at(&self, audience: Audience, way: Way) -> String {
        let path = format!("/{}/setup", self.head.name);
        let query = [("for", audience.word()), ("way", way.word())];
        self.frame.links.asking(&path, &query)
    }

    fn shows_ways(&self) -> bool {
        self.has_upstreams && self.audience.has_ways()
    }

    fn audiences(&self) -> impl Iterator<Item = Tab> {
        Audience::ALL.into_iter().map(|audience| Tab {
            words: audience.words(),
            count: None,
            address: self.at(audience, self.way),
            is_here: audience == self.audience,
        })
    }

    fn everything(&self) -> String {
        self.at(self.audience, Way::Everything)
    }

    fn named(&self) -> String {
        self.at(self.audience, Way::Named)
    }

    fn steps(&self) -> Vec<Step> {
        let token = self.made.as_ref().map(|made| made.secret.as_str());
        self.place.steps(self.audience, self.way, token)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn place() -> Place {
        Place {
            registry: "team.tools".to_owned(),
            in_cargo: "team-tools".to_owned(),
            index: "sparse+https://crates.acme.example/team.tools/index/".to_owned(),
            mirror_index: "sparse+https://crates.acme.example/team.tools/mirror/index/".to_owned(),
            variable: "CARGO_REGISTRIES_TEAM_TOOLS_TOKEN".to_owned(),
            mirror_variable: "CARGO_REGISTRIES_TEAM_TOOLS_MIRROR_TOKEN".to_owned(),
            address: "https://crates.acme.example/team.tools".to_owned(),
        }
    }

    fn last(audience: Audience, way: Way) -> String {
        let steps = place().steps(audience, way, None);
        let mut lines = steps.iter().rev().flat_map(|step| &step.lines);
        let of_file = lines.find(|lines| lines.file.is_some());
        of_file.unwrap().text.clone()
    }

    #[test]
    fn a_job_of_github_gets_its_token_by_its_identity() {
        assert_snapshot!(last(Audience::Github, Way::Everything), @r##"
        name: build
        on: push
        jobs:
          build:
            runs-on: ubuntu-latest
            permissions:
              id-token: write
              contents: read
            steps:
              - uses: actions/checkout@v4
              - name: A token for this job
                run: |
                  jwt=$(curl -sSf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
                    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=crates.acme.example/team.tools" |
                    sed 's/.*"value": *"\([^"]*\)".*/\1/')
                  token=$(curl -sSf --json "{\"jwt\":\"$jwt\"}" \
                    https://crates.acme.example/team.tools/api/v1/trusted_publishing/tokens |
                    sed 's/.*"token": *"\([^"]*\)".*/\1/')
                  echo "::add-mask::$token"
                  echo "CARGO_REGISTRIES_TEAM_TOOLS_TOKEN=$token" >> "$GITHUB_ENV"
                  echo "CARGO_REGISTRIES_TEAM_TOOLS_MIRROR_TOKEN=$token" >> "$GITHUB_ENV"
              - run: cargo build --locked
        "##);
    }

    #[test]
    fn a_job_of_gitlab_gets_its_token_by_its_identity() {
        assert_snapshot!(last(Audience::Gitlab, Way::Named), @r##"
        build:
          image: rust:1
          id_tokens:
            SUPERCARGO_ID:
              aud: crates.acme.example/team.tools
          script:
            - |
              jwt=$SUPERCARGO_ID
              token=$(curl -sSf --json "{\"jwt\":\"$jwt\"}" \
                https://crates.acme.example/team.tools/api/v1/trusted_publishing/tokens |
                sed 's/.*"token": *"\([^"]*\)".*/\1/')
            - export CARGO_REGISTRIES_TEAM_TOOLS_TOKEN=$token
            - cargo build --locked
        "##);
    }

    #[test]
    fn an_image_is_built_with_a_secret() {
        assert_snapshot!(last(Audience::Docker, Way::Everything), @r##"
        # syntax=docker/dockerfile:1.10
        FROM rust:1
        WORKDIR /app
        COPY . .
        RUN --mount=type=secret,id=cargo-token,env=CARGO_REGISTRIES_TEAM_TOOLS_TOKEN,required=true \
            --mount=type=secret,id=cargo-token,env=CARGO_REGISTRIES_TEAM_TOOLS_MIRROR_TOKEN,required=true \
            cargo build --locked
        "##);
    }

    #[test]
    fn every_registry_that_replaces_is_one_that_is_named() {
        assert_snapshot!(place().config(Way::Everything), @r##"
        [registries.team-tools]
        index = "sparse+https://crates.acme.example/team.tools/index/"
        credential-provider = ["cargo:token"]

        [registries.team-tools-mirror]
        index = "sparse+https://crates.acme.example/team.tools/mirror/index/"
        credential-provider = ["cargo:token"]

        [source.crates-io]
        replace-with = "team-tools-mirror"
        "##);
        assert_snapshot!(place().credentials(Way::Everything, "scg_x"), @r##"
        [registries.team-tools]
        token = "scg_x"

        [registries.team-tools-mirror]
        token = "scg_x"
        "##);
    }
}
