//! `/-/admin/configuration`: every setting as it is in effect.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{AdminHead, ConfigurationPage, SettingRow, SettingSource, SettingValue};
use supercargo_registry::{ConfiguredBy, ConfiguredKey, ConfiguredValue, Failure, Instance};

use super::{
    super::{asked::Asked, errors, respond::page, visitor::Visitor},
    audit::frame,
};

/// `GET /-/admin/configuration`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = shown(&instance, &visitor, &Asked::of(&uri));
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

fn shown(instance: &Instance, visitor: &Visitor, asked: &Asked) -> Result<Response<Body>, Failure> {
    let right = instance.may_administer_instance(visitor.actor.clone())?;
    let keys = instance.configured(&right);
    let is_changed = |key: &&ConfiguredKey| key.source != ConfiguredBy::Default;
    let changed = keys.iter().filter(is_changed).count() as u64;
    let only_changed = asked.get("changed") == "yes";
    let mut sections: Vec<(String, Vec<SettingRow>)> = Vec::new();
    for key in keys.iter().filter(|key| !only_changed || is_changed(key)) {
        let section = key.key.split_once('.').map_or("", |(section, _)| section);
        match sections.last_mut() {
            Some((name, rows)) if name == section => rows.push(row(key)),
            _ => sections.push((section.to_owned(), vec![row(key)])),
        }
    }
    let template = ConfigurationPage {
        frame: frame(visitor, "Configuration"),
        head: AdminHead {
            part: "configuration",
        },
        sections,
        changed,
        only_changed,
    };
    page(visitor, StatusCode::OK, &template)
}

fn row(key: &ConfiguredKey) -> SettingRow {
    SettingRow {
        key: key.key.clone(),
        about: key.about.clone(),
        value: match &key.value {
            ConfiguredValue::Text(text) => SettingValue::Text(text.clone()),
            ConfiguredValue::List(texts) => SettingValue::List(texts.clone()),
            ConfiguredValue::Secret => SettingValue::Secret,
            ConfiguredValue::Unset(instead) => SettingValue::Unset(instead.clone()),
        },
        source: match &key.source {
            ConfiguredBy::Default => SettingSource::Default,
            ConfiguredBy::File(path) => SettingSource::File(path.clone()),
            ConfiguredBy::Environment(name) => SettingSource::Environment(name.clone()),
            ConfiguredBy::Flag(name) => SettingSource::Flag(name.clone()),
        },
    }
}
