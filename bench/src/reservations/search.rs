//! The search over HTTP against the same index in this process: what the way through the core costs.
//!
//! `SEARCH_EVENTS` is how many events there are; a million unless given. Each question is asked once, so none is answered from memory.

use std::time::{Duration, Instant};

use anyhow::ensure;
use fairgate_booking::events::about::EventStatus;
use fairgate_booking::search::{EventDocument, Mark, Question, SearchIndex, TantivyIndex};
use serde_json::Value;

use super::shop::Shop;
use crate::report::{Goal, Row};

const EVENTS: usize = 1_000_000;
/// Events that are written at once.
const AT_ONCE: usize = 10_000;
/// Questions of a round.
const QUESTIONS: usize = 400;
const INDEXED_WITHIN: Duration = Duration::from_secs(600);
const P99_MS: f64 = 50.0;
/// 2030-01-01, Unix ms: all events begin after it.
const BEGIN_MS: i64 = 1_893_456_000_000;
const MINUTE_MS: i64 = 60_000;
const SYLLABLES: [&str; 32] = [
    "ba", "che", "do", "fa", "gi", "hu", "ja", "ke", "li", "mo", "na", "pe", "qui", "ro", "sa", "ti", "vo", "wa", "xe",
    "ya", "zu", "bra", "cle", "dri", "flo", "gra", "kro", "ple", "sti", "tre", "stra", "lum",
];

/// Every figure of the search.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let events = std::env::var("SEARCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let shop = Shop::open().await?;
    let raw = TantivyIndex::in_memory()?;
    let began = Instant::now();
    fill(&shop, &raw, events).await?;
    println!("  {events} events written in {:.0} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    wait_for(&shop, events).await?;
    println!("  found by the core {:.0} s later", began.elapsed().as_secs_f64());
    let client = reqwest::Client::new();
    let mut measured = Vec::new();
    for round in 0..rounds {
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        for number in 0..QUESTIONS {
            let of = (round * QUESTIONS + number) * events.div_ceil(QUESTIONS * rounds) % events;
            let query = question(of, number);
            let url = shop.url(&format!("/api/v1/events/search?q={query}"));
            let began = Instant::now();
            let answer: Value = client.get(url).send().await?.error_for_status()?.json().await?;
            ours.push(began.elapsed());
            let began = Instant::now();
            let question = Question::read(&format!("q={query}"))?;
            let found = raw.search(&question, BEGIN_MS, began + Duration::from_secs(10)).await?;
            reference.push(began.elapsed());
            ensure!(found.total > 0 && answer["total"].as_u64() > Some(0), "{query} finds nothing");
        }
        println!("  round {}: p50 {:.1} ms, raw {:.1} ms", round + 1, ms(&mut ours, 0.5), ms(&mut reference, 0.5));
        measured.push((ms(&mut ours, 0.99), ms(&mut reference, 0.99)));
    }
    let p99 = measured.iter().map(|(ours, _)| *ours);
    Ok(vec![
        Row::from_rounds("search: p99 over HTTP, against the index alone", "ms", Goal::AtMost(2.0), &measured),
        Row::within("search: p99 over HTTP", "ms", P99_MS, p99),
    ])
}

/// A name of two words, of which there are some hundred thousand.
fn name(number: usize) -> [String; 2] {
    let mixed = number.wrapping_mul(2_654_435_761) >> 3;
    let word = |bits: usize| -> String { (0..3).map(|place| SYLLABLES[(bits >> (5 * place)) & 31]).collect() };
    [word(mixed), word(mixed / 37)]
}

fn title(number: usize) -> String {
    format!("{} on tour {}", name(number).join(" "), number % 50)
}

/// The name of an event as somebody types it: right, without its end, or with an error.
fn question(of: usize, way: usize) -> String {
    let [first, second] = name(of);
    match way % 3 {
        0 => format!("{first}+{second}"),
        1 => format!("{first}+{}", &second[..second.len() - 2]),
        _ => format!("{}x{}+{second}", &first[..2], &first[3..]),
    }
}

async fn fill(shop: &Shop, raw: &TantivyIndex, events: usize) -> anyhow::Result<()> {
    let sql = shop.database.own_connection().await?;
    let insert = "with made as (
            insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max)
            select 'tour-' || number, title, 'Hall', to_timestamp($3::bigint / 1000 + number * 60), 'Europe/Lisbon', 'EUR', 60, 4
            from unnest($1::bigint[], $2::text[]) as named (number, title)
            returning event_id
        )
        insert into change_log (event_id, kind) select event_id, 'edited' from made";
    let mark = Mark { source: uuid::Uuid::nil(), position: 0 };
    for first in (0..events).step_by(AT_ONCE) {
        let numbers: Vec<usize> = (first..events.min(first + AT_ONCE)).collect();
        let keys: Vec<i64> = numbers.iter().map(|number| *number as i64).collect();
        let titles: Vec<String> = numbers.iter().map(|number| title(*number)).collect();
        sql.execute(insert, &[&keys, &titles, &BEGIN_MS]).await?;
        raw.apply(numbers.into_iter().map(document).collect(), vec![], mark).await?;
    }
    sql.batch_execute("analyze event; notify fairgate").await?;
    Ok(())
}

fn document(number: usize) -> EventDocument {
    EventDocument {
        event_id: i32::try_from(number).unwrap_or(i32::MAX),
        version: 1,
        slug: format!("tour-{number}"),
        title: title(number),
        performers: vec![],
        aliases: vec![],
        venue: "Hall".to_owned(),
        place: String::new(),
        city: String::new(),
        country: String::new(),
        series: String::new(),
        category: String::new(),
        image: None,
        starts_at_ms: BEGIN_MS + number as i64 * MINUTE_MS,
        zone: "Europe/Lisbon".to_owned(),
        currency: "EUR".to_owned(),
        price_min: 0,
        price_max: 0,
        status: EventStatus::Scheduled,
        on_sale: true,
        sale_starts_at_ms: None,
        sale_ends_at_ms: None,
        published_at_ms: None,
        position: None,
    }
}

/// Waits until the core finds the last of the events, and lacks none.
async fn wait_for(shop: &Shop, events: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let [first, second] = name(events - 1);
    loop {
        let answer = reqwest::get(shop.url(&format!("/api/v1/events/search?q={first}+{second}"))).await?;
        let answer: Value = answer.json().await?;
        if answer["stale"] == false && answer["total"].as_u64() > Some(0) {
            return Ok(());
        }
        ensure!(began.elapsed() < INDEXED_WITHIN, "the core does not come to have all events");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn ms(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() - 1) as f64 * share).round() as usize;
    times[at].as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_question_finds_what_it_is_about() {
        let raw = TantivyIndex::in_memory().expect("an index");
        let mark = Mark { source: uuid::Uuid::nil(), position: 0 };
        raw.apply((0..2_000).map(document).collect(), vec![], mark).await.expect("taken over");
        for number in 0..60 {
            let query = format!("q={}", question(number * 33, number));
            let asked = Question::read(&query).expect("a question");
            let found =
                raw.search(&asked, BEGIN_MS, Instant::now() + Duration::from_secs(30)).await.expect("an answer");
            let slug = format!("tour-{}", number * 33);
            assert!(!found.is_relaxed && found.events.iter().any(|event| event.slug == slug), "{query}: {found:?}");
        }
    }

    /// The whole of it with few events: `SEARCH_EVENTS=3000 cargo test --bins the_whole_run -- --ignored --nocapture`.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "it starts a core and Postgres, and prints figures"]
    async fn the_whole_run_goes_through() {
        let rows = run(1).await.expect("rows");
        rows.iter().for_each(crate::report::print);
        assert_eq!(rows.len(), 2);
    }
}
