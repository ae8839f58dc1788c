//! What breaks in a round: one after the other, each on a real process.

use std::time::Duration;

use super::town::Town;

/// One way to break.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    None,
    /// kill -9 of the edge that is not watched; another one starts in its place.
    Edge,
    /// kill -9 of Redis, which has everything on its disk and comes back.
    Redis,
    /// kill -9 of Postgres, which recovers.
    Postgres,
    /// kill -9 of the payment provider.
    Provider,
    /// Redis holds still for two seconds.
    SilentRedis,
}

const ALL: [Fault; 6] = [Fault::None, Fault::Edge, Fault::Redis, Fault::Postgres, Fault::Provider, Fault::SilentRedis];

/// How long a killed server stays away.
const AWAY: Duration = Duration::from_secs(1);
const SILENT: Duration = Duration::from_secs(2);

impl Fault {
    pub(super) fn of_round(round: u64) -> Self {
        ALL[usize::try_from(round % ALL.len() as u64).unwrap_or_default()]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Edge => "kill -9 of an edge",
            Self::Redis => "kill -9 of Redis",
            Self::Postgres => "kill -9 of Postgres",
            Self::Provider => "kill -9 of the provider",
            Self::SilentRedis => "Redis is silent for 2 s",
        }
    }

    pub(super) async fn strike(self, town: &mut Town) -> anyhow::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Edge => town.replace_edge(AWAY).await,
            Self::Redis => {
                town.redis.kill9();
                tokio::time::sleep(AWAY).await;
                Ok(town.redis.restart()?)
            }
            Self::Postgres => {
                town.postgres.kill9();
                tokio::time::sleep(AWAY).await;
                Ok(town.postgres.restart()?)
            }
            Self::Provider => town.replace_provider(AWAY).await,
            Self::SilentRedis => town.silence_redis(SILENT).await,
        }
    }
}
