//! `make soak MINUTES=10`: crowd after crowd buys through two edges while the servers around them break. What lives on
//! must need no more memory, descriptors and threads at the end than at the beginning.
//!
//! Guarantees:
//! - the soak is bounded by its minutes and by each crowd's time limit
//! - only loopback is used
//! - a seat that is sold twice, a cap that is broken or a figure that grows ends the soak with an error that names
//!   which

mod fault;
mod town;
mod vitals;

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use fairgate_crowd::{Options, Report};

use fault::Fault;
use town::{EVENT, ROOM, Town};
use vitals::{Vitals, WARM_UP};

/// Fans of one crowd, and how long they take to come.
const FANS: u32 = 250;
const LATE_WITHIN: Duration = Duration::from_secs(8);
/// A crowd that is not done by then goes home.
const ROUND_MAX: Duration = Duration::from_secs(45);
/// When its fault comes.
const FAULT_AFTER: Duration = Duration::from_secs(5);
/// Nobody is there for so long before the vitals are read after a round.
const REST: Duration = Duration::from_secs(8);
/// Longer than any server here keeps an idle connection (the gate's to the shop: 60 s).
const LONG_REST: Duration = Duration::from_secs(70);

/// Runs it for so long.
pub(crate) async fn run(minutes: u64) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let mut town = Town::open().await?;
    let mut vitals = Vitals::of(town.survivors());
    println!("{minutes} minutes: crowds of {FANS} fans through two edges on Redis, a fault each round");
    println!(
        "{:>5} {:28} {:>8} {:>5} {:>6} {:>7}  {}",
        "round",
        "fault",
        "let in",
        "sold",
        "errors",
        "late",
        vitals.heading()
    );
    let mut rounds = 0;
    while Instant::now() < until {
        let fault = Fault::of_round(rounds);
        let report = round(&mut town, fault, rounds).await?;
        tokio::time::sleep(REST).await;
        vitals.read()?;
        println!("{:>5} {:28} {}  {}", rounds + 1, fault.name(), told(&report), vitals.latest());
        judge(&report)?;
        rounds += 1;
        if rounds == WARM_UP as u64 {
            rest(&mut vitals).await?;
        }
    }
    rest(&mut vitals).await?;
    vitals.verdict()
}

/// Waits until every idle connection has ended, and reads what is left.
async fn rest(vitals: &mut Vitals) -> anyhow::Result<()> {
    println!("      a rest of {} s, so that idle connections end", LONG_REST.as_secs());
    tokio::time::sleep(LONG_REST).await;
    vitals.read_at_rest()
}

/// One crowd, and what breaks meanwhile.
async fn round(town: &mut Town, fault: Fault, number: u64) -> anyhow::Result<Report> {
    let options = Options {
        event: Some(EVENT.to_owned()),
        fans: FANS,
        bots: 10,
        seed: number,
        time_limit: ROUND_MAX,
        late_within: LATE_WITHIN,
        forwarded_for: true,
        ..Options::new(town.target()?, ROOM)
    };
    let crowd = tokio::spawn(async move { fairgate_crowd::run(options, &mut ()).await });
    tokio::time::sleep(FAULT_AFTER).await;
    fault.strike(town).await?;
    crowd.await?
}

fn told(report: &Report) -> String {
    let late: u64 = report.turned_away_by_kind.values().sum();
    format!("{:>8} {:>5} {:>6} {:>7}", report.admitted, report.seats_sold, report.errors, late)
}

/// Errors are to be expected where servers are killed. These are not.
fn judge(report: &Report) -> anyhow::Result<()> {
    ensure!(report.seats_sold_twice == 0, "{} seats were sold twice", report.seats_sold_twice);
    ensure!(
        report.admitted_max_in_1s <= report.cap_in_1s,
        "{} were let in within a second; the cap is {}",
        report.admitted_max_in_1s,
        report.cap_in_1s
    );
    if report.admitted == 0 {
        bail!("nobody was let in: {:?}", report.errors_by_kind);
    }
    Ok(())
}
