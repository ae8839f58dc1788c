//! The cap: in every window of length w at most `rate · w + burst` fans are admitted.
//!
//! Judged on the instants that the server says it enforced the cap at, not on when answers happened to arrive.

/// The most that a room may admit, as its status tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// People per minute.
    pub rate_per_minute: u32,
    /// People at once beyond the rate.
    pub burst: u32,
}

impl Cap {
    /// The most admissions that fit into any window of one second.
    #[must_use]
    pub fn in_1s(self) -> u64 {
        u64::from(self.rate_per_minute / 60) + u64::from(self.burst)
    }

    /// The first pair of instants (ms) between which more were admitted than the cap allows, over windows of every
    /// length. `instants_ms` must be sorted.
    #[must_use]
    pub fn first_breach(self, instants_ms: &[u64]) -> Option<Breach> {
        // A token bucket that holds `burst`, in units of 1/60000 of a person so that a millisecond's worth is whole.
        const PERSON: i128 = 60_000;
        let per_ms = i128::from(self.rate_per_minute);
        let full = i128::from(self.burst) * PERSON;
        let mut tokens = full;
        let mut filled_at_ms = *instants_ms.first()?;
        let mut window_began = 0;
        for (n, &at_ms) in instants_ms.iter().enumerate() {
            tokens += i128::from(at_ms - filled_at_ms) * per_ms;
            filled_at_ms = at_ms;
            if tokens >= full {
                (tokens, window_began) = (full, n);
            }
            tokens -= PERSON;
            // Instants are cut to whole milliseconds, so a window may be one millisecond longer than it looks. The
            // debt stays on the books: the millisecond is granted once, not at every admission.
            if tokens < -per_ms {
                let (from_ms, to_ms) = (instants_ms[window_began], at_ms);
                return Some(Breach { from_ms, to_ms, admitted: (n + 1 - window_began) as u64 });
            }
        }
        None
    }
}

/// A window in which too many were admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Its first admission, Unix ms.
    pub from_ms: u64,
    /// Its last admission, Unix ms.
    pub to_ms: u64,
    /// How many were admitted from the first to the last.
    pub admitted: u64,
}

/// The highest number of instants in any window `[t, t + width_ms)`. `instants_ms` must be sorted.
#[must_use]
pub fn most_in_a_window(instants_ms: &[u64], width_ms: u64) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (n, &at_ms) in instants_ms.iter().enumerate() {
        while at_ms - instants_ms[first] >= width_ms {
            first += 1;
        }
        most = most.max(n + 1 - first);
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Cap = Cap { rate_per_minute: 600, burst: 5 };

    #[test]
    fn the_window_is_half_open() {
        assert_eq!(most_in_a_window(&[], 1_000), 0);
        assert_eq!(most_in_a_window(&[0, 1_000], 1_000), 1);
        assert_eq!(most_in_a_window(&[0, 999, 1_000, 1_500], 1_000), 3);
        assert_eq!(most_in_a_window(&[5, 5, 5], 1_000), 3);
    }

    #[test]
    fn the_cap_of_a_second_is_rate_and_burst() {
        assert_eq!(CAP.in_1s(), 15);
        assert_eq!(Cap { rate_per_minute: 59, burst: 1 }.in_1s(), 1);
    }

    /// A burst at once and then one each 100 ms is exactly the cap.
    fn at_the_cap() -> Vec<u64> {
        [0; 5].into_iter().chain((1..100).map(|n| n * 100)).collect()
    }

    #[test]
    fn the_cap_itself_is_no_breach() {
        assert_eq!(CAP.first_breach(&at_the_cap()), None);
        assert_eq!(CAP.first_breach(&[]), None);
        assert_eq!(most_in_a_window(&at_the_cap(), 1_000), 14);
    }

    #[test]
    fn one_more_is_a_breach_wherever_it_comes() {
        for extra_at_ms in [0, 350, 5_050, 9_900] {
            let mut instants = at_the_cap();
            instants.push(extra_at_ms);
            instants.sort_unstable();
            let breach = CAP.first_breach(&instants).expect("one too many");
            assert!(breach.to_ms >= extra_at_ms, "{breach:?} is before {extra_at_ms}");
        }
    }

    #[test]
    fn a_rate_slightly_too_high_is_a_breach_in_the_end() {
        let cap = Cap { rate_per_minute: 3_000, burst: 1 };
        let every = |step_ms: u64| (0..1_000).map(|n| n * step_ms).collect::<Vec<u64>>();
        assert_eq!(cap.first_breach(&every(20)), None);
        assert!(cap.first_breach(&every(19)).is_some());
    }

    #[test]
    fn a_pause_is_banked_up_to_the_burst_only() {
        let mut instants = vec![0, 60_000, 60_000, 60_000, 60_000, 60_000];
        assert_eq!(CAP.first_breach(&instants), None);
        instants.push(60_000);
        assert_eq!(CAP.first_breach(&instants), Some(Breach { from_ms: 60_000, to_ms: 60_000, admitted: 6 }));
    }
}
