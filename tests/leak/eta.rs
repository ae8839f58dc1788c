//! Whether what fans are told of their wait turns out to be true.

use fairgate::steer::Advance;

/// How far ahead the fans are who are asked about.
const AHEAD: [u64; 4] = [300, 1_000, 2_500, 5_000];

#[derive(Default)]
pub(crate) struct Promises {
    open: Vec<(u64, u64, u64)>,
    errors: Vec<f64>,
}

impl Promises {
    /// Notes what fans at some distances are told now.
    pub(crate) fn tell(&mut self, now_ms: u64, serving: u64, advance: &Advance) {
        for ahead in AHEAD {
            if let Some(wait_ms) = advance.wait_ms(ahead) {
                self.open.push((serving + ahead, now_ms, wait_ms));
            }
        }
    }

    /// Compares with what happened.
    pub(crate) fn called(&mut self, now_ms: u64, serving: u64) {
        let errors = &mut self.errors;
        self.open.retain(|(place, told_ms, wait_ms)| {
            let is_called = *place < serving;
            if is_called {
                let took_ms = (now_ms - told_ms) as f64;
                errors.push((*wait_ms as f64 - took_ms).abs() / took_ms);
            }
            !is_called
        });
    }

    /// The median error, as a share of what the wait was.
    pub(crate) fn median_error(mut self) -> f64 {
        self.errors.sort_unstable_by(f64::total_cmp);
        self.errors.get(self.errors.len() / 2).copied().unwrap_or(0.0)
    }
}
