//! `fairgate outbox dead`: messages that failed for good.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;

use fairgate_booking::outbox::{Dead, Message, WorkQueue};

/// Dead letters in one listing.
const LISTED_MAX: usize = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum DeadStep {
    /// List the dead letters, the oldest first.
    List {
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter with its message.
    Show {
        /// The id of the dead letter, from the list.
        id: String,
    },
    /// Remove dead letters for good, without doing what they ask for.
    Drop {
        /// The ids of the dead letters, from the list.
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Remove all dead letters.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Return dead letters to the mail worker, with all attempts left.
    Retry {
        /// The ids of the dead letters, from the list.
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Return all dead letters.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// Does what was asked.
///
/// # Errors
/// When the queue does not answer, or a letter is not there.
pub(super) async fn run(queue: Arc<dyn WorkQueue>, step: DeadStep, mut out: impl Write) -> anyhow::Result<()> {
    let letters = queue.dead(LISTED_MAX).await?;
    match step {
        DeadStep::List { json: true } => {
            letters.iter().try_for_each(|letter| anyhow::Ok(writeln!(out, "{}", serde_json::to_string(letter)?)?))
        }
        DeadStep::List { json: false } => list(&letters, out),
        DeadStep::Show { id } => {
            let letter = letters.iter().find(|letter| letter.id == id);
            show(letter.with_context(|| format!("{id} is not among the dead letters: `dead list` names them"))?, out)
        }
        DeadStep::Drop { ids, all } => {
            let ids = if all { letters.into_iter().map(|letter| letter.id).collect() } else { ids };
            let found = queue.drop_dead(&ids).await?;
            writeln!(out, "{found} removed")?;
            all_were_there(&ids, found)
        }
        DeadStep::Retry { ids, all } => {
            let ids = if all { letters.into_iter().map(|letter| letter.id).collect() } else { ids };
            let found = queue.retry(&ids).await?;
            writeln!(out, "{found} given back")?;
            all_were_there(&ids, found)
        }
    }
}

fn all_were_there(ids: &[String], found: usize) -> anyhow::Result<()> {
    let missing = ids.len().saturating_sub(found);
    anyhow::ensure!(missing == 0, "{missing} of them are not among the dead letters");
    Ok(())
}

/// A dead letter with its message, which has no personal data.
fn show(letter: &Dead, mut out: impl Write) -> anyhow::Result<()> {
    list(std::slice::from_ref(letter), &mut out)?;
    let message = serde_json::from_str::<serde_json::Value>(&letter.message);
    match message {
        Ok(message) => writeln!(out, "{}", serde_json::to_string_pretty(&message)?)?,
        Err(_) => writeln!(out, "{}", letter.message)?,
    }
    Ok(())
}

fn list(letters: &[Dead], mut out: impl Write) -> anyhow::Result<()> {
    if letters.is_empty() {
        writeln!(out, "no dead letters")?;
    }
    for Dead { id, message, reason, attempts } in letters {
        let about = match Message::read(message) {
            Ok(Some(Message { id, kind, event, booking, .. })) => {
                let number = booking.map_or_else(String::new, |booking| format!(" {}", booking.number));
                format!("{kind:?}{number}, {} (message {id})", event.title)
            }
            Ok(None) => "of a type that is unknown here".to_owned(),
            Err(_) => "unreadable".to_owned(),
        };
        writeln!(out, "{id}  {about}: {reason} ({attempts} attempts)")?;
    }
    Ok(())
}
