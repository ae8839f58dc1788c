//! Requests that are turned away: by the gate in quiet times, in the fast lane while others are turned away, too.

use std::collections::BTreeMap;
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use crate::fan::{Answer, connect, read_answer};
use crate::world::{Setup, World};

/// Fields that follow from when it was asked; they differ from one answer to the next.
const TIMES: [&str; 4] = ["date", "retry-after", "ratelimit", "content-length"];

fn lasting(answer: &Answer) -> BTreeMap<String, &str> {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()));
    headers.filter(|(name, _)| !TIMES.contains(&name.as_str())).collect()
}

#[test]
fn who_asks_too_often_is_told_so_alike_on_both_ways_and_keeps_the_connection() {
    let world =
        World::start(Setup { edge: "[edge.limits]\nsession_per_minute = 20\nsession_burst = 2", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let mut stream = connect(world.address).unwrap();
    let mut ask = |more: &str| {
        let cookie = fan.cookie();
        let request = format!("GET /d HTTP/1.1\r\nHost: shop.example\r\nCookie: {cookie}\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream, false).unwrap()
    };
    assert_eq!([ask("").status, ask("").status], [200, 200]);
    let first = ask("");
    assert_eq!((first.status, first.problem()), (429, "too-many-requests".to_owned()));
    assert!(first.header("retry-after").is_some() && first.header("ratelimit").is_some());
    // From now on it is the fast lane; a field that it leaves to the gate takes the other way.
    for more in ["", "Expect: nothing\r\n", ""] {
        let again = ask(more);
        assert_eq!(
            (again.status, again.problem(), lasting(&again)),
            (429, first.problem(), lasting(&first)),
            "{more:?}"
        );
    }
    assert_eq!(world.fan().get("/d").status, 503, "whoever has no pass is told of the waiting room as ever");
    let mut other = world.fan();
    other.enter(2);
    assert_eq!(other.get("/d").status, 200, "the others have credit of their own");

    sleep(Duration::from_millis(3_100));
    assert_eq!(ask("").status, 200, "and credit comes back");
    assert_eq!(world.shop.seen("/d").len(), 4, "the shop has seen none of those that were turned away");
}
