//! `fairgate outbox`: publish booking events to Redis, RabbitMQ or Kafka, send confirmation mails, look after those that failed, and after
//! those who read the change log.

mod dead;
mod hooks;
mod sinks;
mod transport;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use lettre::message::Mailbox;
use tokio::net::TcpListener;

use self::dead::DeadStep;
use self::hooks::HookStep;
use self::sinks::{RepublishArgs, SinkStep};
use self::transport::{OpenSink, Transport};
use super::booking::stop_when_told;
use super::mail::{open_post, public_url};
use crate::config::LogConfig;
use crate::observe::{announce, init_logs, registry};
use fairgate_booking::bookings::links::Links;
use fairgate_booking::db::Database;
use fairgate_booking::operators;
use fairgate_booking::outbox::mail::{MAIL, MailWatch, MailWorker, Post, PublicShop};
use fairgate_booking::outbox::{
    Envelope, Kind, OutboxMetrics, Relay, Schedule, Watched, WorkQueue, WorkerMetrics, asyncapi, sink_name,
};
use fairgate_telemetry::supervise::Supervisor;

/// Publish booking events to Redis, RabbitMQ or Kafka, and send mails about them.
///
/// `relay` copies events from Postgres to the Redis stream {fairgate.outbox}, to the exchange fairgate.events of RabbitMQ, or to the
/// topic fairgate.events of Kafka, in order and at least once. `mail` sends mails to fans, as a booking core does by itself: it reads the change log, or with --redis-url or
/// --amqp-url what a relay has published. Several of each may run, and each may be killed at any moment. Whoever reads the change log
/// is registered as a sink: `sinks` lists them.
#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    #[command(flatten)]
    transport: Transport,
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Publish booking events until stopped.
    Relay {
        #[command(flatten)]
        source: Source,
        /// The name under which this place is registered as a reader of the change log. Give each its own. Without it
        /// the name is `redis`, `rabbitmq` or `kafka`.
        #[arg(long, value_name = "NAME", value_parser = sink_name)]
        sink: Option<String>,
        /// A consumer group of the stream, or a queue fairgate.NAME for all messages, that is made at the start, so that nothing is
        /// dropped before its consumers come. Can be repeated.
        #[arg(long = "group", value_name = "NAME", value_parser = sink_name)]
        groups: Vec<String>,
        /// What is published, such as booking.confirmed; everything without it. RabbitMQ takes only what a queue is bound for. Can
        /// be repeated.
        #[arg(long = "topic", value_name = "TOPIC", value_parser = Kind::parse_topic)]
        topics: Vec<Kind>,
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
    /// List, show, retry and drop the mails that failed for good.
    Dead {
        /// The Postgres database of the booking core. With --redis-url or --amqp-url the dead letters there are meant instead.
        #[arg(
            long,
            global = true,
            env = "FAIRGATE_DATABASE_URL",
            value_name = "postgresql://…",
            hide_env_values = true
        )]
        database_url: Option<String>,
        /// The worker whose dead letters are meant.
        #[arg(long, global = true, value_name = "NAME", default_value = MAIL, value_parser = sink_name)]
        worker: String,
        /// The queue in RabbitMQ whose dead letters are meant, where it is no worker's.
        #[arg(long, global = true, value_name = "NAME")]
        queue: Option<String>,
        #[command(subcommand)]
        step: DeadStep,
    },
    /// Make the topic in Kafka to which a relay publishes.
    ///
    /// A topic is never made by chance. With two copies or more, a record counts once two brokers have it. Records of one event
    /// are in one partition, in order.
    Topic {
        /// The number of partitions. It cannot be made smaller later.
        #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
        partitions: u16,
        /// The number of copies of each record, at most the number of brokers.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
        replicas: u16,
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
    /// Tell organizers' systems what happens: signed webhooks, which the booking core sends.
    Hook {
        /// The Postgres database of the booking core.
        #[arg(
            long,
            global = true,
            env = "FAIRGATE_DATABASE_URL",
            value_name = "postgresql://…",
            hide_env_values = true
        )]
        database_url: Option<String>,
        #[command(subcommand)]
        step: HookStep,
    },
    /// Publish again from a number on, where a RabbitMQ has lost what it had confirmed. Consumers know what they have by its id.
    Republish(RepublishArgs),
}

#[derive(Debug, Args)]
struct DatabaseArgs {
    /// The Postgres database of the booking core.
    #[arg(long, env = "FAIRGATE_DATABASE_URL", value_name = "postgresql://…", hide_env_values = true)]
    database_url: String,
}

impl DatabaseArgs {
    /// Opens the database, with its schema up to date.
    async fn open(&self) -> anyhow::Result<Database> {
        let database = Database::new(&self.database_url)?;
        database.migrate().await?;
        Ok(database)
    }
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

async fn run_step(OutboxArgs { transport, step }: OutboxArgs) -> anyhow::Result<()> {
    let out = std::io::stdout;
    match step {
        Step::Relay { source, sink, groups, topics, envelope } => {
            let database = source.from.open().await?;
            let is_fit = envelope == Envelope::CloudEvents || transport.is_redis()?;
            anyhow::ensure!(is_fit, "--envelope plain is for programs that read a Redis stream: leave it out");
            let is_free = sink.as_deref().is_none_or(|name| !name.starts_with("hook-"));
            anyhow::ensure!(is_free, "names that begin with hook- are those of webhooks: choose another --sink");
            let open = transport.sink(&database, sink, &groups).await?;
            relay(open, database, source, (envelope, topics)).await
        }
        Step::Mail { source, post, from, public_url, retry_after } => {
            let post = open_post(post.smtp_url, post.directory)?;
            let database = source.from.open().await?;
            let queue = transport.mails(database.clone(), MAIL, retry_after).await?;
            mail(queue, (source, database), post, (from, public_url)).await
        }
        Step::Dead { database_url, worker, queue, step } => {
            let queue = transport.dead_letters(database_url.as_deref(), &worker, queue.as_deref()).await?;
            dead::run(queue, step, out()).await
        }
        Step::Topic { partitions, replicas } => {
            let (topic, is_new) = transport.make_topic(partitions, replicas).await?;
            let copies = if replicas == 1 { "copy" } else { "copies" };
            let made = match is_new {
                true => format!("is made: {partitions} partitions, {replicas} {copies} of each record"),
                false => "is there already".to_owned(),
            };
            Ok(writeln!(out(), "{topic} {made}")?)
        }
        Step::Asyncapi => Ok(writeln!(out(), "{}", serde_json::to_string_pretty(&asyncapi())?)?),
        Step::Sinks { from, json } => sinks::list(&from.open().await?, json, out()).await,
        Step::Sink(step) => sinks::run(step, out()).await,
        Step::Hook { database_url, step } => {
            let database_url =
                database_url.context("the database is missing: add --database-url or set FAIRGATE_DATABASE_URL")?;
            hooks::run(&DatabaseArgs { database_url }.open().await?, step, out()).await
        }
        Step::Republish(args) => sinks::republish(args, out()).await,
    }
}

async fn relay(
    open: OpenSink,
    database: Database,
    source: Source,
    (envelope, topics): (Envelope, Vec<Kind>),
) -> anyhow::Result<()> {
    let stop = stop_when_told(source.exit_with_stdin)?;
    let registry = registry()?;
    let metrics = OutboxMetrics::new(&registry)?;
    let supervisor = watch(&source, registry).await?;
    let OpenSink { name, sink, place } = open;
    announce(&format!("publishing to {place}"));
    let watched = Arc::new(Watched::new(&supervisor, metrics));
    let relay = || {
        let relay = Relay::new(database.clone(), (name.as_str(), Arc::clone(&sink)), Arc::clone(&watched));
        relay.with_envelope(envelope).with_kinds(topics.clone()).run(&supervisor)
    };
    tokio::select! {
        () = supervisor.keep("relay", relay) => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}

async fn mail(
    queue: Arc<dyn WorkQueue>,
    (source, database): (Source, Database),
    post: Post,
    (from, public_url): (Mailbox, Option<String>),
) -> anyhow::Result<()> {
    let stop = stop_when_told(source.exit_with_stdin)?;
    let public = match public_url {
        Some(url) => Some(PublicShop { url, links: Links::load(&database).await? }),
        None => None,
    };
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
