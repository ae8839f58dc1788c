//! `fairgate outbox hook`: webhooks to organizers' systems.

use std::io::Write;

use clap::Subcommand;

use fairgate_booking::db::Database;
use fairgate_booking::mail_address::read_address;
use fairgate_booking::outbox::Kind;
use fairgate_booking::outbox::hooks::{Hook, HookSecret, HookTable, NewHook, hook_name};

#[derive(Debug, Subcommand)]
pub(super) enum HookStep {
    /// Add a system that is told what happens from now on, and print the secret with which it checks the signatures.
    ///
    /// Messages are CloudEvents, signed after Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature). A message that is not
    /// taken is told again for three days, with the same webhook-id. A system that has taken nothing for three days is switched off.
    Add {
        /// Its name here.
        #[arg(value_parser = hook_name)]
        name: String,
        /// Where it listens, such as https://shop.example.com/webhooks.
        url: String,
        /// What it is told. Can be repeated. Without it: booking.confirmed, booking.cancelled and refund.completed.
        #[arg(long = "topic", value_name = "TOPIC", value_parser = Kind::parse_topic)]
        topics: Vec<Kind>,
        /// Let it be within the house's own network, and without TLS.
        #[arg(long)]
        allow_private: bool,
        /// The environment variable FAIRGATE_HOOK_SECRET has a secret that the other side knows already: whsec_ and Base64.
        #[arg(long, env = "FAIRGATE_HOOK_SECRET", value_name = "whsec_…", hide_env_values = true, value_parser = HookSecret::parse)]
        secret: Option<HookSecret>,
        /// The mail address of whoever looks after it. A core that sends mails tells it when the system is switched off.
        #[arg(long, value_name = "ADDRESS", value_parser = read_address)]
        contact: Option<String>,
    },
    /// List the systems, how each fares, and what waits for it.
    List {
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
    },
    /// Remove a system, and what waits for it.
    Remove {
        /// Its name, from the list.
        #[arg(value_parser = hook_name)]
        name: String,
    },
    /// Switch a system on again. It is told what waited for it, and what happens from now on.
    On {
        /// Its name, from the list.
        #[arg(value_parser = hook_name)]
        name: String,
    },
    /// Switch a system off. What happens meanwhile is not told to it.
    Off {
        /// Its name, from the list.
        #[arg(value_parser = hook_name)]
        name: String,
    },
}

/// Does what was asked.
///
/// # Errors
/// When the database does not answer, or the system is not as it has to be for that.
pub(super) async fn run(database: &Database, step: HookStep, mut out: impl Write) -> anyhow::Result<()> {
    let table = HookTable::new(database.clone());
    match step {
        HookStep::Add { name, url, topics, allow_private, secret, contact } => {
            let usual = [Kind::Booked, Kind::Cancelled, Kind::Refunded];
            let kinds = if topics.is_empty() { usual.to_vec() } else { topics };
            let secret = table.add(NewHook { name, url, kinds, allow_private, secret, contact }).await?;
            writeln!(out, "{}", secret.reveal())?;
            Ok(())
        }
        HookStep::List { json } => list(&table.list().await?, json, out),
        HookStep::Remove { name } => said(table.remove(&name).await?, &name, "is removed", "is not there", out),
        HookStep::On { name } => {
            said(table.switch(&name, true, "").await?, &name, "is on", "is not there, or on already", out)
        }
        HookStep::Off { name } => {
            let is_done = table.switch(&name, false, "switched off by a person").await?;
            said(is_done, &name, "is off", "is not there, or off already", out)
        }
    }
}

fn said(is_done: bool, name: &str, done: &str, not_done: &str, mut out: impl Write) -> anyhow::Result<()> {
    anyhow::ensure!(is_done, "{name} {not_done}: `fairgate outbox hook list` names all of them");
    Ok(writeln!(out, "{name} {done}")?)
}

fn list(hooks: &[Hook], json: bool, mut out: impl Write) -> anyhow::Result<()> {
    if json {
        return hooks.iter().try_for_each(|hook| Ok(writeln!(out, "{}", serde_json::to_string(hook)?)?));
    }
    if hooks.is_empty() {
        writeln!(out, "no webhooks")?;
    }
    for Hook { name, url, topics, failing_since, off_since, off_reason, waiting, dead, .. } in hooks {
        let fares = match (off_since, failing_since) {
            (Some(since), _) => format!("off since {since}: {off_reason}"),
            (None, Some(since)) => format!("takes nothing since {since}"),
            (None, None) => "on".to_owned(),
        };
        writeln!(out, "{name}  {url}  {}: {fares}, {waiting} waiting, {dead} dead", topics.join(","))?;
    }
    Ok(())
}
