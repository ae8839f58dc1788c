//! What happened reaches Redis in order and without a gap, and buyers get their mails, whoever is killed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use fairgate_booking::outbox::{Kind, Message, STREAM};
use fairgate_testkit::{MailServer, PrivateRedis};
use redis::AsyncCommands;
use redis::streams::StreamRangeReply;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::shop::Fan;
use crate::world::World;

const QUICK: &str = "100ms,100ms,100ms,100ms,100ms";

/// A fan who buys a seat, and says where the mail goes or not.
async fn buy(world: &World, place: u64, seat: &str, email: Option<&str>) -> (Fan, String) {
    let fan = world.shop.fan(place);
    let held = fan.reserve_seats("buy", &[seat]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let booking = held.field("booking_id").to_owned();
    let mut body = json!({ "payment_token": "demo-visa" });
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    let paid = fan.send(Method::POST, &format!("/api/v1/bookings/{booking}/payment"), "buy", Some(body)).await;
    assert_eq!(paid.expect("an answer").status, StatusCode::OK);
    (fan, booking)
}

/// Numbers ascend, everything that happened is there, and nothing comes before what it follows from.
async fn check(world: &World, messages: &[Message]) {
    world.check_published(messages).await;
    let mut owners: HashMap<&str, &str> = HashMap::new();
    let mut story: BTreeMap<&str, Vec<Kind>> = BTreeMap::new();
    for message in messages {
        let Some(booking) = &message.booking else { continue };
        story.entry(&booking.number).or_default().push(message.kind);
        for seat in &booking.seats {
            match message.kind {
                Kind::Held => assert_eq!(owners.insert(seat, &booking.number), None, "{seat} was free before"),
                Kind::Booked => {
                    assert_eq!(owners.get(seat.as_str()), Some(&booking.number.as_str()), "{seat} was held")
                }
                Kind::PaymentStarted => {}
                _ => drop(owners.remove(seat.as_str())),
            }
        }
    }
    for (booking, kinds) in story {
        let fits = matches!(
            kinds[..],
            [Kind::Held] | [Kind::Held, Kind::PaymentStarted, Kind::Booked] | [Kind::Held, Kind::Cancelled]
        );
        assert!(fits, "{booking}: {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_published_in_order_whoever_is_killed() {
    let mut world = World::open();
    let mut relay = world.relay();
    let mut fans = tokio::task::JoinSet::new();
    for place in 0..40u64 {
        let fan = world.shop.fan(place);
        fans.spawn(async move {
            for round in 0..10u64 {
                // The same twenty seats again and again, so that one hold follows from the end of another.
                let seats =
                    [format!("pit-GA-{}", (place * 7 + round * 3) % 20 + 1), format!("pit-GA-{}", 21 + place % 20)];
                let seats = if round == 9 { vec![format!("pit-GA-{}", 100 + place)] } else { seats.to_vec() };
                let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
                let held = fan.reserve_seats(&format!("k{round}"), &seats).await;
                if held.status != StatusCode::OK {
                    continue;
                }
                let booking = held.field("booking_id");
                if round == 9 {
                    assert_eq!(fan.pay(booking, "p", "demo-visa").await.status, StatusCode::OK);
                } else {
                    assert_eq!(fan.cancel(booking).await.status, StatusCode::NO_CONTENT);
                }
            }
        });
    }
    for wait_ms in [100, 250, 150, 300] {
        sleep(Duration::from_millis(wait_ms)).await;
        relay.kill9();
        relay = world.relay();
    }
    let mut second = world.relay();
    fans.join_all().await;
    check(&world, &world.all_messages().await).await;

    // Redis forgets everything: it gets everything again, from two relays at once, and still nothing twice.
    world.redis.restart().expect("it starts again");
    buy(&world, 90, "pit-GA-300", None).await;
    check(&world, &world.all_messages().await).await;
    relay.stop();
    second.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_commits_late_is_waited_for() {
    let world = World::open();
    let mut relay = world.relay();
    world.all_messages().await;
    let mut sql = world.shop.sql().await;
    let late = sql.transaction().await.expect("a transaction");
    let insert = "insert into change_log (event_id, kind) select event_id, 'edited' from event returning change_id";
    let number: i64 = late.query_one(insert, &[]).await.expect("a row").get(0);
    buy(&world, 1, "pit-GA-1", None).await;
    sleep(Duration::from_millis(800)).await;
    let published = world.messages().await;
    assert!(published.iter().all(|message| message.id < number), "nothing overtakes {number}: {published:?}");
    late.commit().await.expect("committed");
    let messages = world.all_messages().await;
    check(&world, &messages).await;
    let kinds: Vec<Kind> = messages.iter().rev().take(4).rev().map(|message| message.kind).collect();
    assert_eq!(kinds, [Kind::Edited, Kind::Held, Kind::PaymentStarted, Kind::Booked]);
    relay.stop();
}

/// Whoever forgets a transaction elsewhere, also in another database, holds nothing up: only writers of the log are waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_transaction_stops_nothing_and_one_that_rolled_back_leaves_no_gap() {
    let world = World::open();
    let mut relay = world.relay();
    world.all_messages().await;
    let (mut foreign, mut elsewhere) = (world.shop.sql().await, world.shop.sql().await);
    elsewhere.batch_execute("create table elsewhere (n integer)").await.expect("a table");
    let open = foreign.transaction().await.expect("a transaction");
    open.batch_execute("select pg_current_xact_id(); insert into elsewhere values (1)").await.expect("it has an id");

    for number in 0..20 {
        let before = world.messages().await.len();
        let since = std::time::Instant::now();
        buy(&world, number, &format!("pit-GA-{}", number + 1), None).await;
        while world.messages().await.len() < before + 3 {
            assert!(since.elapsed() < Duration::from_secs(10), "it waits for who does not write into the log");
            sleep(Duration::from_millis(5)).await;
        }
    }

    // A number that is drawn and never comes; what follows it waits only until that is known.
    let drawn = elsewhere.transaction().await.expect("a transaction");
    drawn
        .batch_execute("insert into change_log (event_id, kind) select event_id, 'edited' from event")
        .await
        .expect("a row");
    buy(&world, 30, "pit-GA-30", None).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(world.messages().await.len(), 61, "one event was made, and twenty fans have bought before");
    drawn.rollback().await.expect("rolled back");
    check(&world, &world.all_messages().await).await;
    open.rollback().await.expect("rolled back");
    relay.stop();
}

/// A newer core may write kinds that this relay does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_kind_is_left_out_and_all_others_go_on() {
    let world = World::open();
    let sql = world.shop.sql().await;
    let mut relay = world.relay();
    world.all_messages().await;
    sql.batch_execute("alter table change_log drop constraint change_log_kind_check").await.expect("any kind");
    let insert = "insert into change_log (event_id, kind) select event_id, 'levitated' from event";
    // Before others, between them, alone at the end.
    for number in 0..3 {
        sql.batch_execute(insert).await.expect("a row");
        buy(&world, number, &format!("pit-GA-{}", number + 1), None).await;
    }
    for _ in 0..2 {
        sql.batch_execute(insert).await.expect("a row");
    }
    let known = "select change_id from change_log where kind <> 'levitated' order by 1";
    let known: Vec<i64> = sql.query(known, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();
    for _ in 0..200 {
        if world.messages().await.len() == known.len() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    // It is noted that what was left out was read, so that it is pruned like the rest and nobody is called.
    let noted = "select count(*) from published where change_id = (select max(change_id) from change_log)";
    for _ in 0..300 {
        if sql.query_one(noted, &[]).await.expect("a count").get::<_, i64>(0) == 1 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sql.query_one(noted, &[]).await.expect("a count").get::<_, i64>(0), 1);
    relay.kill9();
    relay = world.relay();
    buy(&world, 9, "pit-GA-9", None).await;
    let expected = known.len() + 3;
    for _ in 0..200 {
        if world.messages().await.len() == expected {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let messages = world.messages().await;
    assert_eq!(messages.len(), expected, "all that is known, once");
    assert!(messages.is_sorted_by_key(|message| message.id));
    assert_eq!(messages[..known.len()].iter().map(|message| message.id).collect::<Vec<_>>(), known);
    relay.stop();
}

#[tokio::test]
async fn the_script_appends_only_where_the_caller_believes_that_the_stream_ends() {
    let server = PrivateRedis::start().expect("Redis is installed by `make setup`");
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let script = redis::Script::new(include_str!("../../lua/outbox/publish.lua"));
    for (believed, messages, stands) in [
        ("-1", vec![], "0"),
        ("0", vec!["5", "a", "7", "b"], "7"),
        ("0", vec!["5", "a", "7", "b"], "7"),
        ("5", vec!["6", "never"], "7"),
        ("7", vec!["8", "c"], "8"),
        ("-1", vec![], "8"),
    ] {
        let mut call = script.key(STREAM);
        call.arg(believed).arg(messages);
        let answered: String = call.invoke_async(&mut connection).await.expect("it runs");
        assert_eq!(answered, stands, "believed {believed}");
    }
    let entries: StreamRangeReply = connection.xrange_all(STREAM).await.expect("a stream");
    let ids: Vec<&str> = entries.ids.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["5-1", "7-1", "8-1"]);
}

fn mails(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mails = files.filter(|file| file.path().extension().is_some_and(|end| end == "eml"));
    mails.map(|file| std::fs::read_to_string(file.path()).expect("text")).collect()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_get_mails_and_failures_are_dead_letters_until_they_are_retried() {
    let mut world = World::open();
    let files = tempfile::tempdir().expect("a directory");
    let directory = files.path().join("mails");
    let to = directory.to_string_lossy().into_owned();
    let mail = ["mail", "--directory", &to, "--retry-after", QUICK];
    let (mut relay, mut worker) = (world.relay(), world.outbox(&mail, "sending mails"));

    // The directory is not there: six attempts, then among the dead, also over the worker's death.
    buy(&world, 1, "pit-GA-1", Some("fan@example.com")).await;
    buy(&world, 2, "pit-GA-2", None).await;
    sleep(Duration::from_millis(300)).await;
    worker.kill9();
    worker = world.outbox(&mail, "sending mails");
    until("a dead letter", || world.says(&["dead", "list"]).contains("Booked")).await;
    let dead = world.says(&["dead", "list"]);
    assert!(dead.contains("(6 attempts)") && dead.lines().count() == 1 && !dead.contains("fan@"), "{dead}");

    std::fs::create_dir(&directory).expect("a directory");
    assert_eq!(world.says(&["dead", "retry", "--all"]), "1 given back\n");
    until("the mail", || mails(&directory).len() == 1).await;
    assert_eq!(world.says(&["dead", "list"]), "no dead letters\n");
    let mail_text = mails(&directory).remove(0);
    for part in [
        "To: fan@example.com",
        "Subject: Your seats for Midsummer Night",
        "Monday, 21 June 2027, 20:30 WEST",
        "65.00 EUR",
    ] {
        assert!(mail_text.replace("=\r\n", "").contains(part), "{part} is not in\n{mail_text}");
    }

    // Redis forgets, the relay publishes again, and nobody gets a mail twice.
    std::fs::remove_file(std::fs::read_dir(&directory).expect("a list").next().expect("one").expect("a file").path())
        .expect("removed");
    world.redis.restart().expect("it starts again");
    world.all_messages().await;
    buy(&world, 3, "pit-GA-3", Some("third@example.com")).await;
    until("the third fan's mail", || mails(&directory).iter().any(|mail| mail.contains("third@"))).await;
    assert_eq!(mails(&directory).len(), 1, "the first mail was not sent again");
    relay.stop();
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_puts_a_mail_off_gets_it_again() {
    let world = World::open();
    let server = MailServer::start().expect("a port");
    server.put_off(1);
    let url = server.url();
    let (mut relay, mut worker) =
        (world.relay(), world.outbox(&["mail", "--smtp-url", &url, "--retry-after", QUICK], "sending mails"));
    buy(&world, 1, "pit-GA-1", Some("fan@example.com")).await;
    until("the mail", || server.mails().len() == 1).await;
    assert_eq!(server.recipients(), 2, "put off once, then taken");
    sleep(Duration::from_millis(700)).await;
    assert_eq!(server.mails().len(), 1, "and once only");
    relay.stop();
    worker.stop();
}
