//! `/-/admin/sign-on`: the provider that people sign in with, or how to set one up.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode};
use supercargo_pages::{SignOnPage, SignOnProvider, SignOnRow};
use supercargo_registry::{Instance, RETURN, SignOnSettings};

use super::{Looking, answered, frame, head};
use crate::web::{respond::page, visitor::Visitor};

/// People who are listed.
const LATEST: u32 = 20;

/// `GET /-/admin/sign-on`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let made = async {
        let looking = Looking::new(&instance, &visitor)?;
        let latest = instance.latest_sign_ons(&looking.right, LATEST);
        let (latest, linked) = latest.await?;
        let latest = latest.into_iter().map(|(user, identity)| SignOnRow {
            user: user.to_string(),
            subject: identity.subject,
            email: identity.email,
            at: identity.last_used_at.map(|at| looking.moment(at)),
        });
        let base = instance.site().base();
        let template = SignOnPage {
            frame: frame(&visitor, None, "Sign-on"),
            head: head("sign-on"),
            provider: instance.sign_on().map(provider),
            redirect: format!("{base}{RETURN}"),
            signed_out: format!("{base}/-/login"),
            latest: latest.collect(),
            linked,
        };
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// What may be shown: never the secret.
fn provider(settings: &SignOnSettings) -> SignOnProvider {
    let provider = &settings.provider;
    let teams = settings.teams.iter();
    SignOnProvider {
        label: settings.label.clone(),
        issuer: provider.issuer.to_string(),
        client_id: provider.client_id.clone(),
        has_secret: provider.client_secret.is_some(),
        scopes: provider.scopes.clone(),
        groups_claim: provider.groups_claim.clone(),
        teams: teams
            .map(|(group, team)| (group.clone(), team.to_string()))
            .collect(),
        admins: settings.admins.clone(),
        creators: settings.creators.clone(),
        makes_accounts: settings.make_accounts,
    }
}
