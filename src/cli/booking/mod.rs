//! `fairgate booking`: runs a booking core, and looks after its bookings.

mod organize;
mod reconcile;

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::mail::CoreMailArgs;
use crate::config::{LogConfig, LogFormat};
use crate::observe::{announce, init_logs};
use fairgate_booking::http::organizer::OrganizerToken;
use fairgate_booking::outbox::WorkQueue;
#[cfg(feature = "amqp")]
use fairgate_booking::outbox::{
    Schedule,
    amqp::{Broker, RabbitQueue},
};
use fairgate_booking::passes::PassSettings;
use fairgate_booking::payment::signature::WebhookSecret;
use fairgate_booking::sale::desks::DeskLimits;
use fairgate_booking::sale::feed::GAP_MAX;
use fairgate_booking::server::{Core, Payments, SearchSettings, Settings};
use fairgate_booking::upkeep::prune::Retention;

/// The environment variable with the organizer's token.
pub(super) const ORGANIZER_TOKEN: &str = "FAIRGATE_ORGANIZER_TOKEN";

/// Run the booking core, or show, cancel and reconcile bookings.
///
/// Without a subcommand this starts the server. It sells each seat once, to fans with a pass from the waiting room, keeps
/// everything in Postgres, and sends mails to buyers where it is given a mail server.
#[derive(Debug, Args)]
pub(super) struct BookingArgs {
    #[command(subcommand)]
    step: Option<Step>,
    #[command(flatten)]
    core: CoreArgs,
}

#[derive(Debug, Subcommand)]
enum Step {
    Reconcile(reconcile::ReconcileArgs),
    Show(organize::ShowArgs),
    Cancel(organize::CancelArgs),
    Review(organize::ReviewArgs),
}

/// What a core is started with.
#[derive(Debug, Args)]
struct CoreArgs {
    /// The Postgres database; needed to run the core. Its schema is created, or brought up to date, at the start.
    #[arg(long, env = "FAIRGATE_DATABASE_URL", value_name = "postgresql://…", hide_env_values = true)]
    database_url: Option<String>,
    /// The address for fans. Only the edge should reach it.
    #[arg(long, env = "FAIRGATE_BOOKING_LISTEN", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The address for operators: metrics, health and the organizer's API. Keep it off the public network.
    #[arg(long, env = "FAIRGATE_BOOKING_METRICS_LISTEN", default_value = "127.0.0.1:9091")]
    metrics_listen: SocketAddr,
    /// The URL at which the edge publishes its public keys; needed to run the core.
    #[arg(long, env = "FAIRGATE_JWKS_URL", value_name = "http://…/.fairgate/jwks.json")]
    jwks_url: Option<String>,
    /// The room whose passes are accepted, by its name in the edge's configuration; needed to run the core.
    #[arg(long, env = "FAIRGATE_ROOM")]
    room: Option<String>,
    /// The issuer that a pass must name: `edge.issuer` in the edge's configuration.
    #[arg(long, env = "FAIRGATE_ISSUER", default_value = "fairgate")]
    issuer: String,
    /// The payment provider. It sends webhooks to /api/v1/webhooks/payment, signed with the secret in the environment
    /// variable FAIRGATE_WEBHOOK_SECRET. Without a secret no webhook is accepted.
    #[arg(long, env = "FAIRGATE_PROVIDER_URL", value_name = "http://…")]
    provider_url: Option<String>,
    /// A queue in RabbitMQ from which the provider's notices are taken, too: the same JSON as in its webhooks, with the same signature
    /// as a header. Needs FAIRGATE_WEBHOOK_SECRET.
    #[arg(long, env = "FAIRGATE_PAYMENTS_FROM", value_name = "amqp://…/QUEUE", hide_env_values = true)]
    payments_from: Option<String>,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    mail: CoreMailArgs,
    /// Keep the search index in this directory, so that a start reads only what was edited since. Each core needs a directory of
    /// its own. Without it the index is in memory, and made at each start.
    #[arg(long, env = "FAIRGATE_SEARCH_DIRECTORY", value_name = "DIR")]
    search_directory: Option<PathBuf>,
    /// Create the example event (5,000 seats) if it does not exist. Without --provider-url its payments are simulated.
    #[arg(long)]
    seed_demo: bool,
    /// The format of log lines.
    #[arg(long, env = "FAIRGATE_LOG_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    log_format: String,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// How long rows are kept once they have served. Events, seats, bookings and payments are never removed.
#[derive(Debug, Args)]
struct KeepArgs {
    /// How long a change is kept in the change log after every registered sink has read it. A Redis that lost its data gets
    /// these again. What a registered sink has not read is kept (`fairgate outbox sinks`).
    #[arg(long, alias = "keep-happenings", env = "FAIRGATE_KEEP_CHANGE_LOG", value_name = "SPAN", default_value = "2d", value_parser = Retention::parse)]
    keep_change_log: Duration,
    /// How long an organizer's request can be repeated with the same Idempotency-Key and get the same answer.
    #[arg(long, env = "FAIRGATE_KEEP_ANSWERS", value_name = "SPAN", default_value = "7d", value_parser = Retention::parse)]
    keep_answers: Duration,
    /// How long the steps of a payment are kept after it is settled.
    #[arg(long, env = "FAIRGATE_KEEP_PAYMENT_STEPS", value_name = "SPAN", default_value = "400d", value_parser = Retention::parse)]
    keep_payment_steps: Duration,
}

impl From<KeepArgs> for Retention {
    fn from(keep: KeepArgs) -> Self {
        Self { change_log: keep.keep_change_log, answers: keep.keep_answers, payment_steps: keep.keep_payment_steps }
    }
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(super) fn run(args: BookingArgs) -> anyhow::Result<ExitCode> {
    match args.step {
        Some(step) => run_step(step),
        None => run_core(args.core),
    }
}

fn run_step(step: Step) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match step {
            Step::Reconcile(args) => reconcile::run(&args).await,
            Step::Show(args) => organize::show(args).await,
            Step::Cancel(args) => organize::cancel(args).await,
            Step::Review(args) => organize::review(args).await,
        }
    })
}

fn run_core(args: CoreArgs) -> anyhow::Result<ExitCode> {
    let format = if args.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
    init_logs(&LogConfig { format, ..LogConfig::default() })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let served = runtime.block_on(serve(args));
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(args: CoreArgs) -> anyhow::Result<()> {
    let stop = stop_when_told(args.exit_with_stdin)?;
    let jwks_url = args
        .jwks_url
        .context("the URL of the edge's public keys is missing: add --jwks-url or set FAIRGATE_JWKS_URL")?;
    let room = args
        .room
        .context("the room is missing: add --room or set FAIRGATE_ROOM to a room's name in the edge's configuration")?;
    let core = Core::start(Settings {
        database_url: args
            .database_url
            .context("the database is missing: add --database-url or set FAIRGATE_DATABASE_URL")?,
        listen: args.listen,
        metrics_listen: args.metrics_listen,
        passes: PassSettings { jwks_url, room, issuer: args.issuer },
        payments: payments(args.provider_url, args.payments_from.as_deref(), args.seed_demo)?,
        organizer: organizer()?,
        retention: args.keep.into(),
        feed_gap_max: GAP_MAX,
        desks: DeskLimits::default(),
        seed_demo: args.seed_demo,
        insight: args.mail.counts_sales(),
        hooks: args.mail.hooks(),
        search: args
            .mail
            .searches()
            .then(|| SearchSettings { directory: args.search_directory, ..SearchSettings::default() }),
        mail: args.mail.settings()?,
    })
    .await?;
    let (fans, operators) = core.addresses()?;
    announce(&format!("metrics on http://{operators}/metrics"));
    announce(&format!("listening on http://{fans}"));
    core.serve(stop).await;
    Ok(())
}

fn payments(provider_url: Option<String>, payments_from: Option<&str>, seed_demo: bool) -> anyhow::Result<Payments> {
    let notices = payments_from.map(notices).transpose().context("--payments-from")?;
    let Some(url) = provider_url else {
        anyhow::ensure!(notices.is_none(), "--payments-from needs the payment provider: add --provider-url");
        let remedy = "the payment provider is missing: add --provider-url (`fairgate provider` is one for trials)";
        return if seed_demo { Ok(Payments::Pretended) } else { Err(anyhow::anyhow!(remedy)) };
    };
    let secret = std::env::var("FAIRGATE_WEBHOOK_SECRET").ok().filter(|secret| !secret.is_empty());
    let webhook_secret = secret.map(|secret| WebhookSecret::new(&secret)).transpose();
    let webhook_secret = webhook_secret.context("FAIRGATE_WEBHOOK_SECRET")?;
    let is_signed = notices.is_none() || webhook_secret.is_some();
    anyhow::ensure!(is_signed, "--payments-from believes notices by their signature: set FAIRGATE_WEBHOOK_SECRET");
    Ok(Payments::Provider { url, webhook_secret, notices })
}

/// The queue of the provider's notices. One that could not be heard comes again for a day.
#[cfg(feature = "amqp")]
fn notices(url: &str) -> anyhow::Result<Arc<dyn WorkQueue>> {
    let (broker, queue) = Broker::with_queue(url)?;
    let schedule = Schedule::parse("1s,5s,30s,2m,10m,1h,6h,16h").map_err(anyhow::Error::msg)?;
    Ok(Arc::new(RabbitQueue::new(broker, &queue, &[], schedule)))
}

#[cfg(not(feature = "amqp"))]
fn notices(_: &str) -> anyhow::Result<Arc<dyn WorkQueue>> {
    anyhow::bail!("this program was built without RabbitMQ: build it with the feature `amqp`")
}

fn organizer() -> anyhow::Result<Option<OrganizerToken>> {
    let token = std::env::var(ORGANIZER_TOKEN).ok().filter(|token| !token.is_empty());
    token.map(|token| OrganizerToken::new(&token)).transpose().context(ORGANIZER_TOKEN)
}

/// Cancelled by Ctrl-C, SIGTERM, or the end of standard input.
pub(super) fn stop_when_told(with_stdin: bool) -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (mut told, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            told.recv().await;
            stop.cancel();
        });
    }
    if with_stdin {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.cancel();
        });
    }
    Ok(stop)
}
