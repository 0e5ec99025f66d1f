//! Calls of inspection rules, against a service of this test.

use super::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A service that answers each request with the next of these, the last one for ever; and how often
/// it was asked with the header that the test sends.
async fn service(answers: Vec<u16>) -> (String, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |headers: HeaderMap| async move {
        let at = match headers.get("x-token").is_some_and(|token| token == "t") {
            true => counted.fetch_add(1, Ordering::SeqCst),
            false => return http::StatusCode::UNAUTHORIZED,
        };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let status = answers.get(at).or(answers.last()).copied().unwrap_or(200);
        http::StatusCode::from_u16(status).unwrap()
    };
    let router = axum::Router::new().route("/hook", axum::routing::get(answer));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(socket, router).await });
    (format!("http://{at}"), asked)
}

fn call(args: &Value) -> Result<Call, String> {
    Call::read(args.as_object().unwrap())
}

#[tokio::test]
async fn a_busy_service_is_asked_again_and_one_that_refuses_is_not() {
    for (answers, retries, want, count) in [
        (vec![204], json!("3"), Ok(()), 1),
        (vec![503, 429, 200], json!(2), Ok(()), 3),
        (
            vec![503],
            json!(1),
            Err("answered the call with 503 Service Unavailable, 2 times"),
            2,
        ),
        (
            vec![404],
            Value::Null,
            Err("answered the call with 404 Not Found"),
            1,
        ),
    ] {
        let (base, asked) = service(answers).await;
        let args = json!({"url": format!("{base}/hook?key=hunter2"), "retries": retries,
                          "headers": {"X-Token": "t"}, "backoff_factor": 0});
        let done = call(&args).unwrap().make().await;
        let advice = "; see that it takes it, or take it out of the rule";
        let want = want.map_err(|why| format!("{base} {why}{advice}"));
        assert_eq!((done, asked.load(Ordering::SeqCst)), (want, count));
    }
}

#[tokio::test]
async fn nobody_there_is_told_without_the_path() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    drop(socket);
    let args = json!({"url": format!("http://{at}/hunter2"), "retries": 0});
    let text = call(&args).unwrap().make().await.unwrap_err();
    let start = format!("http://{at} could not be called: ");
    assert!(
        text.starts_with(&start) && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn arguments_that_cannot_be_used_are_named() {
    for (args, why) in [
        (json!({"url": "x"}), "argument url has no URL"),
        (json!({"url": "file:///etc/passwd"}), "a URL of file"),
        (
            json!({"url": "http://h", "timeout": 0}),
            "greater than zero",
        ),
        (
            json!({"url": "http://h", "timeout": "soon"}),
            "argument timeout",
        ),
        (
            json!({"url": "http://h", "retries": -1}),
            "argument retries",
        ),
        (
            json!({"url": "http://h", "backoff_factor": "NaN"}),
            "argument backoff_factor",
        ),
        (
            json!({"url": "http://h", "headers": ["a"]}),
            "argument headers",
        ),
        (
            json!({"url": "http://h", "headers": {"a b": "c"}}),
            "header \"a b\"",
        ),
        (
            json!({"url": "http://h", "proxies": {"ftp": "http://p"}}),
            "argument proxies",
        ),
    ] {
        let text = call(&args).unwrap_err();
        assert!(text.contains(why), "{args}: {text}");
    }
    let huge = json!({"url": "http://h", "timeout": 1e300, "backoff_factor": 1e300});
    let huge = call(&huge).unwrap();
    assert_eq!(huge.timeout.as_secs(), 300);
    assert_eq!(huge.pause(1), Duration::ZERO);
    assert_eq!(huge.pause(u32::MAX).as_secs(), 120);
}
