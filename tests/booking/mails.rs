//! Buyers get mails from the core itself, on Postgres alone, whoever is killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fairgate_testkit::MailServer;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::shop::{Env, Shop, free_address};

const QUICK: &str = "100ms,100ms,100ms,100ms,100ms";

/// Buys the best place that is left, and says where the mail goes.
async fn buy(shop: &Shop, place: u64) -> String {
    let fan = shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let booking = held.field("booking_id").to_owned();
    let body = json!({ "payment_token": "demo-visa", "email": format!("fan{place}@example.com") });
    let paid = fan.send(Method::POST, &format!("/api/v1/bookings/{booking}/payment"), "buy", Some(body)).await;
    assert_eq!(paid.expect("an answer").status, StatusCode::OK);
    booking
}

fn says(shop: &Shop, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.arg("outbox").args(args).env("FAIRGATE_DATABASE_URL", shop.postgres.url()).env_remove("FAIRGATE_REDIS_URL");
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn mails(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mails = files.filter(|file| file.path().extension().is_some_and(|end| end == "eml"));
    mails.map(|file| std::fs::read_to_string(file.path()).expect("text")).collect()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..800 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

/// Cores that write mails into a directory.
fn mailing(directory: &Path) -> Env {
    vec![
        ("FAIRGATE_MAIL_DIRECTORY", directory.to_string_lossy().into_owned()),
        ("FAIRGATE_MAIL_RETRY_AFTER", QUICK.to_owned()),
        ("FAIRGATE_PUBLIC_URL", "https://tickets.example".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_sends_mails_by_itself_and_failures_are_dead_letters_until_they_are_retried() {
    let files = tempfile::tempdir().expect("a directory");
    let directory = files.path().join("mails");
    let mut shop = Shop::open_with(&free_address(), mailing(&directory));

    // The directory is not there: six attempts, then among the dead, also over the core's death.
    buy(&shop, 1).await;
    sleep(Duration::from_millis(250)).await;
    shop.restart_core();
    until("a dead letter", || says(&shop, &["dead", "list"]).contains("Booked")).await;
    let dead = says(&shop, &["dead", "list"]);
    assert!(dead.contains("(6 attempts)") && dead.lines().count() == 1 && !dead.contains("fan1@"), "{dead}");
    let metrics = async || shop.http.get(&shop.metrics_url).send().await.expect("metrics").text().await.expect("text");
    for _ in 0..200 {
        if metrics().await.contains("fairgate_outbox_dead_letters{worker=\"mail\"} 1") {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(metrics().await.contains("fairgate_outbox_dead_letters{worker=\"mail\"} 1"));
    let shown = says(&shop, &["dead", "show", dead.split(' ').next().expect("an id")]);
    assert!(shown.starts_with(&dead) && shown.contains("com.fairgate.booking.confirmed.v1"), "{shown}");
    assert!(!shown.contains("fan1@"), "no message has an address: {shown}");

    std::fs::create_dir(&directory).expect("a directory");
    assert_eq!(says(&shop, &["dead", "retry", "--all"]), "1 given back\n");
    until("the mail", || mails(&directory).len() == 1).await;
    assert_eq!(says(&shop, &["dead", "list"]), "no dead letters\n");
    let mail = mails(&directory).remove(0).replace("=\r\n", "");
    for part in ["To: fan1@example.com", "Subject: Your seats for Midsummer Night", "https://tickets.example/bookings/"]
    {
        assert!(mail.contains(part), "{part} is not in\n{mail}");
    }
    for part in ["method=PUBLISH", "filename=\"booking.ics\"", "BEGIN:VCALENDAR", "UID:", "DTSTART:20270621T193000Z"] {
        assert!(mail.contains(part), "{part} is not in\n{mail}");
    }
    assert!(says(&shop, &["sinks"]).contains("mail  at "), "it is registered, so that the log waits for it");
    let sql = shop.sql().await;
    assert_eq!(sql.query_one("select count(*) from parked", &[]).await.expect("a count").get::<_, i64>(0), 0);

    // Another one that nobody wants any more.
    std::fs::remove_dir_all(&directory).expect("removed");
    buy(&shop, 2).await;
    until("a dead letter", || says(&shop, &["dead", "list"]).contains("Booked")).await;
    let dead = says(&shop, &["dead", "list"]);
    assert_eq!(says(&shop, &["dead", "drop", dead.split(' ').next().expect("an id")]), "1 removed\n");
    assert_eq!(says(&shop, &["dead", "list"]), "no dead letters\n");
    assert_eq!(sql.query_one("select count(*) from parked", &[]).await.expect("a count").get::<_, i64>(0), 0);
}

/// The mails that a server took, by their ids.
fn ids(server: &MailServer) -> Vec<String> {
    let id = |mail: &String| mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).map(str::to_owned);
    server.mails().iter().filter_map(id).collect()
}

/// The core dies with mails that it has taken and not sent: they are sent after it, once each, and in the right number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_killed_between_taking_and_sending_loses_no_mail_and_sends_none_twice() {
    let server = MailServer::start().expect("a port");
    let env = vec![("FAIRGATE_SMTP_URL", server.url()), ("FAIRGATE_MAIL_RETRY_AFTER", QUICK.to_owned())];
    let mut shop = Shop::open_with(&free_address(), env);
    buy(&shop, 0).await;
    until("the first mail", || ids(&server).len() == 1).await;

    for round in 0..3 {
        server.hang(true);
        let asked = server.recipients();
        for fan in 0..3 {
            buy(&shop, 10 + round * 10 + fan).await;
        }
        until("a mail in mid-air", || server.recipients() > asked).await;
        shop.core.kill9();
        let sent = ids(&server).len();
        server.hang(false);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(ids(&server).len(), sent, "whoever was sending is dead");
        shop.restart_core();
        let expected = 1 + 3 * (usize::try_from(round).expect("small") + 1);
        until("the others", || ids(&server).len() >= expected).await;
    }
    sleep(Duration::from_millis(1500)).await;
    let ids = ids(&server);
    assert_eq!(ids.len(), 10, "a mail for each booking: {ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(says(&shop, &["dead", "list"]), "no dead letters\n");
}

/// Two cores, many buyers, kills at any moment: one mail a booking, by its `Message-ID`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_each_booking_has_its_mail() {
    let files = tempfile::tempdir().expect("a directory");
    let mut shop = Shop::open_with(&free_address(), mailing(files.path()));
    let (mut other, _) = shop.another_core();
    let mut bookings = BTreeSet::new();
    for round in 0..4u64 {
        for fan in 0..5 {
            bookings.insert(buy(&shop, round * 10 + fan).await);
        }
        sleep(Duration::from_millis(round * 37)).await;
        if round % 2 == 0 {
            shop.restart_core();
        } else {
            other.kill9();
            (other, _) = shop.another_core();
        }
    }
    until("every mail", || mails(files.path()).len() == bookings.len()).await;
    sleep(Duration::from_secs(1)).await;
    let id = |mail: &String| {
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("an id");
        id.split(['.', '@']).nth(1).expect("a booking").to_owned()
    };
    let mailed: BTreeSet<String> = mails(files.path()).iter().map(id).collect();
    assert_eq!(mailed, bookings);
    other.stop();
}

/// A core that is told to leave mails to others does; then `fairgate outbox mail` sends them, without a Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_can_be_left_to_a_process_of_their_own() {
    let (files, theirs) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let env = [mailing(files.path()), vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())]].concat();
    let shop = Shop::open_with(&free_address(), env);
    buy(&shop, 1).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(says(&shop, &["sinks"]), "nobody reads the change log\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["outbox", "mail", "--exit-with-stdin", "--directory"]).arg(theirs.path());
    command.env("FAIRGATE_DATABASE_URL", shop.postgres.url()).env_remove("FAIRGATE_REDIS_URL");
    let mut worker = fairgate_testkit::ChildProcess::spawn("the mail worker", command).expect("the binary is built");
    worker.wait_for_line("sending mails", Duration::from_secs(30)).expect("it starts");
    until("the mail", || mails(theirs.path()).len() == 1).await;
    assert_eq!(mails(files.path()).len(), 0);
    worker.stop();
}
