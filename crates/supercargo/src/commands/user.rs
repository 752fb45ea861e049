//! `supercargo user …`.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use supercargo_types::{AccountName, InstanceRole};

use super::{CommandError, Outcome, confirm::confirm, secret};
use crate::{
    client::Client,
    output::{Column, Report},
};

const USERS: &str = "users";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("INSTANCE ROLE", &["/instance_role"]),
    Column::new("E-MAIL", &["/email"]),
    STATE,
    Column::time("LAST USED", &["/last_used_at"]).or("never"),
    Column::time("CREATED", &["/created_at"]),
];
/// Whether an account is disabled.
pub(super) const STATE: Column = Column {
    write: state,
    ..Column::new("STATE", &["/disabled"])
};

/// What an edit can change, of which it has at least one.
const CHANGES: [&str; 5] = [
    "email",
    "no_email",
    "instance_role",
    "password_stdin",
    "no_password",
];

fn state(disabled: &Value) -> String {
    let state = match disabled {
        Value::Bool(true) => "disabled",
        _ => "active",
    };
    state.to_owned()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a user
    Create {
        /// Its name, such as `alice`
        name: AccountName,
        /// Where it can be written to
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// On the whole server: `member`, `creator` (makes registries) or `admin`
        #[arg(long, value_name = "ROLE")]
        instance_role: Option<InstanceRole>,
        /// Give it a password, from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all users
    List,
    /// Show one user
    Show {
        /// Its name
        name: AccountName,
    },
    /// Change a user; what is not given stays
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(CHANGES))]
    Edit {
        /// Its name
        name: AccountName,
        #[command(flatten)]
        change: Change,
    },
    /// Disable a user: its tokens, password and browsers do not work until it is enabled
    Disable {
        /// Its name
        name: AccountName,
    },
    /// Enable a user again
    Enable {
        /// Its name
        name: AccountName,
    },
    /// Delete a user for ever; not while it is the last owner of a crate
    Delete {
        /// Its name, which nobody gets again
        name: AccountName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Change your password, or as an instance admin somebody else's
    Passwd {
        /// Whose; yours where absent
        name: Option<AccountName>,
        /// Read it from standard input; yours in two lines, the present one and the new one
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Where it can be written to
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Forget its e-mail address
    #[arg(long, conflicts_with = "email")]
    no_email: bool,
    /// On the whole server: `member`, `creator` (makes registries) or `admin`
    #[arg(long, value_name = "ROLE")]
    instance_role: Option<InstanceRole>,
    /// Give it another password, from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Take its password away
    #[arg(long, conflicts_with = "password_stdin")]
    no_password: bool,
}

impl Change {
    fn json(self) -> Result<Value, CommandError> {
        let mut body = json!({});
        if self.no_email {
            body["email"] = Value::Null;
        } else if let Some(email) = self.email {
            body["email"] = json!(email);
        }
        if let Some(role) = self.instance_role {
            body["instance_role"] = json!(role);
        }
        if self.no_password {
            body["password"] = Value::Null;
        } else if self.password_stdin {
            body["password"] = json!(secret::new_password(true)?);
        }
        Ok(body)
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create {
                name,
                email,
                instance_role,
                password_stdin,
            } => {
                let change = Change {
                    email,
                    no_email: false,
                    instance_role,
                    password_stdin,
                    no_password: false,
                };
                let mut body = change.json()?;
                body["name"] = json!(name);
                Report::Item(client.post(&[USERS], Some(&body)).await?)
            }
            Self::List => Report::List {
                columns: COLUMNS,
                answer: client.list(&[USERS]).await?,
            },
            Self::Show { name } => Report::Item(client.get(&[USERS, name.as_str()]).await?),
            Self::Edit { name, change } => edit(client, &name, &change.json()?).await?,
            Self::Disable { name } => edit(client, &name, &json!({ "disabled": true })).await?,
            Self::Enable { name } => edit(client, &name, &json!({ "disabled": false })).await?,
            Self::Delete { name, yes } => {
                let consequence = format!(
                    "`{name}` will lose all tokens, roles, teams and crates for ever, and nobody gets the name again"
                );
                confirm(name.as_str(), &consequence, yes)?;
                let path = [USERS, name.as_str()];
                client.delete(&path, Some(name.as_str())).await?;
                Report::Done(format!("user `{name}` is deleted"))
            }
            Self::Passwd {
                name: Some(name),
                password_stdin,
            } => {
                let password = secret::new_password(password_stdin)?;
                let path = [USERS, name.as_str()];
                let body = json!({ "password": password });
                client.patch(&path, &body).await?;
                Report::Done(format!(
                    "`{name}` has another password; its browsers are signed out, and its tokens still work: `supercargo token list --principal {name}`"
                ))
            }
            Self::Passwd {
                name: None,
                password_stdin,
            } => {
                let current = secret::password("present password", password_stdin)?;
                let new = secret::new_password(password_stdin).map_err(|error| match error {
                    CommandError::EmptyPassword => CommandError::OnePassword,
                    other => other,
                })?;
                let body = json!({ "current": current, "new": new });
                client.put(&["me", "password"], &body).await?;
                Report::Done(
                    "your password is another one, and your browsers are signed out".to_owned(),
                )
            }
        })
    }
}

async fn edit(client: &Client, name: &AccountName, body: &Value) -> Outcome {
    let path = [USERS, name.as_str()];
    Ok(Report::Item(client.patch(&path, body).await?))
}
