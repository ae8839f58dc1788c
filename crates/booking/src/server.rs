//! The process: everything put together, started in order, and stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::routing::get;
use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{info, warn};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::bookings::Bookings;
use crate::bookings::links::Links;
use crate::bookings::receipts::Receipts;
use crate::db::Database;
use crate::db::priority::Lane;
use crate::db::time::DatabaseTime;
use crate::ended::EndedSessions;
use crate::health::Health;
use crate::http::connections::Bounds;
use crate::http::organizer::OrganizerToken;
use crate::http::{self as api, App, ServedBy};
use crate::in_progress::InProgress;
use crate::insight::{InsightMetrics, InsightReader, SalesDesk};
use crate::metrics::BookingMetrics;
use crate::operators::{OPERATOR_PATIENCE, expose};
use crate::outbox::hooks::{Farewells, HookKeeper};
use crate::outbox::mail::{MAIL, MAILED, MailWatch, MailWorker, Post, PublicShop};
use crate::outbox::{HookMetrics, LogQueue, Notices, Schedule, WorkQueue, WorkerMetrics};
use crate::passes::{PassSettings, Passes};
use crate::payment::signature::WebhookSecret;
use crate::payment::{Cashier, DemoProvider, PaymentProvider, RemoteProvider};
use crate::reminders::ReminderKeeper;
use crate::sale::desks::DeskLimits;
use crate::sale::feed::Feed;
use crate::sale::on_sale::Events;
use crate::search::{Follower, SearchDesk, SearchIndex, SearchMetrics, Standing, TantivyIndex};
use crate::tickets::TicketOffice;
use crate::traces::Traces;
use crate::upkeep::prune::{Pruner, Retention};
use crate::upkeep::sweep::Sweeper;
use fairgate_telemetry::clock::{Clock, SteadyClock};
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// What a booking core is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the tables are.
    pub database_url: String,
    /// Where fans (through the edge) are served.
    pub listen: SocketAddr,
    /// Where metrics are served.
    pub metrics_listen: SocketAddr,
    /// The room and issuer whose passes are taken.
    pub passes: PassSettings,
    /// Who takes the money.
    pub payments: Payments,
    /// Who may organize; nobody without it.
    pub organizer: Option<OrganizerToken>,
    /// How long rows are kept once they have served.
    pub retention: Retention,
    /// Cut off from the database for longer, the core reads every seat again ([`crate::sale::feed::GAP_MAX`]).
    pub feed_gap_max: Duration,
    /// How many events keep their seats in memory.
    pub desks: DeskLimits,
    /// Make the example event.
    pub seed_demo: bool,
    /// How mails are sent; none are without it.
    pub mail: Option<MailSettings>,
    /// Count for organizers how events sell.
    pub insight: bool,
    /// Tell organizers' systems what happens, and again by this schedule; nothing is told without it.
    pub hooks: Option<Schedule>,
    /// The search; nobody searches at this core without it.
    pub search: Option<SearchSettings>,
}

/// How a core searches.
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// Where the index is kept; in memory unless given. It is made anew from the tables where it is missing or damaged.
    pub directory: Option<PathBuf>,
    /// How often all versions are compared with the tables ([`COMPARE_EVERY`]).
    pub compare_every: Duration,
}

/// What was changed in the tables by hand is found after this time at the latest.
pub const COMPARE_EVERY: Duration = Duration::from_secs(600);

impl Default for SearchSettings {
    fn default() -> Self {
        Self { directory: None, compare_every: COMPARE_EVERY }
    }
}

/// How a core sends mails.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where they go out.
    pub post: Post,
    /// Who sends them.
    pub from: Mailbox,
    /// Where fans find the shop; mails have no link to the booking without it.
    pub public_url: Option<String>,
    /// When a mail that failed is tried again.
    pub schedule: Schedule,
}

/// Who takes the money.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum Payments {
    /// Nobody: payments are pretended inside the core.
    Pretended,
    /// A provider over HTTP.
    Provider {
        /// Where it is.
        url: String,
        /// What its webhooks are signed with; none are taken without it.
        webhook_secret: Option<WebhookSecret>,
        /// Where else it tells what its webhooks tell: a queue of signed notices. Without the secret it is left alone.
        notices: Option<Arc<dyn WorkQueue>>,
    },
}

/// A core that listens.
pub struct Core {
    app: Arc<App>,
    registry: Registry,
    fans: TcpListener,
    operators: TcpListener,
    tasks: Tasks,
}

/// The core's own work, which ends with it and not before.
struct Tasks {
    supervisor: Supervisor,
    set: JoinSet<()>,
}

impl Tasks {
    /// Begins what every core does.
    fn begin(&mut self, app: &Arc<App>, feed: Feed, core: Uuid, retention: Retention) {
        let tasks = self;
        let (database, metrics) = (app.database.clone(), Arc::clone(&app.metrics));
        tasks.keep_with("bell", app, |app| app.events.notifier().run(app.database.clone()));
        tasks.keep_felt("feed", follow(feed, Arc::clone(&app.health)));
        let sweeper = Arc::new(Sweeper::new(database.clone(), core, Arc::clone(&metrics)));
        tasks.keep_felt("sweeper", move |pulse| {
            let sweeper = Arc::clone(&sweeper);
            async move { sweeper.run(&pulse).await }
        });
        let (watched, looks) = (database.clone(), Arc::clone(&metrics));
        tasks.keep("watch", move || crate::upkeep::watch::run(watched.clone(), Arc::clone(&looks)));
        tasks.keep("pruner", move || Pruner::new(database.clone(), retention, Arc::clone(&metrics)).run());
        tasks.keep_with("keys", app, |app| async move { app.passes.run().await });
        // It has nothing to do where nobody can be asked.
        let (keep, asks) = (tasks.supervisor.clone(), Arc::clone(&app.ended));
        tasks.set.spawn(async move { keep.keep_until_done("ended", || asks.run()).await });
        tasks.keep_with("traces", app, |app| async move { app.traces.run().await });
        tasks.keep_with("desks", app, |app| async move { app.events.keep_desks().await });
        tasks.keep_with("cashier", app, |app| async move { app.cashier.run().await });
    }

    /// Has mails sent by this process, whenever it is its turn.
    fn send_mails(&mut self, app: &Arc<App>, metrics: WorkerMetrics, settings: MailSettings) {
        let MailSettings { post, from, public_url, schedule } = settings;
        let database = app.database.for_lane(Lane::Fans);
        let public = public_url.map(|url| PublicShop { url, links: app.links.clone() });
        let watch = Arc::new(MailWatch::without_pulse(metrics));
        self.keep("mail", move || {
            let queue = LogQueue::new(database.clone(), MAIL, &MAILED, schedule.clone());
            let post = (post.clone(), from.clone());
            let worker = MailWorker::new(database.clone(), Arc::new(queue), post, public.clone(), Arc::clone(&watch));
            async move { worker.run().await }
        });
    }

    /// Has people reminded, whenever it is this process's turn.
    fn remind(&mut self, app: &Arc<App>, schedule: Schedule) {
        let (database, clock) = (app.database.for_lane(Lane::Fans), Arc::clone(&app.clock));
        self.keep("reminders", move || {
            let keeper = ReminderKeeper::new(database.clone(), schedule.clone(), Arc::clone(&clock));
            async move { keeper.run().await }
        });
    }

    /// Has the provider's notices heard that come by way of a queue.
    fn hear_notices(&mut self, notices: Notices) {
        self.keep("notices", move || {
            let notices = notices.clone();
            async move { notices.run().await }
        });
    }

    /// Has organizers' systems told what happens, whenever it is this process's turn.
    fn tell_systems(&mut self, app: &Arc<App>, metrics: HookMetrics, schedule: Schedule, farewells: Option<Farewells>) {
        let database = app.database.for_lane(Lane::Fans);
        self.keep("hooks", move || {
            let keeper = HookKeeper::new(database.clone(), metrics.clone(), schedule.clone(), farewells.clone());
            async move { keeper.run().await }
        });
    }

    /// Has an index follow the tables; answers where it is asked.
    async fn search(
        &mut self,
        database: Database,
        events: &Arc<Events>,
        registry: &Registry,
        settings: SearchSettings,
    ) -> anyhow::Result<SearchDesk> {
        let SearchSettings { directory, compare_every } = settings;
        let opening = spawn_blocking(move || match &directory {
            Some(directory) => TantivyIndex::in_directory(directory),
            None => TantivyIndex::in_memory(),
        });
        let index: Arc<dyn SearchIndex> = Arc::new(opening.await?.context("cannot open the search index")?);
        let state = (Arc::<Standing>::default(), SearchMetrics::new(registry)?);
        let desk = SearchDesk::new(Arc::clone(&index), Arc::clone(events), state.clone());
        let edits = events.edits();
        self.keep("search", move || {
            let (index, edits) = (Arc::clone(&index), Arc::clone(&edits));
            Follower::new(database.clone(), index, edits, state.clone(), compare_every).run()
        });
        Ok(desk)
    }

    fn keep<F: Future<Output = ()> + Send>(
        &mut self,
        task: &'static str,
        start: impl Fn() -> F + Send + Sync + 'static,
    ) {
        let supervisor = self.supervisor.clone();
        self.set.spawn(async move { supervisor.keep(task, start).await });
    }

    fn keep_with<F: Future<Output = ()> + Send>(
        &mut self,
        task: &'static str,
        app: &Arc<App>,
        start: impl Fn(Arc<App>) -> F + Send + Sync + 'static,
    ) {
        let app = Arc::clone(app);
        self.keep(task, move || start(Arc::clone(&app)));
    }

    /// A task whose pulse is a part of the core's health.
    fn keep_felt<F: Future<Output = ()> + Send>(
        &mut self,
        task: &'static str,
        start: impl Fn(Arc<Pulse>) -> F + Send + Sync + 'static,
    ) {
        let pulse = Arc::new(self.supervisor.pulse(task));
        self.keep(task, move || start(Arc::clone(&pulse)));
    }

    /// A task without which the core is of no use.
    fn essential(&mut self, task: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let supervisor = self.supervisor.clone();
        self.set.spawn(async move { supervisor.essential(task, run).await });
    }
}

/// The feed goes on where it was, also after a panic.
fn follow(feed: Feed, health: Arc<Health>) -> impl Fn(Arc<Pulse>) -> BoxFuture<'static, ()> + Send + Sync {
    let feed = Arc::new(Mutex::new(feed));
    move |pulse| {
        let (feed, health) = (Arc::clone(&feed), Arc::clone(&health));
        Box::pin(async move { feed.lock().await.run(&pulse, || health.feed_was_read()).await })
    }
}

impl Core {
    /// Migrates, reads the events, starts the background work, and binds.
    ///
    /// # Errors
    /// Whatever is missing, worded for the person at the terminal.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let database = Database::new(&settings.database_url)?;
        info!("connecting to the database");
        database.migrate().await?;
        if settings.seed_demo && crate::events::demo_event::seed_demo(&database).await? {
            info!(event = crate::events::demo_event::DEMO_EVENT, "made the example event");
        }
        let links = Links::load(&database).await?;
        let tickets = Arc::new(TicketOffice::open(database.for_lane(Lane::Fans)).await?);
        let registry = fairgate_telemetry::registry()?;
        let metrics = Arc::new(BookingMetrics::new(&registry)?);
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new());
        let core = Uuid::new_v4();
        let time = Arc::new(DatabaseTime::new(Arc::clone(&clock)));
        let supervisor = Supervisor::new(&registry)?;
        let timed = (time, supervisor.clone());
        let events = Arc::new(Events::new(database.clone(), core, Arc::clone(&metrics), timed, settings.desks));
        let feed =
            Feed::begin(database.clone(), Arc::clone(&events), core, Arc::clone(&metrics), settings.feed_gap_max)
                .await?;
        info!("reading the events");
        events.load().await?;
        if events.is_empty() {
            warn!("there is no event to sell: `fairgate event import` makes one, --seed-demo an example");
        }
        let ended = EndedSessions::new(settings.passes.clone()).context("cannot make an HTTP client")?;
        let passes = Arc::new(Passes::new(settings.passes).context("cannot make an HTTP client")?);
        let in_progress = Arc::new(InProgress::default());
        let (provider, webhook_secret, notices) = open_provider(settings.payments)?;
        let traces = Arc::new(Traces::new(database.for_lane(Lane::Fans)));
        let cashier = Cashier::new(
            database.for_lane(Lane::Payments),
            Arc::clone(&events),
            provider,
            core,
            Arc::clone(&metrics),
            Arc::clone(&in_progress),
            api::word_endings(links.clone()),
        );
        let cashier = Arc::new(cashier.with_traces(Arc::clone(&traces)));
        let health = Arc::new(Health::new(supervisor.clone()));
        let sales_database = database.for_lane(Lane::Fans);
        let mut tasks = Tasks { supervisor, set: JoinSet::new() };
        let search = match settings.search {
            Some(search) => tasks.search(database.for_lane(Lane::Fans), &events, &registry, search).await?,
            None => SearchDesk::closed(),
        };
        let post = settings.mail.as_ref().map(|mail| (mail.post.clone(), mail.from.clone()));
        let app = Arc::new(App {
            accounts: Accounts::new(database.for_lane(Lane::Fans), &links, post),
            bookings: Bookings::new(database.for_lane(Lane::Fans), Arc::clone(&events), core, links.clone()),
            receipts: Receipts::new(
                database.for_lane(Lane::Fans),
                Arc::clone(&events),
                links.clone(),
                Arc::clone(&tickets),
            ),
            tickets,
            links,
            events,
            passes,
            ended: Arc::new(ended),
            cashier,
            in_progress,
            database,
            organizer: settings.organizer,
            webhook_secret,
            clock,
            calls: api::Calls::new(&metrics),
            metrics: Arc::clone(&metrics),
            health,
            refusals: api::refusals(),
            openapi: api::openapi_document(),
            pages: api::pages(),
            sales: SalesDesk::new(sales_database),
            traces,
            search,
            sales_streams: api::sales_streams(),
        });
        tasks.begin(&app, feed, core, settings.retention);
        let farewells =
            settings.mail.as_ref().map(|mail| Farewells { post: mail.post.clone(), from: mail.from.clone() });
        if let Some(mail) = settings.mail {
            tasks.remind(&app, mail.schedule.clone());
            tasks.send_mails(&app, WorkerMetrics::new(&registry)?, mail);
        }
        if let Some((queue, secret)) = notices.zip(app.webhook_secret.clone()) {
            tasks.hear_notices(Notices::new(queue, secret, Arc::clone(&app.cashier)));
        }
        if let Some(schedule) = settings.hooks {
            tasks.tell_systems(&app, HookMetrics::new(&registry)?, schedule, farewells);
        }
        if settings.insight {
            let (database, metrics) = (app.database.for_lane(Lane::Fans), InsightMetrics::new(&registry)?);
            tasks.keep("insight", move || InsightReader::new(database.clone(), metrics.clone()).run());
        }
        let fans = bind(settings.listen).await?;
        let operators = bind(settings.metrics_listen).await?;
        Ok(Self { app, registry, fans, operators, tasks })
    }

    /// Where fans are served and where metrics are.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.fans.local_addr()?, self.operators.local_addr()?))
    }

    /// Serves until `stop` is cancelled, then lets running requests end.
    pub async fn serve(self, stop: CancellationToken) {
        self.serve_by(ServedBy::default(), stop).await;
    }

    /// The same with one of the two ways that are measured against each other.
    pub async fn serve_by(mut self, served_by: ServedBy, stop: CancellationToken) {
        let operators = operators(Arc::clone(&self.app), self.registry, self.tasks.supervisor.clone());
        self.tasks.essential("operators", async move { drop(axum::serve(self.operators, operators).await) });
        let (app, stopping) = (Arc::clone(&self.app), stop.clone());
        self.tasks.set.spawn(async move {
            stopping.cancelled().await;
            app.health.stop();
        });
        let front = api::Front::new(self.app, served_by);
        api::connections::serve(self.fans, front, Bounds::default(), stop).await;
    }
}

/// The provider, the secret of its webhooks, and the queue of its notices.
type OpenProvider = (Arc<dyn PaymentProvider>, Option<WebhookSecret>, Option<Arc<dyn WorkQueue>>);

fn open_provider(payments: Payments) -> anyhow::Result<OpenProvider> {
    match payments {
        Payments::Pretended => {
            warn!("payments are pretended: no money is taken (see --provider-url)");
            Ok((Arc::new(DemoProvider), None, None))
        }
        Payments::Provider { url, webhook_secret, notices } => {
            if webhook_secret.is_none() {
                warn!(
                    "without FAIRGATE_WEBHOOK_SECRET no webhooks are taken: what the provider says late is asked for instead"
                );
            }
            let provider = RemoteProvider::new(&url).context("cannot make an HTTP client")?;
            Ok((Arc::new(provider), webhook_secret, notices))
        }
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; choose another address"))
}

/// Metrics and health, on a listener that fans cannot reach.
fn operators(app: Arc<App>, registry: Registry, supervisor: Supervisor) -> axum::Router {
    let metrics = move |State(app): State<Arc<App>>| async move {
        app.events.measure();
        supervisor.measure();
        expose(&registry)
    };
    axum::Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(api::ready))
        .merge(api::organizer::router(&app))
        .layer(RequestBodyTimeoutLayer::new(OPERATOR_PATIENCE))
        .with_state(app)
}
