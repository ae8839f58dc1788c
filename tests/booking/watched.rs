//! The relay and the mail worker can be watched: what they have done, what waits, and which of them gets nowhere.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::shop::free_address;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);

/// What operators ask.
struct Operators {
    http: Client,
    base: String,
}

impl Operators {
    fn at(address: &str) -> Self {
        Self { http: Client::new(), base: format!("http://{address}") }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    /// The value of a metric with its labels as they are written.
    async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().expect("a number"))
    }

    async fn until_metric(&self, name: &str, is_right: impl Fn(f64) -> bool) {
        let waiting = async {
            while !self.metric(name).await.is_some_and(&is_right) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let told = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(told.is_ok(), "{name}: {:?}", self.get("/metrics").await.1);
    }

    async fn until_ready(&self, expected: StatusCode) -> String {
        let waiting = async {
            loop {
                let (status, text) = self.get("/readyz").await;
                if status == expected {
                    return text;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to that")
    }
}

async fn buy(world: &World, place: u64, email: &str) {
    let fan = world.shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let (path, body) = (
        format!("/api/v1/bookings/{}/payment", held.field("booking_id")),
        json!({ "payment_token": "demo-visa", "email": email }),
    );
    let paid = fan.send(Method::POST, &path, "buy", Some(body)).await.expect("an answer");
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_gets_nowhere_is_said_by_name_until_it_goes_on() {
    let mut world = World::open();
    let address = free_address();
    let mut relay = world.outbox(&["relay", "--metrics-listen", &address], "publishing to");
    let operators = Operators::at(&address);
    buy(&world, 1, "fan@example.com").await;
    let messages = world.all_messages().await.len() as f64;
    operators.until_metric("fairgate_outbox_published_total", |published| published >= messages).await;
    assert_eq!(operators.metric("fairgate_outbox_unpublished_changes").await, Some(0.0));
    assert_eq!(operators.get("/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    assert_eq!(operators.get("/healthz").await.0, StatusCode::OK);

    world.redis.kill9();
    let said = operators.until_ready(StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(said.starts_with("not ready: relay has been silent for "), "{said}");
    operators.until_metric("fairgate_heartbeat_age_seconds{task=\"relay\"}", |age| age > 10.0).await;
    operators.until_metric("fairgate_outbox_relay_failures_total", |failures| failures > 0.0).await;

    world.redis.restart().expect("it starts again");
    operators.until_ready(StatusCode::OK).await;
    world.check_published(&world.all_messages().await).await;
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_and_dead_letters_are_counted_and_name_nobody() {
    let world = World::open();
    let files = tempfile::tempdir().expect("a directory");
    let missing = files.path().join("mails");
    let (address, to) = (free_address(), missing.to_string_lossy().into_owned());
    let args = ["mail", "--directory", &to, "--retry-after", "100ms,100ms", "--metrics-listen", &address];
    let (mut relay, mut worker) = (world.relay(), world.outbox(&args, "sending mails"));
    let operators = Operators::at(&address);
    assert_eq!(operators.metric("fairgate_outbox_dead_letters{worker=\"mail\"}").await, Some(0.0));

    buy(&world, 1, "somebody@example.com").await;
    operators.until_metric("fairgate_outbox_mails_total{outcome=\"dead\"}", |dead| dead == 1.0).await;
    assert_eq!(operators.metric("fairgate_outbox_mails_total{outcome=\"failed\"}").await, Some(2.0));
    operators.until_metric("fairgate_outbox_dead_letters{worker=\"mail\"}", |dead| dead == 1.0).await;
    operators.until_metric("fairgate_outbox_oldest_dead_letter_seconds{worker=\"mail\"}", |age| age >= 1.0).await;

    std::fs::create_dir(&missing).expect("a directory");
    world.says(&["dead", "retry", "--all"]);
    operators.until_metric("fairgate_outbox_mails_total{outcome=\"sent\"}", |sent| sent == 1.0).await;
    operators.until_metric("fairgate_outbox_dead_letters{worker=\"mail\"}", |dead| dead == 0.0).await;
    operators.until_metric("fairgate_outbox_oldest_dead_letter_seconds{worker=\"mail\"}", |age| age == 0.0).await;
    assert_eq!(operators.get("/readyz").await.0, StatusCode::OK);
    assert!(!operators.get("/metrics").await.1.contains("somebody"), "a metric names nobody");
    relay.stop();
    worker.stop();
}
