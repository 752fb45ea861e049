//! What a token may do, in sentences. They are made by asking for each right, as every use case does: nothing here knows what a
//! role or a scope allows.

use std::{collections::BTreeMap, sync::Arc};

use supercargo_types::{RegistryName, Role, Scope, Timestamp};

use super::{ADMINISTER, Actor, DELETE, Demand, Lack, MAINTAIN, OWN, PUBLISH, YANK, weigh};
use crate::Instance;

const DEMANDS: [&Demand; 6] = [&PUBLISH, &YANK, &OWN, &MAINTAIN, &DELETE, &ADMINISTER];
/// Of names in a sentence; there may be thousands of registries.
const NAMED: usize = 5;
/// Of registries that a token is for and that it may not read: a token can name any number.
const UNREAD: usize = 5;

/// What an actor may do in a registry, and in every other one that is like it.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    deeds: Vec<Scope>,
    must_own: bool,
    lacks: BTreeMap<Lack, Vec<Scope>>,
}

fn standing(actor: &Actor, registry: &crate::Registry) -> Standing {
    let mut standing = Standing::default();
    for demand in DEMANDS {
        match weigh(actor, registry, demand) {
            Ok(must_own) => {
                standing.deeds.push(demand.scope);
                standing.must_own |= must_own.is_some();
            }
            // of a registry that the token is not for, its scopes promise nothing
            Err(lack) if actor.scopes.has(demand.scope) && actor.token_names(&registry.name) => {
                standing.lacks.entry(lack).or_default().push(demand.scope);
            }
            Err(_) => {}
        }
    }
    standing
}

impl Instance {
    /// What an actor may do. Only registries that `reader` may read are named.
    pub(crate) fn in_words(&self, actor: &Arc<Actor>, reader: &Arc<Actor>) -> Vec<String> {
        let end = actor.expires_at.map(Timestamp::pubtime);
        let until = end.map_or_else(String::new, |end| format!(" until {}", &end[..10]));
        let mut sentences = Vec::new();
        if self.may_create_registries(Some(actor.clone())).is_ok() {
            sentences.push(format!("may make registries{until}"));
        }
        if self.may_administer_instance(Some(actor.clone())).is_ok() {
            sentences.push(format!(
                "may administer the whole server with its users, teams and upstreams{until}"
            ));
        }
        let directory = self.directory();
        let mut names: Vec<_> = directory.registries().collect();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        let mut groups: BTreeMap<Standing, Vec<RegistryName>> = BTreeMap::new();
        let mut unread: Vec<_> = actor.registries.clone().unwrap_or_default();
        for registry in names {
            let may_read = |who: &Arc<Actor>| {
                let right = self.may_read(registry.name.as_str(), Some(who.clone()));
                right.is_ok()
            };
            if !may_read(actor) {
                continue;
            }
            unread.retain(|name| *name != registry.name);
            if may_read(reader) {
                let group = groups.entry(standing(actor, registry)).or_default();
                group.push(registry.name.clone());
            }
        }
        if groups.is_empty() && sentences.is_empty() {
            sentences.push(format!(
                "may do nothing: there is no registry that `{}` may read and this token is for",
                actor.principal
            ));
        }
        // where most may be done, first
        for (standing, registries) in groups.iter().rev() {
            sentences.push(granted(actor, standing, registries, &until));
            let lacks = standing.lacks.iter();
            sentences.extend(lacks.map(|(lack, scopes)| lacking(actor, *lack, scopes, registries)));
        }
        let unread = unread.iter().take(UNREAD).map(|name| {
            format!(
                "is for registry `{name}`, which is not there or which `{}` may not read",
                actor.principal
            )
        });
        sentences.extend(unread);
        sentences
    }
}

fn granted(actor: &Actor, standing: &Standing, registries: &[RegistryName], until: &str) -> String {
    let verbs: Vec<_> = standing
        .deeds
        .iter()
        .flat_map(|scope| verbs(*scope))
        .collect();
    let place = place(registries);
    let administers = standing.deeds.contains(&Scope::Admin);
    let settings = if administers {
        ", and change the settings and members"
    } else {
        ""
    };
    if verbs.is_empty() {
        return format!("may read every crate {place}{settings}{until}");
    }
    let owner = &actor.principal;
    let patterns = actor.crates.as_ref().map(|patterns| {
        let patterns = patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        named(&patterns)
    });
    let objects = match (patterns, standing.must_own) {
        (None, false) => "every crate".to_owned(),
        (None, true) => format!("new crates and those that `{owner}` owns"),
        (Some(patterns), false) => format!("crates {patterns}"),
        (Some(patterns), true) => {
            format!("crates {patterns} that are new or that `{owner}` owns")
        }
    };
    let verbs = and(&verbs);
    format!("may read every crate {place}, and {verbs} {objects} there{settings}{until}")
}

fn verbs(scope: Scope) -> &'static [&'static str] {
    match scope {
        Scope::Publish => &["publish"],
        Scope::Yank => &["yank"],
        Scope::Owners => &["change the owners of"],
        Scope::Maintain => &["claim", "quarantine"],
        Scope::Delete => &["delete"],
        Scope::Read | Scope::Admin => &[],
    }
}

fn lacking(actor: &Actor, lack: Lack, scopes: &[Scope], registries: &[RegistryName]) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let several = if scopes.len() == 1 { "" } else { "s" };
    let scopes = and(&scopes);
    let place = place(registries);
    let owner = &actor.principal;
    let why = match lack {
        Lack::Role(Role::Admin) | Lack::Sight | Lack::Scope => format!("it does not count {place}"),
        Lack::Role(role) => format!("`{owner}` is only a {role} {place}"),
        Lack::WholeRegistry => {
            format!("it is limited to some crates, and that would reach all of them {place}")
        }
    };
    format!("has the scope{several} {scopes}, but {why}")
}

/// Where: in one registry, or in several.
fn place(registries: &[RegistryName]) -> String {
    let names: Vec<_> = registries.iter().map(ToString::to_string).collect();
    let noun = if names.len() == 1 {
        "registry"
    } else {
        "registries"
    };
    format!("in {noun} {}", named(&names))
}

/// A few names, and how many more there are.
fn named(names: &[String]) -> String {
    let mut told: Vec<_> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > NAMED {
        told.push(format!("{} more", names.len() - NAMED));
    }
    and(&told)
}

/// `a, b and c`.
fn and<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<_> = texts.iter().map(AsRef::as_ref).collect();
    match texts.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
