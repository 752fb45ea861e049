//! What the table says about somebody: read it beside the first lines of `table.txt`. It knows nothing of how the server decides.

use supercargo_types::{InstanceRole, Publishing, Role, Scope, Visibility};

use crate::{
    people::{ELSEWHERE, Kind, Person, Token},
    table::{Crates, Else, Row, Who},
};

/// A registry in which everything is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) visibility: Visibility,
    pub(crate) publishing: Publishing,
}

/// What somebody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What was asked for, or a word about what is wrong with it.
    Answer,
    /// 401.
    SignIn,
    /// As for a registry that does not exist.
    Hidden,
    /// 403.
    Refused,
    /// 404: nothing of theirs.
    NotThere,
}

/// The role in a registry, or `None` for who does not see it.
pub(crate) fn standing(person: &Person, token: Option<&Token>, place: &Place) -> Option<Role> {
    let anybody = (place.visibility == Visibility::Public).then_some(Role::Reader);
    let Some(token) = token else { return anybody };
    if !token.names(place.name) {
        return anybody;
    }
    if person.instance_role == InstanceRole::Admin {
        return Some(Role::Admin);
    }
    let everybody = place.visibility == Visibility::Internal && person.kind != Kind::Job;
    let role = person.roles.get(place.name).copied();
    role.max(anybody).max(everybody.then_some(Role::Reader))
}

/// Whether a person is who a line asks for, and whether their token is good for it.
#[derive(Clone, Copy)]
struct Found {
    is_who: bool,
    token_allows: bool,
}

fn verdict(row: &Row, found: Found) -> Verdict {
    match (row.otherwise, found) {
        (
            _,
            Found {
                is_who: true,
                token_allows: true,
            },
        ) => Verdict::Answer,
        (Else::NotThere, _)
        | (Else::NotThereThenRefused, Found { is_who: false, .. })
        | (
            Else::RefusedThenNotThere,
            Found {
                token_allows: true, ..
            },
        ) => Verdict::NotThere,
        _ => Verdict::Refused,
    }
}

/// What a line says about a person with a token, in a registry where it is about one.
pub(crate) fn judge(
    row: &Row,
    person: &Person,
    token: Option<&Token>,
    place: &Place,
    places: &[Place],
) -> Verdict {
    if row.who == Who::All {
        return Verdict::Answer;
    }
    // a session is nothing to programs, and a token nothing to pages
    let token = token.filter(|token| row.is_feed() || token.is_session == row.is_page());
    if token.is_some() && person.kind == Kind::Bad {
        return Verdict::SignIn;
    }
    if row.who == Who::Visitor {
        return Verdict::Answer;
    }
    let token = token.filter(|_| person.kind != Kind::Nobody);
    let Some(token) = token else {
        let is_open = row.who == Who::Reader && place.visibility == Visibility::Public;
        return if is_open {
            Verdict::Answer
        } else {
            Verdict::SignIn
        };
    };
    let has_scope = if row.every_scope {
        Scope::ALL.iter().all(|scope| token.has(*scope))
    } else {
        row.scope.is_none_or(|scope| token.has(scope))
    };
    let covers = match row.crates {
        Crates::Nothing => true,
        Crates::Cover => token.covers_demo(),
        Crates::No => token.crates.is_none(),
    };
    if row.is_of_registry() && row.who != Who::Job && row.who != Who::Root {
        let Some(role) = standing(person, Some(token), place) else {
            return Verdict::Hidden;
        };
        // whoever could see all accounts is told what their token lacks
        let is_told = row.otherwise == Else::NotThereThenRefused
            && person.instance_role == InstanceRole::Admin;
        let is_read = row.scope == Some(Scope::Read);
        let found = Found {
            is_who: has_role(row, person, token, place, role) || is_told,
            token_allows: has_scope && covers && (is_read || token.names(place.name)),
        };
        return verdict(row, found);
    }
    // what a token of some registries must not do: it would reach beyond them
    let is_of_instance = row.scope == Some(Scope::Admin) && row.who != Who::SomeAdmin;
    let reaches = !is_of_instance || token.registries.is_none();
    let found = Found {
        is_who: is_somebody(row, person, token, place, places),
        token_allows: has_scope && covers && reaches,
    };
    verdict(row, found)
}

fn has_role(row: &Row, person: &Person, token: &Token, place: &Place, role: Role) -> bool {
    match row.who {
        Who::Reader | Who::Known => true,
        Who::Publisher => role >= Role::Publisher,
        Who::Owner => {
            let by_rule = person.kind == Kind::Job && token.crates.is_some();
            let of_all = place.publishing == Publishing::Members;
            role >= Role::Maintainer
                || role == Role::Publisher && (person.is_owner || by_rule || of_all)
        }
        Who::Maintainer => role >= Role::Maintainer,
        Who::Admin => role >= Role::Admin,
        who => panic!("{who:?} is not about a registry, and `{row}` is"),
    }
}

fn is_somebody(row: &Row, person: &Person, token: &Token, place: &Place, places: &[Place]) -> bool {
    match row.who {
        Who::SignedIn => true,
        Who::User => person.kind == Kind::User,
        Who::AtHome => person.kind != Kind::Job,
        Who::Job => person.kind == Kind::Job && person.roles.contains_key(place.name),
        Who::Creator => person.instance_role >= InstanceRole::Creator,
        Who::Root => person.instance_role == InstanceRole::Admin,
        Who::SomeAdmin => {
            let is_admin =
                |place: &Place| standing(person, Some(token), place) == Some(Role::Admin);
            places.iter().chain([&ELSEWHERE]).any(is_admin)
        }
        who => panic!("{who:?} is about a registry, and `{row}` is not"),
    }
}
