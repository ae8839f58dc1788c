//! One run: look at the room, send everyone, watch, and judge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fan::{Behaviour, Fan, Intent, Life, Window};
use crate::history::History;
use crate::http::{Answer, Sockets, exchange, raise_socket_limit};
use crate::judge::{Audit, Facts, fairness, most_in_a_window, promises};
use crate::options::Options;
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::report::{BehaviourCount, Report};
use crate::room::Room;
use crate::tally::Tally;
use crate::wire::{Phase, Position};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const OWN_SOCKETS: usize = 4;
/// How long the room may take to answer for the first time.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What all fans of a run share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) paths: Paths,
    pub(crate) sockets: Sockets,
    /// For the crowd's own looks, which must not queue behind its fans.
    own_sockets: Sockets,
    pub(crate) room: Room,
    pub(crate) recorder: Recorder,
    pub(crate) tally: Tally,
    pub(crate) history: History,
    pub(crate) shop: crate::shop::Shop,
}

/// The room's part of the fans' wire.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) status: String,
    pub(crate) join: String,
    pub(crate) claim: String,
    pub(crate) leave: String,
    roster: String,
}

impl Paths {
    fn of(room: &str) -> Self {
        let path = |verb: &str| format!("/.fairgate/{room}/{verb}");
        Self {
            status: path("status"),
            join: path("join"),
            claim: path("claim"),
            leave: path("leave"),
            roster: path("draw/roster"),
        }
    }
}

/// Sends the crowd and reports what it saw.
///
/// # Errors
/// When the room cannot be reached at all, or its sale starts only after the time limit. Everything that goes wrong
/// later is part of the report.
pub async fn run(options: Options, progress: &mut dyn Progress) -> anyhow::Result<Report> {
    let began = Instant::now();
    let sockets_max = raise_socket_limit().context("cannot raise the limit of open files")?;
    let sockets = Sockets::new(options.target.addresses.clone(), options.connections_max.min(sockets_max));
    let own_sockets = Sockets::new(options.target.addresses[..1].to_vec(), OWN_SOCKETS);
    let paths = Paths::of(&options.room);
    let room = first_look(&options, &own_sockets, &paths).await?;
    let window = window(&options, &room)?;
    let (history, writer) = History::open(options.history.as_deref()).await?;
    let world = Arc::new(World {
        shop: crate::shop::Shop::new(options.event.as_deref()),
        recorder: Recorder::new(),
        tally: Tally::default(),
        options,
        paths,
        sockets,
        own_sockets,
        room,
        history,
    });
    let lives = send_everyone(&world, &window, began + world.options.time_limit, progress).await;
    let facts = gather(&world, lives).await;
    let report = report(&world, &facts, began);
    drop(world);
    if let Some(writer) = writer {
        writer.await.context("the history's writer stopped")?.context("cannot write the history")?;
    }
    Ok(report)
}

async fn first_look(options: &Options, sockets: &Sockets, paths: &Paths) -> anyhow::Result<Room> {
    let until = Instant::now() + FIRST_ANSWER_WITHIN;
    loop {
        let problem = match get(options, sockets, &paths.status).await {
            Ok(answer) if answer.status == 200 => match Room::new(answer.body) {
                Ok(room) => return Ok(room),
                Err(error) => format!("its status is not what a fairgate answers: {error}"),
            },
            Ok(answer) => format!("HTTP {} for {}", answer.status, paths.status),
            Err(fault) => fault,
        };
        if Instant::now() >= until {
            bail!("room `{}` at http://{} does not answer: {problem}", options.room, options.target.authority);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn get(options: &Options, sockets: &Sockets, path: &str) -> Result<Answer, String> {
    get_as(options, sockets, path, "").await
}

/// Asks with somebody's cookies.
async fn get_as(options: &Options, sockets: &Sockets, path: &str, cookies: &str) -> Result<Answer, String> {
    let authority = &options.target.authority;
    let question = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
    );
    exchange(sockets, None, question.as_bytes()).await.1.map_err(|fault| fault.kind())
}

fn window(options: &Options, room: &Room) -> anyhow::Result<Window> {
    let status = room.latest();
    let now_ms = room.now_ms();
    let late_within_ms = u64::try_from(options.late_within.as_millis())?;
    if status.phase == Phase::Ended {
        bail!("the sale of room `{}` has ended", options.room);
    }
    let starts_in = Duration::from_millis(status.starts_at_ms.saturating_sub(now_ms));
    if starts_in >= options.time_limit {
        let (starts_in_s, limit_s) = (starts_in.as_secs(), options.time_limit.as_secs());
        bail!("the sale starts in {starts_in_s} s, after the time limit of {limit_s} s; give a longer --time-limit");
    }
    Ok(Window { now_ms, opens_at_ms: status.opens_at_ms, starts_at_ms: status.starts_at_ms, late_within_ms })
}

/// Every fan is a task; the run watches until the last one is done.
async fn send_everyone(world: &Arc<World>, window: &Window, until: Instant, progress: &mut dyn Progress) -> Vec<Life> {
    let (seed, bots, everyone) = (world.options.seed, world.options.bots, world.options.everyone());
    let mut fans = JoinSet::new();
    for who in 0..everyone {
        let fan = Fan::new(Arc::clone(world), who, Intent::of(seed, who, bots, window));
        fans.spawn(fan.live(until));
    }
    let mut lives = Vec::with_capacity(usize::try_from(everyone).unwrap_or(0));
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            life = fans.join_next() => match life {
                Some(Ok(life)) => {
                    world.tally.done();
                    lives.push(life);
                }
                Some(Err(error)) => {
                    world.tally.done();
                    world.recorder.crashed(&error.to_string());
                }
                None => break,
            },
            _ = looks.tick() => {
                look(world).await;
                progress.show(&standing(world));
            }
        }
    }
    progress.show(&standing(world));
    lives
}

/// The crowd's own look at the status: it dates every step of `serving`, however rarely fans poll.
async fn look(world: &World) {
    if let Ok(answer) = get(&world.options, &world.own_sockets, &world.paths.status).await
        && answer.status == 200
    {
        // A fan who got such an answer counts it as an error; here it only dates nothing.
        let _ = world.room.learn(answer.body);
    }
}

fn standing(world: &World) -> crate::tally::Standing {
    let phase = match world.room.latest().phase {
        Phase::Idle => "idle",
        Phase::Pooling => "pooling",
        Phase::Drawing => "drawing",
        Phase::Serving => "serving",
        Phase::Ended => "ended",
    };
    let errors = world.recorder.errors().values().sum();
    world.tally.standing(phase, world.options.everyone().into(), world.recorder.requests(), errors)
}

async fn gather(world: &World, mut lives: Vec<Life>) -> Facts {
    lives.sort_unstable_by_key(|life| life.who);
    look(world).await;
    let (timeline, cap) = world.room.timeline();
    let entries = world.room.latest().draw.entries;
    let audit = audit(world, &lives).await;
    let mut facts = Facts { lives, timeline, cap, entries, audit, still_offered: None };
    facts.still_offered = still_offered(world, &facts.seats_sold()).await;
    facts
}

/// Asks the shop which of the sold seats it still offers, with the pass of somebody who has gone home.
async fn still_offered(world: &World, sold: &[&str]) -> Option<Vec<String>> {
    let (path, pass) = (&world.shop.event.as_ref()?.availability, world.shop.spare_pass()?);
    // The bitfield may be a second old.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = get_as(&world.options, &world.own_sockets, path, &pass).await.ok()?;
    if answer.status == 200 { world.shop.still_offered(sold, &answer.body) } else { None }
}

async fn audit(world: &World, lives: &[Life]) -> Audit {
    let own = lives.iter().filter_map(|life| match life.joined {
        Some(ticket) => match ticket.position {
            Position::Pool { index } => Some((index, ticket.entry)),
            Position::Line { .. } => None,
        },
        None => None,
    });
    match get(&world.options, &world.own_sockets, &world.paths.roster).await {
        Ok(answer) if answer.status == 200 => Audit::of(&world.room.latest().draw, &answer.body, own),
        Ok(answer) => Audit::impossible(&format!("HTTP {} for the roster", answer.status)),
        Err(fault) => Audit::impossible(&fault),
    }
}

fn report(world: &World, facts: &Facts, began: Instant) -> Report {
    let count = |which: &dyn Fn(&Life) -> bool| facts.lives.iter().filter(|life| which(life)).count() as u64;
    let is_pooled = |life: &Life| life.joined.is_some_and(|ticket| matches!(ticket.position, Position::Pool { .. }));
    let (admitted_at_ms, serving) = (facts.admitted_at_ms(), facts.serving());
    let fairness = fairness(facts);
    let invariants = promises(facts);
    let errors_by_kind = world.recorder.errors();
    Report {
        held: invariants.iter().all(|invariant| invariant.held),
        sent: world.options.everyone().into(),
        bots: world.options.bots.into(),
        pooled: count(&is_pooled),
        drawn: count(&|life| is_pooled(life) && life.place.is_some()),
        queued: count(&|life| life.joined.is_some() && !is_pooled(life)),
        called: count(&|life| life.place.is_some_and(|place| place < serving)),
        admitted: admitted_at_ms.len() as u64,
        booked: count(&|life| life.purchase.is_some()),
        seats_sold: facts.seats_sold().len() as u64,
        seats_sold_twice: facts.seats_sold_twice().len() as u64,
        errors: errors_by_kind.values().sum(),
        errors_by_kind,
        turned_away_by_kind: world.recorder.all_turned_away(),
        admitted_max_in_1s: most_in_a_window(&admitted_at_ms, 1_000),
        cap_in_1s: facts.cap.in_1s(),
        places_p_value: fairness.places_p_value,
        bots_p_value: fairness.bots_p_value,
        arrival_deciles: fairness.arrival_deciles,
        latency_ms: world.recorder.latencies(),
        shop_by_second: world.recorder.shop_seconds(),
        requests: world.recorder.requests(),
        connections_max: world.sockets.most_open() as u64,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        fates: counted(facts.lives.iter().map(|life| life.fate)),
        behaviours: behaviours(&facts.lives),
        invariants,
    }
}

fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

fn behaviours(lives: &[Life]) -> BTreeMap<Behaviour, BehaviourCount> {
    let mut counts: BTreeMap<Behaviour, BehaviourCount> = BTreeMap::new();
    for life in lives {
        let count = counts.entry(life.behaviour).or_default();
        count.fans += 1;
        count.admitted += u64::from(life.admitted.is_some());
        count.booked += u64::from(life.purchase.is_some());
    }
    counts
}
