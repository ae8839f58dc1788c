//! New codes.

use std::collections::HashSet;

use fairgate_entry::code::Code;
use fairgate_entry::code::text::RANDOM_BYTES;
use ring::rand::SecureRandom;

/// Codes whose randomness is asked for at once.
const AT_ONCE: usize = 1 << 13;

/// Why there are no codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

/// What a code is made of.
type Seed = [u8; RANDOM_BYTES];

/// So many codes, no two alike and none that `is_taken`. They stay in the order in which they were drawn, so that a part of
/// the list says nothing of the rest.
///
/// # Errors
/// When the system has no random numbers.
pub fn make_codes(
    count: usize,
    random: &dyn SecureRandom,
    is_taken: impl Fn(&Code) -> bool,
) -> Result<impl Iterator<Item = Code>, MakeError> {
    let mut source = Source { random, ahead: Vec::new() };
    let mut seeds = Vec::with_capacity(count);
    for _ in 0..count {
        seeds.push(source.fresh(&is_taken)?);
    }
    loop {
        let twice = twice(&seeds);
        if twice.is_empty() {
            return Ok(seeds.into_iter().map(Code::make));
        }
        let mut first = HashSet::new();
        for seed in &mut seeds {
            if twice.contains(seed) && !first.insert(*seed) {
                *seed = source.fresh(&is_taken)?;
            }
        }
    }
}

/// The seeds that stand in a list more than once.
fn twice(seeds: &[Seed]) -> HashSet<Seed> {
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}

struct Source<'r> {
    random: &'r dyn SecureRandom,
    ahead: Vec<u8>,
}

impl Source<'_> {
    /// The next seed whose code is not taken.
    fn fresh(&mut self, is_taken: &impl Fn(&Code) -> bool) -> Result<Seed, MakeError> {
        loop {
            let seed = self.next()?;
            if !is_taken(&Code::make(seed)) {
                return Ok(seed);
            }
        }
    }

    fn next(&mut self) -> Result<Seed, MakeError> {
        if self.ahead.is_empty() {
            self.ahead.resize(AT_ONCE * RANDOM_BYTES, 0);
            self.random.fill(&mut self.ahead).map_err(|_| MakeError::Random)?;
        }
        let mut seed = [0; RANDOM_BYTES];
        let rest = self.ahead.len() - RANDOM_BYTES;
        seed.copy_from_slice(&self.ahead[rest..]);
        self.ahead.truncate(rest);
        // The one bit that no code has: without it seeds are alike exactly where codes are.
        seed[0] &= 0x7f;
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use fairgate_telemetry::entropy;

    use super::*;

    #[test]
    fn codes_are_made_each_once_and_none_that_is_taken() {
        let refused = Cell::new(0);
        let is_taken = |code: &Code| {
            let is_taken = code.as_str().starts_with('0');
            refused.set(refused.get() + u32::from(is_taken));
            is_taken
        };
        let codes: Vec<Code> = make_codes(20_000, &entropy::system(), is_taken).unwrap().collect();
        assert_eq!(codes.iter().map(Code::as_str).collect::<HashSet<_>>().len(), 20_000);
        assert!(codes.iter().all(|code| code.is_checked() && !code.as_str().starts_with('0')));
        assert!(refused.get() > 300, "one of 32 begins with 0: {}", refused.get());
    }

    #[test]
    fn what_stands_twice_is_found() {
        let seed = |n: u8| [n; RANDOM_BYTES];
        assert_eq!(twice(&[seed(1), seed(2), seed(1), seed(1)]), HashSet::from([seed(1)]));
        assert_eq!(twice(&[seed(2), seed(1)]), HashSet::new());
    }
}
