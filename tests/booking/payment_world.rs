//! A shop with a payment provider as a process of its own, which charges, is silent, repeats itself or fails on request.

use std::process::{Command, Stdio};
use std::time::Duration;

use fairgate_booking::payment::api::{ChargeList, ChargeRecord};
use fairgate_booking::payment::signature::{SIGNATURE_HEADER, WebhookSecret};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_testkit::ChildProcess;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::shop::{Env, Shop, free_address};

const SECRET: &str = "a secret that only tests know";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct PaymentWorld {
    pub(crate) shop: Shop,
    pub(crate) provider: ChildProcess,
    pub(crate) provider_url: String,
    ledger: tempfile::TempDir,
}

impl PaymentWorld {
    pub(crate) fn open() -> Self {
        Self::open_with(Env::new())
    }

    pub(crate) fn open_with(env: Env) -> Self {
        Self::around(env, Shop::open_with)
    }

    /// A provider around a shop that somebody else opens.
    pub(crate) fn around(mut env: Env, open: impl FnOnce(&str, Env) -> Shop) -> Self {
        // The provider needs the core's address and the core the provider's: one is chosen beforehand.
        let core = free_address();
        let ledger = tempfile::tempdir().expect("a directory");
        let (provider, provider_url) = start_provider(&core, &free_address(), &ledger);
        env.push(("FAIRGATE_PROVIDER_URL", provider_url.clone()));
        env.push(("FAIRGATE_WEBHOOK_SECRET", SECRET.to_owned()));
        Self { shop: open(&core, env), provider, provider_url, ledger }
    }

    pub(crate) fn restart_provider(&mut self) {
        self.provider.kill9();
        let (core, address) =
            (self.shop.url.trim_start_matches("http://"), self.provider_url.trim_start_matches("http://"));
        (self.provider, self.provider_url) = start_provider(core, address, &self.ledger);
    }

    /// The provider's books.
    pub(crate) async fn charges(&self) -> Vec<ChargeRecord> {
        let answer = self.shop.http.get(format!("{}/v1/charges", self.provider_url)).send().await;
        answer.expect("the provider answers").json::<ChargeList>().await.expect("its books").charges
    }

    /// Sends an event, signed as the provider would `ago_s` seconds ago.
    pub(crate) async fn tell(&self, event: &Value, ago_s: i64) -> StatusCode {
        let body = event.to_string();
        let signature = sign(&body, ago_s);
        self.send(body, &signature).await
    }

    pub(crate) async fn send(&self, body: String, signature: &str) -> StatusCode {
        let url = format!("{}/api/v1/webhooks/payment", self.shop.url);
        let request = self.shop.http.post(url).header("content-type", "application/json");
        request.header(SIGNATURE_HEADER, signature).body(body).send().await.expect("an answer").status()
    }

    /// The steps of a booking's payments, as `step by`.
    pub(crate) async fn steps(&self, booking: &str) -> Vec<String> {
        let steps =
            "select step, by from payment_step join payment using (payment_id) where booking_id = $1::text::uuid
            order by step_id";
        let rows = self.shop.sql().await.query(steps, &[&booking]).await.expect("steps");
        rows.iter().map(|row| format!("{} {}", row.get::<_, &str>(0), row.get::<_, &str>(1))).collect()
    }

    /// The id of the only payment of a booking, once it has begun.
    pub(crate) async fn payment_of(&self, booking: &str) -> String {
        let sql = self.shop.sql().await;
        let payment = "select payment_id::text from payment where booking_id = $1::text::uuid";
        for _ in 0..200 {
            if let Some(row) = sql.query_opt(payment, &[&booking]).await.expect("one payment at most") {
                return row.get(0);
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("no payment has begun");
    }

    /// Waits until a payment is in a state.
    pub(crate) async fn wait_for(&self, payment: &str, state: &str) {
        let sql = self.shop.sql().await;
        let mut found = String::new();
        for _ in 0..500 {
            let row = sql.query_one("select state from payment where payment_id = $1::text::uuid", &[&payment]).await;
            found = row.expect("the payment").get(0);
            if found == state {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the payment is {found}, not {state}");
    }

    /// Makes every open payment due for the cashier's round.
    pub(crate) async fn make_due(&self) {
        self.shop.sql().await.batch_execute("update payment set due_at = now()").await.expect("due");
    }
}

/// Tells a core of an event, as often as it takes until it has taken it in.
pub(crate) async fn insist_to_tell(http: reqwest::Client, core: String, event: Value) {
    let body = event.to_string();
    loop {
        let request = http.post(format!("{core}/api/v1/webhooks/payment")).header("content-type", "application/json");
        let told = request.header(SIGNATURE_HEADER, sign(&body, 0)).body(body.clone()).send().await;
        match told.map(|answer| answer.status()) {
            Ok(StatusCode::NO_CONTENT) => return,
            Ok(StatusCode::SERVICE_UNAVAILABLE) | Err(_) => sleep(Duration::from_millis(30)).await,
            Ok(odd) => panic!("a webhook was answered with {odd}"),
        }
    }
}

/// The header with which the provider signed so many seconds ago.
pub(crate) fn sign(body: &str, ago_s: i64) -> String {
    let now_s = (SystemClock.now_ms() / 1000).checked_add_signed(-ago_s).expect("after 1970");
    WebhookSecret::new(SECRET).expect("long enough").sign(now_s, body.as_bytes())
}

/// An event about a payment of 65 €.
pub(crate) fn event(kind: &str, payment: &str, status: &str) -> Value {
    let charge =
        json!({ "payment_id": payment, "charge": "demo_x", "amount": 6500, "currency": "EUR", "status": status });
    json!({ "id": "00000000-0000-4000-8000-000000000001", "type": kind, "charge": charge })
}

fn start_provider(core: &str, listen: &str, ledger: &tempfile::TempDir) -> (ChildProcess, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["provider", "--exit-with-stdin", "--listen", listen]);
    command.arg("--webhook-url").arg(format!("http://{core}/api/v1/webhooks/payment"));
    command.arg("--ledger").arg(ledger.path().join("ledger.jsonl"));
    command.env("FAIRGATE_WEBHOOK_SECRET", SECRET).stderr(Stdio::inherit());
    let mut provider = ChildProcess::spawn("the provider", command).expect("the binary is built");
    let url = provider.wait_for_line("listening on ", PATIENCE).expect("it starts");
    (provider, url)
}
