//! `supercargo team …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::AccountName;

use super::{Outcome, confirm::confirm};
use crate::{
    client::Client,
    output::{Column, Report},
};

const TEAMS: &str = "teams";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("MEMBERS", &["/member_count"]),
    Column::time("CREATED", &["/created_at"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a team; elsewhere it is written `team:NAME`
    Create {
        /// Its name, such as `core`
        name: AccountName,
    },
    /// List all teams
    List,
    /// Show one team with its members
    Show {
        /// Its name
        name: AccountName,
    },
    /// Delete a team with its roles and what it owns; not while it is the last owner of a crate
    Delete {
        /// Its name
        name: AccountName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Make a user a member of a team
    Add {
        /// The team
        team: AccountName,
        /// The user, such as `alice`
        user: AccountName,
    },
    /// Take a user out of a team
    Remove {
        /// The team
        team: AccountName,
        /// The user
        user: AccountName,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create { name } => {
                let body = json!({ "name": name });
                Report::Item(client.post(&[TEAMS], Some(&body)).await?)
            }
            Self::List => Report::List {
                columns: COLUMNS,
                answer: client.list(&[TEAMS]).await?,
            },
            Self::Show { name } => Report::Item(client.get(&[TEAMS, name.as_str()]).await?),
            Self::Delete { name, yes } => {
                let consequence = format!(
                    "the members of team `{name}` will lose the roles and the crates that they have through it"
                );
                confirm(name.as_str(), &consequence, yes)?;
                client.delete(&[TEAMS, name.as_str()], None).await?;
                Report::Done(format!("team `{name}` is deleted"))
            }
            Self::Add { team, user } => {
                let path = [TEAMS, team.as_str(), "members", user.as_str()];
                client.put(&path, &json!({})).await?;
                Report::Done(format!("`{user}` is a member of team `{team}`"))
            }
            Self::Remove { team, user } => {
                let path = [TEAMS, team.as_str(), "members", user.as_str()];
                client.delete(&path, None).await?;
                Report::Done(format!("`{user}` is no member of team `{team}` any more"))
            }
        })
    }
}
