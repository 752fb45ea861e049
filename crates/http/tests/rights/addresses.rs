//! What addresses the server has.
//!
//! Cargo's are read by hand and listed beside that; what is not listed there reaches no handler. All others are in a router,
//! which shows them in its `Debug` form and nowhere else. Should a later version of axum show something else, the first test
//! that compares them with the table fails.

use std::collections::{BTreeMap, BTreeSet};

use supercargo_http::App;

const METHODS: [&str; 8] = [
    "get", "head", "delete", "options", "patch", "post", "put", "trace",
];

/// An address whose names do not matter: `/api/v1/teams/{}`.
pub(crate) fn nameless(address: &str) -> String {
    let mut text = String::new();
    let mut rest = address;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').unwrap();
        text += before;
        text += "{}";
        rest = after;
    }
    text + rest
}

/// Every method with every address that takes it; `ANY` for what takes all of them.
pub(crate) fn of(app: &App) -> BTreeSet<(String, String)> {
    let cargos = supercargo_http::cargo_addresses().flat_map(|(address, methods)| {
        let methods = if methods.is_empty() { "ANY" } else { methods };
        let methods = methods.split(", ").filter(|method| *method != "HEAD");
        methods.map(move |method| (method.to_owned(), nameless(address)))
    });
    let others = in_router(&format!("{:?}", app.router()));
    assert!(
        others.len() > 50,
        "axum shows its routes in another way: {others:?}"
    );
    cargos.chain(others).collect()
}

/// `RouteId(1): MethodRouter(MethodRouter { get: BoxedHandler, head: None, …`, and elsewhere `RouteId(1): "/healthz"`.
fn in_router(shown: &str) -> Vec<(String, String)> {
    let (shown, _) = shown.split_once("fallback_router: PathRouter").unwrap();
    let (mut methods, mut paths) = (BTreeMap::new(), BTreeMap::new());
    for piece in shown.split("RouteId(").skip(1) {
        let (id, piece) = piece.split_once("): ").unwrap();
        let id: u32 = id.parse().unwrap();
        match piece.strip_prefix('"') {
            Some(path) => {
                let (path, _) = path.split_once('"').unwrap();
                paths.insert(id, path.to_owned());
            }
            None => {
                methods.insert(id, methods_in(piece));
            }
        }
    }
    let with_path = |(id, methods): (u32, Vec<String>)| {
        let path = nameless(&paths[&id]);
        methods
            .into_iter()
            .map(move |method| (method, path.clone()))
    };
    methods.into_iter().flat_map(with_path).collect()
}

fn methods_in(endpoint: &str) -> Vec<String> {
    let Some(endpoint) = endpoint.strip_prefix("MethodRouter(MethodRouter {") else {
        // a service of another kind decides about methods itself
        return vec!["ANY".to_owned()];
    };
    if endpoint.contains("allow_header: Skip") {
        return vec!["ANY".to_owned()];
    }
    let takes = |method: &&str| {
        let field = format!(" {method}: ");
        let (_, value) = endpoint.split_once(&field).unwrap();
        !value.starts_with("None")
    };
    let methods = METHODS.into_iter().filter(takes);
    methods.map(str::to_uppercase).collect()
}
