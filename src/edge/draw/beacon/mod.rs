//! Public randomness for the draw, fetched from relays that need not be trusted.
//!
//! Guarantees: a round enters the draw only if its signature verifies for the very round that the descriptor names. A
//! slow, wrong or silent relay costs a line in the log. Forged rounds cannot keep the edge busy.

mod hand_in;
mod relay;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fairgate_draw::{BeaconAnswer, BeaconRound};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Mutex;

pub(crate) use hand_in::answer;

use self::relay::{RelayClient, Unusable};
use crate::config::{BeaconConfig, Relay};
use crate::edge::room::handle::LiveRoom;
use crate::observe::{BeaconResult, EdgeMetrics};
use fairgate_store::{Store, StoreError};

/// Between two times of asking all relays.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Asks the relays of one room.
pub(crate) struct BeaconFetcher {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
    metrics: EdgeMetrics,
    relays: Vec<Relay>,
    client: RelayClient,
    /// The last failure of each relay, so that the log says it once and not every second.
    said: Mutex<HashMap<String, String>>,
}

impl BeaconFetcher {
    pub(crate) fn new(
        room: Arc<LiveRoom>,
        config: &BeaconConfig,
        store: Arc<dyn Store>,
        metrics: EdgeMetrics,
    ) -> Result<Self, reqwest::Error> {
        let (relays, client) = (config.relays.clone(), RelayClient::new()?);
        Ok(Self { room, store, metrics, relays, client, said: Mutex::default() })
    }

    /// Asks again and again whenever the draw waits for its round.
    pub(crate) async fn run(&self) {
        loop {
            self.run_once().await;
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Asks every relay at once if the draw waits for its round now; the first answer that verifies is taken.
    pub(crate) async fn run_once(&self) {
        let Some(round) = self.room.snapshot().and_then(|snapshot| snapshot.view.awaited_round()) else { return };
        let mut asked: FuturesUnordered<_> = self.relays.iter().map(|relay| self.ask(relay, &round)).collect();
        while let Some((relay, answer)) = asked.next().await {
            match answer {
                Ok(answer) => return self.take(relay, &answer).await,
                Err(unusable) => self.refuse(relay, &round, &unusable).await,
            }
        }
    }

    async fn ask<'r>(&self, relay: &'r Relay, round: &BeaconRound) -> (&'r Relay, Result<BeaconAnswer, Unusable>) {
        (relay, self.client.ask(relay, round).await)
    }

    async fn take(&self, relay: &Relay, answer: &BeaconAnswer) {
        let (room, round) = (self.room.name(), answer.round);
        self.metrics.observe_beacon(room, BeaconResult::Verified);
        let command = fairgate_core::room::Command::Reveal { beacon: Some(answer.signature) };
        match self.store.apply(room, command).await {
            Ok(_) => tracing::info!(room, %relay, round, "the draw is done, with public randomness"),
            Err(StoreError::Refused(refusal)) => {
                self.metrics.observe_beacon(room, BeaconResult::TooLate);
                tracing::warn!(room, %relay, round, %refusal, "the beacon was not taken");
            }
            Err(error) => tracing::warn!(room, %relay, round, %error, "the beacon could not be stored; asking again"),
        }
    }

    async fn refuse(&self, relay: &Relay, round: &BeaconRound, unusable: &Unusable) {
        let (room, round, why) = (self.room.name(), round.round, unusable.to_string());
        self.metrics.observe_beacon(room, unusable.result());
        let before = self.said.lock().await.insert(relay.to_string(), why.clone());
        if before.as_ref() != Some(&why) {
            tracing::warn!(room, %relay, round, why, "a relay's answer is of no use");
        }
    }
}
