//! From a booking to the door: tickets on the page, the pack, and a door without a network that dies and goes on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use fairgate::door::pack_file::write_pack;
use fairgate_booking::db::DbTime;
use fairgate_booking::tickets::{DoorPack, PublicKey, SeatTicket, TicketKey};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{EVENT, Shop, free_address};

const TOKEN: &str = "the organizer's own token";

fn fairgate(shop: &Shop, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(args).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", shop.metrics_url.trim_end_matches("/metrics"));
    command
}

fn says(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Buys seats; the booking's number and how it is shown afterwards.
async fn buy(shop: &Shop, place: u64, seats: &[&str]) -> (String, Value) {
    let fan = shop.fan(place);
    let held = fan.reserve_seats("hold", seats).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let before = seen(shop, held.field("link")).await;
    assert!(before["places"][0]["seat"].is_string() && before["places"][0]["ticket"].is_null(), "not paid: {before}");
    let paid = fan.pay(held.field("booking_id"), "pay", "demo-visa").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    (paid.field("number").to_owned(), seen(shop, paid.field("link")).await)
}

/// A booking at its own address.
async fn seen(shop: &Shop, link: &str) -> Value {
    let (path, key) = link.split_once('#').expect("a key");
    let request = shop.http.request(Method::POST, format!("{}{path}", shop.url));
    let request = request.header("content-type", "application/json").body(json!({ "key": key }).to_string());
    request.send().await.expect("an answer").json().await.expect("JSON")
}

fn tickets(booking: &Value) -> Vec<String> {
    let places = booking["places"].as_array().expect("places").iter();
    places.map(|place| place["ticket"]["text"].as_str().expect("a ticket").to_owned()).collect()
}

/// A door whose scanner types.
struct Scanned {
    child: Child,
}

impl Scanned {
    fn open(pack: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.args(["checkin", "verify"]).arg(pack).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("the binary is built") }
    }

    fn scan(&mut self, ticket: &str) -> String {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{ticket}").expect("it reads");
        let mut line = String::new();
        BufReader::with_capacity(1, self.child.stdout.as_mut().expect("piped"))
            .read_line(&mut line)
            .expect("it answers");
        line
    }

    /// No more tickets: the exit code.
    fn close(mut self) -> i32 {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends").code().expect("by itself")
    }
}

/// All tickets at once: the lines, and the exit code.
fn scan_all(pack: &Path, args: &[&str], tickets: &[&str]) -> (Vec<String>, i32) {
    let mut door = Scanned::open(pack, args);
    let lines = tickets.iter().map(|ticket| door.scan(ticket)).collect();
    (lines, door.close())
}

#[track_caller]
fn assert_says(line: &str, begin: &str, part: &str) {
    assert!(line.starts_with(begin) && line.contains(part), "{begin:?} and {part:?} are not in {line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_paid_comes_in_once_and_nobody_is_forgotten() {
    let shop = Shop::open_with(&free_address(), vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    let files = tempfile::tempdir().expect("a directory");
    let pack = files.path().join("night.pack");

    // A booking that is cancelled, and its seat that is sold again.
    let (cancelled, booking) = buy(&shop, 1, &["pit-GA-1"]).await;
    let revoked = tickets(&booking).remove(0);
    let link = booking["link"].as_str().expect("a link").to_owned();
    let told = fairgate(&shop, &["booking", "cancel", &cancelled, "--reason", "rain"]).output().expect("it runs");
    assert!(told.status.success(), "{}", says(&told));
    let gone = seen(&shop, &link).await;
    assert!(gone["status"] == "cancelled" && gone["places"][0]["ticket"].is_null(), "{gone}");
    let again = tickets(&buy(&shop, 2, &["pit-GA-1"]).await.1).remove(0);
    assert_ne!(revoked, again, "the same seat is another ticket");
    let (_, two) = buy(&shop, 3, &["gallery-A-1", "gallery-A-2"]).await;
    let (one, other) = (tickets(&two)[0].clone(), tickets(&two)[1].clone());
    assert_eq!(two["places"][0]["ticket"]["size"], 45);

    let unknown = fairgate(&shop, &["checkin", "pack", "no-such-event"]).output().expect("it runs");
    assert!(!unknown.status.success(), "{}", says(&unknown));
    let out = pack.to_string_lossy().into_owned();
    let made = fairgate(&shop, &["checkin", "pack", EVENT, "--out", &out]).output().expect("it runs");
    let made = says(&made);
    assert!(made.contains("night.pack: 5000 seats, 1 tickets revoked, signed by the key "), "{made}");
    let key = made.trim().rsplit(' ').next().expect("a key");
    let text = std::fs::read_to_string(&pack).expect("written");
    assert!(!text.contains("rain") && !text.contains(&cancelled), "a door knows no buyer");

    // The seller's machines are of no use to the door: from here on nothing is asked of them.
    drop(shop);
    let forged = format!("{}0{}", &one[..60], &one[61..]);
    let forged = if forged == one { format!("{}1{}", &one[..60], &one[61..]) } else { forged };
    let small = one.to_lowercase();
    let shown = [&small, &one, &revoked, &again, &forged, "https://tickets.example/"];
    let (lines, code) = scan_all(&pack, &["--door", "north", "--key", key], &shown);
    assert_says(&lines[0], "ADMIT        ", "row A, seat 1");
    assert_says(&lines[1], "ALREADY USED ", "row A, seat 1: at ");
    assert_says(&lines[1], "ALREADY USED ", ", door north");
    assert_says(&lines[2], "REVOKED      ", "place 1");
    assert_says(&lines[3], "ADMIT        ", "place 1");
    assert_says(&lines[4], "FORGED       ", "the seller did not make");
    assert_says(&lines[5], "UNREADABLE   ", "scan it again");
    assert_eq!(code, 15);
    assert_eq!(scan_all(&pack, &[], &[&revoked]).1, 12);

    // Killed the moment after it has said who comes in; and while another program would write to the same journal.
    let mut door = Scanned::open(&pack, &["--door", "north"]);
    assert_says(&door.scan(&other), "ADMIT        ", "row A, seat 2");
    let beside = Scanned::open(&pack, &[]).child.wait_with_output().expect("it ends");
    assert_eq!(beside.status.code(), Some(1));
    assert!(says(&beside).contains("another program writes to the journal"), "{}", says(&beside));
    door.child.kill().expect("kill -9");
    door.child.wait().expect("it is gone");
    let (lines, code) = scan_all(&pack, &["--door", "north"], &[&other]);
    assert_says(&lines[0], "ALREADY USED ", "row A, seat 2: at ");
    assert_eq!(code, 11);

    // Another door that does not know of the first: what came in twice is named, and from then on refused.
    let south = files.path().join("south.journal").to_string_lossy().into_owned();
    let north = files.path().join("night.journal").to_string_lossy().into_owned();
    let all = files.path().join("all.journal").to_string_lossy().into_owned();
    assert_eq!(scan_all(&pack, &["--journal", &south, "--door", "south"], &[&one]).1, 0);
    let merge = |journals: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        let output = command.args(["checkin", "merge", &out]).args(journals).output().expect("it runs");
        (says(&output), output.status.code().expect("a code"))
    };
    let (told, code) = merge(&[&north, &south, "--out", &all]);
    assert_eq!(code, 11, "{told}");
    for part in ["north: 3 admitted\n", "south: 1 admitted\n", "TWICE  ", "door south", "4 admissions, 1 tickets used"]
    {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(merge(&[&north, &north]).1, 0, "a journal and its copy");
    let fresh = files.path().join("east.journal").to_string_lossy().into_owned();
    let east = ["--journal", &fresh, "--also", &all, "--door", "east"];
    assert_eq!(scan_all(&pack, &east, &[&again]).1, 11);

    // A pack that somebody has changed, or signed with a key of their own.
    let wrong = scan_all(&pack, &["--key", &"0".repeat(64)], &[]);
    assert_eq!(wrong.1, 1);
    std::fs::write(&pack, text.replacen("Midsummer", "Midwinter", 1)).expect("written");
    let changed = Scanned::open(&pack, &[]).child.wait_with_output().expect("it ends");
    assert!(
        changed.status.code() == Some(1) && says(&changed).contains("its signature is wrong"),
        "{}",
        says(&changed)
    );
}

/// A pack and the tickets of its only row, by nobody's booking core.
fn made(file: &Path, seats: u32) -> Vec<String> {
    let key = TicketKey::new(1, &[9; 32]).expect("a seed");
    let row =
        json!({ "label": "A", "first": 0, "seats": (1..=seats).map(|seat| seat.to_string()).collect::<Vec<_>>() });
    let pack: DoorPack = serde_json::from_value(json!({
        "format": "fairgate-door-pack/1", "event": "night", "event_id": 7, "title": "Night", "venue": "Hall",
        "starts_at": "2027-06-21T19:30:00.000Z", "zone": "Europe/Lisbon", "made_at": "2027-06-21T12:00:00.000Z",
        "keys": [PublicKey::of(&key)], "revoked": [],
        "sections": [{ "title": "Stalls", "kind": "seated", "rows": [row] }],
    }))
    .expect("a pack");
    write_pack(file, &pack.sign(&key)).expect("written");
    let ticket = |unit| SeatTicket::new(7, DbTime(0), Uuid::from_u128(u128::from(unit)), unit).sign(&key);
    (0..seats).map(ticket).collect()
}

/// Killed while the next ones are written: whoever was told to come in is in the journal, once.
#[test]
fn killed_at_any_moment_a_door_forgets_nobody() {
    let files = tempfile::tempdir().expect("a directory");
    let pack = files.path().join("night.pack");
    let queue = made(&pack, 400).join("\n");
    let mut told = Vec::new();
    for round in 0..12 {
        let mut door = Scanned::open(&pack, &[]).child;
        let (mut typing, typed) = (door.stdin.take().expect("piped"), queue.clone());
        let scanner = std::thread::spawn(move || drop(typing.write_all(typed.as_bytes())));
        let lines = BufReader::new(door.stdout.take().expect("piped")).lines();
        let mut lines = lines.map_while(Result::ok).filter(|line| line.starts_with("ADMIT "));
        told.extend(lines.by_ref().take(1 + round * 3 % 7));
        door.kill().expect("kill -9");
        // What it had said before it died is read, too.
        told.extend(lines);
        door.wait().expect("it is gone");
        scanner.join().expect("it ends");
    }
    let journal = std::fs::read_to_string(pack.with_extension("journal")).expect("a journal");
    let whole = &journal[..journal.rfind('\n').expect("lines") + 1];
    let admissions = whole.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).expect("whole lines"));
    let mut written: Vec<u64> = admissions.map(|admission| admission["unit"].as_u64().expect("a seat")).collect();
    let count = written.len();
    written.sort_unstable();
    written.dedup();
    assert_eq!(written.len(), count, "nobody is in it twice");
    assert!(told.len() >= 12, "{told:?}");
    for line in &told {
        let seat: u64 = line.rsplit(' ').next().and_then(|seat| seat.parse().ok()).expect("a seat");
        assert!(written.contains(&(seat - 1)), "{line:?} is not in the journal");
    }
}
