//! Reminders: from the payment to the mail, over a moved event, a cancelled booking and other rules for clocks.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fairgate_booking::db::Database;
use fairgate_booking::outbox::Schedule;
use fairgate_booking::reminders::ReminderKeeper;
use fairgate_telemetry::clock::ManualClock;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::shop::{EVENT, Shop, free_address};

const TOKEN: &str = "the organizer's own token";

/// Buys a seat; the booking's number.
async fn buy(shop: &Shop, place: u64, zone: &str) -> String {
    let fan = shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    let path = format!("/api/v1/bookings/{}/payment", held.field("booking_id"));
    let body = json!({ "payment_token": "demo-visa", "email": format!("fan{place}@example.com"), "time_zone": zone });
    let paid = fan.send(Method::POST, &path, "buy", Some(body)).await.expect("an answer");
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    held.field("number").to_owned()
}

/// A keeper whose time is a test's.
pub(crate) fn keeper(shop: &Shop, clock: &Arc<ManualClock>) -> ReminderKeeper {
    let database = Database::new(&shop.postgres.url()).expect("a URL");
    let schedule = Schedule::parse("1s").expect("a schedule");
    ReminderKeeper::new(database, schedule, Arc::<ManualClock>::clone(clock))
}

fn organize(shop: &Shop, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(args).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", shop.metrics_url.trim_end_matches("/metrics"));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The reminders as `wall zone of the recipient at`, once there are such ones.
async fn due(sql: &tokio_postgres::Client, expected: &[&str]) {
    let select =
        "select wall || ' ' || coalesce(recipient_zone, '-') || ' ' || to_char(at at time zone 'UTC', 'MM-DD HH24:MI')
            || case when fired_at is null then '' else ' given' end
        from due order by at, recipient_zone";
    let mut found: Vec<String> = Vec::new();
    for _ in 0..600 {
        found = sql.query(select, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();
        if found == expected {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{found:?} are due, and not {expected:?}");
}

async fn mails(directory: &Path, expected: usize) -> Vec<String> {
    for _ in 0..600 {
        let files = std::fs::read_dir(directory).expect("a directory").flatten();
        let mails = files.filter(|file| file.path().extension().is_some_and(|end| end == "eml"));
        let mails = mails.map(|file| std::fs::read_to_string(file.path()).expect("text").replace("=\r\n", ""));
        let reminders: Vec<String> =
            mails.filter(|mail| mail.contains("Subject: Monday, 20:30: Midsummer Night")).collect();
        if reminders.len() == expected {
            return reminders;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{expected} reminders never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fans_are_reminded_once_at_the_places_time_and_not_in_their_night() {
    let files = tempfile::tempdir().expect("a directory");
    let env = vec![
        ("FAIRGATE_MAIL_DIRECTORY", files.path().to_string_lossy().into_owned()),
        ("FAIRGATE_PUBLIC_URL", "https://tickets.example".to_owned()),
        ("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned()),
    ];
    let shop = Shop::open_with(&free_address(), env);
    let sql = shop.sql().await;
    buy(&shop, 1, "Asia/Kathmandu").await;
    buy(&shop, 2, "Mars/Olympus").await;
    let cancelled = buy(&shop, 3, "Europe/Paris").await;
    let (lisbon, kathmandu) = ("2027-06-20 18:00:00 - 06-20 17:00", "2027-06-20 18:00:00 Asia/Kathmandu 06-21 02:15");
    due(&sql, &["2027-06-20 18:00:00 Europe/Paris 06-20 17:00", lisbon, kathmandu]).await;
    organize(&shop, &["booking", "cancel", &cancelled, "--reason", "rain"]);
    due(&sql, &[lisbon, kathmandu]).await;

    // Another country's rules, as a pass of tomorrow finds them.
    let clock = Arc::new(ManualClock::at(0));
    let keeper = keeper(&shop, &clock);
    let at = |clock: &ManualClock, utc: &str| {
        let at: Timestamp = utc.parse().expect("a time");
        clock.set(u64::try_from(at.as_millisecond()).expect("after 1970"));
    };
    at(&clock, "2027-06-01T00:00:00Z");
    sql.batch_execute("update due set at = at + interval '1 hour' where recipient_zone is null")
        .await
        .expect("changed");
    assert_eq!(keeper.derive_again(None).await.expect("Postgres answers"), 1);
    assert_eq!(keeper.derive_again(None).await.expect("Postgres answers"), 0);
    due(&sql, &[lisbon, kathmandu]).await;

    // Each at its own instant, and once.
    for (utc, fired) in [
        ("2027-06-20T16:59:59Z", 0),
        ("2027-06-20T17:00:00Z", 1),
        ("2027-06-21T02:14:59Z", 0),
        ("2027-06-21T02:15:00Z", 1),
        ("2027-06-21T02:15:01Z", 0),
    ] {
        at(&clock, utc);
        assert_eq!(keeper.fire_once().await.expect("Postgres answers"), fired, "{utc}");
    }
    let reminders = mails(files.path(), 2).await;
    let of = |fan: &str| reminders.iter().find(|mail| mail.contains(fan)).unwrap_or_else(|| panic!("none to {fan}"));
    for part in
        ["Your tickets for the door", "https://tickets.example/bookings/", "For you: Tuesday, 22 June 2027, 01:15"]
    {
        assert!(of("To: fan1@example.com").contains(part), "{part} is not in\n{}", of("fan1"));
    }
    assert!(!of("To: fan2@example.com").contains("For you"), "their zone is not known");

    // The event is moved: there is another evening before. Whoever was reminded is reminded again.
    organize(&shop, &["event", "set", EVENT, "--starts-at", "2027-07-05T20:30[Europe/Lisbon]"]);
    let moved = ["2027-07-04 18:00:00 - 07-04 17:00", "2027-07-04 18:00:00 Asia/Kathmandu 07-05 02:15"];
    due(&sql, &moved).await;
    at(&clock, "2027-07-05T02:15:00Z");
    assert_eq!(keeper.fire_once().await.expect("Postgres answers"), 2);
    mails(files.path(), 4).await;

    // Once it is over nothing is kept.
    at(&clock, "2027-07-06T19:30:01Z");
    assert_eq!(keeper.derive_again(None).await.expect("Postgres answers"), 0);
    due(&sql, &[]).await;
}
