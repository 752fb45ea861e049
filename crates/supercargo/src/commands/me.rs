//! `supercargo me`.

use super::Outcome;
use crate::{client::Client, output::Report};

pub(super) async fn run(client: &Client) -> Outcome {
    Ok(Report::Item(client.get(&["me"]).await?))
}
