//! A `.crate` file from a browser: the same publish as cargo's, and as `POST /registries/{r}/crates`.
//!
//! Such a form is as long as its file, so it is read as it comes: first the field that proves that it is one of ours, then the
//! file. Nothing of the file is looked at before both the form and the right to publish are good.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, Request, Response, StatusCode, header};
use multer::{Constraints, Field, Multipart, SizeLimit};
use supercargo_package::size;
use supercargo_pages::{UploadPage, UploadedPage, Wrongs};
use supercargo_registry::{
    Caller, Failure, Instance, MayPublish, MayRead, Published, Refusal, RefusalClass,
};
use supercargo_types::RegistryName;

use super::{Looking, looked_at};
use crate::{
    problem,
    upload::{self, Gate},
    web::{
        errors,
        forms::{self, Form, NotOurs},
        respond::{Policy, page_with, see_other},
        visitor::Visitor,
    },
};

/// In bytes, of the field that proves that a form is ours.
const PROOF: u64 = 1024;
/// The field with the file.
const FILE: &str = "file";

/// `GET /{registry}/upload`.
pub(in crate::web) async fn offer(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        instance.may_publish(&name, visitor.actor.clone())?;
        let looking = Looking::new(instance, visitor, right);
        looking.upload(StatusCode::OK, Wrongs::default()).await
    })
    .await
}

/// `POST /{registry}/upload`.
pub(in crate::web) async fn take(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    let (parts, body) = request.into_parts();
    if name.parse::<RegistryName>().is_err() || visitor.browser.is_none() {
        upload::let_go(&parts.headers, body);
        if visitor.browser.is_some() {
            return errors::no_such_page(instance, visitor);
        }
        // its page is the way back: a form is never sent once more by a redirect
        let to = visitor.links.sign_in(&format!("/{name}/upload"));
        return see_other(visitor, &to);
    }
    let received = receive(instance, visitor, &name, &parts.headers, body).await;
    let refused = match received {
        Ok(Received::Published(published)) => {
            return looked_at(instance, visitor, &name, async |right| {
                let looking = Looking::new(instance, visitor, right);
                looking.uploaded(*published).await
            })
            .await;
        }
        Ok(Received::NotOurs(not_ours)) => return errors::not_ours(instance, visitor, not_ours),
        Ok(Received::NoFile(words)) => {
            let mut wrongs = Wrongs::default();
            wrongs.put(FILE, words);
            (StatusCode::UNPROCESSABLE_ENTITY, wrongs)
        }
        // who is denied has no form to come back to
        Err(Failure::Refused(refusal)) if refusal.class() != RefusalClass::NotOwned => {
            let mut wrongs = Wrongs::default();
            wrongs.put(FILE, errors::sentence(&refusal.to_string()));
            (problem::status_of(refusal.class()), wrongs)
        }
        Err(failure) => return errors::in_registry(instance, visitor, &name, failure),
    };
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.upload(refused.0, refused.1).await
    })
    .await
}

/// What came of a form.
enum Received {
    Published(Box<Published>),
    NotOurs(NotOurs),
    /// There is none in it; in a sentence.
    NoFile(&'static str),
}

const NONE: &str = "Choose a file, as `cargo package` makes it in `target/package`.";

async fn receive(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received, Failure> {
    // before anything of it is read
    if let Err(not_ours) = forms::check_origin(headers, instance.site()) {
        upload::let_go(headers, body);
        return Ok(Received::NotOurs(not_ours));
    }
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let Ok(boundary) = multer::parse_boundary(kind) else {
        upload::let_go(headers, body);
        // before anything is said about what was sent, it has to be ours
        return Ok(Received::NotOurs(NotOurs::Token));
    };
    // one byte more than a file may have, so that what is too long is told by the publish, with the limit
    let limit = instance.limits().crate_size;
    let sizes = SizeLimit::new()
        .whole_stream(limit + upload::BEFORE as u64 + PROOF)
        .for_field(forms::FIELD, PROOF);
    let (pieces, opener) = Gate::new(upload::pieces(body));
    let constraints = Constraints::new().size_limit(sizes);
    let mut form = Multipart::with_constraints(pieces, boundary, constraints);
    // a page of another site that has the browser send a file: refused before the file is read (cross-site request forgery)
    if let Err(not_ours) = proven(instance, visitor, headers, &mut form).await {
        return Ok(Received::NotOurs(not_ours));
    }
    let right = instance.may_publish(name, visitor.actor.clone())?;
    let Some(file) = form
        .next_field()
        .await
        .map_err(|error| broken(&error, limit))?
    else {
        return Ok(Received::NoFile(NONE));
    };
    // a browser sends a field without a name for the file when none was chosen
    if file.name() != Some(FILE) || file.file_name().is_none_or(str::is_empty) {
        return Ok(Received::NoFile(NONE));
    }
    opener.open();
    let published = publish(instance, right, file, &visitor.caller, limit).await?;
    Ok(Received::Published(Box::new(published)))
}

/// The first field has to be the proof.
async fn proven(
    instance: &Instance,
    visitor: &Visitor,
    headers: &HeaderMap,
    form: &mut Multipart<'_>,
) -> Result<(), NotOurs> {
    let field = form.next_field().await.ok().flatten();
    let field = field.filter(|field| field.name() == Some(forms::FIELD));
    let text = field.ok_or(NotOurs::Token)?.bytes().await;
    let text = text.map_err(|_| NotOurs::Token)?;
    let proof = Form::of_field(forms::FIELD, String::from_utf8_lossy(&text).into_owned());
    visitor.sent(instance, headers, &proof).map(drop)
}

async fn publish(
    instance: &Arc<Instance>,
    right: MayPublish,
    mut file: Field<'_>,
    caller: &Caller,
    limit: u64,
) -> Result<Published, Failure> {
    let mut publish = instance.start_upload(right).await?;
    while let Some(piece) = file.chunk().await.map_err(|error| broken(&error, limit))? {
        publish.push(piece).await?;
    }
    publish.finish(caller).await
}

/// What is wrong with a form that ends too early, or never.
fn broken(error: &multer::Error, limit: u64) -> Failure {
    let text = match error {
        multer::Error::StreamSizeExceeded { .. } => {
            format!(
                "the upload is longer than the {} that a file may have",
                size(limit)
            )
        }
        // in our own words
        multer::Error::StreamReadFailed(cause) => cause.to_string(),
        _ => "the upload broke off, or is not as a browser sends it; send it again".to_owned(),
    };
    Refusal::Shape(text).into()
}

impl Looking<'_> {
    async fn upload(&self, status: StatusCode, wrongs: Wrongs) -> Result<Response<Body>, Failure> {
        let template = UploadPage {
            frame: self.frame("Upload"),
            head: self.head("upload").await?,
            largest: size(self.instance.limits().crate_size),
            wrongs,
        };
        page_with(self.visitor, status, &template, &asking())
    }

    async fn uploaded(&self, published: Published) -> Result<Response<Body>, Failure> {
        let right: &MayRead = &self.right;
        let name = published.name.spelling();
        let item = self
            .instance
            .version_item(right, &name, &published.version)
            .await?;
        let template = UploadedPage {
            frame: self.frame("Uploaded"),
            head: self.head("upload").await?,
            name: published.name.to_string(),
            version: published.version,
            size: item.size,
            checksum: item.checksum.map(|checksum| checksum.hex()),
            warnings: published.warnings,
        };
        page_with(self.visitor, StatusCode::CREATED, &template, &asking())
    }
}

/// Its script sends the file, to show how far it has come.
fn asking() -> Policy {
    Policy {
        asks: true,
        ..Policy::default()
    }
}
