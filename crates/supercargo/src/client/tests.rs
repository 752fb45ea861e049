use insta::assert_snapshot;
use tokio::net::TcpListener;

use super::{
    canned::{Canned, answer},
    *,
};

async fn refusal(token: Option<&str>, answer: String) -> String {
    let server = Canned::answering(vec![answer]).await;
    let error = server.client(token).get(&["me"]).await.unwrap_err();
    error.to_string().replace(&server.url, "URL")
}

#[tokio::test]
async fn each_verb_asks_what_it_says_with_the_token_and_under_the_prefix() {
    let empty = answer("204 No Content", "", "");
    let server = Canned::answering(vec![empty; 5]).await;
    let client = server.client(Some(" scg_x\n"));
    let body = json!({ "name": "acme" });
    client.get(&["registries", "a.b"]).await.unwrap();
    client.post(&["registries"], Some(&body)).await.unwrap();
    client.patch(&["registries", "acme"], &body).await.unwrap();
    client
        .put(&["registries", "acme", "members", "service:ci"], &body)
        .await
        .unwrap();
    let claim = ["registries", "acme", "claims", "acme-*"];
    client.delete(&claim, Some("acme-*")).await.unwrap();
    assert_snapshot!(server.asked().join("\n"), @r#"
    GET /prefix/api/v1/registries/a.b scg_x
    POST /prefix/api/v1/registries scg_x {"name":"acme"}
    PATCH /prefix/api/v1/registries/acme scg_x {"name":"acme"}
    PUT /prefix/api/v1/registries/acme/members/service:ci scg_x {"name":"acme"}
    DELETE /prefix/api/v1/registries/acme/claims/acme-*?confirm=acme-* scg_x
    "#);
}

#[tokio::test]
async fn a_name_cannot_leave_its_place_in_the_path() {
    let client = Client::new("http://127.0.0.1:1/", None).unwrap();
    let path = |name| {
        client
            .url(&["registries", name])
            .map(|url| url.path().to_owned())
    };
    assert_eq!(
        path("a/b?c#d%2e").unwrap(),
        "/api/v1/registries/a%2Fb%3Fc%23d%252e"
    );
    for bad in ["", ".", ".."] {
        assert!(matches!(path(bad), Err(ClientError::Name(_))), "{bad}");
    }
}

#[tokio::test]
async fn a_list_follows_its_cursor_to_the_end() {
    let page = |items: &str, next: &str| {
        answer(
            "200 OK",
            "",
            &format!(r#"{{"items":{items},"next_cursor":{next},"total":3}}"#),
        )
    };
    let pages = vec![page("[1,2]", r#""b&c""#), page("[3]", "null")];
    let server = Canned::answering(pages).await;
    let list = server.client(None).list(&["tokens"]).await.unwrap();
    assert_eq!(
        list,
        json!({ "items": [1, 2, 3], "next_cursor": null, "total": 3 })
    );
    assert_snapshot!(server.asked().join("\n"), @"
    GET /prefix/api/v1/tokens
    GET /prefix/api/v1/tokens?cursor=b%26c
    ");
}

#[tokio::test]
async fn a_cursor_that_stands_still_ends_the_list() {
    let page = answer("200 OK", "", r#"{"items":[1],"next_cursor":"x"}"#);
    let server = Canned::answering(vec![page; 2]).await;
    let list = server.client(None).list(&["tokens"]).await.unwrap();
    assert_eq!(list["total"], 2);
}

#[tokio::test]
async fn the_details_of_a_refusal_are_what_people_read() {
    let taken = r#"{"errors":[{"code":"a","detail":"a registry named `acme` exists"},{"code":"b","detail":"\u001b[2Jtwo"}]}"#;
    let sign_in = r#"{"errors":[{"code":"sign-in","detail":"sign in first"}]}"#;
    let sentences = [
        refusal(Some("scg_x"), answer("409 Conflict", "", taken)).await,
        refusal(None, answer("401 Unauthorized", "", sign_in)).await,
        refusal(Some("scg_x"), answer("401 Unauthorized", "", sign_in)).await,
        refusal(
            None,
            answer("500 Internal Server Error", "", r#"{"errors":[]}"#),
        )
        .await,
    ];
    assert_snapshot!(sentences.join("\n"), @"
    a registry named `acme` exists
    �[2Jtwo
    sign in first; run `supercargo login`, or give a token with SUPERCARGO_TOKEN
    sign in first
    the server answered 500 Internal Server Error and gave no reason
    ");
}

#[tokio::test]
async fn something_else_that_answers_is_recognised() {
    let sentences = [
        refusal(
            None,
            answer("200 OK", "content-type: text/html\r\n", "<html>"),
        )
        .await,
        refusal(None, answer("502 Bad Gateway", "", "no")).await,
        refusal(
            None,
            answer(
                "301 Moved Permanently",
                "location: https://crates.acme.example/\r\n",
                "",
            ),
        )
        .await,
    ];
    assert_snapshot!(sentences.join("\n"), @"
    `URL` answered 200 OK and not as supercargo does; is the address right? it is given with `--url` or SUPERCARGO_URL
    `URL` answered 502 Bad Gateway and not as supercargo does; is the address right? it is given with `--url` or SUPERCARGO_URL
    `URL` answered 301 Moved Permanently and not as supercargo does; it points to `https://crates.acme.example/`: is that its address?
    ");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&url, None)
        .unwrap()
        .get(&["me"])
        .await
        .unwrap_err();
    assert_snapshot!(error.to_string().replace(&url, "URL"), @"cannot reach `URL/` (Connection refused (os error 111)): is the server running? give its address with `--url` or SUPERCARGO_URL");
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_had_an_effect() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned();
    assert_snapshot!(refusal(None, cut).await, @"no whole answer came from `URL` (end of file before message length reached); it may have done what was asked all the same");
}

#[test]
fn an_address_or_a_token_that_makes_no_sense_is_not_repeated() {
    let say = |url: &str, token| match Client::new(url, token) {
        Err(error) => error.to_string(),
        Ok(_) => "accepted".to_owned(),
    };
    let sentences = [
        say("crates.acme.example", None),
        say("ftp://crates.acme.example", None),
        say("https://me:hunter2@crates.acme.example", None),
        say("https://crates.acme.example/?a", None),
        say("https://crates.acme.example", Some("hunter2\nhunter2")),
        say("https://crates.acme.example", Some("")),
    ]
    .join("\n");
    assert!(!sentences.contains("hunter2"), "{sentences}");
    assert_snapshot!(sentences, @"
    the server's address is not a URL; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    the server's address does not start with `http://` or `https://`; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    the server's address holds a user name or password, which is not how one signs in; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    the server's address has a query or a fragment; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    the token holds characters that no token has; check `--token` or SUPERCARGO_TOKEN
    accepted
    ");
}
