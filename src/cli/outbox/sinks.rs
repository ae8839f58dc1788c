//! `fairgate outbox sinks` and `sink`: those who read the change log.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::DatabaseArgs;
use fairgate_booking::db::Database;
use fairgate_booking::outbox::{Accepted, Dropped, Registered, Registry, Republished, sink_name};

#[derive(Debug, Subcommand)]
pub(super) enum SinkStep {
    /// Unregister a reader that is not coming back. What only it had not read may be removed then.
    Drop {
        #[command(flatten)]
        from: DatabaseArgs,
        /// Its name, from the list.
        #[arg(value_parser = sink_name)]
        name: String,
    },
    /// Go on with a reader that knows changes which the database has lost in a fail-over.
    ///
    /// Its relay has stopped, because the next changes would get numbers that the reader knows for others. From now on changes get
    /// higher numbers. What the database has lost stays known to the reader: check it against the bookings that there are. Holds
    /// and sales wait for a moment.
    AcceptLoss {
        #[command(flatten)]
        from: DatabaseArgs,
        /// Its name, from the list.
        #[arg(value_parser = sink_name)]
        name: String,
    },
}

/// `fairgate outbox republish`.
#[derive(Debug, Args)]
pub(super) struct RepublishArgs {
    #[command(flatten)]
    from_database: DatabaseArgs,
    /// The name of the reader, from `fairgate outbox sinks`.
    #[arg(long, value_name = "NAME", default_value = "rabbitmq", value_parser = sink_name)]
    sink: String,
    /// The number of the first change that is published again.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    from: i64,
}

/// Does what was asked with one reader.
///
/// # Errors
/// When the database does not answer, or the reader is not as it has to be for that.
pub(super) async fn run(step: SinkStep, out: impl Write) -> anyhow::Result<()> {
    match step {
        SinkStep::Drop { from, name } => drop_sink(&from.open().await?, &name, out).await,
        SinkStep::AcceptLoss { from, name } => accept_loss(&from.open().await?, &name, out).await,
    }
}

/// Has changes published again.
///
/// # Errors
/// When the database does not answer, or does not know how far the reader was carried.
pub(super) async fn republish(args: RepublishArgs, mut out: impl Write) -> anyhow::Result<()> {
    let RepublishArgs { from_database, sink, from } = args;
    match Registry::new(from_database.open().await?).republish(&sink, from).await? {
        Republished::Changes(changes) => Ok(writeln!(out, "{changes} changes are published to {sink} again")?),
        Republished::NotKeptHere => anyhow::bail!(
            "how far {sink} was carried is not kept in this database: a Redis stream says itself where it ends, and gets again what \
             it has lost"
        ),
        Republished::Outside { oldest, position } => {
            anyhow::bail!("{sink} can be carried again from a number between {oldest} and {position}")
        }
    }
}

/// Lists the readers.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn list(database: &Database, json: bool, mut out: impl Write) -> anyhow::Result<()> {
    let sinks = Registry::new(database.clone()).sinks().await?;
    if json {
        return sinks.iter().try_for_each(|sink| Ok(writeln!(out, "{}", serde_json::to_string(sink)?)?));
    }
    if sinks.is_empty() {
        writeln!(out, "nobody reads the change log")?;
    }
    for Registered { sink, position, lag_rows, lag_seconds, seen_seconds_ago, knows_from, ahead, .. } in sinks {
        writeln!(
            out,
            "{sink}  at {position}, {lag_rows} rows and {lag_seconds} s behind, seen {seen_seconds_ago} s ago, \
             knows from {knows_from}"
        )?;
        if let Some(number) = ahead {
            writeln!(
                out,
                "  stopped: it knows change {number}, which this database has lost. `fairgate outbox sink accept-loss {sink}` \
                 goes on without it"
            )?;
        }
    }
    Ok(())
}

async fn drop_sink(database: &Database, name: &str, mut out: impl Write) -> anyhow::Result<()> {
    match Registry::new(database.clone()).drop_sink(name).await? {
        Dropped::Gone => Ok(writeln!(out, "{name} is unregistered")?),
        Dropped::Unknown => anyhow::bail!("no sink is called {name}: `fairgate outbox sinks` lists them"),
        Dropped::InUse => anyhow::bail!("a process works for {name}: stop it first, or it registers again"),
    }
}

async fn accept_loss(database: &Database, name: &str, mut out: impl Write) -> anyhow::Result<()> {
    let accepted = Registry::new(database.clone()).accept_loss(name).await?;
    let Accepted { number, untold } = accepted.with_context(|| {
        format!("{name} knows nothing that the change log has lost: `fairgate outbox sinks` says who does")
    })?;
    writeln!(out, "{name} goes on after number {number}")?;
    if untold > 0 {
        writeln!(out, "{untold} changes are not published there: its readers may know their numbers for others")?;
    }
    Ok(())
}
