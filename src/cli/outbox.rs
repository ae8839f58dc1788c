//! `fairgate outbox`: publish booking events to a Redis stream, send confirmation mails, retry those that failed, and show who
//! reads the change log.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use lettre::message::Mailbox;
use tokio::net::TcpListener;

use super::booking::stop_when_told;
use super::mail::{open_post, public_url};
use crate::config::LogConfig;
use crate::observe::{announce, init_logs, registry};
use fairgate_booking::bookings::links::Links;
use fairgate_booking::db::Database;
use fairgate_booking::operators;
use fairgate_booking::outbox::mail::{MAIL, MAILED, MailWatch, MailWorker, Post, PublicShop};
use fairgate_booking::outbox::{
    Dead, Dropped, Envelope, LogQueue, Message, OutboxMetrics, Redis, Registered, Registry, Relay, STREAM, Schedule,
    Sink, Watched, WorkQueue, WorkerMetrics, asyncapi, sink_name,
};
use fairgate_telemetry::supervise::Supervisor;

/// Dead letters in one listing.
const LISTED_MAX: usize = 1000;

/// Publish booking events to a Redis stream, and send mails about them.
///
/// `relay` copies events from Postgres to the Redis stream {fairgate.outbox}, in order and at least once. `mail` sends mails to
/// fans, as a booking core does by itself: it reads the change log, or with --redis-url the stream. Several of each may run, and each may be killed at any moment. Whoever reads the change
/// log is registered as a sink: `sinks` lists them.
#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    /// The Redis server that holds the stream. `relay` needs it.
    #[arg(long, global = true, env = "FAIRGATE_REDIS_URL", value_name = "redis://…", hide_env_values = true)]
    redis_url: Option<String>,
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Publish booking events until stopped.
    Relay {
        #[command(flatten)]
        source: Source,
        /// The name under which this Redis is registered as a reader of the change log. Give each Redis its own.
        #[arg(long, value_name = "NAME", default_value = "redis", value_parser = sink_name)]
        sink: String,
        /// A consumer group of the stream that is made at the start, so that nothing is dropped before its consumers come.
        /// Can be repeated.
        #[arg(long = "group", value_name = "NAME")]
        groups: Vec<String>,
        /// How messages are wrapped: `cloudevents`, or `plain` as in the version before. `plain` goes with the next version.
        #[arg(long, value_name = "FORM", default_value = "cloudevents", value_parser = Envelope::parse)]
        envelope: Envelope,
    },
    /// Send mails about bookings until stopped. A mail that fails is retried; after the last attempt it is a dead letter.
    Mail {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        post: PostArgs,
        /// The sender of the mails.
        #[arg(long, value_name = "ADDRESS", default_value = "Box office <tickets@localhost>")]
        from: Mailbox,
        /// The shop's public address, for the link to the booking in each mail. Without it mails have no link.
        #[arg(long, env = "FAIRGATE_PUBLIC_URL", value_name = "https://…", value_parser = public_url)]
        public_url: Option<String>,
        /// The waits between attempts to send a mail.
        #[arg(long, value_name = "SPANS", default_value = "1s,5s,10s,30s,60s", value_parser = Schedule::parse)]
        retry_after: Schedule,
    },
    /// List and retry the mails that failed for good.
    Dead {
        /// The Postgres database of the booking core. With --redis-url the dead letters of the Redis stream are meant instead.
        #[arg(
            long,
            global = true,
            env = "FAIRGATE_DATABASE_URL",
            value_name = "postgresql://…",
            hide_env_values = true
        )]
        database_url: Option<String>,
        #[command(subcommand)]
        step: DeadStep,
    },
    /// Print the AsyncAPI 3.0 description of what is published, as JSON.
    Asyncapi,
    /// List who reads the change log, and how far each is behind.
    Sinks {
        #[command(flatten)]
        from: DatabaseArgs,
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
    },
    /// Manage one reader of the change log.
    #[command(subcommand)]
    Sink(SinkStep),
}

#[derive(Debug, Subcommand)]
enum SinkStep {
    /// Unregister a reader that is not coming back. What only it had not read may be removed then.
    Drop {
        #[command(flatten)]
        from: DatabaseArgs,
        /// Its name, from the list.
        #[arg(value_parser = sink_name)]
        name: String,
    },
}

#[derive(Debug, Args)]
struct DatabaseArgs {
    /// The Postgres database of the booking core.
    #[arg(long, env = "FAIRGATE_DATABASE_URL", value_name = "postgresql://…", hide_env_values = true)]
    database_url: String,
}

#[derive(Debug, Args)]
struct Source {
    #[command(flatten)]
    from: DatabaseArgs,
    /// The address for operators: metrics, health and readiness. Without it the process cannot be watched. Keep it off the
    /// public network.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct PostArgs {
    /// The mail server, such as smtps://user:password@mail.example.com.
    #[arg(long, env = "FAIRGATE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Write each mail to a file in this directory instead of sending it.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum DeadStep {
    /// List the dead letters, the oldest first.
    List {
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
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

/// Runs one step.
///
/// # Errors
/// Where Redis or the database cannot be reached.
pub(super) fn run(args: OutboxArgs) -> anyhow::Result<ExitCode> {
    init_logs(&LogConfig::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let done = runtime.block_on(run_step(args));
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn run_step(OutboxArgs { redis_url, step }: OutboxArgs) -> anyhow::Result<()> {
    match step {
        Step::Relay { source, sink, groups, envelope } => {
            let redis = connect(redis_url).await?;
            for group in groups {
                redis.group(&group, Schedule::default()).declare().await?;
            }
            relay(redis, source, &sink, envelope).await
        }
        Step::Mail { source, post, from, public_url, retry_after } => {
            let post = open_post(post.smtp_url, post.directory)?;
            let queue = Queue { redis_url, schedule: retry_after };
            mail(queue, source, post, (from, public_url)).await
        }
        Step::Dead { database_url, step } => {
            let queue = Queue { redis_url, schedule: Schedule::default() };
            dead(queue.open_for_a_look(database_url.as_deref()).await?, step, std::io::stdout()).await
        }
        Step::Asyncapi => Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&asyncapi())?)?),
        Step::Sinks { from, json } => sinks(&open(&from).await?, json, std::io::stdout()).await,
        Step::Sink(SinkStep::Drop { from, name }) => drop_sink(&open(&from).await?, &name, std::io::stdout()).await,
    }
}

async fn connect(redis_url: Option<String>) -> anyhow::Result<Redis> {
    let url = redis_url.context(
        "the Redis server is missing: add --redis-url or set FAIRGATE_REDIS_URL, for example redis://127.0.0.1:6379/",
    )?;
    Ok(Redis::connect(&url).await?)
}

async fn relay(redis: Redis, source: Source, sink: &str, envelope: Envelope) -> anyhow::Result<()> {
    let stop = stop_when_told(source.exit_with_stdin)?;
    let database = open(&source.from).await?;
    let registry = registry()?;
    let metrics = OutboxMetrics::new(&registry)?;
    let supervisor = watch(&source, registry).await?;
    announce(&format!("publishing to {STREAM}"));
    let watched = Arc::new(Watched::new(&supervisor, metrics));
    let stream: Arc<dyn Sink> = Arc::new(redis);
    let relay = || {
        let relay = Relay::new(database.clone(), (sink, Arc::clone(&stream)), Arc::clone(&watched));
        relay.with_envelope(envelope).run(&supervisor)
    };
    tokio::select! {
        () = supervisor.keep("relay", relay) => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}

/// Where the mail worker takes its messages from: the Redis stream where one is named, else the change log.
struct Queue {
    redis_url: Option<String>,
    schedule: Schedule,
}

impl Queue {
    async fn open(self, database: Database) -> anyhow::Result<Arc<dyn WorkQueue>> {
        if self.redis_url.is_none() {
            return Ok(Arc::new(LogQueue::new(database, MAIL, &MAILED, self.schedule)));
        }
        Ok(Arc::new(connect(self.redis_url).await?.group(MAIL, self.schedule)))
    }

    async fn open_for_a_look(self, database_url: Option<&str>) -> anyhow::Result<Arc<dyn WorkQueue>> {
        match (&self.redis_url, database_url) {
            (Some(_), _) => Ok(Arc::new(connect(self.redis_url).await?.group(MAIL, self.schedule))),
            (None, Some(url)) => self.open(Database::new(url)?).await,
            (None, None) => anyhow::bail!(
                "the database is missing: add --database-url or set FAIRGATE_DATABASE_URL (or --redis-url, where a relay \
                 publishes to Redis)"
            ),
        }
    }
}

async fn mail(
    queue: Queue,
    source: Source,
    post: Post,
    (from, public_url): (Mailbox, Option<String>),
) -> anyhow::Result<()> {
    let stop = stop_when_told(source.exit_with_stdin)?;
    let database = open(&source.from).await?;
    let public = match public_url {
        Some(url) => Some(PublicShop { url, links: Links::load(&database).await? }),
        None => None,
    };
    let queue = queue.open(database.clone()).await?;
    queue.declare().await?;
    let registry = registry()?;
    let metrics = WorkerMetrics::new(&registry)?;
    let supervisor = watch(&source, registry).await?;
    announce("sending mails");
    let watch = Arc::new(MailWatch::new(&supervisor, metrics));
    let worker = MailWorker::new(database, queue, (post, from), public, watch);
    tokio::select! {
        () = supervisor.keep("mail", || worker.run()) => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}

/// Begins to serve operators, where an address is given.
async fn watch(source: &Source, registry: prometheus::Registry) -> anyhow::Result<Supervisor> {
    let supervisor = Supervisor::new(&registry)?;
    if let Some(address) = source.metrics_listen {
        let bound = TcpListener::bind(address).await;
        let listener = bound.with_context(|| format!("cannot listen on {address}; choose another --metrics-listen"))?;
        announce(&format!("metrics on http://{}/metrics", listener.local_addr()?));
        let (keeper, watched) = (supervisor.clone(), supervisor.clone());
        let serve = async move { drop(operators::serve(listener, registry, watched).await) };
        tokio::spawn(async move { keeper.essential("operators", serve).await });
    }
    Ok(supervisor)
}

async fn open(from: &DatabaseArgs) -> anyhow::Result<Database> {
    let database = Database::new(&from.database_url)?;
    database.migrate().await?;
    Ok(database)
}

async fn dead(queue: Arc<dyn WorkQueue>, step: DeadStep, mut out: impl Write) -> anyhow::Result<()> {
    let letters = queue.dead(LISTED_MAX).await?;
    match step {
        DeadStep::List { json: true } => {
            letters.iter().try_for_each(|letter| anyhow::Ok(writeln!(out, "{}", serde_json::to_string(letter)?)?))
        }
        DeadStep::List { json: false } => list(&letters, out),
        DeadStep::Retry { ids, all } => {
            let ids = if all { letters.into_iter().map(|letter| letter.id).collect() } else { ids };
            let found = queue.retry(&ids).await?;
            writeln!(out, "{found} returned to the mail worker")?;
            anyhow::ensure!(found == ids.len(), "{} of them are not among the dead letters", ids.len() - found);
            Ok(())
        }
    }
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

async fn sinks(database: &Database, json: bool, mut out: impl Write) -> anyhow::Result<()> {
    let sinks = Registry::new(database.clone()).sinks().await?;
    if json {
        return sinks.iter().try_for_each(|sink| Ok(writeln!(out, "{}", serde_json::to_string(sink)?)?));
    }
    if sinks.is_empty() {
        writeln!(out, "nobody reads the change log")?;
    }
    for Registered { sink, position, lag_rows, lag_seconds, seen_seconds_ago, knows_from, .. } in sinks {
        writeln!(
            out,
            "{sink}  at {position}, {lag_rows} rows and {lag_seconds} s behind, seen {seen_seconds_ago} s ago, \
             knows from {knows_from}"
        )?;
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
