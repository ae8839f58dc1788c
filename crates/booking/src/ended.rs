//! The sessions that ended before their passes do: fans who gave up their place, who were released, whose pass was revoked.
//!
//! Guarantees: the edge is asked once a second, so the core sells nothing more to such a session a second or two later. What
//! is known stays while the edge does not answer, which is said once, and so is its end. What the edge's document says against
//! this core's `--room` or `--issuer` is said, too: with those nobody could buy.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use tracing::{error, info, warn};

use crate::passes::PassSettings;
use fairgate_token::{Ended, Pass};

const ASK_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
/// Half a million places.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is known of them.
#[derive(Debug)]
pub struct EndedSessions {
    settings: PassSettings,
    url: Option<String>,
    http: reqwest::Client,
    known: ArcSwap<Known>,
}

#[derive(Debug, Default)]
struct Known {
    draw: [u8; 32],
    places: Vec<u64>,
    etag: Option<HeaderValue>,
}

/// Why there is no news.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Trouble {
    #[error("the edge does not say which sessions have ended; what is known stays: {0}")]
    Unheard(String),
    #[error(
        "the edge at {url} has no room {room:?}: nobody with one of its passes can buy; start this core with the --room \
         that the edge's configuration names"
    )]
    NoSuchRoom { url: String, room: String },
    #[error(
        "the edge's passes name the issuer {edge:?}, this core takes those of {ours:?}: start it with --issuer {edge}"
    )]
    OtherIssuer { edge: String, ours: String },
}

impl EndedSessions {
    /// Nothing is known yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: PassSettings) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let base = settings.jwks_url.strip_suffix("/jwks.json");
        let url = base.map(|base| format!("{base}/ended/{}.json", settings.room));
        Ok(Self { settings, url, http, known: ArcSwap::default() })
    }

    /// True if the session of a pass has ended, although the pass is good.
    #[must_use]
    pub fn has(&self, pass: &Pass) -> bool {
        let known = self.known.load();
        !known.places.is_empty() && known.draw == pass.draw && known.places.binary_search(&pass.place).is_ok()
    }

    /// Asks the edge, for ever.
    pub async fn run(&self) {
        let Some(url) = &self.url else {
            warn!("--jwks-url does not end in /jwks.json: it is not known which sessions end before their passes do");
            return;
        };
        let mut told: Option<Trouble> = None;
        loop {
            let trouble = self.ask(url).await.err();
            if trouble != told {
                match &trouble {
                    None => info!("the edge says again which sessions have ended"),
                    Some(Trouble::Unheard(_)) if matches!(told, Some(Trouble::Unheard(_))) => {}
                    Some(trouble @ Trouble::Unheard(_)) => warn!(%trouble),
                    Some(trouble) => error!(%trouble),
                }
                told = trouble;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn ask(&self, url: &str) -> Result<(), Trouble> {
        let mut request = self.http.get(url);
        if let Some(etag) = &self.known.load().etag {
            request = request.header(IF_NONE_MATCH, etag.clone());
        }
        let unheard = |error: reqwest::Error| Trouble::Unheard(error.without_url().to_string());
        let answer = request.send().await.map_err(unheard)?;
        match answer.status() {
            StatusCode::NOT_MODIFIED => return Ok(()),
            StatusCode::NOT_FOUND => {
                let room = self.settings.room.clone();
                return Err(Trouble::NoSuchRoom { url: self.settings.jwks_url.clone(), room });
            }
            StatusCode::OK => {}
            other => return Err(Trouble::Unheard(format!("it answers {other}"))),
        }
        let etag = answer.headers().get(ETAG).cloned();
        self.take_over(&read(answer).await?, etag)
    }

    fn take_over(&self, body: &[u8], etag: Option<HeaderValue>) -> Result<(), Trouble> {
        let unread = |what: &str| Trouble::Unheard(format!("its answer cannot be read: {what}"));
        let ended: Ended = serde_json::from_slice(body).map_err(|error| unread(&error.to_string()))?;
        let mut draw = [0; 32];
        hex::decode_to_slice(&ended.draw, &mut draw).map_err(|error| unread(&error.to_string()))?;
        let mut places = ended.places;
        places.sort_unstable();
        self.known.store(Arc::new(Known { draw, places, etag }));
        if ended.issuer != self.settings.issuer {
            return Err(Trouble::OtherIssuer { edge: ended.issuer, ours: self.settings.issuer.clone() });
        }
        Ok(())
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| Trouble::Unheard(error.without_url().to_string()))? {
        body.extend_from_slice(&part);
        if body.len() > BODY_BYTES_MAX {
            return Err(Trouble::Unheard(format!("its answer is larger than {BODY_BYTES_MAX} bytes")));
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> EndedSessions {
        let jwks_url = "http://127.0.0.1:1/.fairgate/jwks.json".to_owned();
        EndedSessions::new(PassSettings { jwks_url, room: "final".into(), issuer: "fairgate".into() }).unwrap()
    }

    fn pass(draw: [u8; 32], place: u64) -> Pass {
        Pass::new("final", draw, place, 1_000, 60_000, 60_000)
    }

    fn told(issuer: &str, places: &[u64]) -> Vec<u8> {
        let (room, issuer, draw) = ("final".to_owned(), issuer.to_owned(), "07".repeat(32));
        serde_json::to_vec(&Ended { room, issuer, draw, places: places.to_vec() }).unwrap()
    }

    #[test]
    fn a_session_that_ended_is_known_by_its_draw_and_place() {
        let sessions = sessions();
        assert_eq!(sessions.url.as_deref(), Some("http://127.0.0.1:1/.fairgate/ended/final.json"));
        sessions.take_over(&told("fairgate", &[9, 4]), None).unwrap();
        let known = [4, 5, 9].map(|place| sessions.has(&pass([7; 32], place)));
        assert_eq!((known, sessions.has(&pass([8; 32], 4))), ([true, false, true], false));
        assert!(matches!(sessions.take_over(b"[]", None), Err(Trouble::Unheard(_))));
        assert!(sessions.has(&pass([7; 32], 4)), "what is known stays");
    }

    #[test]
    fn another_issuer_is_told_with_what_to_do() {
        let told = sessions().take_over(&told("tickets", &[]), None).unwrap_err().to_string();
        assert!(told.ends_with("start it with --issuer tickets"), "{told}");
    }
}
