//! How upstreams do, in words.

use serde_json::Value;

use super::{printable, table::time};

/// A line for each upstream of the API's `health`, which is a list, or one for itself.
pub(super) fn lines(health: &Value) -> Vec<String> {
    match health {
        Value::Array(upstreams) => upstreams.iter().map(line).collect(),
        upstream => vec![line(upstream)],
    }
}

fn line(health: &Value) -> String {
    let word = |field: &str| health[field].as_str().map(printable);
    let state = match word("state").as_deref() {
        Some("unknown") => "not asked yet".to_owned(),
        state => state.unwrap_or_default().to_owned(),
    };
    let since = match &health["since"] {
        Value::Null => String::new(),
        since => format!(" since {}", time(since)),
    };
    let reason = word("reason").map_or_else(String::new, |reason| format!(", for {reason}"));
    let alarms = match health["alarms"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => "; 1 alarm in 7 days".to_owned(),
        Some(alarms) => format!("; {alarms} alarms in 7 days"),
    };
    let upstream = word("upstream").unwrap_or_default();
    format!("{upstream}: {state}{since}{reason}{alarms}")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_upstream_has_its_line() {
        let item = |upstream: &str, state: &str, alarms: u32| json!({ "upstream": upstream, "state": state, "since": null, "reason": null, "alarms": alarms });
        let mut failing = item("partner", "failing", 1);
        failing["since"] = json!("2026-11-20T11:54:12.015923Z");
        failing["reason"] = json!(
            "upstream `partner` gives an answer that makes no sense: its `config.json` has no `dl`"
        );
        let all = json!([
            item("crates-io", "ok", 0),
            failing,
            item("mirror", "unknown", 2)
        ]);
        assert_snapshot!(lines(&all).join("\n"), @"
        crates-io: ok
        partner: failing since 2026-11-20T11:54:12Z, for upstream `partner` gives an answer that makes no sense: its `config.json` has no `dl`; 1 alarm in 7 days
        mirror: not asked yet; 2 alarms in 7 days
        ");
        assert_snapshot!(lines(&item("crates-io", "ok", 0)).join("\n"), @"crates-io: ok");
    }
}
