//! Whose CPU a reservation takes: all three share the cores.

use std::fmt;

use super::shop::Shop;
use crate::cpu;

/// CPU seconds, or microseconds a reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    postgres: f64,
    core: f64,
    generator: f64,
}

impl Split {
    /// Seconds used so far.
    pub(super) async fn now(shop: &Shop) -> anyhow::Result<Self> {
        let client = shop.database.own_connection().await?;
        let backends = client.query("select pid from pg_stat_activity where pid <> pg_backend_pid()", &[]).await?;
        let backends: Result<Vec<u32>, _> = backends.iter().map(|row| u32::try_from(row.get::<_, i32>(0))).collect();
        Ok(Self {
            // One may have ended since.
            postgres: backends?.iter().filter_map(|&pid| cpu::seconds(&[pid]).ok()).sum(),
            core: cpu::seconds(&[shop.pid()])?,
            generator: cpu::seconds(&[std::process::id()])?,
        })
    }

    /// Microseconds a reservation since then.
    pub(super) fn since(self, before: Self, reservations: usize) -> Self {
        let each = |after: f64, before: f64| (after - before) * 1e6 / reservations.max(1) as f64;
        Self {
            postgres: each(self.postgres, before.postgres),
            core: each(self.core, before.core),
            generator: each(self.generator, before.generator),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { postgres, core, generator } = self;
        let all = postgres + core + generator;
        write!(f, "{all:.0} µs of CPU a reservation: Postgres {postgres:.0}, core {core:.0}, generator {generator:.0}")
    }
}
