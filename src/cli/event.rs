//! `fairgate event`: import seat plans, look at events, find them and edit them.

mod buyers;
mod sales;
mod search;
mod signals;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::organizer::{Api, OrganizerArgs};
use fairgate_booking::db::Database;
use fairgate_booking::events::about::{About, EventStatus};
use fairgate_booking::events::create_event::create_described;
use fairgate_booking::events::edit::{EventPatch, SectionPatch};
use fairgate_booking::events::import::{EventWords, Import, LineError, Text, read_csv, read_json, read_text};
use fairgate_booking::events::seat_map::Section;
use fairgate_booking::money::money;

const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Import events from seat plans, show them and change them.
#[derive(Debug, Args)]
pub(super) struct EventArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Create an event from a seat plan. A plan with mistakes creates nothing; each mistake is reported with its line.
    ///
    /// A JSON file holds the whole event. A CSV file has one line per seat (section,title,kind,tier,price,row,seat);
    /// the options describe the event. A CSV file may come from a spreadsheet, with commas, semicolons or tabs. Prices
    /// are in the smallest unit (9800) or with decimals (98.00 or 98,00), the same in the whole file.
    /// config/event.json and config/event.csv are examples.
    Import(Box<ImportArgs>),
    /// Show one event.
    Show {
        #[command(flatten)]
        api: OrganizerArgs,
        /// The event's id.
        event: String,
    },
    /// Show how an event sells: seats and money, pace, when it is sold out, and what becomes of holds and payments.
    Sales {
        #[command(flatten)]
        api: OrganizerArgs,
        /// The event's id.
        event: String,
        /// Show it again every second, until stopped.
        #[arg(long)]
        watch: bool,
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show who buys: how many seats fans have, and what another limit would have changed.
    Buyers {
        #[command(flatten)]
        api: OrganizerArgs,
        /// The event's id.
        event: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what in a sale does not look like people who buy for themselves. Each signal is evidence and no verdict;
    /// `fairgate booking review` keeps a booking back, `fairgate booking cancel` refunds it.
    Signals {
        #[command(flatten)]
        api: OrganizerArgs,
        /// The event's id.
        event: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the events that fans find by some words, the best ones first.
    Search {
        #[command(flatten)]
        api: OrganizerArgs,
        /// What is typed: parts of titles, performers, places, in any order.
        #[arg(required = true)]
        words: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change the given values of an event. A concurrent edit by somebody else is never overwritten.
    Set(Box<SetArgs>),
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// The seat plan, *.json or *.csv.
    file: PathBuf,
    /// The Postgres database of the booking core.
    #[arg(long, env = "FAIRGATE_DATABASE_URL", value_name = "postgresql://…", hide_env_values = true)]
    database_url: String,
    /// Check the plan and create nothing.
    #[arg(long)]
    dry_run: bool,
    /// With CSV: the event's id.
    #[arg(long)]
    id: Option<String>,
    /// With CSV: the event's name for people.
    #[arg(long)]
    title: Option<String>,
    /// With CSV: the venue.
    #[arg(long)]
    venue: Option<String>,
    /// With CSV: when the event begins, with the time zone of the venue.
    #[arg(long, value_name = "2027-06-21T20:30[Europe/Lisbon]")]
    starts_at: Option<String>,
    /// With CSV: the currency of all prices.
    #[arg(long, value_name = "EUR")]
    currency: Option<String>,
    /// With CSV: how long seats are held for a fan who has not paid.
    #[arg(long, value_name = "SECONDS")]
    hold_s: Option<i32>,
    /// With CSV: how long a hold may last in total, extensions included.
    #[arg(long, value_name = "SECONDS")]
    hold_total_max_s: Option<i32>,
    /// With CSV: the number of seats that one fan may have.
    #[arg(long, value_name = "N")]
    fan_seats_max: Option<u32>,
}

#[derive(Debug, Args)]
struct SetArgs {
    #[command(flatten)]
    api: OrganizerArgs,
    /// The event's id.
    event: String,
    /// The event's name for people.
    #[arg(long)]
    title: Option<String>,
    /// The venue.
    #[arg(long)]
    venue: Option<String>,
    /// When the event begins.
    #[arg(long, value_name = "TIME")]
    starts_at: Option<String>,
    /// The time zone in which times are shown.
    #[arg(long)]
    zone: Option<String>,
    /// How long seats are held for a fan who has not paid, for holds from now on.
    #[arg(long, value_name = "SECONDS")]
    hold_s: Option<i32>,
    /// How long a hold may last in total, extensions included. The same value as --hold-s allows no extension.
    #[arg(long, value_name = "SECONDS")]
    hold_total_max_s: Option<i32>,
    /// The number of seats that one fan may have.
    #[arg(long, value_name = "N")]
    fan_seats_max: Option<u32>,
    /// Open the event for reservations (true), or close it (false).
    #[arg(long, value_name = "true|false")]
    on_sale: Option<bool>,
    /// When reservations begin; `none` removes the bound.
    #[arg(long, value_name = "TIME")]
    sale_starts_at: Option<String>,
    /// When reservations end; `none` removes the bound.
    #[arg(long, value_name = "TIME")]
    sale_ends_at: Option<String>,
    /// Whether it takes place. What is called off is not sold.
    #[arg(long, value_name = "scheduled|postponed|called_off", value_parser = parse_status)]
    status: Option<EventStatus>,
    /// When the doors open; `none` removes it.
    #[arg(long, value_name = "TIME")]
    doors_at: Option<String>,
    /// From when the event is in lists and is found; `none` removes the bound.
    #[arg(long, value_name = "TIME")]
    published_at: Option<String>,
    /// What kind of event it is, like concert.
    #[arg(long)]
    category: Option<String>,
    /// Some words about it.
    #[arg(long)]
    description: Option<String>,
    /// The https: URL of a picture; `none` removes it.
    #[arg(long, value_name = "URL")]
    image: Option<String>,
    /// A section's price in the smallest unit of the currency, for holds from now on. May be repeated.
    #[arg(long, value_name = "SECTION=PRICE", value_parser = parse_price)]
    price: Vec<(String, u32)>,
}

/// Runs one step.
///
/// # Errors
/// Every mistake in a plan; or where the core or the database cannot be reached, or refuses.
pub(super) fn run(args: EventArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match args.step {
            Step::Import(args) => import(&args).await,
            Step::Show { api, event } => show(&api, &event).await,
            Step::Sales { api, event, watch, json } => sales::run(&api, &event, watch, json).await,
            Step::Buyers { api, event, json } => buyers::run(&api, &event, json).await,
            Step::Signals { api, event, json } => signals::run(&api, &event, json).await,
            Step::Search { api, words, json } => search::run(&api, &words, json).await,
            Step::Set(args) => set(*args).await,
        }
    });
    done.map(|()| ExitCode::SUCCESS)
}

async fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let Text { text, encoding } = read_file(&args.file)?;
    let progress = progress();
    progress.set_message("seats read");
    let read = read_plan(args, &text, |seats| progress.set_position(seats as u64))?;
    let Import { facts, about, sections } = read.map_err(|errors| tell(&args.file, &errors))?;
    let rows: usize = sections.iter().map(|section| section.rows.len()).sum();
    let seats: usize = sections.iter().flat_map(|section| &section.rows).map(|row| row.seats.len()).sum();
    let (slug, sections_count) = (facts.slug.clone(), sections.len());
    let prices = prices(&sections, &facts.currency);
    if !args.dry_run {
        progress.set_message(format!("of {rows} rows written"));
        let database = Database::new(&args.database_url)?;
        database.migrate().await?;
        let written = |rows| progress.set_position(rows as u64);
        let made = create_described(&database, facts, about, sections, written).await?;
        ensure!(made, "there is an event {slug} already; `fairgate event set` edits it, and its seats never change");
    }
    progress.finish_and_clear();
    let read_as = if encoding == "UTF-8" { String::new() } else { format!(" (read as {encoding})") };
    let plan = format!("{slug}: {seats} seats in {rows} rows and {sections_count} sections, {prices}{read_as}");
    let done = if args.dry_run {
        format!("no mistakes; would make {plan}")
    } else {
        format!("made {plan}; running cores sell it within a second")
    };
    Ok(writeln!(std::io::stdout(), "{done}")?)
}

/// From the cheapest to the dearest, so that a price in the wrong unit is seen.
fn prices(sections: &[Section], currency: &str) -> String {
    let prices = || sections.iter().map(|section| i64::from(section.price));
    match (prices().min(), prices().max()) {
        (Some(least), Some(most)) if least < most => format!("{} to {}", money(least, currency), money(most, currency)),
        (least, _) => money(least.unwrap_or(0), currency),
    }
}

fn read_file(file: &Path) -> anyhow::Result<Text> {
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    ensure!(bytes <= FILE_BYTES_MAX, "{} is larger than {} MiB", file.display(), FILE_BYTES_MAX >> 20);
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    read_text(&bytes).map_err(|error| tell(file, &[error]))
}

type Read = Result<Import, Vec<LineError>>;

fn read_plan(args: &ImportArgs, text: &str, told: impl FnMut(usize)) -> anyhow::Result<Read> {
    match args.file.extension().and_then(|end| end.to_str()) {
        Some("json") => Ok(read_json(text, told)),
        Some("csv") => {
            let facts = event_words(args)?.read().map_err(|misfit| anyhow::anyhow!("--{misfit}"))?;
            Ok(read_csv(text, &facts.currency, told).map(|sections| Import {
                facts,
                about: About::default(),
                sections,
            }))
        }
        _ => bail!("{} is neither *.json nor *.csv", args.file.display()),
    }
}

fn event_words(args: &ImportArgs) -> anyhow::Result<EventWords> {
    let need =
        |option: &Option<String>, name| option.clone().with_context(|| format!("with CSV, name the event's --{name}"));
    Ok(EventWords {
        id: need(&args.id, "id")?,
        title: need(&args.title, "title")?,
        venue: need(&args.venue, "venue")?,
        starts_at: need(&args.starts_at, "starts-at")?,
        currency: need(&args.currency, "currency")?,
        hold_s: args.hold_s,
        hold_total_max_s: args.hold_total_max_s,
        fan_seats_max: args.fan_seats_max,
        ..EventWords::default()
    })
}

fn tell(file: &Path, errors: &[LineError]) -> anyhow::Error {
    let lines: Vec<String> =
        errors.iter().map(|error| format!("{}:{}: {}", file.display(), error.line, error.detail)).collect();
    anyhow::anyhow!("nothing was written; {} to mend:\n{}", errors.len(), lines.join("\n"))
}

fn progress() -> ProgressBar {
    let style =
        ProgressStyle::with_template("  {pos} {msg} ({elapsed})").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::no_length().with_style(style)
}

async fn show(api: &OrganizerArgs, event: &str) -> anyhow::Result<()> {
    let (event, headers) = Api::open(api)?.get(&format!("events/{event}")).await?;
    print_event(&event, &headers)
}

async fn set(args: SetArgs) -> anyhow::Result<()> {
    let api = Api::open(&args.api)?;
    let path = format!("events/{}", args.event);
    let (_, headers) = api.get(&path).await?;
    let etag = headers.get(http::header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
    let (event, headers) = api.patch(&path, etag, &json!(patch(args))).await?;
    print_event(&event, &headers)
}

fn patch(args: SetArgs) -> EventPatch {
    let bound = |text: String| (text != "none").then_some(text);
    let sections =
        args.price.into_iter().map(|(section, price)| (section, SectionPatch { title: None, price: Some(price) }));
    EventPatch {
        title: args.title,
        venue: args.venue,
        starts_at: args.starts_at,
        zone: args.zone,
        hold_s: args.hold_s,
        hold_total_max_s: args.hold_total_max_s,
        fan_seats_max: args.fan_seats_max,
        on_sale: args.on_sale,
        sale_starts_at: args.sale_starts_at.map(bound),
        sale_ends_at: args.sale_ends_at.map(bound),
        status: args.status,
        doors_at: args.doors_at.map(bound),
        published_at: args.published_at.map(bound),
        category: args.category,
        description: args.description,
        image: args.image.map(bound),
        sections: sections.collect(),
        ..EventPatch::default()
    }
}

fn print_event(event: &serde_json::Value, headers: &http::HeaderMap) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let version = headers.get(http::header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or("?");
    writeln!(
        out,
        "{} ({}), version {version}",
        event["title"].as_str().unwrap_or_default(),
        event["id"].as_str().unwrap_or_default()
    )?;
    for field in [
        "venue",
        "status",
        "category",
        "starts_at",
        "doors_at",
        "zone",
        "on_sale",
        "sale_starts_at",
        "sale_ends_at",
        "published_at",
        "hold_s",
        "hold_total_max_s",
        "fan_seats_max",
        "seats",
    ] {
        match &event[field] {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => writeln!(out, "  {field:16} {text}")?,
            value => writeln!(out, "  {field:16} {value}")?,
        }
    }
    let named = |list: &serde_json::Value, name: &str| -> Vec<String> {
        let names = list.as_array().into_iter().flatten().filter_map(|item| item[name].as_str());
        names.map(str::to_owned).collect()
    };
    let place = [&event["place"]["name"], &event["place"]["city"], &event["place"]["country"]];
    let place: Vec<&str> = place.iter().filter_map(|word| word.as_str()).collect();
    for (name, words) in [("place", place.join(", ")), ("performers", named(&event["performers"], "name").join(", "))] {
        if !words.is_empty() {
            writeln!(out, "  {name:16} {words}")?;
        }
    }
    let currency = event["currency"].as_str().unwrap_or_default();
    for section in event["sections"].as_array().into_iter().flatten() {
        let id = section["id"].as_str().unwrap_or_default();
        let price = money(section["price"].as_i64().unwrap_or_default(), currency);
        writeln!(out, "  {id:24} {:>8} seats  {price:>14}", section["seats"])?;
    }
    Ok(())
}

fn parse_status(text: &str) -> Result<EventStatus, String> {
    let all = [EventStatus::Scheduled, EventStatus::Postponed, EventStatus::CalledOff];
    let known = all.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| format!("one of {}", all.map(EventStatus::as_str).join(", ")))
}

fn parse_price(text: &str) -> Result<(String, u32), String> {
    let parsed = text.split_once('=').and_then(|(section, price)| Some((section.to_owned(), price.parse().ok()?)));
    parsed.ok_or_else(|| "write section=price, like stalls-left=9800".to_owned())
}
