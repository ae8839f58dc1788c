//! How mails are sent, as options of the commands that send them.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use lettre::message::Mailbox;

use fairgate_booking::outbox::Schedule;
use fairgate_booking::outbox::mail::Post;
use fairgate_booking::server::MailSettings;

/// Where mails go out: a mail server, or a directory.
///
/// # Errors
/// When neither is named, or the server's URL is not one.
pub(super) fn open_post(smtp_url: Option<String>, directory: Option<PathBuf>) -> anyhow::Result<Post> {
    Ok(match (smtp_url, directory) {
        (Some(url), _) => Post::smtp(&url).context("--smtp-url")?,
        (None, directory) => Post::Directory(directory.context("name --smtp-url or a directory")?),
    })
}

/// The shop's address without a `/` at its end.
///
/// # Errors
/// What would be right.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.trim_end_matches('/'));
    let fits = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ']));
    let remedy = "write the shop's address without a path, such as https://tickets.example.com";
    if fits { Ok(text.trim_end_matches('/').to_owned()) } else { Err(remedy.to_owned()) }
}

/// Work that a core does unless it is told not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Work {
    /// Mails to buyers.
    Mail,
    /// Counts of how events sell, for organizers.
    Insight,
    /// The search for events.
    Search,
    /// Webhooks to organizers' systems.
    Hooks,
}

/// How a core sends mails.
#[derive(Debug, Args)]
pub(super) struct CoreMailArgs {
    /// The mail server for mails to buyers, such as smtps://user:password@mail.example.com. Without it, and without
    /// --mail-directory, the core sends no mails.
    #[arg(long, env = "FAIRGATE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Write each mail to a file in this directory instead of sending it.
    #[arg(long, env = "FAIRGATE_MAIL_DIRECTORY", value_name = "DIR", conflicts_with = "smtp_url")]
    mail_directory: Option<PathBuf>,
    /// The sender of the mails.
    #[arg(long, env = "FAIRGATE_MAIL_FROM", value_name = "ADDRESS", default_value = "Box office <tickets@localhost>")]
    mail_from: Mailbox,
    /// The shop's public address, for the link to the booking in each mail. Without it mails have no link.
    #[arg(long, env = "FAIRGATE_PUBLIC_URL", value_name = "https://…", value_parser = public_url)]
    public_url: Option<String>,
    /// The waits between attempts to send a mail.
    #[arg(long, env = "FAIRGATE_MAIL_RETRY_AFTER", value_name = "SPANS", default_value = "1s,5s,10s,30s,60s", value_parser = Schedule::parse)]
    mail_retry_after: Schedule,
    /// The waits between attempts to tell an organizer's system (`fairgate outbox hook`).
    #[arg(long, env = "FAIRGATE_HOOK_RETRY_AFTER", value_name = "SPANS", default_value = "5s,5m,30m,2h,5h,10h,14h,20h,24h", value_parser = Schedule::parse)]
    hook_retry_after: Schedule,
    /// Work that this core leaves to others. `mail`: mails are sent by another core, by `fairgate outbox mail`, or not at all.
    /// `insight`: another core counts how events sell, or none. `search`: events are found by another core, or by none.
    /// `hooks`: another core tells organizers' systems, or none.
    #[arg(long, env = "FAIRGATE_WITHOUT", value_name = "WORK", value_delimiter = ',')]
    without: Vec<Work>,
}

impl CoreMailArgs {
    /// True if this core counts how events sell.
    pub(super) fn counts_sales(&self) -> bool {
        !self.without.contains(&Work::Insight)
    }

    /// True if events are found by this core.
    pub(super) fn searches(&self) -> bool {
        !self.without.contains(&Work::Search)
    }

    /// How this core tells organizers' systems, if it does.
    pub(super) fn hooks(&self) -> Option<Schedule> {
        (!self.without.contains(&Work::Hooks)).then(|| self.hook_retry_after.clone())
    }

    /// How this core sends mails, if it does.
    ///
    /// # Errors
    /// When the server's URL is not one.
    pub(super) fn settings(self) -> anyhow::Result<Option<MailSettings>> {
        if self.without.contains(&Work::Mail) {
            return Ok(None);
        }
        if self.smtp_url.is_none() && self.mail_directory.is_none() {
            tracing::warn!("buyers get no mails from this core: add --smtp-url, or say so with --without mail");
            return Ok(None);
        }
        let post = open_post(self.smtp_url, self.mail_directory)?;
        let (from, public_url, schedule) = (self.mail_from, self.public_url, self.mail_retry_after);
        Ok(Some(MailSettings { post, from, public_url, schedule }))
    }
}
