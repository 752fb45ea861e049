//! `/-/admin/users/new`: an account for somebody.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode};
use supercargo_pages::{NewUserPage, UserDraft, Wrongs};
use supercargo_registry::{Failure, Instance, NewPrincipal, Password, Refusal};
use supercargo_types::{AccountName, InstanceRole, PrincipalKind};

use super::{
    Looking, answered, done, refused,
    users::{TAB, draft, email, read},
};
use crate::web::{errors, forms::Form, respond::page, visitor::Visitor};

const NEW: &str = "/-/admin/users/new";

/// `GET /-/admin/users/new`.
pub(in crate::web) async fn offer(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let draft = UserDraft {
        role: InstanceRole::Member.to_string(),
        ..UserDraft::default()
    };
    let made = Looking::new(&instance, &visitor)
        .map_err(Failure::from)
        .and_then(|looking| looking.new_page(StatusCode::OK, draft, Wrongs::default()));
    answered(&instance, &visitor, made)
}

/// `POST /-/admin/users/new`.
pub(in crate::web) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, NEW).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let mut wrongs = Wrongs::default();
    let status = match new_account(&form, &mut wrongs) {
        None => StatusCode::UNPROCESSABLE_ENTITY,
        Some(new) => {
            let name = new.name.to_string();
            let made = instance.create_principal(&looking.right, new, &visitor.caller);
            match made.await.map_err(refused) {
                Ok(_) => {
                    let to = visitor.links.administered("users", &name);
                    return done(&visitor, &to, "made");
                }
                Err(Ok((status, sentence, refusal))) => {
                    match &*refusal {
                        Refusal::AccountTaken(_) | Refusal::AccountDeleted(_) => {
                            wrongs.put("name", sentence);
                        }
                        Refusal::PasswordShape(_) => wrongs.put("password", sentence),
                        _ => wrongs.put_whole(sentence),
                    }
                    status
                }
                Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
            }
        }
    };
    let made = looking.new_page(status, draft(&form), wrongs);
    answered(&instance, &visitor, made)
}

/// What a form asks for; nothing where a field of it is wrong.
fn new_account(form: &Form, wrongs: &mut Wrongs) -> Option<NewPrincipal> {
    let draft = draft(form);
    let name: Option<AccountName> = read(&draft.name, "name", wrongs);
    let email = email(&draft, wrongs);
    let instance_role: Option<InstanceRole> = read(&draft.role, "role", wrongs);
    let password = Some(form.get("password")).filter(|text| !text.is_empty());
    let password = password.map(Password::new);
    if let (Some(password), Some(name)) = (&password, &name)
        && let Err(refusal) = password.check(name, email.as_deref())
    {
        wrongs.put("password", errors::sentence(&refusal.to_string()));
    }
    if !wrongs.is_empty() {
        return None;
    }
    Some(NewPrincipal {
        kind: PrincipalKind::User,
        name: name?,
        email,
        password,
        instance_role: instance_role?,
    })
}

impl Looking<'_> {
    fn new_page(
        &self,
        status: StatusCode,
        draft: UserDraft,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let provider = self.instance.sign_on();
        let template = NewUserPage {
            frame: self.frame(TAB, "New user"),
            draft,
            provider: provider.map(|settings| settings.label.clone()),
            wrongs,
        };
        page(self.visitor, status, &template)
    }
}
