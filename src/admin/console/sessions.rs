//! Who is logged in.
//!
//! Guarantees:
//! - what a cookie says is not kept: only a hash of it is
//! - a session ends [`IDLE`] after it was used last, and [`HARD`] after it began, whatever happens
//! - there are no more than [`SESSIONS_MAX`]: one more ends the one that was used least recently

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fairgate_telemetry::entropy::{NoRandomness, random_bytes};
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::admin::access::Caller;

pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
pub(super) const HARD: Duration = Duration::from_secs(12 * 60 * 60);
const SESSIONS_MAX: usize = 256;
const FORM: &[u8] = b"fairgate/console/form";

/// What is kept instead of a secret.
pub(super) type SecretHash = [u8; 32];

/// The sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<SecretHash, Session>>);

#[derive(Debug)]
struct Session {
    caller: Caller,
    begun: Instant,
    used: Instant,
}

impl Sessions {
    /// Begins a session; answers the secret that its cookie holds.
    pub(super) fn begin(&self, caller: Caller, now: Instant) -> Result<String, NoRandomness> {
        let secret = hex::encode(random_bytes::<32>()?);
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.lives(now));
        if sessions.len() >= SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash);
            if let Some(hash) = oldest {
                sessions.remove(&hash);
            }
        }
        sessions.insert(hash(&secret), Session { caller, begun: now, used: now });
        Ok(secret)
    }

    /// Whose session a secret is. What `counts` as use keeps it from being idle.
    pub(super) fn find(&self, secret: &str, now: Instant, counts: bool) -> Option<Caller> {
        let (mut sessions, hash) = (self.lock(), hash(secret));
        let session = sessions.get_mut(&hash)?;
        if !session.lives(now) {
            sessions.remove(&hash);
            return None;
        }
        if counts {
            session.used = now;
        }
        Some(session.caller.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, secret: &str) {
        self.lock().remove(&hash(secret));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < IDLE && now.saturating_duration_since(self.begun) < HARD
    }
}

/// The hash of a secret.
pub(super) fn hash(secret: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// What each form of a session holds: only its own pages know it.
pub(super) fn form_token(secret: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), FORM))
}

/// True if a form is one of this session's pages.
pub(super) fn is_form_of(secret: &str, token: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::decode(token).is_ok_and(|tag| hmac::verify(&key, FORM, &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    fn caller(name: &str) -> Caller {
        Caller { name: name.into(), role: Role::Viewer, from: None }
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let secret = sessions.begin(caller("maria"), start).unwrap();
        let look = |minutes: u64, counts| sessions.find(&secret, start + Duration::from_secs(60 * minutes), counts);
        for minutes in (29..=11 * 60).step_by(29) {
            assert_eq!(look(minutes, true), Some(caller("maria")), "{minutes} min");
        }
        let idle = sessions.begin(caller("ana"), start).unwrap();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert!(sessions.find(&idle, at(29), false).is_some(), "a look that does not count");
        assert_eq!(sessions.find(&idle, at(30), true), None);
        let mut last = (11 * 60 / 29) * 29;
        while last + 29 < 12 * 60 {
            last += 29;
            assert!(look(last, true).is_some());
        }
        assert_eq!(look(12 * 60, true), None, "however much it is used");
    }

    #[test]
    fn a_secret_that_is_not_known_opens_nothing_and_an_ended_one_neither() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = sessions.begin(caller("maria"), now).unwrap();
        assert_eq!(secret.len(), 64);
        for wrong in ["", &secret[..63], &format!("{secret}0"), &"0".repeat(64)] {
            assert_eq!(sessions.find(wrong, now, true), None);
        }
        sessions.end(&secret);
        assert_eq!((sessions.find(&secret, now, true), sessions.count()), (None, 0));
    }

    #[test]
    fn memory_is_bounded_and_who_was_here_last_stays() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let secrets: Vec<_> = (0..=SESSIONS_MAX as u64)
            .map(|at| sessions.begin(caller("maria"), start + Duration::from_millis(at)).unwrap())
            .collect();
        let now = start + Duration::from_secs(1);
        assert_eq!((sessions.count(), sessions.find(&secrets[0], now, true)), (SESSIONS_MAX, None));
        assert!(sessions.find(&secrets[1], now, true).is_some());
    }

    #[test]
    fn a_form_is_of_one_session() {
        let token = form_token("one");
        assert!(is_form_of("one", &token));
        for (secret, token) in [("other", &*token), ("one", ""), ("one", "00"), ("one", &token[2..])] {
            assert!(!is_form_of(secret, token), "{secret} {token}");
        }
    }
}
