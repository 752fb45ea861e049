//! What is asked a second time: questions for the index whose connection ended before an answer began, and nothing else.

use supercargo_testkit::{FakeUpstream, Fault, Package};

use super::{
    every_fault::{download, partner, word},
    *,
};

fn fake() -> FakeUpstream {
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("serde", "1.0.0"));
    fake
}

#[tokio::test]
async fn a_question_that_nobody_read_is_asked_once_more() {
    let fake = fake();
    let (client, upstream) = (client(), partner(&fake.index_url()));
    fake.fault_times("/index/se/", Fault::HangUp, 1);
    assert!(ask(&client, &upstream, None).await.is_ok());
    assert_eq!(fake.requests_to("/index/se/").len(), 2);
    fake.fault_times("/index/config.json", Fault::HangUp, 1);
    client.test(&upstream).await.unwrap();
    assert_eq!(fake.requests_to("/index/config.json").len(), 2);
}

#[tokio::test]
async fn it_is_not_asked_a_third_time() {
    let fake = fake();
    fake.fault("/index/se/", Fault::HangUp);
    let failed = ask(&client(), &partner(&fake.index_url()), None).await;
    assert_eq!(word(&failed.unwrap_err()), "unreachable");
    assert_eq!(fake.requests_to("/index/se/").len(), 2);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_the_answer() {
    for fault in [
        Fault::Reset,
        Fault::Stall,
        Fault::Hang,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
    ] {
        let fake = fake();
        fake.fault("/index/se/", fault.clone());
        let failed = ask(&hasty(), &partner(&fake.index_url()), None).await;
        assert!(failed.is_err(), "{fault:?}");
        assert_eq!(fake.requests_to("/index/se/").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_download_is_asked_for_once() {
    let fake = fake();
    fake.fault_times("/dl/", Fault::Reset, 1);
    let (client, upstream) = (client(), partner(&fake.index_url()));
    let failed = download(&client, &upstream).await.unwrap_err();
    assert_eq!(word(&failed), "unreachable");
    assert_eq!(fake.requests_to("/dl/").len(), 1);
    fake.fault_times("/dl/", Fault::HangUp, 1);
    let failed = download(&client, &upstream).await.unwrap_err();
    assert_eq!(word(&failed), "unreachable");
    assert_eq!(fake.requests_to("/dl/").len(), 2);
}

/// A server that keeps connections and closes each one when the second question on it has come: how a connection looks that
/// upstream gave up just when it was taken out of the pool.
#[tokio::test]
async fn a_connection_that_went_stale_in_the_pool_is_not_noticed() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (count, connections) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            count.send_modify(|count| *count += 1);
            let mut connection = BufReader::new(connection);
            for question in 0..2 {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if connection.read_line(&mut line).await.unwrap() == 0 {
                        break;
                    }
                }
                if question == 0 {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nline\n";
                    connection.write_all(answer).await.unwrap();
                }
            }
        }
    });
    let client = client();
    let upstream = partner(&format!("sparse+http://{address}/"));
    for _ in 0..5 {
        ask(&client, &upstream, None).await.unwrap();
    }
    assert_eq!(*connections.borrow(), 5);
}
