//! Rooms that ask for a code by mail, with a mail server that keeps what it is sent.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_testkit::MailServer;
use fairgate_testkit::fan::{Answer, Fan};
use serde_json::json;

use super::{asking, assert_entered, assert_refused, join};
use crate::world::{Setup, World};

const MAIL: &str = "[room.entry]\nany_of = [\"mail\"]\n[room.entry.mail]\nsmtp = \"smtp://{double}\"\n\
                    from = \"Box office <tickets@example.com>\"";

/// A mail server that takes every mail.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    server: MailServer,
}

impl Sink {
    pub(super) fn start() -> Self {
        let server = MailServer::start().unwrap();
        Self { address: server.address(), server }
    }

    fn wait_for(&self, number: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mails = self.server.mails();
            if mails.len() >= number {
                return mails;
            }
            assert!(Instant::now() < deadline, "{number} mails never came: {mails:?}");
            sleep(Duration::from_millis(20));
        }
    }

    /// The code of the last of so many mails.
    fn code(&self, number: usize) -> String {
        let mail = self.wait_for(number).pop().unwrap();
        let code = mail.split("Your code is ").nth(1).unwrap().split('.').next().unwrap();
        code.to_owned()
    }
}

fn world() -> (World, Sink) {
    let sink = Sink::start();
    (World::start(Setup { double: Some(sink.address), ..asking(MAIL) }), sink)
}

const CATCH_ALL: &str = "[room.entry]\nany_of = [\"mail\"]\nidentity = [\"mail\"]\nsuspicious = [\"mail\"]\nsuspicious_at = 60\n\
                         [room.entry.mail]\nsmtp = \"smtp://{double}\"\nfrom = \"Box office <tickets@example.com>\"\n\
                         domain_entries = 2";

#[test]
fn a_domain_with_more_mailboxes_than_usual_is_asked_at_the_claim_and_a_large_provider_is_not() {
    let sink = Sink::start();
    let world = World::start(Setup { double: Some(sink.address), ..asking(CATCH_ALL) });
    let mut mails = 0;
    let mut enter = |byte: u8, address: &str| {
        let mut fan = world.fan();
        assert_eq!(send(&mut fan, address).status, 200);
        mails += 1;
        let code = sink.code(mails);
        assert_eq!(check(&mut fan, &code).status, 200);
        assert_entered(&join(&mut fan, byte, &json!({})))
    };
    for byte in 1..=2 {
        assert!(enter(byte, &format!("fan{byte}@catch-all.example")).get("owes").is_none());
    }
    assert_eq!(enter(3, "fan3@catch-all.example")["owes"], json!(["mail"]));
    for byte in 4..=7 {
        assert!(enter(byte, &format!("fan{byte}@gmail.com")).get("owes").is_none());
    }
}

fn send(fan: &mut Fan, address: &str) -> Answer {
    fan.call("entry/mail", &json!({ "address": address }).to_string())
}

fn check(fan: &mut Fan, code: &str) -> Answer {
    fan.call("entry/mail/check", &json!({ "code": code }).to_string())
}

/// Shows who reads a mailbox, by the mail of this number.
pub(super) fn sign_in(fan: &mut Fan, sink: &Sink, number: usize, address: &str) {
    assert_eq!(send(fan, address).status, 200);
    let shown = check(fan, &sink.code(number));
    assert_eq!(shown.status, 200, "{}", shown.text());
}

#[test]
fn who_reads_the_mailbox_enters_and_no_other_browser_does() {
    let (world, sink) = world();
    let mut fan = world.fan();
    let asked = send(&mut fan, "Ada+tickets@Example.org");
    assert_eq!((asked.status, asked.json()["until_ms"].is_u64()), (200, true), "{}", asked.text());
    let code = sink.code(1);
    let mail = sink.wait_for(1).remove(0);
    assert!(mail.contains("To: Ada+tickets@Example.org") && mail.contains("Cup final"), "{mail}");
    assert_refused(&check(&mut world.fan(), &code), 409, "sign-in-mismatch");
    let wrong = if code.starts_with('0') { "1" } else { "0" };
    let refused = assert_refused(&check(&mut fan, &format!("{wrong}{}", &code[1..])), 403, "sign-in-failed");
    assert_eq!((&refused["way"], &refused["retry"]), (&json!("mail"), &json!(true)));
    let given = check(&mut fan, &code);
    assert_eq!((given.status, &given.json()["ways"]), (200, &json!(["mail"])), "{}", given.text());
    assert!(!fan.cookies.keys().any(|name| name.contains("-mail-")), "the asking is over");
    assert_entered(&join(&mut fan, 1, &json!({})));
    let log = world.log();
    assert!(!log.contains("xample.org") && !log.contains(&code), "neither address nor code is in the log");
}

#[test]
fn a_code_ends_after_five_tries_and_after_its_use() {
    let (world, sink) = world();
    let mut fan = world.fan();
    send(&mut fan, "ada@example.org");
    let code = sink.code(1);
    let used = fan.clone();
    for last in 0..5 {
        let refused = assert_refused(&check(&mut fan, "nonsense"), 403, "sign-in-failed");
        assert_eq!(refused["retry"], json!(last < 4));
    }
    assert_eq!(assert_refused(&check(&mut fan, &code), 403, "sign-in-failed")["retry"], json!(false));
    drop(used);
    let mut other = world.fan();
    send(&mut other, "bob@example.org");
    let (code, again) = (sink.code(2), other.clone());
    assert_eq!(check(&mut other, &code).status, 200);
    assert_refused(&check(&mut { again }, &code), 403, "sign-in-failed");
}

#[test]
fn an_address_gets_three_mails_an_hour_and_the_answer_does_not_tell() {
    let (world, sink) = world();
    let answers: Vec<Answer> = (0..6).map(|_| send(&mut world.fan(), "ada@example.org")).collect();
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.all("set-cookie").len() == 1));
    send(&mut world.fan(), "bob@example.org");
    sink.wait_for(4);
    sleep(Duration::from_millis(300));
    assert_eq!(sink.wait_for(4).len(), 4, "three to one, and one to another");
    for wrong in ["", "ada", "ada@localhost", "\"a b\"@example.org", "ada@[127.0.0.1]"] {
        assert_refused(&send(&mut world.fan(), wrong), 400, "bad-body");
    }
}
