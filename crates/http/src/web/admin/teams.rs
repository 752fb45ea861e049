//! `/-/admin/teams`: which teams there are, and who is in them.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{TeamLine, TeamPage, TeamsPage, Wrongs};
use supercargo_registry::{AccountQuery, Failure, Instance, Refusal};
use supercargo_types::{AccountName, PrincipalKind, PrincipalRef};

use super::{Looking, PAGE, answered, done, head, owned, refused, roles, whole, wrong};
use crate::web::{asked::Asked, errors, respond::page, visitor::Visitor};

const LIST: &str = "/-/admin/teams";
const TAB: (&str, &str) = ("Teams", LIST);
/// Users who are told to whoever typed a part of a name.
const NEAR: u32 = 8;

/// What went well, by the word that stands in the address.
fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "made" => "The team is made. Add its people, and give it a role on a registry's page.",
        "added" => "Added. They have what the team has, as of now.",
        "removed" => "Removed. They have lost what they had through the team.",
        "deleted" => "The team is deleted.",
        _ => return None,
    })
}

fn here(name: &str) -> String {
    supercargo_pages::Links::new("").administered("teams", name)
}

/// `GET /-/admin/teams`.
pub(in crate::web) async fn list(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let looking = Looking::new(&instance, &visitor)?;
        let mut template = looking.teams(&asked).await?;
        template.done = said(asked.get("done"));
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/teams`: a new one.
pub(in crate::web) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, LIST).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let text = form.get("name").trim();
    let (status, sentence) = match text.parse::<AccountName>() {
        Ok(name) => {
            let make = instance.create_team(&looking.right, name, &visitor.caller);
            match make.await.map_err(refused) {
                Ok(team) => {
                    let to = visitor.links.administered("teams", team.name.as_str());
                    return done(&visitor, &to, "made");
                }
                Err(Ok((status, sentence, _))) => (status, sentence),
                Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
            }
        }
        Err(error) => {
            let sentence = errors::sentence(&error.to_string());
            (StatusCode::UNPROCESSABLE_ENTITY, sentence)
        }
    };
    let made = async {
        let mut template = looking.teams(&Asked::of(&uri)).await?;
        text.clone_into(&mut template.draft);
        template.wrongs = wrong("name", sentence);
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `GET /-/admin/teams/{team}`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let looking = Looking::new(&instance, &visitor)?;
        let mut template = looking.team(&name, &asked).await?;
        template.done = said(asked.get("done"));
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/teams/{team}/members/add`.
pub(in crate::web) async fn add(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let user = form.get("user").trim();
    let add = instance.add_team_member(&looking.right, &name, user, &visitor.caller);
    let (status, sentence, refusal) = match add.await.map_err(refused) {
        Ok((team, _)) => {
            let to = visitor.links.administered("teams", team.as_str());
            return done(&visitor, &to, "added");
        }
        Err(Ok(refused)) => refused,
        Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
    };
    let made = async {
        let mut template = looking.team(&name, &Asked::of(&uri)).await?;
        user.clone_into(&mut template.draft);
        template.wrongs = wrong("user", sentence);
        if matches!(*refusal, Refusal::NoAccount(_)) {
            template.near = looking.near(user).await?;
        }
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/teams/{team}/members/remove`.
pub(in crate::web) async fn remove(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let user = form.get("user");
    let remove = instance.remove_team_member(&looking.right, &name, user, &visitor.caller);
    match remove.await {
        Ok(()) => done(
            &visitor,
            &visitor.links.administered("teams", &name),
            "removed",
        ),
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

/// `POST /-/admin/teams/{team}/delete`.
pub(in crate::web) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (status, wrongs) = if form.get("confirm").trim() == name {
        let delete = instance.delete_team(&looking.right, &name, &visitor.caller);
        match delete.await.map_err(refused) {
            Ok(()) => return done(&visitor, &visitor.links.to(LIST), "deleted"),
            Err(Ok((status, sentence, _))) => (status, whole(sentence)),
            Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
        }
    } else {
        let sentence = "The name of the team, exactly as it stands above.";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        (status, wrong("confirm", sentence))
    };
    let made = async {
        let mut template = looking.team(&name, &Asked::of(&uri)).await?;
        template.delete = wrongs;
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

impl Looking<'_> {
    async fn teams(&self, asked: &Asked) -> Result<TeamsPage, Failure> {
        let per_page = u64::from(PAGE);
        let skipped = asked.skipped(per_page);
        let text = asked.get("q");
        let found = self.instance.find_teams(&self.right, text, PAGE, skipped);
        let (teams, total) = found.await?;
        let teams = teams.into_iter().map(|team| TeamLine {
            groups: self.groups(&team.name),
            name: team.name.to_string(),
            members: team.member_count,
            created: self.moment(team.created_at),
        });
        Ok(TeamsPage {
            frame: super::frame(self.visitor, None, "Teams"),
            head: head("teams"),
            teams: teams.collect(),
            text: text.to_owned(),
            pager: asked.pager(&self.visitor.links, LIST, per_page, total),
            draft: String::new(),
            wrongs: Wrongs::default(),
            done: None,
        })
    }

    async fn team(&self, name: &str, asked: &Asked) -> Result<TeamPage, Failure> {
        let team = self.instance.team(&self.right, name).await?;
        let reference = PrincipalRef {
            kind: PrincipalKind::Team,
            name: team.name.clone(),
        };
        let standing = self
            .instance
            .account_standing(&self.right, &reference)
            .await?;
        let members_total = team.members.len() as u64;
        let text = asked.get("q").to_lowercase();
        let found = team.members.iter().map(ToString::to_string);
        let found: Vec<_> = found.filter(|name| name.contains(&text)).collect();
        let total = found.len() as u64;
        let per_page = u64::from(PAGE);
        let skipped = usize::try_from(asked.skipped(per_page)).unwrap_or(usize::MAX);
        let members = found.into_iter().skip(skipped).take(PAGE as usize);
        let name = team.name.to_string();
        let provider = self.instance.sign_on();
        Ok(TeamPage {
            frame: self.frame(TAB, &name),
            head: head("teams"),
            created: self.moment(team.created_at),
            members: members.collect(),
            members_total,
            text,
            pager: asked.pager(&self.visitor.links, &here(&name), per_page, total),
            groups: self.groups(&team.name),
            provider: provider.map_or_else(String::new, |settings| settings.label.clone()),
            roles: roles(&standing),
            owned: owned(&standing),
            draft: String::new(),
            near: Vec::new(),
            wrongs: Wrongs::default(),
            delete: Wrongs::default(),
            done: None,
            name,
        })
    }

    /// The groups of the provider that govern a team.
    fn groups(&self, team: &AccountName) -> Vec<String> {
        let settings = self.instance.sign_on();
        let governed = settings.iter().flat_map(|settings| &settings.teams);
        let governing = governed.filter(|(_, governed)| governed == team);
        governing.map(|(group, _)| group.clone()).collect()
    }

    /// Users who may be meant by a part of a name.
    async fn near(&self, text: &str) -> Result<Vec<String>, Failure> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let query = AccountQuery {
            text: text.to_owned(),
            ..AccountQuery::default()
        };
        let found = self.instance.find_users(&self.right, &query, NEAR, 0);
        let (found, _) = found.await?;
        let names = found.into_iter();
        Ok(names
            .map(|found| found.principal.name.to_string())
            .collect())
    }
}
