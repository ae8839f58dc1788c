//! A CDN in front of the core, played by nginx's cache: how many questions reach the core, and what it must not keep.

use std::path::Path;
use std::time::{Duration, Instant};

use fairgate_testkit::Nginx;
use futures_util::future::join_all;
use http::header::CACHE_CONTROL;
use reqwest::{Client, StatusCode};
use tokio::time::{sleep, timeout};

use crate::shop::{EVENT, Env, Shop, free_address};

const PATIENCE: Duration = Duration::from_secs(30);
const ASKERS: usize = 16;

/// As the operations guide shows it.
fn cache(dir: &Path) -> String {
    format!("proxy_cache_path {}/kept keys_zone=core:1m;", dir.display())
}

fn in_front_of(core: &str) -> Nginx {
    let server = format!(
        "location / {{ proxy_pass {core}; proxy_cache core; proxy_cache_lock on;
            proxy_cache_background_update on; }}"
    );
    Nginx::start_with(cache, &server).expect("nginx is installed by `make setup`")
}

struct Visitor {
    http: Client,
    url: String,
}

impl Visitor {
    fn of(cdn: &Nginx) -> Self {
        let url = format!("http://{}/api/v1/events/{EVENT}/availability", cdn.address());
        Self { http: Client::builder().timeout(PATIENCE).build().expect("a client"), url }
    }

    async fn ask(&self) -> (StatusCode, Vec<u8>) {
        let answer = self.http.get(&self.url).send().await.expect("the cache answers");
        (answer.status(), answer.bytes().await.expect("a body").to_vec())
    }

    async fn until(&self, is_right: impl Fn(StatusCode, &[u8]) -> bool) {
        let asking = async {
            loop {
                let (status, body) = self.ask().await;
                if is_right(status, &body) {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, asking).await.expect("it comes to that");
    }
}

/// How many questions about seats the core has answered.
async fn asked(shop: &Shop) -> f64 {
    let metrics = shop.http.get(&shop.metrics_url).send().await.expect("metrics").text().await.expect("text");
    let of_call = "fairgate_booking_requests_total{call=\"GET /api/v1/events/{event}/availability\"";
    let counts = metrics.lines().filter(|line| line.starts_with(of_call));
    counts.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_the_cache_is_one_question_a_second_at_the_core() {
    let shop = Shop::open();
    let cdn = in_front_of(&shop.url);
    let visitor = Visitor::of(&cdn);
    let free = shop.bits().await;
    visitor.until(|status, body| status == StatusCode::OK && body == free).await;

    let (before, begun) = (asked(&shop).await, Instant::now());
    let crowd = (0..ASKERS).map(|_| async {
        let mut answers = 0_u32;
        while begun.elapsed() < Duration::from_secs(4) {
            assert_eq!(visitor.ask().await.0, StatusCode::OK);
            answers += 1;
        }
        answers
    });
    let answers: u32 = join_all(crowd).await.into_iter().sum();
    let (asks, seconds) = (asked(&shop).await - before, begun.elapsed().as_secs_f64());
    assert!(asks <= 2.0 * (seconds + 1.0), "{asks} questions in {seconds} s");
    assert!(f64::from(answers) > 5.0 * asks, "{answers} answers of the cache, {asks} of the core");

    // What is sold is soon seen, by an answer that says how long it may be kept and of what it is.
    let held = shop.fan(1).reserve_seats("a", &["stalls-centre-A-1"]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    visitor.until(|_, body| body != free).await;
    let answer = visitor.http.get(&visitor.url).send().await.expect("an answer");
    assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=1, stale-while-revalidate=5");
    assert_eq!(answer.headers()["surrogate-key"], format!("event-{EVENT}").as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_does_not_know_is_not_kept() {
    let (shop, link) = Shop::open_linked(&free_address(), Env::new());
    let cdn = in_front_of(&shop.url);
    let visitor = Visitor::of(&cdn);
    visitor.until(|status, _| status == StatusCode::OK).await;
    link.cut();
    visitor.until(|status, _| status == StatusCode::SERVICE_UNAVAILABLE).await;
    link.mend();
    visitor.until(|status, _| status == StatusCode::OK).await;
}
