//! A farm with many entries and few people in rooms that ask different things: what it gets is what the room bounds.

use std::thread;
use std::time::Duration;

use fairgate_crowd::{Farm, FarmReport, Target, run_farm};

use super::{asking, code};
use crate::world::{Setup, World};

const FANS: u32 = 12;
const PEOPLE: u32 = 4;
const CODES: &str =
    "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"";
const WORK: &str = "[room.entry]\nall_of = [\"work\"]\n[room.entry.work]\neffort = 1";

/// A farm of four people beside twelve fans, in a room that draws in a moment.
fn farmed(entry: &'static str, entries: u32) -> FarmReport {
    let edge = "trusted_proxies = [\"127.0.0.0/8\"]";
    let world = World::start(Setup { edge, starts_in_ms: 8_000, ..asking(entry) });
    let farm = Farm {
        target: Target::on_this_machine(&format!("http://{}/", world.address)).unwrap(),
        room: "final".to_owned(),
        fans: FANS,
        entries,
        addresses: 2,
        people: PEOPLE,
        codes: (0..FANS + PEOPLE).map(|n| code(n as u8).printed()).collect(),
        seats: 8,
        cores: 2,
        forwarded_for: true,
        seed: 1,
        time_limit: Duration::from_secs(60),
        connections_max: 20,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(run_farm(farm)).unwrap();
    assert!(report.fans.refused.is_empty(), "{report}");
    assert_eq!((report.fans.entries, report.seats), (FANS.into(), 8), "{report}");
    report
}

#[test]
fn a_farm_gets_the_share_of_what_the_room_asks_for() {
    let (nothing, codes, work) = thread::scope(|scope| {
        let [nothing, codes, work] =
            [("", 60), (CODES, 60), (WORK, 12)].map(|(entry, entries)| scope.spawn(move || farmed(entry, entries)));
        (nothing.join().unwrap(), codes.join().unwrap(), work.join().unwrap())
    });
    // Entries count where nothing is asked.
    assert_eq!((nothing.farm.entries, nothing.share_of_people), (60, 0.25), "{nothing}");
    assert!(nothing.share_of_entries > 0.8 && nothing.places_p_value.is_some(), "{nothing}");
    // People count where a code is asked: all attempts are answered, with the entry that is there.
    assert_eq!((codes.farm.answered, codes.farm.entries), (60, PEOPLE.into()), "{codes}");
    assert!((codes.share_of_entries - codes.share_of_people).abs() < 1e-9, "{codes}");
    assert_eq!(codes.farm.seats + codes.fans.seats, 8, "{codes}");
    // Work costs time on a processor, and bounds nothing by itself.
    assert_eq!(work.farm.entries, 12, "{work}");
    assert!(work.farm.work_s > 0.1 && work.fans.work_s > 0.1, "{work}");
}
