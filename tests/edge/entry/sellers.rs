//! Sellers of copied tickets and sharers of copied passes, in rooms that bind places to nothing, to a network, and to a key.

use std::thread;
use std::time::Duration;

use fairgate_crowd::{Sellers, SellersReport, Target, run_sellers};

use super::ENV;
use crate::world::{Setup, World};

const NETWORK: &str = "[room.entry]\nbinding = \"network\"\nsuspicious = [\"mail\"]\n[room.entry.mail]\n\
                       smtp = \"smtp://127.0.0.1:1\"\nfrom = \"Box office <tickets@example.com>\"";

const KEY: &str = "[room.entry]\nbinding = \"key\"";

/// Six fans, four who sell their ticket, and two who share their pass with three others each.
fn sold(entry: &'static str) -> SellersReport {
    let report = sent(entry, [6, 4, 2, 3]);
    assert_eq!((report.own.people, report.own.inside), (8, 8), "nobody honest stays outside: {report}");
    assert_eq!((report.buyers.people, report.guests.people), (4, 6), "{report}");
    report
}

/// So many fans, sellers of tickets, sharers of passes, and guests of each.
fn sent(entry: &'static str, [fans, tickets, passes, guests]: [u32; 4]) -> SellersReport {
    let edge = "trusted_proxies = [\"127.0.0.0/8\"]";
    let world = World::start(Setup { edge, entry, env: ENV, ..Setup::default() });
    let sellers = Sellers {
        target: Target::on_this_machine(&format!("http://{}/seats", world.address)).unwrap(),
        room: "final".to_owned(),
        fans,
        tickets,
        passes,
        guests,
        stay: Duration::from_millis(1_500),
        forwarded_for: true,
        seed: 1,
        time_limit: Duration::from_secs(60),
        connections_max: 20,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run_sellers(sellers)).unwrap()
}

/// What stands in the guide.
#[test]
#[ignore = "prints figures"]
#[expect(clippy::print_stdout, reason = "it prints the guide's figures")]
fn figures() {
    for entry in ["", NETWORK, KEY] {
        println!("{}", sent(entry, [100, 50, 10, 5]));
    }
}

#[test]
fn copies_are_worth_what_the_room_binds_them_to() {
    let (none, network, key) = thread::scope(|scope| {
        let [none, network, key] = ["", NETWORK, KEY].map(|entry| scope.spawn(move || sold(entry)));
        (none.join().unwrap(), network.join().unwrap(), key.join().unwrap())
    });
    // Whoever has a copy is as good as anybody.
    assert_eq!((&*none.binding, none.buyers.inside, none.guests.inside), ("none", 4, 6), "{none}");
    // A ticket is asked about elsewhere. Nothing is said of passes.
    assert_eq!((&*network.binding, network.buyers.inside, network.guests.inside), ("network", 0, 6), "{network}");
    assert_eq!(network.buyers.refused.get("owes"), Some(&4), "{network}");
    // A copy is worth nothing.
    assert_eq!((&*key.binding, key.buyers.inside, key.guests.inside), ("key", 0, 0), "{key}");
    assert_eq!(key.buyers.refused.get("prove-otherwise"), Some(&4), "{key}");
    assert_eq!((key.share_by_ticket, key.share_by_pass), (0.0, 0.0));
}
