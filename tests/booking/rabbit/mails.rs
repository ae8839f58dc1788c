//! Mails by way of RabbitMQ: sent once, retried, dead, and looked after with the same commands.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Rabbit, quiet_shop, until};
use crate::shop::Shop;

async fn buy(shop: &Shop, place: u64) {
    let fan = shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let body = json!({ "payment_token": "demo-visa", "email": format!("fan{place}@example.com") });
    let path = format!("/api/v1/bookings/{}/payment", held.field("booking_id"));
    let paid = fan.send(Method::POST, &path, "buy", Some(body)).await;
    assert_eq!(paid.expect("an answer").status, StatusCode::OK);
}

fn mails(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|end| end == "eml")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_get_mails_and_failures_are_dead_letters_until_somebody_looks() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let files = tempfile::tempdir().expect("a directory");
    let directory = files.path().join("mails");
    let to = directory.to_string_lossy().into_owned();
    let args = ["mail", "--directory", &to, "--retry-after", "100ms,100ms,100ms,100ms,100ms"];
    let mut worker = rabbit.run(&shop, &args, "sending mails");
    let topics = ["booking.confirmed", "booking.cancelled", "refund.completed"].map(|topic| format!("--topic={topic}"));
    let relay = [vec!["relay"], topics.iter().map(String::as_str).collect()].concat();
    let mut relay = rabbit.run(&shop, &relay, "publishing to fairgate.events");

    // The directory is not there: six attempts, then dead, also over the death of the worker.
    buy(&shop, 1).await;
    buy(&shop, 2).await;
    worker.kill9();
    let mut worker = rabbit.run(&shop, &args, "sending mails");
    until("dead letters", async || rabbit.says(&shop, &["dead", "list"]).1.lines().count() == 2).await;
    let dead = rabbit.says(&shop, &["dead", "list"]).1;
    assert!(dead.contains("Booked") && dead.contains("(6 attempts)") && !dead.contains("fan1@"), "{dead}");
    let ids: Vec<&str> = dead.lines().filter_map(|line| line.split(' ').next()).collect();
    let shown = rabbit.says(&shop, &["dead", "show", ids[0]]).1;
    assert!(shown.contains("com.fairgate.booking.confirmed.v1"), "{shown}");

    std::fs::create_dir(&directory).expect("a directory");
    assert_eq!(rabbit.says(&shop, &["dead", "drop", ids[1]]), (true, "1 removed\n".to_owned()));
    assert_eq!(rabbit.says(&shop, &["dead", "retry", "--all"]), (true, "1 given back\n".to_owned()));
    until("the mail", async || mails(&directory) == 1).await;
    assert_eq!(rabbit.says(&shop, &["dead", "list"]).1, "no dead letters\n");
    buy(&shop, 3).await;
    until("the third fan's mail", async || mails(&directory) == 2).await;
    relay.stop();
    worker.stop();
}
