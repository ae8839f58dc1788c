//! Polls: most of all requests, answered in a lane of their own. Both lanes must say the same.

use std::io::Write;

use crate::fan::{Answer, connect, read_answer};
use crate::world::{Setup, World};

/// Answers to requests sent in one go on one connection.
fn ask(world: &World, requests: &[String]) -> Vec<Answer> {
    let mut stream = connect(world.address).unwrap();
    stream.write_all(requests.concat().as_bytes()).unwrap();
    requests.iter().map(|_| read_answer(&mut stream, false).unwrap()).collect()
}

fn poll(more: &str) -> String {
    format!("GET /.fairgate/final/status HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n")
}

#[test]
fn both_lanes_answer_alike() {
    let world = World::start(Setup::default());
    // `Expect` is nothing that the fast lane looks into.
    for _ in 0..5 {
        let fast = ask(&world, &[poll("")]).remove(0);
        let slow = ask(&world, &[poll("Expect: nothing\r\n")]).remove(0);
        if fast.header("etag") != slow.header("etag") {
            continue;
        }
        assert_eq!((fast.status, &fast.body), (slow.status, &slow.body));
        for name in ["content-type", "cache-control", "content-length", "connection", "etag"] {
            assert_eq!(fast.header(name), slow.header(name), "{name}");
        }
        assert_eq!(fast.header("date").unwrap().len(), slow.header("date").unwrap().len());
        assert_eq!(fast.headers.len(), slow.headers.len());
        return;
    }
    panic!("never the same tick");
}

#[test]
fn polls_may_be_pipelined_and_mixed() {
    let world = World::start(Setup::default());
    let mut requests = vec![poll(""); 50];
    requests.push("GET /assets/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned());
    let answers = ask(&world, &requests);
    assert!(answers[..50].iter().all(|answer| answer.status == 200 && answer.json()["room"] == "final"));
    assert_eq!(answers[50].text(), "shop");
}

#[test]
fn what_is_known_is_not_sent_again() {
    let world = World::start(Setup::default());
    for lane in ["", "Expect: nothing\r\n"] {
        let fresh = (0..50).any(|_| {
            let etag = ask(&world, &[poll(lane)]).remove(0).header("etag").unwrap().to_owned();
            let again = ask(&world, &[poll(&format!("If-None-Match: {etag}\r\n{lane}"))]).remove(0);
            again.status == 304 && again.body.is_empty() && again.header("etag") == Some(&etag)
        });
        assert!(fresh, "{lane:?}");
    }
}

#[test]
fn connections_close_when_asked() {
    let world = World::start(Setup::default());
    let answer = ask(&world, &[poll("Connection: close\r\n")]).remove(0);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    let old = "GET /.fairgate/final/status HTTP/1.0\r\nHost: x\r\n\r\n".to_owned();
    let answer = ask(&world, &[old]).remove(0);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}
