use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

/// Answers one request after another with what was prepared, and keeps what was asked.
struct Canned {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    async fn answering(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = asked.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, asked }
    }

    fn client(&self, token: Option<&str>) -> Client {
        Client::new(&self.url, token).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Request line, `authorization`, and the body, on one line.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let mut lines = head.lines().skip(1);
                lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
            };
            let length = header("content-length: ").map_or(0, |length| length.parse().unwrap());
            if body.len() == length {
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                let token = header("authorization: ").unwrap_or_default();
                return format!("{line} {token} {body}").trim().to_owned();
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "{text}");
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

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
    client.put(&["registries", "acme", "members", "service:ci"], &body).await.unwrap();
    let claim = ["registries", "acme", "claims", "acme-*"];
    client.delete(&claim, Some("acme-*")).await.unwrap();
    assert_snapshot!(server.asked().join("\n"), @"");
}

#[tokio::test]
async fn a_name_cannot_leave_its_place_in_the_path() {
    let client = Client::new("http://127.0.0.1:1/", None).unwrap();
    let path = |name| client.url(&["registries", name]).map(|url| url.path().to_owned());
    assert_eq!(path("a/b?c#d%2e").unwrap(), "/api/v1/registries/a%2Fb%3Fc%23d%252e");
    for bad in ["", ".", ".."] {
        assert!(matches!(path(bad), Err(ClientError::Name(_))), "{bad}");
    }
}

#[tokio::test]
async fn a_list_follows_its_cursor_to_the_end() {
    let page = |items: &str, next: &str| {
        answer("200 OK", "", &format!(r#"{{"items":{items},"next_cursor":{next},"total":3}}"#))
    };
    let pages = vec![page("[1,2]", r#""b&c""#), page("[3]", "null")];
    let server = Canned::answering(pages).await;
    let list = server.client(None).list(&["tokens"]).await.unwrap();
    assert_eq!(list, json!({ "items": [1, 2, 3], "next_cursor": null, "total": 3 }));
    assert_snapshot!(server.asked().join("\n"), @"");
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
        refusal(None, answer("500 Internal Server Error", "", r#"{"errors":[]}"#)).await,
    ];
    assert_snapshot!(sentences.join("\n"), @"");
}

#[tokio::test]
async fn something_else_that_answers_is_recognised() {
    let sentences = [
        refusal(None, answer("200 OK", "content-type: text/html\r\n", "<html>")).await,
        refusal(None, answer("502 Bad Gateway", "", "no")).await,
        refusal(None, answer("301 Moved Permanently", "location: https://crates.acme.example/\r\n", "")).await,
    ];
    assert_snapshot!(sentences.join("\n"), @"");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&url, None).unwrap().get(&["me"]).await.unwrap_err();
    assert_snapshot!(error.to_string().replace(&url, "URL"), @"");
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_had_an_effect() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned();
    assert_snapshot!(refusal(None, cut).await, @"");
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
    assert_snapshot!(sentences, @"");
}
