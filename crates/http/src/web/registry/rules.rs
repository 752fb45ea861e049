//! `/{registry}/rules`: patterns with what they catch, what people hold or block, and the forms that change either.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    CaughtFigures, Moment, NewQuarantine, PatternRow, QuarantineRow, RegistryPatternsPage,
    RegistryQuarantinePage, RegistryRulesPage, WeighedFigures, Wrongs,
};
use supercargo_registry::{
    Caught, Failure, Instance, MOST_PATTERNS, Quarantine, Refusal, RegistryEdit, Weighed,
};
use supercargo_types::{Action, Spelling, VersionPattern};

use super::{Looking, looked_at};
use crate::{
    problem,
    web::{
        account,
        asked::Asked,
        errors,
        forms::Form,
        respond::{Policy, page, page_with, see_other},
        visitor::Visitor,
    },
};

/// Quarantines on a page.
const PAGE: u32 = 50;
/// In characters, of what pages repeat.
const LONGEST: usize = 2_000;

/// `GET /{registry}/rules`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.rules(&asked).await
    })
    .await
}

/// `GET /{registry}/rules/patterns`.
pub(in crate::web) async fn show_patterns(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        instance.may_administer(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        let registry = looking.right.registry();
        let draft = Patterns::of(registry.allow(), registry.block());
        let status = StatusCode::OK;
        looking.patterns(status, draft, Wrongs::default()).await
    })
    .await
}

/// `POST /{registry}/rules/patterns`: saved, or only held against what is there.
pub(in crate::web) async fn change_patterns(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/rules/patterns");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        let (draft, mut wrongs) = Patterns::read(&form);
        if !wrongs.is_empty() {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return looking.patterns(status, draft, wrongs).await;
        }
        if form.get("do") != "save" {
            return looking.patterns(StatusCode::OK, draft, wrongs).await;
        }
        let edit = RegistryEdit {
            allow: Some(draft.allow.1.clone()),
            block: Some(draft.block.1.clone()),
            ..RegistryEdit::default()
        };
        let changed = instance.edit_registry(&admin, edit, &visitor.caller);
        match changed.await {
            Ok(_) => Ok(looking.to_rules("patterns")),
            Err(Failure::Refused(refusal)) => {
                wrongs.put_whole(errors::sentence(&refusal.to_string()));
                let status = problem::status_of(refusal.class());
                looking.patterns(status, draft, wrongs).await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

/// `GET /{registry}/rules/quarantine`.
pub(in crate::web) async fn offer_quarantine(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        instance.may_maintain(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        let draft = NewQuarantine {
            name: asked.get("crate").to_owned(),
            version: asked.get("version").to_owned(),
            action: Action::Hold.as_str().to_owned(),
            reason: String::new(),
        };
        let status = StatusCode::OK;
        looking.quarantine(status, draft, Wrongs::default()).await
    })
    .await
}

/// `POST /{registry}/rules/quarantine`.
pub(in crate::web) async fn quarantine(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/rules/quarantine");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let maintain = instance.may_maintain(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        let text = |field: &str| form.get(field).trim().chars().take(LONGEST).collect();
        let draft = NewQuarantine {
            name: text("crate"),
            version: text("version"),
            action: text("action"),
            reason: text("reason"),
        };
        let mut wrongs = Wrongs::default();
        let krate = draft.name.parse::<Spelling>();
        if let Err(invalid) = &krate {
            wrongs.put("crate", errors::sentence(&invalid.to_string()));
        }
        let action = draft.action.parse::<Action>();
        if action.is_err() {
            wrongs.put("action", "Choose one of these.");
        }
        let (Ok(krate), Ok(action), true) = (krate, action, wrongs.is_empty()) else {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return looking.quarantine(status, draft, wrongs).await;
        };
        let version = Some(draft.version.as_str()).filter(|version| !version.is_empty());
        let caller = &visitor.caller;
        let set = instance.quarantine(&maintain, &krate, version, action, &draft.reason, caller);
        match set.await {
            Ok(_) => Ok(looking.to_rules("quarantined")),
            Err(Failure::Refused(refusal)) => {
                let sentence = errors::sentence(&refusal.to_string());
                match &*refusal {
                    Refusal::NoVersion { .. } => wrongs.put("version", sentence),
                    // nothing else has a shape of its own that is refused here
                    Refusal::Shape(_) => wrongs.put("reason", sentence),
                    _ => wrongs.put_whole(sentence),
                }
                let status = problem::status_of(refusal.class());
                looking.quarantine(status, draft, wrongs).await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

/// `POST /{registry}/rules/lift`.
pub(in crate::web) async fn lift(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/rules");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let maintain = instance.may_maintain(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        let krate: Spelling = form.get("crate").trim().parse().map_err(|_| {
            // as what is not held
            Refusal::NoQuarantine {
                registry: looking.right.registry().name.clone(),
                what: form.get("crate").chars().take(64).collect(),
            }
        })?;
        let version = Some(form.get("version")).filter(|version| !version.is_empty());
        let lifted = instance.lift_quarantine(&maintain, &krate, version, &visitor.caller);
        lifted.await?;
        Ok(looking.to_rules("lifted"))
    })
    .await
}

/// Both lists as they are filled in, and the patterns in them.
struct Patterns {
    allow: (String, Vec<VersionPattern>),
    block: (String, Vec<VersionPattern>),
}

impl Patterns {
    fn of(allow: &[VersionPattern], block: &[VersionPattern]) -> Self {
        let list = |patterns: &[VersionPattern]| {
            let lines: Vec<_> = patterns.iter().map(ToString::to_string).collect();
            (lines.join("\n"), patterns.to_vec())
        };
        Self {
            allow: list(allow),
            block: list(block),
        }
    }

    fn read(form: &Form) -> (Self, Wrongs) {
        let mut wrongs = Wrongs::default();
        let mut list = |field: &'static str| {
            let text = form.get(field);
            let (patterns, wrong) = parsed(text);
            if let Some(wrong) = wrong {
                wrongs.put(field, wrong);
            }
            (text.to_owned(), patterns)
        };
        let read = Self {
            allow: list("allow"),
            block: list("block"),
        };
        (read, wrongs)
    }
}

/// The patterns of a text, one a line; a pattern that is there twice is there once. And what is wrong with which lines.
fn parsed(text: &str) -> (Vec<VersionPattern>, Option<String>) {
    let mut patterns: Vec<VersionPattern> = Vec::new();
    let mut wrong = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        if patterns.len() > MOST_PATTERNS {
            break;
        }
        let line = line.trim();
        match line.parse::<VersionPattern>() {
            _ if line.is_empty() => {}
            Ok(pattern) if patterns.contains(&pattern) => {}
            Ok(pattern) => patterns.push(pattern),
            Err(invalid) => {
                wrong.insert(at + 1, invalid.to_string());
            }
        }
    }
    // as the use case has it, and before anything is held against them
    if patterns.len() > MOST_PATTERNS {
        let sentence = format!("A list has at most {MOST_PATTERNS} patterns.");
        return (Vec::new(), Some(sentence));
    }
    let others = wrong.len().saturating_sub(1);
    let first = wrong.into_iter().next();
    let sentence = first.map(|(line, sentence)| match others {
        0 => format!("Line {line}: {sentence}."),
        1 => format!("Line {line}: {sentence}. Another line is wrong as well."),
        _ => format!("Line {line}: {sentence}. {others} other lines are wrong as well."),
    });
    (patterns, sentence)
}

fn figures(caught: &Caught) -> CaughtFigures {
    CaughtFigures {
        versions: caught.versions,
        crates: caught.crates,
        names: caught.names.iter().map(ToString::to_string).collect(),
    }
}

/// Each pattern with what it catches, where that is told.
fn rows(patterns: &[VersionPattern], caught: Option<Vec<Caught>>) -> Vec<PatternRow> {
    let mut caught = caught.map(Vec::into_iter);
    let row = |pattern: &VersionPattern| PatternRow {
        pattern: pattern.to_string(),
        caught: caught
            .as_mut()
            .and_then(Iterator::next)
            .map(|caught| figures(&caught)),
    };
    patterns.iter().map(row).collect()
}

/// What all of them do, with what each of the two lists catches.
fn taken_apart(weighed: Weighed) -> (WeighedFigures, Vec<Caught>, Vec<Caught>) {
    let together = WeighedFigures {
        kept_out: figures(&weighed.kept_out),
        versions: weighed.versions,
        is_cut: weighed.is_cut,
    };
    (together, weighed.allow, weighed.block)
}

impl Looking<'_> {
    /// To the rules, after something went well.
    fn to_rules(&self, done: &str) -> Response<Body> {
        let path = format!("/{}/rules", self.name());
        let to = self.visitor.links.asking(&path, &[("done", done)]);
        see_other(self.visitor, &to)
    }

    async fn weigh(
        &self,
        allow: &[VersionPattern],
        block: &[VersionPattern],
    ) -> Result<Weighed, Failure> {
        let (allow, block) = (allow.into(), block.into());
        let weighing = self.instance.weigh_patterns(&self.right, allow, block);
        weighing.await
    }

    async fn rules(&self, asked: &Asked) -> Result<Response<Body>, Failure> {
        let registry = self.right.registry();
        let name = self.name();
        let (allow, block) = (registry.allow(), registry.block());
        let has_patterns = !allow.is_empty() || !block.is_empty();
        let actor = self.visitor.actor.clone();
        let may_maintain = self.instance.may_maintain(&name, actor).is_ok();
        // work for the server, which not every reader may ask for again and again
        let weighed = if may_maintain && has_patterns {
            Some(taken_apart(self.weigh(allow, block).await?))
        } else {
            None
        };
        let (together, admitted, barred) = match weighed {
            Some((together, admitted, barred)) => (Some(together), Some(admitted), Some(barred)),
            None => (None, None, None),
        };
        let text = asked.get("q").to_lowercase();
        let mut quarantines = self.instance.quarantines(&self.right);
        quarantines.retain(|it| {
            it.name.as_str().contains(&text.replace('_', "-"))
                || it.reason.to_lowercase().contains(&text)
                || it.created_by.contains(&text)
        });
        let total = quarantines.len() as u64;
        let skipped = usize::try_from(asked.skipped(PAGE.into())).unwrap_or(usize::MAX);
        let page_of = quarantines.into_iter().skip(skipped).take(PAGE as usize);
        let template = RegistryRulesPage {
            frame: self.frame("Rules"),
            head: self.head("rules").await?,
            allow: rows(allow, admitted),
            block: rows(block, barred),
            weighed: together,
            text: asked.get("q").to_owned(),
            quarantines: page_of.map(|it| self.quarantine_row(it)).collect(),
            pager: asked.pager(
                &self.visitor.links,
                &format!("/{name}/rules"),
                PAGE.into(),
                total,
            ),
            may_maintain,
            done: match asked.get("done") {
                "patterns" => Some("The patterns are saved, and hold as of now."),
                "quarantined" => Some("The quarantine holds, as of now."),
                "lifted" => Some("The quarantine is lifted, as of now."),
                _ => None,
            },
        };
        page(self.visitor, StatusCode::OK, &template)
    }

    fn quarantine_row(&self, it: Quarantine) -> QuarantineRow {
        QuarantineRow {
            name: it.name.to_string(),
            version: it.version,
            state: match it.action {
                Action::Hold => "held",
                Action::Block => "blocked",
            },
            reason: errors::capital(&it.reason),
            by: it.created_by,
            since: Moment::new(it.created_at, self.now),
        }
    }

    async fn patterns(
        &self,
        status: StatusCode,
        draft: Patterns,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let weighed = if wrongs.is_empty() {
            let weighed = self.weigh(&draft.allow.1, &draft.block.1).await?;
            Some(taken_apart(weighed))
        } else {
            None
        };
        let (together, admitted, barred) = match weighed {
            Some((together, admitted, barred)) => (Some(together), Some(admitted), Some(barred)),
            None => (None, None, None),
        };
        let template = RegistryPatternsPage {
            frame: self.frame_below("Rules", "rules", "Patterns"),
            head: self.head("rules").await?,
            admitted: rows(&draft.allow.1, admitted),
            barred: rows(&draft.block.1, barred),
            allow: draft.allow.0,
            block: draft.block.0,
            weighed: together,
            wrongs,
        };
        let policy = Policy {
            asks: true,
            ..Policy::default()
        };
        page_with(self.visitor, status, &template, &policy)
    }

    async fn quarantine(
        &self,
        status: StatusCode,
        draft: NewQuarantine,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let template = RegistryQuarantinePage {
            frame: self.frame_below("Rules", "rules", "New quarantine"),
            head: self.head("rules").await?,
            draft,
            wrongs,
        };
        page(self.visitor, status, &template)
    }

    /// Around a page below one of its parts.
    fn frame_below(&self, words: &str, part: &str, title: &str) -> supercargo_pages::Frame {
        let mut frame = self.frame(title);
        let last = frame.crumbs.pop();
        let address = frame.links.of_registry(&self.name(), part);
        frame.step(words, address);
        frame.crumbs.extend(last);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_patterns_once_each() {
        let (patterns, wrong) = parsed("serde\r\n\n  acme_* \nSerde\nopenssl@<0.10.55\n");
        let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(patterns, ["serde", "acme-*", "openssl@<0.10.55"]);
        assert_eq!(wrong, None);
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let (patterns, wrong) = parsed("serde\nac me\n@1\n");
        assert_eq!(patterns.len(), 1);
        let wrong = wrong.unwrap();
        assert!(wrong.starts_with("Line 2: "), "{wrong}");
        assert!(wrong.ends_with("Another line is wrong as well."), "{wrong}");
    }
}
