//! For each line of the table a request that harms nobody: it does what can be done again and again, takes away only what was
//! put there before, or is refused for a reason of its own once it is clear that it is allowed.

#![expect(
    clippy::match_same_arms,
    reason = "an arm is a line of the table, in its order"
)]

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::Package;

use crate::{table::Row, world::Sent};

/// A request, and what must have happened before it where it is allowed.
pub(crate) struct Sample {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) sent: Option<Sent>,
    /// What it is answered to who may; one of them.
    pub(crate) statuses: Vec<u16>,
    /// Done by the first administrator before a request that is allowed; it may be done already.
    pub(crate) before: Vec<(Method, String, Option<Value>)>,
    /// Whether it ends the token that it is asked with.
    pub(crate) ends_token: bool,
}

/// The id of nothing.
pub(crate) const NOBODYS: &str = "00000000-0000-7000-8000-000000000000";

/// The names in an address, as they are here.
pub(crate) fn filled(address: &str, registry: &str) -> String {
    [
        ("registry", registry),
        ("file", "de/mo/demo"),
        ("crate", "demo"),
        ("version", "1.0.0"),
        ("principal", "extra"),
        ("pattern", "demo-gone"),
        ("upstream", "up"),
        ("team", "spare"),
        ("user", "extra"),
        ("id", NOBODYS),
        ("token", NOBODYS),
        ("account", "builder"),
        ("name", "spare"),
        ("publisher", "spare"),
        ("group", "teams"),
        ("hash", "00"),
        ("unknown", "nothing"),
    ]
    .iter()
    .fold(address.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// A request for a line; `turn` is another one each time.
pub(crate) fn sample(row: &Row, registry: &str, turn: usize) -> Sample {
    let method = match row.method.as_str() {
        "ANY" => Method::GET,
        method => method.parse().unwrap(),
    };
    let of = |status| Sample {
        method: method.clone(),
        path: filled(&row.address, registry),
        sent: None,
        statuses: vec![status],
        before: Vec::new(),
        ends_token: false,
    };
    let found = if row.is_cargos() {
        of_cargo(row, turn, of)
    } else if row.is_page() {
        of_page(row, registry, turn, of)
    } else if row.names_registry_in_path() {
        of_registry(row, registry, turn, of)
    } else {
        of_instance(row, registry, of)
    };
    found.unwrap_or_else(|| panic!("say in `requests.rs` what to send for `{row}`"))
}

impl Sample {
    fn json(self, value: Value) -> Self {
        Self {
            sent: Some(Sent::Json(value)),
            ..self
        }
    }

    fn bytes(self, bytes: Vec<u8>) -> Self {
        Self {
            sent: Some(Sent::Bytes(bytes)),
            ..self
        }
    }

    fn about(self, from: &str, to: &str) -> Self {
        Self {
            path: self.path.replace(from, to),
            ..self
        }
    }

    fn form(self, form: &str) -> Self {
        Self {
            sent: Some(Sent::Form(form.to_owned())),
            ..self
        }
    }

    fn upload(self, file: Vec<u8>) -> Self {
        Self {
            sent: Some(Sent::Upload(String::new(), file)),
            ..self
        }
    }

    fn or(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    fn query(self, query: &str) -> Self {
        Self {
            path: format!("{}?{query}", self.path),
            ..self
        }
    }

    fn after(mut self, method: Method, path: &str, sent: Option<Value>) -> Self {
        self.before.push((method, path.to_owned(), sent));
        self
    }

    /// After the same address with another method.
    fn after_its(self, method: Method, sent: Option<Value>) -> Self {
        let path = self.path.clone();
        self.after(method, &path, sent)
    }
}

fn new_crate(turn: usize) -> Package {
    Package::new(&format!("demo-n{turn}"), "1.0.0")
}

fn new_version(turn: usize) -> Package {
    Package::new("demo-busy", &format!("1.0.{turn}"))
}

fn of_cargo(row: &Row, turn: usize, of: impl Fn(u16) -> Sample) -> Option<Sample> {
    let (_, rest) = row.address.split_once("{registry}/")?;
    let extra = || json!({ "users": ["extra"] });
    let sample = match (row.method.as_str(), rest, row.case.as_deref()) {
        // `demo` is nobody's in an upstream
        ("GET", "mirror/index/{file}", None) => of(404),
        ("GET", "mirror/api/v1/crates/{crate}/{version}/download", None) => of(404),
        ("GET", "api/v1/crates/new", None) => of(404),
        // it has none
        ("GET", "api/v1/crates/{crate}/{version}/readme", None) => of(404),
        ("PUT", "api/v1/crates/new", Some("new crate")) => of(200).bytes(new_crate(turn).frame()),
        ("PUT", "api/v1/crates/new", Some("version")) => of(200).bytes(new_version(turn).frame()),
        ("PUT", "api/v1/crates/{crate}/owners", None) => of(200).json(extra()),
        ("DELETE", "api/v1/crates/{crate}/owners", None) => {
            of(200).json(extra()).after_its(Method::PUT, Some(extra()))
        }
        ("POST", "api/v1/trusted_publishing/tokens", None) => of(400).json(json!({ "no": 1 })),
        ("DELETE", "api/v1/trusted_publishing/tokens", None) => Sample {
            ends_token: true,
            ..of(204)
        },
        ("ANY", "api/v1/{unknown}", None) => of(404),
        ("GET" | "DELETE" | "PUT", _, None) => of(200),
        _ => return None,
    };
    Some(sample)
}

fn of_registry(
    row: &Row,
    registry: &str,
    turn: usize,
    of: impl Fn(u16) -> Sample,
) -> Option<Sample> {
    let (_, rest) = row.address.split_once("{registry}")?;
    let hold = || json!({ "action": "hold", "reason": "odd" });
    let rule = |name: &str| {
        json!({
            "name": name,
            "preset": "github",
            "claims": {
                "repository": "acme/app",
                "environment": "never",
            },
        })
    };
    let rest = rest.replace("{publisher}", "{name}");
    let sample = match (row.method.as_str(), rest.as_str(), row.case.as_deref()) {
        ("PATCH", "", None) => of(200).json(json!({})),
        ("DELETE", "", None) => of(422),
        ("DELETE", "", Some("purge")) => of(422).query("purge=true"),
        ("POST", "/restore", None) => of(409),
        ("PUT", "/members/{principal}", None) => of(200).json(json!({ "role": "reader" })),
        ("DELETE", "/members/{principal}", None) => {
            of(204).after_its(Method::PUT, Some(json!({ "role": "reader" })))
        }
        ("POST", "/claims", None) => of(201).json(json!({ "pattern": format!("demo-c{turn}") })),
        ("DELETE", "/claims/{pattern}", None) => {
            let claims = format!("/api/v1/registries/{registry}/claims");
            of(204).query("confirm=demo-gone").after(
                Method::POST,
                &claims,
                Some(json!({ "pattern": "demo-gone" })),
            )
        }
        ("DELETE", "/cache" | "/cache/{crate}", None) => of(204),
        ("POST", "/trusted-publishers", None) => of(409).json(rule("release")),
        ("GET", "/trusted-publishers/{name}", None) => of(200).about("spare", "release"),
        ("PATCH", "/trusted-publishers/{name}", None) => {
            let rules = format!("/api/v1/registries/{registry}/trusted-publishers");
            // a change ends the tokens of a rule's jobs
            let sample = of(200).about("spare", "edited").json(json!({}));
            sample.after(Method::POST, &rules, Some(rule("edited")))
        }
        ("DELETE", "/trusted-publishers/{name}", None) => {
            let rules = format!("/api/v1/registries/{registry}/trusted-publishers");
            of(204).after(Method::POST, &rules, Some(rule("spare")))
        }
        ("POST", "/crates", Some("new crate")) => of(201).bytes(new_crate(turn).crate_bytes()),
        ("POST", "/crates", Some("version")) => of(201).bytes(new_version(turn).crate_bytes()),
        ("DELETE", "/crates/{crate}" | "/crates/{crate}/versions/{version}", None) => {
            let sample = of(204).about("demo", "demo-spare");
            let restore = format!("{}/restore", sample.path);
            sample.after(Method::POST, &restore, None)
        }
        ("DELETE", _, Some("purge")) => of(409).query("purge=true"),
        (
            "POST",
            "/crates/{crate}/restore" | "/crates/{crate}/versions/{version}/restore",
            None,
        ) => {
            let sample = of(200).about("demo", "demo-spare");
            let whole = sample.path.replace("/restore", "");
            sample.after(Method::DELETE, &whole, None)
        }
        ("POST", "/crates/{crate}/release", None) => of(409).json(json!({ "confirm": "demo" })),
        ("POST", "/crates/{crate}/pin", None) => of(422).json(json!({ "upstream": "up" })),
        (
            "PUT",
            "/crates/{crate}/quarantine" | "/crates/{crate}/versions/{version}/quarantine",
            None,
        ) => of(200).about("demo", "demo-held").json(hold()),
        (
            "DELETE",
            "/crates/{crate}/quarantine" | "/crates/{crate}/versions/{version}/quarantine",
            None,
        ) => of(204)
            .about("demo", "demo-held")
            .after_its(Method::PUT, Some(hold())),
        ("PATCH", "/crates/{crate}/labels" | "/crates/{crate}/versions/{version}/labels", None) => {
            of(200).json(json!({ "set": { "team": "core" } }))
        }
        ("DELETE", "/crates/{crate}/versions/{version}/ledger", None) => of(422),
        ("GET", _, None) => of(200),
        _ => return None,
    };
    Some(sample)
}

fn of_instance(row: &Row, registry: &str, of: impl Fn(u16) -> Sample) -> Option<Sample> {
    let named = |name: &str| json!({ "name": name });
    let own = format!("own-{registry}");
    let sample = match (
        row.method.as_str(),
        row.address.as_str(),
        row.case.as_deref(),
    ) {
        ("POST", "/api/v1/registries", None) => of(409).json(named(registry)),
        ("POST", "/api/v1/upstreams", None) => {
            of(409).json(json!({ "name": "up", "index": "sparse+http://127.0.0.1:9/" }))
        }
        ("PATCH", "/api/v1/upstreams/{upstream}", None) => of(200).json(json!({})),
        ("DELETE", "/api/v1/upstreams/{upstream}", None) => of(409),
        ("POST", "/api/v1/upstreams/{upstream}/test", None) => of(200),
        ("POST", "/api/v1/users", None) => of(409).json(named("extra")),
        ("POST", "/api/v1/users", Some("password")) => {
            of(422).json(json!({ "name": "extra", "password": "short" }))
        }
        ("POST", "/api/v1/users", Some("role")) => {
            of(409).json(json!({ "name": "extra", "instance_role": "creator" }))
        }
        ("POST", "/api/v1/service-accounts", None) => of(409).json(named("robot")),
        ("POST", "/api/v1/service-accounts", Some("of {registry}")) => {
            of(409).json(json!({ "name": "robot", "registry": registry }))
        }
        ("POST", "/api/v1/teams", None) => of(409).json(named("spare")),
        ("DELETE", "/api/v1/teams/{team}", None) => {
            of(204).after(Method::POST, "/api/v1/teams", Some(named("spare")))
        }
        ("PUT", "/api/v1/teams/{team}/members/{user}", None) => {
            of(200).after(Method::POST, "/api/v1/teams", Some(named("spare")))
        }
        ("DELETE", "/api/v1/teams/{team}/members/{user}", None) => of(204)
            .after(Method::POST, "/api/v1/teams", Some(named("spare")))
            .after_its(Method::PUT, None),
        ("POST", "/api/v1/sign-in", None) => of(422).json(json!({ "user": "extra" })),
        ("POST", "/api/v1/sign-in/devices", None) => {
            of(422).json(json!({ "token": { "name": "" } }))
        }
        ("POST", "/api/v1/sign-in/devices/token", None) => {
            of(404).json(json!({ "device_code": "nonsense" }))
        }
        ("GET", "/api/v1/sessions", Some("another's")) => of(200).query("user=extra"),
        ("DELETE", "/api/v1/sessions", Some("one's own")) => of(204),
        ("DELETE", "/api/v1/sessions", Some("another's")) => of(204).query("user=extra"),
        ("DELETE", "/api/v1/sessions/{id}", Some(_)) => of(204),
        ("PUT", "/api/v1/me/password", None) => {
            of(422).json(json!({ "current": "nonsense", "new": "short" }))
        }
        ("PATCH", "/api/v1/users/{user}" | "/api/v1/service-accounts/{account}", None) => {
            of(200).json(json!({}))
        }
        ("PATCH", "/api/v1/users/{user}", Some("password")) => {
            of(422).json(json!({ "password": "short" }))
        }
        ("PATCH", "/api/v1/users/{user}", Some("role")) => {
            of(422).json(json!({ "instance_role": "creator", "email": "nowhere" }))
        }
        ("DELETE", "/api/v1/users/{user}" | "/api/v1/service-accounts/{account}", None) => of(422),
        ("POST", "/api/v1/users/{user}/identities", None) => {
            of(422).json(json!({ "issuer": "nonsense", "subject": "" }))
        }
        ("DELETE", "/api/v1/users/{user}/identities", None) => of(422),
        ("GET", "/api/v1/service-accounts", Some(_)) => {
            of(200).query(&format!("registry={registry}"))
        }
        ("GET", "/api/v1/service-accounts/{account}", Some(_)) => of(200).about("builder", &own),
        ("PATCH", "/api/v1/service-accounts/{account}", Some(_)) => {
            of(200).about("builder", &own).json(json!({}))
        }
        ("DELETE", "/api/v1/service-accounts/{account}", Some(_)) => of(422).about("builder", &own),
        ("GET", "/api/v1/tokens", Some("another's")) => of(200).query("principal=extra"),
        ("GET", "/api/v1/tokens", Some("of a service account of {registry}")) => {
            of(200).query(&format!("principal=service:{own}"))
        }
        ("POST", "/api/v1/tokens", Some("for oneself")) => of(201).json(named("more")),
        ("POST", "/api/v1/tokens", Some("for another")) => {
            of(201).json(json!({ "name": "more", "principal": "extra" }))
        }
        ("POST", "/api/v1/tokens", Some("for a service account of {registry}")) => {
            of(201).json(json!({
                "name": "more",
                "principal": format!("service:{own}"),
                "registries": [registry],
            }))
        }
        ("DELETE", "/api/v1/tokens/{token}", Some("itself")) => Sample {
            ends_token: true,
            ..of(204)
        },
        ("DELETE", "/api/v1/tokens/{token}", Some(_)) => of(204),
        ("GET", "/api/v1/audit", Some("of {registry}")) => {
            of(200).query(&format!("registry={registry}"))
        }
        ("GET", "/api/v1/exposure", None) => of(200).query("crate=demo"),
        ("ANY", "/api/v1/", None) => of(404),
        ("GET", _, _) => of(200),
        _ => return None,
    };
    Some(sample)
}

fn of_page(row: &Row, registry: &str, turn: usize, of: impl Fn(u16) -> Sample) -> Option<Sample> {
    let deed = of_deed(row, turn, &of);
    if let Some(sample) = deed.or_else(|| of_accounts(row, registry, &of)) {
        return Some(sample);
    }
    let sample = match (row.method.as_str(), row.address.as_str()) {
        ("GET", "/-/assets/{hash}/{name}") => of(404),
        (
            "POST",
            "/{registry}/crates/{crate}/labels" | "/{registry}/crates/{crate}/{version}/labels",
        ) => of(303).form("labels=team%3Dcore"),
        ("POST", "/-/theme") => of(303).form("theme=dark"),
        // whoever is signed in has nothing to do there
        ("GET", "/-/login") => of(200).or(303),
        // without the cookie that comes with the form
        ("POST", "/-/login") => of(403).form("user=extra&password=nonsense"),
        ("POST", "/-/login/sign-on") => of(403).form(""),
        ("GET", "/-/login/return") => of(403).or(422),
        // a session ends with the form of its own page alone
        ("POST", "/-/logout") => of(303).or(403).form(""),
        ("POST", "/-/login/device") => of(404).form("code=BCDF-GHJK&decision=refuse"),
        ("GET", "/{registry}/" | "/{registry}/crates") => of(308).or(303),
        ("POST", "/-/account/sessions/end") => of(404).form(&format!("id={NOBODYS}")),
        ("POST", "/-/account/sessions/end-others") => of(303).form(""),
        ("POST", "/-/account/identities/link") => of(422).form(""),
        ("POST", "/-/account/identities/unlink") => of(404).form("issuer=x&subject=x"),
        ("POST", "/-/account/password") => of(422).form("current=nonsense&new=short&again=short"),
        // no token ends at once
        ("POST", "/{registry}/setup") => of(422).form("name=x&days=0"),
        // the name is another one
        ("POST", "/{registry}/upstreams/evict") => of(422).form("confirm=another"),
        ("POST", "/{registry}/rules/patterns") => of(422).form("do=save&block=ac+me"),
        ("POST", "/{registry}/rules/quarantine") => of(422).form("crate="),
        ("POST", "/{registry}/rules/lift") => of(404).form("crate=never-held"),
        ("POST", "/-/upstreams/new") => of(422).form("do=create"),
        // it is asked, and does not answer
        ("POST", "/-/upstreams/{upstream}") => of(200).form(""),
        ("POST", "/-/upstreams/{upstream}/edit") => of(422).form("auth=token"),
        ("POST", "/-/upstreams/{upstream}/delete") => of(422).form("confirm=another"),
        // nobody chose who reads it
        ("POST", "/{registry}/settings") => of(422).form("visibility=&publishing=owners"),
        ("POST", "/{registry}/settings/delete") => of(422).form("confirm=another"),
        ("POST", "/{registry}/settings/upstreams") => of(422).form("do=attach&attach="),
        ("POST", "/-/registries/new") => of(422).form("do=save&name="),
        ("POST", "/-/registries/restore") => of(409).form("registry=never-made"),
        ("POST", "/-/registries/purge") => of(422).form("registry=never-made&confirm="),
        ("POST", "/-/account/tokens/revoke") => of(404).form(&format!("id={NOBODYS}")),
        // told in words, and not made
        ("POST", "/-/account/tokens/new") => of(200).form("everywhere=yes&scope=admin&end=30"),
        ("GET", "/{registry}/activity/export" | "/-/admin/audit/export") => {
            of(200).query("format=csv")
        }
        ("GET", "/-/admin/exposure/export") => of(200).query("crate=demo"),
        ("POST", "/{registry}/members") => of(303).form("who=extra&role=reader"),
        ("POST", "/{registry}/members/remove") => {
            let sample = of(303).form("who=extra");
            let path = sample.path.replace("/members/remove", "/members/extra");
            let reader = json!({ "role": "reader" });
            sample.after(
                Method::PUT,
                &format!("/api/v1/registries{path}"),
                Some(reader),
            )
        }
        ("POST", "/{registry}/members/machines") => {
            of(409).form("service=robot&service_role=reader")
        }
        // a claim on nothing, and a name that was never here
        ("POST", "/{registry}/claims/new") => of(422).form("pattern=&mode=private"),
        ("GET", "/{registry}/claims/delete") => of(422),
        ("POST", "/{registry}/claims/delete") => of(422).form("pattern=&confirm="),
        ("GET", "/{registry}/claims/release") => of(404),
        ("POST", "/{registry}/claims/release") => {
            of(404).form("crate=never-here&confirm=never-here")
        }
        ("POST", "/{registry}/trusted-publishers/new") => of(422).form("name=&preset=github"),
        ("GET", address) if address.contains("/rules/{publisher}") => {
            of(200).about("rules/spare", "rules/release")
        }
        ("POST", address) if address.contains("/rules/{publisher}") => {
            let sample = of(422).about("rules/spare", "rules/release");
            sample.form("crates=%3F&confirm=another")
        }
        ("GET", _) => of(200),
        _ => return None,
    };
    Some(sample)
}

/// What becomes of accounts by forms of the administration.
fn of_accounts(row: &Row, registry: &str, of: impl Fn(u16) -> Sample) -> Option<Sample> {
    let rest = row.address.strip_prefix("/-/admin/")?;
    let with_team = |sample: Sample| {
        let team = json!({ "name": "spare" });
        sample.after(Method::POST, "/api/v1/teams", Some(team))
    };
    let own = format!("own-{registry}");
    let of = |status| match &row.case {
        Some(_) => of(status).about("builder", &own),
        None => of(status),
    };
    let sample = match (row.method.as_str(), rest, &row.case) {
        ("POST", "users/new", None) => of(422).form("name=&role=member"),
        ("POST", "users/{user}", None) => of(303).form("email=&role=member"),
        ("POST", "users/{user}/password", None) => of(422).form("password=short"),
        // neither disabled nor enabled
        ("POST", "users/{user}/state" | "service-accounts/{account}/state", _) => of(303).form(""),
        ("POST", "users/{user}/delete" | "service-accounts/{account}/delete", _) => {
            of(422).form("confirm=another")
        }
        (
            "POST",
            "users/{user}/tokens/revoke"
            | "users/{user}/sessions/end"
            | "service-accounts/{account}/tokens/revoke",
            _,
        ) => of(404).form(&format!("id={NOBODYS}")),
        ("POST", "users/{user}/identities/link", None) => of(422).form("issuer=x&subject="),
        ("POST", "users/{user}/identities/unlink", None) => of(404).form("issuer=x&subject=x"),
        ("POST", "teams", None) => of(422).form("name="),
        ("GET", "teams/{team}", None) => with_team(of(200)),
        ("POST", "teams/{team}/members/add", None) => with_team(of(303).form("user=extra")),
        ("POST", "teams/{team}/members/remove", None) => {
            let member = "/api/v1/teams/spare/members/extra";
            with_team(of(303).form("user=extra")).after(Method::PUT, member, None)
        }
        ("POST", "teams/{team}/delete", None) => with_team(of(422).form("confirm=another")),
        ("GET", "service-accounts", Some(_)) => of(200).query(&format!("registry={registry}")),
        ("POST", "service-accounts", None) => of(422).form("name="),
        ("POST", "service-accounts", Some(_)) => {
            of(422).form(&format!("of={registry}&registry={registry}&name="))
        }
        // told in words, and not made
        ("POST", "service-accounts/{account}/tokens/new", _) => {
            of(200).form("do=preview&everywhere=yes&scope=read&end=30")
        }
        ("GET", "service-accounts/{account}" | "service-accounts/{account}/tokens/new", _) => {
            of(200)
        }
        _ => return None,
    };
    Some(sample)
}

/// What is done with crates by forms; each has its line among those of the API, too.
fn of_deed(row: &Row, turn: usize, of: impl Fn(u16) -> Sample) -> Option<Sample> {
    let (_, rest) = row.address.split_once("{registry}/")?;
    if row.method != "POST" {
        return None;
    }
    let spare = |form: &str| of(303).about("demo", "demo-spare").form(form);
    let held = |form: &str| of(303).about("demo", "demo-held").form(form);
    // what the same thing has in the API
    let path = |sample: &Sample, of_api: &str| {
        let page = sample.path.split("/settings").next().unwrap();
        let page = page.replace("/1.0.0", "/versions/1.0.0");
        format!("/api/v1/registries{page}{of_api}")
    };
    let on_hold = || json!({ "action": "hold", "reason": "odd" });
    let sample = match (rest, row.case.as_deref()) {
        ("upload", Some("new crate")) => of(201).upload(new_crate(turn).crate_bytes()),
        ("upload", Some("version")) => of(201).upload(new_version(turn).crate_bytes()),
        ("crates/{crate}/settings/owners/add", None) => of(303).form("owner=extra"),
        ("crates/{crate}/settings/owners/remove", None) => {
            let path = format!(
                "{}/api/v1/crates/demo/owners",
                of(0).path.split("/crates").next()?
            );
            let extra = json!({ "users": ["extra"] });
            of(303)
                .form("owner=extra")
                .after(Method::PUT, &path, Some(extra))
        }
        (
            "crates/{crate}/settings/quarantine" | "crates/{crate}/{version}/settings/quarantine",
            None,
        ) => held("action=hold&reason=odd"),
        ("crates/{crate}/settings/lift" | "crates/{crate}/{version}/settings/lift", None) => {
            let sample = held("");
            let path = path(&sample, "/quarantine");
            sample.after(Method::PUT, &path, Some(on_hold()))
        }
        ("crates/{crate}/settings/delete", None) => {
            let sample = spare("confirm=demo-spare");
            let path = path(&sample, "/restore");
            sample.after(Method::POST, &path, None)
        }
        ("crates/{crate}/{version}/settings/delete", None) => {
            let sample = spare("confirm=demo-spare%401.0.0");
            let path = path(&sample, "/restore");
            sample.after(Method::POST, &path, None)
        }
        ("crates/{crate}/settings/restore" | "crates/{crate}/{version}/settings/restore", None) => {
            let sample = spare("");
            let path = path(&sample, "");
            sample.after(Method::DELETE, &path, None)
        }
        ("crates/{crate}/settings/purge", None) => of(409).form("confirm=demo"),
        ("crates/{crate}/{version}/settings/purge", None) => of(409).form("confirm=demo%401.0.0"),
        ("crates/{crate}/settings/release", None) => of(409).form("confirm=demo"),
        ("crates/{crate}/settings/pin", None) => of(422).form("upstream=up"),
        (
            "crates/{crate}/{version}/settings/yank" | "crates/{crate}/{version}/settings/unyank",
            None,
        ) => of(303).form(""),
        ("crates/{crate}/{version}/settings/accept", None) => of(404).form("confirm=demo%401.0.0"),
        _ => return None,
    };
    Some(sample)
}
