//! The naive way with a lock in Redis before the rows are touched: 32 workers, each with connections of its own.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fairgate_testkit::PrivateRedis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::pgbench;
use super::shop::Shop;

const WORKERS: i32 = 32;
/// Between two attempts to get the lock.
const SPIN: Duration = Duration::from_millis(1);
const RESERVE: &str = "
    with booked as (insert into reference.booking (quantity) values ($1) returning booking_id)
    update reference.unit set booking_id = (select booking_id from booked)
    where event_id = 1 and unit = any(array(
        select unit from reference.unit where event_id = 1 and booking_id is null order by unit limit $1))";

/// Reservations a second.
pub(super) async fn reservations_a_second(shop: &Shop) -> anyhow::Result<f64> {
    let redis = PrivateRedis::start()?;
    let address = redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let started = Instant::now();
    let time = Duration::from_secs(pgbench::SECONDS.into());
    let mut workers: JoinSet<anyhow::Result<usize>> = JoinSet::new();
    for worker in 0..WORKERS {
        let sql = shop.database.own_connection().await?;
        let mut lock = TcpStream::connect(&address).await.context("the private Redis")?;
        workers.spawn(async move {
            let reserve = sql.prepare(RESERVE).await?;
            let mut served = 0;
            while started.elapsed() < time {
                if ask(&mut lock, "SET event:1 held NX PX 5000\r\n").await? != *b"+OK" {
                    sleep(SPIN).await;
                    continue;
                }
                let quantity = i64::from((worker + served) % 4 + 1);
                ensure!(sql.execute(&reserve, &[&i32::try_from(quantity)?]).await? > 0, "sold out");
                ask(&mut lock, "DEL event:1\r\n").await?;
                served += 1;
            }
            Ok(usize::try_from(served)?)
        });
    }
    let mut served = 0;
    while let Some(one) = workers.join_next().await {
        served += one??;
    }
    Ok(served as f64 / started.elapsed().as_secs_f64())
}

/// The first three bytes of an answer; each of these fits into one segment.
async fn ask(redis: &mut TcpStream, command: &str) -> anyhow::Result<[u8; 3]> {
    redis.write_all(command.as_bytes()).await?;
    let mut answer = [0; 16];
    let bytes = redis.read(&mut answer).await?;
    ensure!(bytes >= 3, "Redis closed the connection");
    Ok([answer[0], answer[1], answer[2]])
}
