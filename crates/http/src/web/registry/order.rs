//! A list of upstreams as a form has it: put in order step by step, and saved as a whole.
//!
//! Each row sends three fields of the same names, so what a script moves is in its new order when it is sent.

use std::collections::HashMap;

use supercargo_pages::{OrderRow, UpstreamChoice, UpstreamOrder, Wrongs};
use supercargo_registry::{
    AttachmentRequest, Instance, Refusal, Registry, SignedIn, UpstreamDetail, UpstreamSource,
};
use supercargo_types::{NamePattern, RegistryName};

use crate::web::{errors, forms::Form};

/// More rows than a registry may have upstreams, so that what is too much is refused with its own sentence.
const MOST_ROWS: usize = 50;

/// The order as it is saved.
pub(in crate::web) fn saved(registry: &Registry) -> Vec<OrderRow> {
    fn lines(patterns: &[NamePattern]) -> String {
        let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        patterns.join("\n")
    }
    let attached = registry.upstreams.iter();
    attached
        .map(|it| OrderRow {
            name: it.upstream.name.clone(),
            only: lines(&it.only),
            except: lines(&it.except),
            ..OrderRow::default()
        })
        .collect()
}

/// The order as it was sent.
pub(in crate::web) fn sent(form: &Form) -> Vec<OrderRow> {
    let names = form.all("upstream").take(MOST_ROWS);
    let mut only = form.all("only");
    let mut except = form.all("except");
    names
        .map(|name| OrderRow {
            name: name.to_owned(),
            only: only.next().unwrap_or("").to_owned(),
            except: except.next().unwrap_or("").to_owned(),
            ..OrderRow::default()
        })
        .collect()
}

/// Does what a button of the list asks for, and says what that was; `None` where nothing came of it. A list that was changed is
/// not saved by that.
pub(in crate::web) fn step(
    form: &Form,
    rows: &mut Vec<OrderRow>,
    usable: &[UpstreamDetail],
    wrongs: &mut Wrongs,
) -> Option<String> {
    let (deed, name) = match form.get("do") {
        "attach" => return attach(form.get("attach").trim(), rows, usable, wrongs),
        asked => asked.split_once(':')?,
    };
    let place = rows.iter().position(|row| row.name == name)?;
    let last = rows.len() - 1;
    let (place, pressed) = match deed {
        "detach" => {
            rows.remove(place);
            return Some(format!("`{name}` is off the list, which is not saved yet."));
        }
        "up" => {
            let to = place.saturating_sub(1);
            rows.swap(place, to);
            (to, if to == 0 { "down" } else { "up" })
        }
        "down" => {
            let to = (place + 1).min(last);
            rows.swap(place, to);
            (to, if to == last { "up" } else { "down" })
        }
        _ => return None,
    };
    rows[place].pressed = pressed;
    let place = place + 1;
    Some(format!(
        "`{name}` is number {place} of {}. The order is not saved yet.",
        last + 1
    ))
}

fn attach(
    name: &str,
    rows: &mut Vec<OrderRow>,
    usable: &[UpstreamDetail],
    wrongs: &mut Wrongs,
) -> Option<String> {
    if name.is_empty() {
        wrongs.put("attach", "Choose the upstream to attach.");
    } else if rows.iter().any(|row| row.name == name) {
        wrongs.put("attach", format!("`{name}` is in the list already."));
    } else if usable.iter().all(|it| it.name != name) {
        let text = format!("There is no upstream `{name}` that you may attach.");
        wrongs.put("attach", text);
    } else {
        rows.push(OrderRow {
            name: name.to_owned(),
            ..OrderRow::default()
        });
        return Some(format!(
            "`{name}` is asked last. The list is not saved yet."
        ));
    }
    None
}

/// What the use case is asked for; nothing where a pattern is none, which then stands beside its field.
pub(in crate::web) fn wanted(
    rows: &mut [OrderRow],
    wrongs: &mut Wrongs,
) -> Option<Vec<AttachmentRequest>> {
    let mut wanted = Vec::with_capacity(rows.len());
    for row in rows.iter_mut() {
        let only = patterns(&row.only, &mut row.wrong_only);
        let except = patterns(&row.except, &mut row.wrong_except);
        wanted.push(AttachmentRequest {
            name: row.name.clone(),
            only,
            except,
        });
    }
    let wrong: Vec<_> = rows.iter().filter(|row| row.is_wrong()).collect();
    if wrong.is_empty() {
        return Some(wanted);
    }
    let names: Vec<_> = wrong.iter().map(|row| format!("`{}`", row.name)).collect();
    let names = names.join(", ");
    wrongs.put("upstreams", format!("Look at the names of {names}."));
    None
}

fn patterns(text: &str, wrong: &mut Option<String>) -> Vec<NamePattern> {
    let mut patterns = Vec::new();
    for word in text.split_whitespace() {
        match word.parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(invalid) if wrong.is_none() => {
                let invalid: supercargo_types::InvalidPattern = invalid;
                *wrong = Some(errors::sentence(&invalid.to_string()));
            }
            Err(_) => {}
        }
    }
    patterns
}

/// Puts a refusal where it belongs: beside an upstream, or beside the list.
pub(in crate::web) fn refused(rows: &mut [OrderRow], refusal: &Refusal, wrongs: &mut Wrongs) {
    let sentence = errors::sentence(&refusal.to_string());
    let about = match refusal {
        Refusal::NoUpstream(name) => Some((name, "There is no such upstream any more.".to_owned())),
        Refusal::UpstreamTwice { upstream } | Refusal::UpstreamNotUsable { upstream, .. } => {
            Some((upstream, sentence.clone()))
        }
        _ => None,
    };
    let Some((name, sentence)) = about else {
        wrongs.put("upstreams", sentence);
        return;
    };
    if let Some(row) = rows.iter_mut().rev().find(|row| row.name == *name) {
        row.wrong = Some(sentence);
        wrongs.put("upstreams", format!("Look at `{name}`."));
    } else {
        wrongs.put("upstreams", sentence);
    }
}

/// Whether a refusal is about the list.
pub(in crate::web) fn is_about(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NoUpstream(_)
        | Refusal::UpstreamTwice { .. }
        | Refusal::UpstreamNotUsable { .. }
        | Refusal::Nesting { .. } => true,
        Refusal::Shape(sentence) => sentence.starts_with("`upstreams`"),
        _ => false,
    }
}

/// The list as it is shown, with where each of it reads, and what may be attached besides.
pub(in crate::web) fn shown(
    instance: &Instance,
    actor: &SignedIn,
    registry: Option<&RegistryName>,
    mut rows: Vec<OrderRow>,
) -> UpstreamOrder {
    let all = instance.list_upstreams(actor);
    let notes: HashMap<_, _> = all.iter().map(|it| (it.name.as_str(), note(it))).collect();
    for row in &mut rows {
        row.note = notes.get(row.name.as_str()).cloned().unwrap_or_default();
    }
    let usable = instance.usable_upstreams(actor, registry);
    let is_left = |it: &&UpstreamDetail| rows.iter().all(|row| row.name != it.name);
    let choices = usable.iter().filter(is_left).map(|it| UpstreamChoice {
        name: it.name.clone(),
        note: note(it),
    });
    let choices = choices.collect();
    UpstreamOrder {
        rows,
        choices,
        attach: String::new(),
        said: None,
    }
}

/// Where an upstream reads, in words.
fn note(upstream: &UpstreamDetail) -> String {
    match &upstream.source {
        UpstreamSource::Preset { preset } => (*preset).to_owned(),
        UpstreamSource::Index { index } => index.clone(),
        UpstreamSource::Registry {
            registry: Some(name),
        } => format!("registry {name} of this server"),
        UpstreamSource::Registry { registry: None } => "a registry of this server".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[&str]) -> Vec<OrderRow> {
        let names = names.iter();
        names
            .map(|name| OrderRow {
                name: (*name).to_owned(),
                ..OrderRow::default()
            })
            .collect()
    }

    fn after(deed: &str) -> (String, Option<String>, Wrongs) {
        let form = Form::of(&[("do", deed), ("attach", "a")]);
        let mut list = rows(&["a", "b", "c"]);
        let mut wrongs = Wrongs::default();
        let said = step(&form, &mut list, &[], &mut wrongs);
        let names: Vec<_> = list.iter().map(|row| row.name.as_str()).collect();
        (names.join(" "), said, wrongs)
    }

    /// R3 (ordered).
    #[test]
    fn buttons_move_a_row_by_one_and_stop_at_the_ends() {
        for (deed, order) in [
            ("up:c", "a c b"),
            ("up:a", "a b c"),
            ("down:a", "b a c"),
            ("down:c", "a b c"),
            ("detach:b", "a c"),
            ("up:nosuch", "a b c"),
            ("sideways:b", "a b c"),
            ("save", "a b c"),
        ] {
            assert_eq!(after(deed).0, order, "{deed}");
        }
        assert!(after("up:c").1.unwrap().contains("number 2 of 3"));
        assert!(after("save").1.is_none() && after("up:nosuch").1.is_none());
        assert!(after("attach").2.of("attach").is_some());
    }

    #[test]
    fn fields_of_a_row_stay_together() {
        let form = Form::of(&[
            ("upstream", "a"),
            ("only", "x-*"),
            ("except", ""),
            ("upstream", "b"),
            ("only", ""),
            ("except", "y z"),
        ]);
        let mut list = sent(&form);
        let mut wrongs = Wrongs::default();
        let wanted = wanted(&mut list, &mut wrongs).unwrap();
        let shown: Vec<_> = wanted
            .iter()
            .map(|it| (it.name.as_str(), it.only.len(), it.except.len()))
            .collect();
        assert_eq!(shown, [("a", 1, 0), ("b", 0, 2)]);
        assert!(wrongs.is_empty());
    }

    #[test]
    fn a_pattern_that_is_none_is_told_beside_its_field() {
        let mut list = rows(&["a", "b"]);
        list[1].except = "fine no.dots".to_owned();
        let mut wrongs = Wrongs::default();
        assert!(wanted(&mut list, &mut wrongs).is_none());
        assert!(list[0].wrong_except.is_none());
        assert!(list[1].wrong_except.as_ref().unwrap().contains("no.dots"));
        assert!(wrongs.of("upstreams").unwrap().contains("`b`"));
    }
}
