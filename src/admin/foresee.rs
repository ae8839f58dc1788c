//! What a change would mean for a room that stands like this, in numbers and words, purely.
//!
//! What is said assumes that nothing else changes: nobody else comes, and the shop bears what it is sent.

use fairgate_core::room::{Control, Limit, Mode, Phase, View};

/// A message that people still read as a whole; longer ones are read out to some for minutes.
const MESSAGE_ADVISED: usize = 280;

/// What a change would mean, a sentence each.
pub(super) fn consequences(controls: &[Control], view: &View) -> Vec<String> {
    controls.iter().filter_map(|control| consequence(control, view)).collect()
}

/// What is allowed and dangerous. `best`: the most people whom anybody has seen let in within a minute.
pub(super) fn cautions(controls: &[Control], view: &View, best: Option<u32>) -> Vec<String> {
    let caution = |control: &Control| match control {
        Control::MaxActive(most) if *most < view.active => Some(format!(
            "{} are inside: nobody is let in before {} of them have left",
            grouped(view.active),
            grouped(view.active - most)
        )),
        Control::Rate(rate) => too_fast(*rate, view, best),
        Control::Ramp(ramp) => too_fast(ramp.to_per_minute, view, best),
        Control::Message(Some(text)) if text.chars().count() > MESSAGE_ADVISED => Some(format!(
            "the message has {} characters; {MESSAGE_ADVISED} are advised, since screen readers read it out as a whole",
            text.chars().count()
        )),
        _ => None,
    };
    controls.iter().filter_map(caution).collect()
}

fn too_fast(rate: u32, view: &View, best: Option<u32>) -> Option<String> {
    let set = view.set_per_minute();
    match best {
        Some(best) if rate > set && rate > best => Some(format!(
            "{} a minute is more than this shop has been seen to bear: at most {} were let in within a minute",
            grouped(rate.into()),
            grouped(best.into())
        )),
        None if rate >= set.saturating_mul(2) => Some(format!(
            "{} a minute is {} times the present rate, and nobody has seen the shop bear it",
            grouped(rate.into()),
            rate / set.max(1)
        )),
        _ => None,
    }
}

fn consequence(control: &Control, view: &View) -> Option<String> {
    let (waiting, inside) = (grouped(waiting(view)), grouped(view.active));
    Some(match control {
        Control::Rate(rate) => format!("{}{}", faster(*rate, view), held_back(view)),
        Control::Ramp(ramp) => format!(
            "from {} to {} a minute within {}; then {}",
            grouped(ramp.from_per_minute.into()),
            grouped(ramp.to_per_minute.into()),
            span(ramp.over_ms),
            through(view, ramp.to_per_minute)
        ),
        Control::Burst(burst) => {
            format!(
                "{} → {} people at once beyond the rate",
                grouped(view.policy.burst.into()),
                grouped((*burst).into())
            )
        }
        Control::MaxActive(most) => format!(
            "{} → {} sessions inside; {inside} are inside now, so there is room for {} more",
            grouped(view.policy.max_active),
            grouped(*most),
            grouped(most.saturating_sub(view.active))
        ),
        Control::LetIn(in_all) => format!(
            "{} are called beyond the rate; {} have room inside now",
            grouped(in_all.saturating_sub(view.let_in)),
            grouped(view.max_active.saturating_sub(view.active))
        ),
        Control::Mode(Mode::Adaptive) => "the shop's answers may lower the rate below what is set".to_owned(),
        Control::Mode(Mode::Fixed) => "the rate is what is set, whatever the shop's answers say".to_owned(),
        Control::TargetMs(target_ms) => format!(
            "{} → {} ms for the slowest hundredth of the shop's answers",
            grouped(view.policy.target_ms),
            grouped(*target_ms)
        ),
        Control::Pause => {
            format!("nobody else is let in: {waiting} wait and keep their places, and {inside} inside go on")
        }
        Control::Drain => format!(
            "nobody else is called: {} who were called may still come in, {waiting} wait, and {inside} inside go on",
            grouped(view.outstanding)
        ),
        Control::Resume => format!("the line goes on: {}", through(view, view.set_per_minute())),
        Control::Message(Some(_)) => format!("{waiting} who wait read it"),
        Control::Message(None) => "the message is taken away".to_owned(),
        Control::SoldOut(true) => format!("the line stops: {waiting} who wait read that nothing is left"),
        Control::SoldOut(false) => format!("the line goes on: {}", through(view, view.set_per_minute())),
        Control::EndsAt(None) => "the sale has no end".to_owned(),
        Control::EndsAt(Some(at_ms)) => ending(*at_ms, view)?,
    })
}

/// What holds the line back at this moment, as a sentence for people, and what that is by numbers.
pub(super) fn pace_sentence(view: &View) -> String {
    let (now, set) = (grouped(view.rate_per_minute.into()), grouped(view.set_per_minute().into()));
    let steered = format!("Letting in {now} a minute of {set}.");
    match (view.phase, view.limit) {
        (Phase::Idle, _) => "Not open yet.".to_owned(),
        (Phase::Pooling, _) => format!("{} are in the pool; the draw is to come.", grouped(view.pool_size)),
        (Phase::Drawing, _) => "The draw is going on.".to_owned(),
        (Phase::Ended, _) => "The sale is over.".to_owned(),
        (Phase::Serving, limit) => match limit {
            Some(Limit::Paused) => "Paused: nobody is let in until you resume.".to_owned(),
            Some(Limit::Draining) => "Running dry: nobody else is called until you resume.".to_owned(),
            Some(Limit::SoldOut) if view.sold_out => "Sold out: the line is told, and nobody is let in.".to_owned(),
            Some(Limit::SoldOut) => "The shop says that nothing is left: nobody is let in.".to_owned(),
            Some(Limit::Demand) => "Nobody waits: everyone who came has been called.".to_owned(),
            Some(Limit::Rate) | None => format!("Letting in {now} a minute: the rate holds the line back."),
            Some(Limit::MaxActive) => format!(
                "{} of {} are inside: the cap holds the line back, at up to {now} a minute.",
                grouped(view.active),
                grouped(view.max_active)
            ),
            Some(Limit::QueueWait) => format!("{steered} Requests queue in front of the shop."),
            Some(Limit::Latency) => {
                format!(
                    "{steered} The shop's answers hold it back: the target is {} ms.",
                    grouped(view.policy.target_ms)
                )
            }
            Some(Limit::Errors) => format!("{steered} The shop answers with errors."),
            Some(Limit::Silence) => format!("{steered} Nobody can tell how the shop is, so the floor holds."),
        },
    }
}

/// People who wait: in the line, or in the pool before there is one.
pub(super) fn waiting(view: &View) -> u64 {
    match view.phase {
        Phase::Idle | Phase::Pooling | Phase::Drawing => view.pool_size,
        Phase::Serving | Phase::Ended => view.line_size.saturating_sub(view.serving),
    }
}

/// The rate, and how long the line takes before and after.
fn faster(rate: u32, view: &View) -> String {
    let (set, people) = (view.set_per_minute(), waiting(view));
    let change = format!("{} → {} a minute", grouped(set.into()), grouped(rate.into()));
    if people == 0 {
        return format!("{change}; nobody waits at this moment");
    }
    let (after, before) = (span(minutes_ms(people, rate)), span(minutes_ms(people, set)));
    format!("{change}: the {} is through in {after} instead of {before}", crowd(view))
}

fn held_back(view: &View) -> &'static str {
    match view.limit {
        Some(Limit::MaxActive) => ". At this moment the cap on sessions holds the line back, not the rate",
        Some(Limit::QueueWait | Limit::Latency | Limit::Errors) => {
            ". At this moment the shop holds the line back, not the rate"
        }
        Some(Limit::Paused) => ". The room is paused at this moment",
        _ => "",
    }
}

fn through(view: &View, rate: u32) -> String {
    let people = waiting(view);
    if people == 0 {
        return "nobody waits at this moment".to_owned();
    }
    let (rate_said, takes) = (grouped(rate.into()), span(minutes_ms(people, rate)));
    format!("the {} is through in {takes} at {rate_said} a minute", crowd(view))
}

fn crowd(view: &View) -> String {
    let what = if matches!(view.phase, Phase::Serving | Phase::Ended) { "line" } else { "pool" };
    format!("{what} of {}", grouped(waiting(view)))
}

fn ending(at_ms: u64, view: &View) -> Option<String> {
    let left_ms = at_ms.checked_sub(view.now_ms)?;
    let rate = view.set_per_minute();
    let coming = u64::from(rate).saturating_mul(left_ms) / 60_000;
    let who = match waiting(view) {
        0 => "nobody waits at this moment".to_owned(),
        people if coming >= people => format!("all {} who wait can come in before", grouped(people)),
        people => format!("about {} of the {} who wait can come in before", grouped(coming), grouped(people)),
    };
    Some(format!("the sale ends in {}; at {} a minute {who}", span(left_ms), grouped(rate.into())))
}

fn minutes_ms(people: u64, rate: u32) -> u64 {
    people.saturating_mul(60_000) / u64::from(rate.max(1))
}

/// A span of time as people say it: to the minute, or to the second below two minutes.
pub(super) fn span(ms: u64) -> String {
    let (seconds, minutes) = (ms.div_ceil(1_000), ms.div_ceil(60_000));
    match (minutes / 60, minutes % 60) {
        _ if seconds < 120 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) if hours < 48 => format!("{hours} h {minutes:02} min"),
        (hours, _) => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::change::testing::view;

    /// 41,200 in line at 600 a minute, 950 inside.
    fn sale() -> View {
        let (_, view) = view();
        View {
            phase: Phase::Serving,
            now_ms: 5,
            line_size: 50_000,
            serving: 8_800,
            active: 950,
            limit: Some(Limit::Rate),
            ..view
        }
    }

    fn said(control: Control, view: &View) -> String {
        consequences(&[control], view).join("|")
    }

    #[test]
    fn a_rate_is_told_by_how_long_the_line_takes() {
        assert_eq!(
            said(Control::Rate(900), &sale()),
            "600 → 900 a minute: the line of 41,200 is through in 46 min instead of 1 h 09 min"
        );
        let full = View { limit: Some(Limit::MaxActive), ..sale() };
        assert!(said(Control::Rate(900), &full).ends_with("the cap on sessions holds the line back, not the rate"));
        let empty = View { serving: 50_000, ..sale() };
        assert_eq!(said(Control::Rate(900), &empty), "600 → 900 a minute; nobody waits at this moment");
        let pool = View { phase: Phase::Pooling, pool_size: 600, ..sale() };
        assert!(said(Control::Rate(1_200), &pool).contains("the pool of 600 is through in 30 s instead of 60 s"));
    }

    #[test]
    fn each_control_says_what_it_means() {
        let sale = sale();
        for (control, words) in [
            (Control::Pause, "41,200 wait and keep their places, and 950 inside go on"),
            (Control::Resume, "the line of 41,200 is through in 1 h 09 min at 600 a minute"),
            (
                Control::MaxActive(1_500),
                "1,000 → 1,500 sessions inside; 950 are inside now, so there is room for 550 more",
            ),
            (Control::SoldOut(true), "41,200 who wait read that nothing is left"),
            (
                Control::EndsAt(Some(600_005)),
                "the sale ends in 10 min; at 600 a minute about 6,000 of the 41,200 who wait",
            ),
            (Control::LetIn(17), "10 are called beyond the rate; 50 have room inside now"),
        ] {
            let said = said(control, &sale);
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(said(Control::EndsAt(Some(1)), &sale), "", "an end in the past is a warning");
    }

    #[test]
    fn what_is_dangerous_is_said_before() {
        let said = |control: Control, best| cautions(&[control], &sale(), best).join("|");
        assert_eq!(
            said(Control::MaxActive(800), None),
            "950 are inside: nobody is let in before 150 of them have left"
        );
        assert!(said(Control::Rate(900), Some(720)).contains("at most 720 were let in within a minute"));
        assert!(said(Control::Rate(1_200), None).contains("2 times the present rate"));
        assert!(said(Control::Message(Some("x".repeat(281))), None).contains("281 characters"));
        for fine in [Control::Rate(700), Control::MaxActive(950), Control::Message(Some("x".repeat(280)))] {
            assert_eq!(said(fine, Some(720)), "");
        }
    }

    #[test]
    fn every_limit_has_its_sentence() {
        let sentences: std::collections::BTreeSet<_> =
            Limit::ALL.iter().map(|limit| pace_sentence(&View { limit: Some(*limit), ..sale() })).collect();
        assert_eq!(sentences.len(), Limit::ALL.len(), "{sentences:?}");
    }

    #[test]
    fn numbers_and_spans_are_as_people_write_them() {
        let numbers = [0, 999, 1_000, 41_200, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "41,200", "1,234,567"]);
        let spans = [1, 119_000, 121_000, 3_540_001, 172_800_000, 176_400_000].map(span);
        assert_eq!(spans, ["1 s", "119 s", "3 min", "1 h 00 min", "2 d 0 h", "2 d 1 h"]);
    }
}
