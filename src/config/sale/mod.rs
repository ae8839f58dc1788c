//! `[[room.sale]]`: the sales of a room, one after another, each with a draw of its own.
//!
//! Guarantees:
//! - sales of a room do not overlap, and all but the last one have an end
//! - a rule has an end, so all sales of a room are known when the file is read, on every edge the same ones
//! - a sale that recurs keeps its local times when clocks change

mod order;
mod rule;
#[cfg(test)]
mod tests;
mod times;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::rule::RuleEnd;
use self::times::{Day, SaleTimes, zone_of_all};
use super::reader::Section;
use super::room::{AfterEnd, RoomConfig, ScheduleConfig, check_control};
use fairgate_core::room::{Control, Policy};

/// A sale on every day of a year, and some.
const SALES_MAX: u16 = 400;
const NAME_BYTES_MAX: usize = 32;

/// One sale of a room. Times are Unix ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleConfig {
    /// What organizers call it; the same for all days of a rule.
    pub name: Option<String>,
    /// The pool opens.
    pub opens_at_ms: u64,
    /// The draw, and the start of the sale.
    pub starts_at_ms: u64,
    /// The end of the sale.
    pub ends_at_ms: Option<u64>,
    /// The zone that the start was written in, by its IANA name.
    pub zone: Option<String>,
    /// Its own rate, instead of the room's.
    pub rate_per_minute: Option<u32>,
    /// Its own burst.
    pub burst: Option<u32>,
    /// Its own limit of sessions.
    pub max_active: Option<u64>,
    /// Its own first message.
    pub message: Option<String>,
}

impl SaleConfig {
    /// True if it is over at a time, by what is configured.
    #[must_use]
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.ends_at_ms.is_some_and(|ends_at_ms| ends_at_ms <= now_ms)
    }

    /// How people are let in during this sale of a room.
    #[must_use]
    pub fn policy(&self, room: &Policy) -> Policy {
        let mut policy = room.clone();
        policy.rate_per_minute = self.rate_per_minute.unwrap_or(policy.rate_per_minute);
        policy.burst = self.burst.unwrap_or(policy.burst);
        policy.max_active = self.max_active.unwrap_or(policy.max_active);
        policy
    }
}

impl RoomConfig {
    /// The sale of a time: the first one that is not over, or the last one.
    #[must_use]
    pub fn sale_at(&self, now_ms: u64) -> Option<&SaleConfig> {
        self.sales.iter().find(|sale| !sale.is_over(now_ms)).or(self.sales.last())
    }

    /// The sale with these times.
    #[must_use]
    pub fn sale_of(&self, opens_at_ms: u64, starts_at_ms: u64) -> Option<&SaleConfig> {
        self.sales.iter().find(|sale| (sale.opens_at_ms, sale.starts_at_ms) == (opens_at_ms, starts_at_ms))
    }

    /// The zone that a sale with these times was written in, by its IANA name; that of the room's first sale where it is another
    /// one's.
    #[must_use]
    pub fn zone_of(&self, opens_at_ms: u64, starts_at_ms: u64) -> Option<&str> {
        let zone = self.sale_of(opens_at_ms, starts_at_ms).map_or(&self.schedule.zone, |sale| &sale.zone);
        zone.as_deref()
    }

    /// The sale that follows one that starts at a time: the next one that is not over.
    #[must_use]
    pub fn sale_after(&self, starts_at_ms: u64, now_ms: u64) -> Option<&SaleConfig> {
        self.sales.iter().find(|sale| sale.starts_at_ms > starts_at_ms && !sale.is_over(now_ms))
    }
}

/// Reads the sales of a room in their order, and the schedule of the first one. The room's own times are one of them.
pub(super) fn read_sales(section: &Section<'_>) -> Option<(ScheduleConfig, Vec<SaleConfig>)> {
    let after_end = section.get_or("after_end", AfterEnd::Closed);
    let blocks = section.sections("sale", read_block);
    let has_own = !section.has("sale") || ["opens_at", "starts_at", "ends_at"].iter().any(|key| section.has(key));
    let own = has_own.then(|| SaleTimes::read(section));
    let own = match own {
        Some(own) => Some(own?),
        None => None,
    };
    let own = own.iter().map(|own| vec![own.sale()]);
    let blocks: Vec<Vec<SaleConfig>> = own.chain(blocks?).collect();
    let sales = order::in_order(section, blocks)?;
    let first = sales.first()?;
    let schedule = ScheduleConfig {
        opens_at_ms: first.opens_at_ms,
        starts_at_ms: first.starts_at_ms,
        ends_at_ms: first.ends_at_ms,
        after_end,
        zone: first.zone.clone(),
    };
    Some((schedule, sales))
}

/// Reads one `[[room.sale]]`: a sale, or all days of a rule.
fn read_block(section: &Section<'_>) -> Option<Vec<SaleConfig>> {
    let name = section.get("name").filter(|name| check_name(section, name));
    let times = SaleTimes::read(section);
    let rule: Option<String> = section.get("rule");
    let (count, until) = (section.get("count"), section.get("until").map(|Day(day)| day));
    let except: Vec<Day> = section.get_or("except", Vec::new());
    let own = read_own(section);
    let Some(rule) = rule else {
        for key in ["count", "until", "except"] {
            section.check(!section.has(key), key, "means nothing without a rule", "remove it, or add rule");
        }
        return Some(vec![SaleConfig { name, ..own.over(times?) }]);
    };
    let end = read_end(section, count, until)?;
    let days = days(section, times.as_ref()?, &rule, end, &except)?;
    Some(days.into_iter().map(|times| SaleConfig { name: name.clone(), ..own.over(times) }).collect())
}

/// What a sale has of its own.
struct Own {
    rate_per_minute: Option<u32>,
    burst: Option<u32>,
    max_active: Option<u64>,
    message: Option<String>,
}

impl Own {
    fn over(&self, times: SaleTimes) -> SaleConfig {
        let Self { rate_per_minute, burst, max_active, ref message } = *self;
        SaleConfig { rate_per_minute, burst, max_active, message: message.clone(), ..times.sale() }
    }
}

fn read_own(section: &Section<'_>) -> Own {
    let own = Own {
        rate_per_minute: section.get("rate_per_minute"),
        burst: section.get("burst"),
        max_active: section.get("max_active"),
        message: section.get("message"),
    };
    let controls = [
        ("rate_per_minute", own.rate_per_minute.map(Control::Rate)),
        ("burst", own.burst.map(Control::Burst)),
        ("max_active", own.max_active.map(Control::MaxActive)),
        ("message", own.message.clone().map(|message| Control::Message(Some(message)))),
    ];
    for (key, control) in controls {
        control.iter().for_each(|control| check_control(section, key, control));
    }
    own
}

fn check_name(section: &Section<'_>, name: &String) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    let remedy = format!("use 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -; fans never see it");
    section.check(fits, "name", format!("{name:?} cannot name a sale"), remedy);
    fits
}

/// A rule has one end.
fn read_end(section: &Section<'_>, count: Option<u16>, until: Option<Date>) -> Option<RuleEnd> {
    match (count, until) {
        (Some(0), _) => section.problem("count", "is 0: the sale would never be", "write 1 or more"),
        (Some(count), None) => return Some(RuleEnd::Count(count)),
        (None, Some(until)) => return Some(RuleEnd::Until(until)),
        (Some(_), Some(_)) => section.problem("until", "stands beside count", "keep one of them"),
        // One that does not fit was reported.
        (None, None) if section.has("count") || section.has("until") => {}
        (None, None) => {
            section.problem("rule", "has no end", r#"add count = 52, or until = "2027-12-31": the last day of it"#);
        }
    }
    None
}

/// The times of a sale on all days of its rule but those that are left out.
fn days(section: &Section<'_>, times: &SaleTimes, rule: &str, end: RuleEnd, except: &[Day]) -> Option<Vec<SaleTimes>> {
    let zone = zone_of_all(section)?;
    let first = times.first_day(&zone)?;
    let days = match rule::days(rule, first, end, SALES_MAX) {
        Ok(days) => days,
        Err(misfit) => {
            section.problem("rule", misfit.what, misfit.remedy);
            return None;
        }
    };
    check_days(section, rule, first, &days, except)?;
    let is_kept = |day: &Date| !except.contains(&Day(*day));
    let kept: Vec<Date> = days.into_iter().filter(is_kept).collect();
    if kept.is_empty() {
        section.problem("except", "leaves no day of the rule", "leave out fewer days");
        return None;
    }
    let sales = kept.iter().map(|day| on_day(section, times, *day, &zone));
    // Every day is looked at, so that all that clock changes spoil are told at once.
    let sales: Vec<Option<SaleTimes>> = sales.collect();
    sales.into_iter().collect()
}

fn on_day(section: &Section<'_>, times: &SaleTimes, day: Date, zone: &TimeZone) -> Option<SaleTimes> {
    let sale = times.on(day, zone);
    let remedy = format!("leave the day out, with except = [\"{day}\"], or choose another time of day");
    sale.map_err(|why| section.problem("rule", format!("on {day} {why}"), remedy)).ok()
}

fn check_days(section: &Section<'_>, rule: &str, first: Date, days: &[Date], except: &[Day]) -> Option<()> {
    let is_right = if days.len() > usize::from(SALES_MAX) {
        let remedy = "end the rule earlier, and go on with another file then";
        section.problem("rule", format!("gives more than {SALES_MAX} sales"), remedy);
        false
    } else if days.first() != Some(&first) {
        let remedy = format!("begin with a day of the rule; the next one is {}", days.first()?);
        section.problem("opens_at", format!("{first} is no day of the rule {rule:?}"), remedy);
        false
    } else {
        true
    };
    let strangers = except.iter().filter(|Day(day)| !days.contains(day));
    for Day(day) in strangers {
        let remedy = "remove it, or write the day on which the pool would have opened";
        section.problem("except", format!("{day} is no day of the rule"), remedy);
    }
    is_right.then_some(())
}
