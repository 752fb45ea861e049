//! Whose CI jobs a registry trusts: the rules, the form for one, and what its pipeline has to say.

use askama::Template;
use url::form_urlencoded;

use crate::{
    Frame, Moment, Place, RegistryHead, Step, Way, Wrongs, filters,
    setup::{file, indented, shell},
};

/// A CI system, as a rule knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// As requests say it.
    pub word: &'static str,
    /// As people say it.
    pub title: &'static str,
    /// The issuer of its public service.
    pub issuer: Option<&'static str>,
    /// The claim that says whose jobs are meant.
    pub identity: &'static str,
    /// What that is called in the form.
    identity_title: &'static str,
    identity_hint: &'static str,
    /// The claim with the whole name of the branch or tag.
    pub reference: Option<&'static str>,
    reference_hint: &'static str,
    /// The claim with the environment.
    pub environment: Option<&'static str>,
    environment_hint: &'static str,
    issuer_hint: &'static str,
    claims_hint: &'static str,
}

/// Every system that a rule can be about.
pub const SYSTEMS: [System; 3] = [
    System {
        word: "github",
        title: "GitHub Actions",
        issuer: Some("https://token.actions.githubusercontent.com"),
        identity: "repository",
        identity_title: "Repository",
        identity_hint: "`acme/app`, or every repository of an owner: `acme/*`.",
        reference: Some("ref"),
        reference_hint: "The whole name: `refs/heads/main`, or every release tag: `refs/tags/v*`.",
        environment: Some("environment"),
        environment_hint: "As the workflow names it, such as `release`. GitHub can ask a person before a job of it runs.",
        issuer_hint: "Of github.com where it is empty. For a GitHub Enterprise Server: `https://HOST/_services/token`.",
        claims_hint: "One a line, such as `job_workflow_ref = acme/ci/.github/workflows/release.yml@refs/heads/main`.",
    },
    System {
        word: "gitlab",
        title: "GitLab CI",
        issuer: Some("https://gitlab.com"),
        identity: "project_path",
        identity_title: "Project",
        identity_hint: "`acme/app`, or every project of a group: `acme/**`.",
        reference: Some("ref_path"),
        reference_hint: "The whole name: `refs/heads/main`, or every release tag: `refs/tags/v*`.",
        environment: Some("environment"),
        environment_hint: "As the pipeline names it, such as `production`.",
        issuer_hint: "Of gitlab.com where it is empty. For a GitLab of your own, its address: `https://gitlab.acme.example`.",
        claims_hint: "One a line, such as `ref_protected = true`.",
    },
    System {
        word: "custom",
        title: "Another issuer",
        issuer: None,
        identity: "sub",
        identity_title: "Subject",
        identity_hint: "The `sub` of its tokens, such as `system:serviceaccount:ci:release`.",
        reference: None,
        reference_hint: "",
        environment: None,
        environment_hint: "",
        issuer_hint: "Exactly as in the `iss` of its tokens: `https://ci.acme.example`. It has to describe itself there (OpenID Connect Discovery).",
        claims_hint: "One a line, such as `organization_slug = acme`. Those that say whose jobs are meant may stand here instead of the subject.",
    },
];

impl System {
    /// The one that a word means; another issuer for any other word.
    pub fn of(word: &str) -> Self {
        let mut systems = SYSTEMS.into_iter();
        systems
            .find(|system| system.word == word)
            .unwrap_or(SYSTEMS[2])
    }

    /// The field of the form in which a claim stands: `claims` for those without one of their own.
    pub fn field(&self, claim: &str) -> &'static str {
        if claim == self.identity {
            "identity"
        } else if Some(claim) == self.reference {
            "reference"
        } else if Some(claim) == self.environment {
            "environment"
        } else {
            "claims"
        }
    }
}

/// Whose CI jobs a registry trusts.
#[derive(Debug, Template)]
#[template(path = "trusted_publishers.html")]
pub struct TrustedPublishersPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// By name.
    pub rules: Vec<RuleRow>,
    /// What went well.
    pub done: Option<&'static str>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct RuleRow {
    /// Its name.
    pub name: String,
    /// Of whose jobs it speaks.
    pub system: System,
    /// The `iss` of tokens.
    pub issuer: String,
    /// The `aud` of tokens.
    pub audience: String,
    /// What tokens must say.
    pub claims: Vec<(String, String)>,
    /// What jobs may do, as requests say it.
    pub scopes: Vec<&'static str>,
    /// The crates that they may write; `None` for their own.
    pub crates: Option<Vec<String>>,
    /// Who they are here.
    pub principal: String,
    /// When it was made.
    pub made: Moment,
    /// When it was changed last.
    pub changed: Moment,
    /// When a job got a token by it last.
    pub used: Option<Moment>,
}

impl RuleRow {
    /// `reads, publishes and yanks`.
    fn words(&self) -> String {
        let has = |scope: &str| self.scopes.contains(&scope);
        match (has("publish"), has("yank")) {
            (true, true) => "reads, publishes and yanks".to_owned(),
            (true, false) => "reads and publishes".to_owned(),
            (false, true) => "reads and yanks".to_owned(),
            (false, false) => "reads".to_owned(),
        }
    }

    fn publishes(&self) -> bool {
        self.scopes.contains(&"publish")
    }

    fn writes(&self) -> bool {
        self.scopes.iter().any(|scope| *scope != "read")
    }

    /// Whether its issuer is another one than that of the system's public service.
    fn is_elsewhere(&self) -> bool {
        self.system.issuer != Some(self.issuer.as_str())
    }

    fn claim(&self, name: Option<&str>) -> Option<&str> {
        let mut claims = self.claims.iter();
        let found = claims.find(|(claim, _)| Some(claim.as_str()) == name);
        found.map(|(_, pattern)| pattern.as_str())
    }

    fn address(&self, frame: &Frame, registry: &str, part: &str) -> String {
        let name = &self.name;
        let part = format!("trusted-publishers/rules/{name}{part}");
        frame.links.of_registry(registry, &part)
    }
}

impl TrustedPublishersPage {
    fn new_address(&self, system: &System) -> String {
        new_address(&self.frame, &self.head.name, system)
    }
}

fn new_address(frame: &Frame, registry: &str, system: &System) -> String {
    let path = format!("/{registry}/trusted-publishers/new");
    frame.links.asking(&path, &[("for", system.word)])
}

/// A rule as a form has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleDraft {
    /// Its name.
    pub name: String,
    /// Of whose jobs it speaks.
    pub preset: String,
    /// Where it is not the public service's.
    pub issuer: String,
    /// Where it is not the registry's address.
    pub audience: String,
    /// Whose jobs: the pattern of [`System::identity`].
    pub identity: String,
    /// Of which branch or tag.
    pub reference: String,
    /// Of which environment.
    pub environment: String,
    /// Every other claim, `name = pattern` a line.
    pub claims: String,
    /// Whether they publish.
    pub publish: bool,
    /// Whether they yank.
    pub yank: bool,
    /// Patterns over the crates that they write.
    pub crates: String,
}

/// The form for a rule, new or there.
#[derive(Debug, Template)]
#[template(path = "trusted_publisher_form.html")]
pub struct RuleFormPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What it holds.
    pub draft: RuleDraft,
    /// For whom tokens are made if nothing else is said.
    pub audience: String,
    /// The rule that is changed; a new one where there is none.
    pub editing: Option<String>,
    /// What is wrong with it.
    pub wrongs: Wrongs,
}

impl RuleFormPage {
    fn audience_hint(&self) -> String {
        let audience = &self.audience;
        format!("Whom tokens are made for, exactly. Where it is empty: `{audience}`.")
    }

    fn system(&self) -> System {
        System::of(&self.draft.preset)
    }

    fn new_address(&self, system: &System) -> String {
        new_address(&self.frame, &self.head.name, system)
    }

    fn action(&self) -> String {
        let part = match &self.editing {
            Some(name) => format!("trusted-publishers/rules/{name}/edit"),
            None => "trusted-publishers/new".to_owned(),
        };
        self.frame.links.of_registry(&self.head.name, &part)
    }

    /// Where one comes from.
    fn back(&self) -> String {
        let part = match &self.editing {
            Some(name) => format!("trusted-publishers/rules/{name}"),
            None => "trusted-publishers".to_owned(),
        };
        self.frame.links.of_registry(&self.head.name, &part)
    }
}

/// One rule, what its pipeline has to say, and its end.
#[derive(Debug, Template)]
#[template(path = "trusted_publisher.html")]
pub struct RulePage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The rule.
    pub rule: RuleRow,
    /// The registry.
    pub place: Place,
    /// How public crates come in.
    pub way: Way,
    /// What is wrong with the form that deletes it.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
}

impl RulePage {
    fn at(&self, part: &str) -> String {
        self.rule.address(&self.frame, &self.head.name, part)
    }

    fn steps(&self) -> Vec<Step> {
        self.place.of_rule(&self.rule, self.way)
    }
}

/// As YAML has a text: plain where nothing in it means anything, and else in quotes, as JSON has it.
fn yaml(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-:".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    if starts && !is_word && !text.ends_with(':') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    // a line break would end the value, and nothing that a claim can be has one
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted + "\""
}

/// In a query, between the quotes of a shell: nothing that either has another use for.
fn in_query(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-:~".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Place {
    /// What a pipeline needs so that its jobs get what a rule gives them.
    pub fn of_rule(&self, rule: &RuleRow, way: Way) -> Vec<Step> {
        let command = if rule.publishes() {
            format!("cargo publish --registry {}", self.in_cargo)
        } else {
            "cargo build --locked".to_owned()
        };
        let last = match rule.system.word {
            "github" => self.workflow(rule, way, &command),
            "gitlab" => self.job(rule, way, &command),
            _ => self.script(rule, way, &command),
        };
        vec![self.in_project(way), last]
    }

    fn workflow(&self, rule: &RuleRow, way: Way, command: &str) -> Step {
        let mut run = format!(
            "jwt=$(curl -sSf -H \"Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN\" \\\n  \"$ACTIONS_ID_TOKEN_REQUEST_URL&audience={}\" |\n  sed 's/.*\"value\": *\"\\([^\"]*\\)\".*/\\1/')\n{}echo \"::add-mask::$token\"\n",
            in_query(&rule.audience),
            self.exchange()
        );
        run += &self.for_variables(way, |variable| {
            format!("echo \"{variable}=$token\" >> \"$GITHUB_ENV\"\n")
        });
        let reference = rule.claim(rule.system.reference);
        let branch = reference.and_then(|name| name.strip_prefix("refs/heads/"));
        let tag = reference.and_then(|name| name.strip_prefix("refs/tags/"));
        let on = match (branch, tag) {
            (Some(branch), _) => format!("on:\n  push:\n    branches: [{}]\n", yaml(branch)),
            (_, Some(tag)) => format!("on:\n  push:\n    tags: [{}]\n", yaml(tag)),
            (None, None) if rule.publishes() => "on:\n  push:\n    tags: [\"v*\"]\n".to_owned(),
            (None, None) => "on: push\n".to_owned(),
        };
        let environment = rule.claim(rule.system.environment);
        let environment = environment.filter(|name| !name.contains('*'));
        let environment = environment.map_or_else(String::new, |name| {
            format!("    environment: {}\n", yaml(name))
        });
        let (name, path) = if rule.publishes() {
            ("publish", ".github/workflows/publish.yml")
        } else {
            ("build", ".github/workflows/build.yml")
        };
        let workflow = format!(
            "name: {name}\n{on}jobs:\n  {name}:\n    runs-on: ubuntu-latest\n{environment}    permissions:\n      id-token: write\n      contents: read\n    steps:\n      - uses: actions/checkout@v4\n      - name: A token for this job\n        run: |\n{}      - run: {command}\n",
            indented(&run, 10)
        );
        Step {
            heading: "In the workflow".to_owned(),
            words: "The job needs `id-token: write`, and a machine with curl and cargo.".to_owned(),
            lines: vec![file(path, workflow)],
        }
    }

    fn job(&self, rule: &RuleRow, way: Way, command: &str) -> Step {
        let run = format!("jwt=$SUPERCARGO_ID\n{}", self.exchange());
        let mut script = format!("    - |\n{}", indented(&run, 6));
        script += &self.for_variables(way, |variable| format!("    - export {variable}=$token\n"));
        let environment = rule.claim(rule.system.environment);
        let environment = environment.filter(|name| !name.contains('*'));
        let environment = environment.map_or_else(String::new, |name| {
            format!("  environment: {}\n", yaml(name))
        });
        let name = if rule.publishes() { "publish" } else { "build" };
        let job = format!(
            "{name}:\n  image: rust:1\n{environment}  id_tokens:\n    SUPERCARGO_ID:\n      aud: {}\n  script:\n{script}    - {command}\n",
            yaml(&rule.audience)
        );
        Step {
            heading: "In the pipeline".to_owned(),
            words: "The image needs curl and cargo.".to_owned(),
            lines: vec![file(".gitlab-ci.yml", job)],
        }
    }

    fn script(&self, rule: &RuleRow, way: Way, command: &str) -> Step {
        let variables = self.for_variables(way, |variable| format!("export {variable}=$token\n"));
        Step {
            heading: "In the job".to_owned(),
            words: format!(
                "With the job’s ID token in the variable `jwt`. It has to be made for `{}`.",
                rule.audience
            ),
            lines: vec![shell(format!("{}{variables}{command}\n", self.exchange()))],
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use supercargo_types::Timestamp;

    use super::*;

    fn rule(system: &str, claims: &[(&str, &str)], scopes: &[&'static str]) -> RuleRow {
        let now = Moment::new(Timestamp::from_seconds(0), Timestamp::from_seconds(0));
        let own = |(name, pattern): &(&str, &str)| ((*name).to_owned(), (*pattern).to_owned());
        RuleRow {
            name: "release".to_owned(),
            system: System::of(system),
            issuer: "https://ci.acme.example".to_owned(),
            audience: "crates.acme.example/acme".to_owned(),
            claims: claims.iter().map(own).collect(),
            scopes: scopes.to_vec(),
            crates: None,
            principal: "job:acme.release".to_owned(),
            made: now.clone(),
            changed: now,
            used: None,
        }
    }

    fn place() -> Place {
        Place {
            registry: "acme".to_owned(),
            in_cargo: "acme".to_owned(),
            index: "sparse+https://crates.acme.example/acme/index/".to_owned(),
            mirror_index: "sparse+https://crates.acme.example/acme/mirror/index/".to_owned(),
            variable: "CARGO_REGISTRIES_ACME_TOKEN".to_owned(),
            mirror_variable: "CARGO_REGISTRIES_ACME_MIRROR_TOKEN".to_owned(),
            address: "https://crates.acme.example/acme".to_owned(),
        }
    }

    fn last(rule: &RuleRow, way: Way) -> String {
        let steps = place().of_rule(rule, way);
        steps.last().unwrap().lines[0].text.clone()
    }

    /// I6: what is bound to a tag and an environment runs there.
    #[test]
    fn a_workflow_runs_where_its_rule_lets_it() {
        let claims = [
            ("repository", "acme/app"),
            ("ref", "refs/tags/v*"),
            ("environment", "release & more"),
        ];
        let mut rule = rule("github", &claims, &["read", "publish"]);
        rule.audience = "https://crates.acme.example?a=b".to_owned();
        assert_snapshot!(last(&rule, Way::Named), @r##"
        name: publish
        on:
          push:
            tags: ["v*"]
        jobs:
          publish:
            runs-on: ubuntu-latest
            environment: "release & more"
            permissions:
              id-token: write
              contents: read
            steps:
              - uses: actions/checkout@v4
              - name: A token for this job
                run: |
                  jwt=$(curl -sSf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
                    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=https%3A%2F%2Fcrates.acme.example%3Fa%3Db" |
                    sed 's/.*"value": *"\([^"]*\)".*/\1/')
                  token=$(curl -sSf --json "{\"jwt\":\"$jwt\"}" \
                    https://crates.acme.example/acme/api/v1/trusted_publishing/tokens |
                    sed 's/.*"token": *"\([^"]*\)".*/\1/')
                  echo "::add-mask::$token"
                  echo "CARGO_REGISTRIES_ACME_TOKEN=$token" >> "$GITHUB_ENV"
              - run: cargo publish --registry acme
        "##);
    }

    #[test]
    fn a_job_of_gitlab_names_the_audience_of_its_rule() {
        let mut rule = rule("gitlab", &[("project_path", "acme/app")], &["read"]);
        rule.audience = "{odd}".to_owned();
        assert_snapshot!(last(&rule, Way::Everything), @r##"
        build:
          image: rust:1
          id_tokens:
            SUPERCARGO_ID:
              aud: "{odd}"
          script:
            - |
              jwt=$SUPERCARGO_ID
              token=$(curl -sSf --json "{\"jwt\":\"$jwt\"}" \
                https://crates.acme.example/acme/api/v1/trusted_publishing/tokens |
                sed 's/.*"token": *"\([^"]*\)".*/\1/')
            - export CARGO_REGISTRIES_ACME_TOKEN=$token
            - export CARGO_REGISTRIES_ACME_MIRROR_TOKEN=$token
            - cargo build --locked
        "##);
    }

    #[test]
    fn texts_of_rules_mean_nothing_else_in_yaml_and_in_a_shell() {
        for (text, expected) in [
            ("production", "production"),
            ("review/app-1", "review/app-1"),
            ("on", "\"on\""),
            ("1.0", "\"1.0\""),
            ("a: b", "\"a: b\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("", "\"\""),
        ] {
            assert_eq!(yaml(text), expected);
        }
        assert_eq!(
            in_query("crates.acme.example/acme"),
            "crates.acme.example/acme"
        );
        assert_eq!(in_query("a\"$(b)`&#"), "a%22%24%28b%29%60%26%23");
    }

    #[test]
    fn each_claim_has_its_field() {
        let fields = |system: &str, claims: [&str; 4]| {
            claims
                .map(|claim| System::of(system).field(claim))
                .join(" ")
        };
        assert_eq!(
            fields("github", ["repository", "ref", "environment", "sub"]),
            "identity reference environment claims"
        );
        assert_eq!(
            fields("gitlab", ["project_path", "ref_path", "ref", "repository"]),
            "identity reference claims claims"
        );
        assert_eq!(
            fields("<i>", ["sub", "ref", "environment", "x"]),
            "identity claims claims claims"
        );
    }
}
