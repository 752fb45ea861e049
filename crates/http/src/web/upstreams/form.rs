//! What is filled in to make or change an upstream, field by field, so that all that is wrong is told at once.

use supercargo_pages::{UpstreamDraft, Wrongs};
use supercargo_registry::{AuthRequest, Refusal, UpstreamDetail, UpstreamEdit, UpstreamRequest};
use supercargo_types::RegistryName;

use crate::web::{errors, forms::Form};

/// In characters, of what pages repeat.
const LONGEST: usize = 2_000;
/// Registries in a form; whoever needs more has the API.
const NAMES: usize = 1_000;

pub(super) fn draft(form: &Form) -> UpstreamDraft {
    let text = |name: &str| form.get(name).trim().chars().take(LONGEST).collect();
    let list = |name: &str| form.get(name).to_owned();
    UpstreamDraft {
        name: text("name"),
        source: text("source"),
        index: text("index"),
        registry: text("registry"),
        auth: text("auth"),
        username: text("username"),
        origins: list("origins"),
        limited: text("limited"),
        usable_by: list("usable_by"),
    }
}

/// As an upstream is now.
pub(super) fn draft_of(upstream: &UpstreamDetail) -> UpstreamDraft {
    let usable = upstream.usable_by.as_ref();
    let usable: Vec<_> = usable
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    UpstreamDraft {
        auth: upstream.auth.kind.to_owned(),
        username: upstream.auth.username.clone().unwrap_or_default(),
        origins: upstream.auth.origins.join("\n"),
        limited: match upstream.usable_by {
            Some(_) => "some".to_owned(),
            None => "rule".to_owned(),
        },
        usable_by: usable.join("\n"),
        ..UpstreamDraft::default()
    }
}

fn origins(draft: &UpstreamDraft) -> Vec<String> {
    let words = draft.origins.split_whitespace();
    words.map(str::to_owned).collect()
}

/// The names in a field that takes them one a line, or with commas.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    words.filter(|word| !word.is_empty())
}

fn usable_by(draft: &UpstreamDraft, wrongs: &mut Wrongs) -> Option<Vec<RegistryName>> {
    if draft.limited != "some" {
        return None;
    }
    let mut names = Vec::new();
    for word in words(&draft.usable_by) {
        if names.len() >= NAMES {
            let sentence = format!("Name at most {NAMES} registries here, or use the API.");
            wrongs.put("usable_by", sentence);
            break;
        }
        match word.parse::<RegistryName>() {
            Ok(name) => names.push(name),
            Err(wrong) => wrongs.put("usable_by", errors::sentence(&wrong.to_string())),
        }
    }
    Some(names)
}

fn auth(draft: &UpstreamDraft, secret: &str, wrongs: &mut Wrongs) -> AuthRequest {
    let needs_secret = ["token", "bearer", "basic"].contains(&draft.auth.as_str());
    if needs_secret && secret.is_empty() {
        wrongs.put("secret", "Type the secret that it is to be shown.");
    }
    let (secret, origins) = (secret.to_owned(), origins(draft));
    match draft.auth.as_str() {
        "token" => AuthRequest::Token { secret, origins },
        "bearer" => AuthRequest::Bearer { secret, origins },
        "basic" => {
            if draft.username.is_empty() {
                wrongs.put("username", "Say who signs in there.");
            }
            AuthRequest::Basic {
                username: draft.username.clone(),
                secret,
                origins,
            }
        }
        "none" | "" => AuthRequest::None {},
        _ => {
            wrongs.put("auth", "Choose one of these.");
            AuthRequest::None {}
        }
    }
}

/// A new upstream as a form has it.
///
/// # Errors
/// What is wrong, by field; a test needs no name.
pub(super) fn wanted(
    draft: &UpstreamDraft,
    secret: &str,
    is_test: bool,
) -> Result<UpstreamRequest, Wrongs> {
    let mut wrongs = Wrongs::default();
    let (mut preset, mut index, mut registry) = (None, None, None);
    match draft.source.as_str() {
        "crates.io" => preset = Some("crates.io".to_owned()),
        "index" if draft.index.is_empty() => {
            wrongs.put(
                "index",
                "Say where the index is, as in `sparse+https://crates.partner.example/index/`.",
            );
        }
        "index" => index = Some(draft.index.clone()),
        "registry" => match draft.registry.parse::<RegistryName>() {
            Ok(name) => registry = Some(name),
            Err(_) if draft.registry.is_empty() => wrongs.put("registry", "Choose a registry."),
            Err(wrong) => wrongs.put("registry", errors::sentence(&wrong.to_string())),
        },
        _ => wrongs.put("source", "Choose where it reads."),
    }
    if draft.name.is_empty() && !is_test {
        wrongs.put("name", "Give it a name, as in `crates-io`.");
    }
    let auth = match draft.source.as_str() {
        // its fields are not shown then, and may hold what was typed before
        "registry" => AuthRequest::None {},
        _ => auth(draft, secret, &mut wrongs),
    };
    let usable_by = usable_by(draft, &mut wrongs);
    if wrongs.is_empty() {
        Ok(UpstreamRequest {
            name: draft.name.clone(),
            preset,
            index,
            registry,
            auth: Some(auth),
            usable_by,
        })
    } else {
        Err(wrongs)
    }
}

/// What changes of an upstream.
///
/// # Errors
/// What is wrong, by field. A kept secret goes where it went before and as it did, or has to be typed again: otherwise
/// whoever takes over an admin's browser could have it sent to an origin of their own.
pub(super) fn edit(
    before: &UpstreamDetail,
    draft: &UpstreamDraft,
    secret: &str,
) -> Result<UpstreamEdit, Wrongs> {
    let mut wrongs = Wrongs::default();
    let is_registry = matches!(
        before.source,
        supercargo_registry::UpstreamSource::Registry { .. }
    );
    let shown = &before.auth;
    let is_same = draft.auth == shown.kind
        && (draft.auth != "basic" || Some(&draft.username) == shown.username.as_ref())
        && (draft.auth == "none" || origins(draft) == shown.origins);
    let auth = match () {
        () if is_registry => None,
        () if is_same && secret.is_empty() => None,
        () => Some(auth(draft, secret, &mut wrongs)),
    };
    // What was not changed is not sent: the list has registries as well that the form cannot show, such as deleted ones, which
    // may come back.
    let shown = draft_of(before);
    let is_same = draft.limited == shown.limited
        && (draft.limited != "some" || words(&draft.usable_by).eq(words(&shown.usable_by)));
    let usable_by = usable_by(draft, &mut wrongs);
    if wrongs.is_empty() {
        Ok(UpstreamEdit {
            auth,
            usable_by: (!is_same).then_some(usable_by),
        })
    } else {
        Err(wrongs)
    }
}

/// Which field a refusal speaks of: its sentence begins with the name under which the API has it.
pub(super) fn field_of(refusal: &Refusal) -> Option<&'static str> {
    let Refusal::UpstreamShape(sentence) = refusal else {
        return None;
    };
    [
        ("`auth.secret`", "secret"),
        ("`auth.username`", "username"),
        ("`auth.origins`", "origins"),
        ("`auth`", "auth"),
        ("`index`", "index"),
        ("`registry`", "registry"),
        ("`name`", "name"),
        ("`usable_by`", "usable_by"),
    ]
    .into_iter()
    .find_map(|(beginning, field)| sentence.starts_with(beginning).then_some(field))
}
