//! Cargo's protocol: sparse index, downloads, and the web API that cargo speaks.

mod answers;
mod attempt;
mod index;
mod job_tokens;
mod old_clients;
mod paths;
mod range;
mod read_api;
mod web_api;

use std::{mem, sync::Arc};

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use supercargo_registry::{Failure, Instance, MayRead};
use supercargo_types::View;

pub(crate) use answers::takes_gzip;
pub(crate) use paths::{Route, decode};

use crate::{
    app::{self, Asking, nothing_here},
    problem::{self, Surface},
    upload,
};
use paths::{ADDRESSES, Deed};

/// Every address of Cargo's protocol, with the methods that it takes, as `Allow` lists them.
pub fn addresses() -> impl Iterator<Item = (&'static str, &'static str)> {
    ADDRESSES.into_iter().filter_map(|path| {
        let route = Route::parse(path)?;
        Some((path, answers::methods(&route.deed)))
    })
}

/// Answers one of Cargo's routes. The only place that turns such a URL into a registry. What it changes something by, it takes.
pub(crate) async fn answer(
    instance: &Arc<Instance>,
    route: &Route<'_>,
    request: &mut Request<Body>,
    asking: &Asking,
) -> Response<Body> {
    let surface = match route.deed {
        Deed::Config(_) | Deed::Index(..) | Deed::Download { .. } | Deed::Me => Surface::Plain,
        _ => Surface::Cargo,
    };
    match handle(instance, route.registry, &route.deed, request, asking).await {
        Ok(response) => response,
        Err(failure) => match route.registry.parse() {
            Ok(name) => {
                let mut response = problem::answer(&failure, surface, instance.site(), Some(&name));
                if surface == Surface::Plain {
                    let agent = request.headers().get(header::USER_AGENT);
                    old_clients::explain(&mut response, agent, &name);
                }
                response
            }
            // A name that no registry can have is no registry's address, and says nothing about which there are.
            Err(_) => nothing_here(),
        },
    }
}

async fn handle(
    instance: &Arc<Instance>,
    name: &str,
    deed: &Deed,
    request: &mut Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let method = request.method();
    let reads = method == http::Method::GET || method == http::Method::HEAD;
    if matches!(deed, Deed::Me) {
        return Ok(match name.parse() {
            Ok(name) if reads => web_api::me(instance, &name, request.headers()),
            Ok(_) => answers::wrong_method(deed),
            Err(_) => nothing_here(),
        });
    }
    if *deed == Deed::Publish && method == http::Method::PUT {
        return Box::pin(publish(instance, name, mem::take(request), asking)).await;
    }
    let actor = app::actor(instance, request.headers(), asking.peer).await?;
    if !answers::takes(deed, method) {
        instance.may_read(name, actor)?;
        return Ok(answers::wrong_method(deed));
    }
    match deed {
        Deed::Config(view) if reads => {
            let right = instance.may_read(name, actor)?;
            Ok(index::config(instance, &right, *view))
        }
        Deed::Index(view, crate_name) if reads => {
            let right = instance.may_read(name, actor)?;
            index::file(
                instance,
                &right,
                *view,
                crate_name.as_ref(),
                request.headers(),
            )
            .await
        }
        Deed::Download {
            view,
            krate,
            version,
        } if reads => {
            let right = instance.may_read(name, actor)?;
            let file = (krate.as_str(), version.as_str());
            let asked = (method, request.headers());
            Box::pin(download(instance, &right, *view, file, asked, asking)).await
        }
        // a publish's address is also the one of a crate called `new`
        Deed::Search | Deed::OfCrate { .. } | Deed::OfVersion { .. } | Deed::Publish if reads => {
            let right = instance.may_read(name, actor)?;
            let query = request.uri().query();
            Box::pin(read_api::answer(instance, &right, deed, query)).await
        }
        Deed::Owners(krate) if reads => {
            let right = instance.may_read(name, actor)?;
            Box::pin(web_api::owners(instance, &right, krate)).await
        }
        Deed::Yank { krate, version } if method == http::Method::DELETE => {
            let right = instance.may_yank(name, actor)?;
            let caller = app::caller(request.headers(), asking.peer);
            Box::pin(web_api::set_yanked(
                instance, &right, krate, version, true, &caller,
            ))
            .await
        }
        Deed::Unyank { krate, version } if method == http::Method::PUT => {
            let right = instance.may_yank(name, actor)?;
            let caller = app::caller(request.headers(), asking.peer);
            Box::pin(web_api::set_yanked(
                instance, &right, krate, version, false, &caller,
            ))
            .await
        }
        Deed::Owners(krate) if method == http::Method::PUT => {
            let right = instance.may_own(name, actor)?;
            let request = mem::take(request);
            Box::pin(web_api::change_owners(
                instance, &right, krate, true, request, asking,
            ))
            .await
        }
        Deed::Owners(krate) if method == http::Method::DELETE => {
            let right = instance.may_own(name, actor)?;
            let request = mem::take(request);
            Box::pin(web_api::change_owners(
                instance, &right, krate, false, request, asking,
            ))
            .await
        }
        Deed::JobTokens if method == Method::POST => {
            let request = mem::take(request);
            Box::pin(job_tokens::exchange(instance, name, request, asking)).await
        }
        Deed::JobTokens if method == Method::DELETE => {
            let caller = app::caller(request.headers(), asking.peer);
            Box::pin(job_tokens::end(instance, name, actor, &caller)).await
        }
        _ => {
            instance.may_read(name, actor)?;
            Ok(answers::wrong_method(deed))
        }
    }
}

/// An answer with bytes of a file is a download, and written down as one; those that begin it are counted.
pub(crate) async fn download(
    instance: &Arc<Instance>,
    right: &MayRead,
    view: View,
    file: (&str, &str),
    (method, headers): (&Method, &HeaderMap),
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let response = index::download(instance, right, view, file, method, headers).await?;
    let (krate, version) = file;
    if *method == Method::GET
        && matches!(
            response.status(),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT
        )
        && let Ok(name) = krate.parse()
    {
        let begins = read_api::begins_a_file(&response);
        if begins {
            instance.count_download(right, &name, version);
        }
        let caller = app::caller(headers, asking.peer);
        instance.note_download(right, name, version, begins, caller);
    }
    Ok(response)
}

/// Proves the right before the first byte of the body is read.
async fn publish(
    instance: &Arc<Instance>,
    name: &str,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let right = match app::actor(instance, &parts.headers, asking.peer).await {
        Ok(actor) => instance.may_publish(name, actor).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match right {
        Ok(right) => {
            let request = Request::from_parts(parts, body);
            web_api::publish(instance, right, request, asking).await
        }
        Err(failure) => {
            upload::let_go(&parts.headers, body);
            Err(failure)
        }
    }
}
