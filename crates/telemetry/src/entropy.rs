//! The one place that asks the system for randomness.
//!
//! Everything else is handed its random bytes, so that a test or the simulator can hand in others.
//!
//! Guarantee: what comes from here is fit for keys: it is the operating system's, and no process or reader of logs can
//! guess it.

use ring::rand::{SecureRandom, SystemRandom};

/// The system has no random numbers to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// The system's random number generator, for what takes one as an argument.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may ask for it")]
#[must_use]
pub fn system() -> SystemRandom {
    SystemRandom::new()
}

/// Random bytes that nobody can guess.
///
/// # Errors
/// When the system has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    system().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        assert_ne!(random_bytes::<32>(), random_bytes::<32>());
    }
}
