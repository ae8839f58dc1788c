//! Which share of the places each side was drawn, from the public record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use fairgate_draw::{Shuffle, v2};
use serde::Serialize;
use serde_json::Value;

use super::Farm;
use super::entrant::Entered;
use crate::judge::{goodness_of_fit, independence};

const BINS: u64 = 10;

/// One side of a farm's run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Side {
    /// People.
    pub people: u64,
    /// Attempts at an entry.
    pub attempts: u64,
    /// Attempts that were answered with an entry.
    pub answered: u64,
    /// Different entries that these were: one person's attempts may share one.
    pub entries: u64,
    /// Entries whose place is below the number of seats.
    pub seats: u64,
    /// Attempts that were refused for good, by the last reason.
    pub refused: BTreeMap<String, u64>,
    /// CPU time spent on puzzles, s.
    pub work_s: f64,
}

/// What a farm came to.
#[derive(Clone, Debug, Serialize)]
pub struct FarmReport {
    /// Places that are counted, from the front.
    pub seats: u64,
    /// Honest fans.
    pub fans: Side,
    /// The farm.
    pub farm: Side,
    /// The farm's share of all people.
    pub share_of_people: f64,
    /// The farm's share of the entries of both sides.
    pub share_of_entries: f64,
    /// The farm's share of the counted places that both sides have.
    pub share_of_seats: f64,
    /// p of the hypothesis that the farm's entries are spread over the places like everybody else's; `None` where there
    /// are too few.
    pub places_p_value: Option<f64>,
    /// χ² of the counted places against the people of both sides: whether the farm has what so many people have; `None` where too
    /// few places are expected of one side. Places are drawn without being put back, so this p is a little too large.
    pub people_chi_square: Option<f64>,
    /// The p of that.
    pub people_p_value: Option<f64>,
    /// CPU hours of puzzles for each counted place that the farm has; `None` where it has none.
    pub work_hours_a_seat: Option<f64>,
}

/// Counts both sides by the record of the finished draw.
pub(crate) fn harvest(farm: &Farm, entered: Vec<Entered>, record: &[u8]) -> anyhow::Result<FarmReport> {
    let place_of = places(record)?;
    let (mut fans, mut farmed) = (Tally::default(), Tally::default());
    for one in entered {
        let side = if one.is_farm { &mut farmed } else { &mut fans };
        side.add(one);
    }
    let mut table = vec![vec![0; BINS as usize]; 2];
    let (entries, place_of) = place_of;
    let fans = fans.count(farm.fans.into(), farm.seats, entries, &place_of, &mut table[0]);
    let farmed = farmed.count(farm.people.into(), farm.seats, entries, &place_of, &mut table[1]);
    let share = |of: fn(&Side) -> u64| of(&farmed) as f64 / (of(&farmed) + of(&fans)).max(1) as f64;
    let by_people = goodness_of_fit(&[fans.seats, farmed.seats], &[fans.people, farmed.people]);
    Ok(FarmReport {
        seats: farm.seats,
        people_chi_square: by_people.map(|test| test.statistic),
        people_p_value: by_people.map(|test| test.p_value),
        share_of_people: share(|side| side.people),
        share_of_entries: share(|side| side.entries),
        share_of_seats: share(|side| side.seats),
        places_p_value: (farmed.entries >= 5 * BINS).then(|| independence(&table).map(|test| test.p_value)).flatten(),
        work_hours_a_seat: (farmed.seats > 0).then(|| farmed.work_s / 3_600.0 / farmed.seats as f64),
        fans,
        farm: farmed,
    })
}

type PlaceOf = Box<dyn Fn(u8, u64) -> Option<u64>>;

/// How many entries were drawn, and the place of each, by whichever version the record is of.
fn places(record: &[u8]) -> anyhow::Result<(u64, PlaceOf)> {
    let text = std::str::from_utf8(record).context("the record is not text")?;
    let document: Value = serde_json::from_str(text).context("the record of the draw is not JSON")?;
    if document["version"] == "fairgate/v2" {
        let record = v2::Record::parse(text)?;
        let places = record.places().context("the draw is not over")??;
        let entries = record.entries().unwrap_or(0);
        return Ok((entries, Box::new(move |tier, index| places.place(tier, index))));
    }
    let record: fairgate_draw::Record = serde_json::from_value(document)?;
    let (Some(entries), Some(seed)) = (record.entries, record.seed) else { bail!("the draw is not over") };
    let shuffle = Shuffle::new(&seed, entries);
    Ok((entries, Box::new(move |_, index| shuffle.place(index))))
}

#[derive(Default)]
struct Tally {
    attempts: u64,
    answered: u64,
    at: BTreeSet<(u8, u64)>,
    refused: BTreeMap<String, u64>,
    work: Duration,
}

impl Tally {
    fn add(&mut self, one: Entered) {
        self.attempts += 1;
        self.work += one.work;
        self.answered += u64::from(one.at.is_some());
        self.at.extend(one.at);
        if let Some(reason) = one.refused {
            *self.refused.entry(reason).or_default() += 1;
        }
    }

    /// `bins` gets how many of the entries are in each part of all places.
    fn count(self, people: u64, seats: u64, entries: u64, place_of: &PlaceOf, bins: &mut [u64]) -> Side {
        let places = self.at.iter().filter_map(|(tier, index)| place_of(*tier, *index));
        let mut in_seats = 0;
        for place in places {
            in_seats += u64::from(place < seats);
            if let Some(bin) = bins.get_mut((place * BINS / entries.max(1)) as usize) {
                *bin += 1;
            }
        }
        Side {
            people,
            attempts: self.attempts,
            answered: self.answered,
            entries: self.at.len() as u64,
            seats: in_seats,
            refused: self.refused,
            work_s: self.work.as_secs_f64(),
        }
    }
}
