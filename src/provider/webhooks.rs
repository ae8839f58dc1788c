//! Telling the shop by webhook: signed, and sent again until it is taken, or for a minute.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use fairgate_booking::payment::api::{ChargeRecord, WebhookEvent, WebhookKind};
use fairgate_booking::payment::signature::{SIGNATURE_HEADER, WebhookSecret};
use fairgate_telemetry::clock::{Clock, SystemClock};

const PATIENCE: Duration = Duration::from_secs(5);
/// Waits between attempts, in seconds.
const AGAIN_AFTER_S: [u64; 5] = [1, 2, 5, 20, 30];
/// Webhooks under way at the same moment.
const AT_ONCE: usize = 64;

/// Where webhooks go, and what signs them.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// Where the shop takes them.
    pub url: String,
    /// What both sides know.
    pub secret: WebhookSecret,
}

/// Delivers webhooks.
#[derive(Clone, Debug)]
pub(super) struct Webhooks {
    target: Option<WebhookTarget>,
    http: reqwest::Client,
    slots: Arc<Semaphore>,
}

impl Webhooks {
    pub(super) fn new(target: Option<WebhookTarget>) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { target, http, slots: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Delivers `copies` of the same event, one after the other; returns when all were taken or given up.
    pub(super) async fn deliver(&self, kind: WebhookKind, charge: ChargeRecord, copies: u32) {
        let Some(target) = self.target.as_ref().filter(|_| copies > 0) else { return };
        let Ok(_slot) = self.slots.acquire().await else { return };
        let event = WebhookEvent { id: Uuid::new_v4(), kind, charge };
        let body = serde_json::to_vec(&event).expect("a struct of strings and numbers");
        for _ in 0..copies {
            self.insist(target, &body).await;
        }
    }

    async fn insist(&self, target: &WebhookTarget, body: &[u8]) {
        for wait_s in AGAIN_AFTER_S.map(Some).into_iter().chain([None]) {
            match self.send(target, body).await {
                Ok(()) => return,
                Err(error) => warn!(%error, "a webhook was not taken"),
            }
            if let Some(wait_s) = wait_s {
                sleep(Duration::from_secs(wait_s)).await;
            }
        }
    }

    /// Each attempt is signed anew, so that a late one is not taken for an old one.
    async fn send(&self, target: &WebhookTarget, body: &[u8]) -> reqwest::Result<()> {
        let signature = target.secret.sign(SystemClock.now_ms() / 1000, body);
        let request = self.http.post(&target.url).header(CONTENT_TYPE, "application/json");
        request.header(SIGNATURE_HEADER, signature).body(body.to_vec()).send().await?.error_for_status()?;
        Ok(())
    }
}
