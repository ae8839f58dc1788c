//! From what a person asks for to what would change, purely.

use fairgate_telemetry::written_time::read_time_ms;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::config::Role;
use fairgate_core::room::{Announced, Control, Mode, Phase, Ramp, View};

/// What to change; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoomPatch {
    /// Fans admitted per minute (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub rate_per_minute: Option<u32>,
    /// Fans who may be admitted at once beyond the rate (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub burst: Option<u32>,
    /// The limit on sessions inside the shop at the same time (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub max_active: Option<u64>,
    /// Change the rate gradually from now on (role sre); not together with a rate.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub ramp: Option<RampPatch>,
    /// Call so many fans now, beyond the rate, as far as the limit on sessions allows (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub let_in: Option<u32>,
    /// `fixed`: rate and sessions as they are set; `adaptive`: at most that, and less while the shop is slow or fails
    /// (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "adaptive")]
    pub mode: Option<Mode>,
    /// In `adaptive`: the 99th percentile of the shop's response time to aim for, ms (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub target_ms: Option<u64>,
    /// True to call and admit no more fans, false to go on (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub paused: Option<bool>,
    /// A message to every waiting fan; null removes it (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub message: Option<Option<String>>,
    /// True if the sale is sold out: stops admission and informs waiting fans (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub sold_out: Option<bool>,
    /// When the sale ends, RFC 3339 or RFC 9557; null for no end (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "2026-12-01T22:00[Europe/Lisbon]")]
    pub ends_at: Option<Option<String>>,
}

/// A rate that changes gradually.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RampPatch {
    /// Fans per minute at the start. The default is the present rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_per_minute: Option<u32>,
    /// Fans per minute at the end.
    pub to_per_minute: u32,
    /// How long it takes, ms.
    pub over_ms: u64,
}

/// One thing that changes, or would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What, as in the room's state.
    pub what: String,
    /// The value before.
    pub before: Value,
    /// The value after.
    pub after: Value,
}

impl RoomPatch {
    /// The room's commands for this, in the order of the fields, for a room that stands like this.
    ///
    /// # Errors
    /// A value that no room would take.
    pub(super) fn controls(&self, view: &View) -> Result<Vec<Control>, Problem> {
        if self.rate_per_minute.is_some() && self.ramp.is_some() {
            let reason = "give a rate or a ramp, not both: a ramp ends in its own rate".to_owned();
            return Err(Problem::Value { key: "ramp", reason });
        }
        let ends_at = self.ends_at.as_ref().map(|ends_at| ends_at.as_deref().map(end_ms).transpose()).transpose()?;
        let controls: Vec<_> = [
            self.rate_per_minute.map(Control::Rate),
            self.ramp.map(|ramp| Control::Ramp(ramp.from(view))),
            self.burst.map(Control::Burst),
            self.max_active.map(Control::MaxActive),
            self.let_in.map(|people| Control::LetIn(view.let_in + u64::from(people))),
            self.mode.map(Control::Mode),
            self.target_ms.map(Control::TargetMs),
            self.paused.map(|paused| if paused { Control::Pause } else { Control::Resume }),
            self.message.clone().map(Control::Message),
            self.sold_out.map(Control::SoldOut),
            ends_at.map(Control::EndsAt),
        ]
        .into_iter()
        .flatten()
        .collect();
        controls.iter().try_for_each(Control::check)?;
        Ok(controls)
    }
}

impl RampPatch {
    fn from(self, view: &View) -> Ramp {
        let set = view.policy.rate_per_minute;
        let Self { from_per_minute, to_per_minute, over_ms } = self;
        Ramp { from_per_minute: from_per_minute.unwrap_or(set), to_per_minute, over_ms }
    }
}

fn end_ms(text: &str) -> Result<u64, Problem> {
    read_time_ms(text).map_err(|wrong| Problem::Value { key: "ends_at", reason: wrong.to_string() })
}

/// Who may make a change.
pub(super) fn role_for(control: &Control) -> Role {
    match control {
        Control::Rate(_)
        | Control::Ramp(_)
        | Control::Burst(_)
        | Control::MaxActive(_)
        | Control::LetIn(_)
        | Control::Mode(_)
        | Control::TargetMs(_) => Role::Sre,
        Control::Pause
        | Control::Drain
        | Control::Resume
        | Control::Message(_)
        | Control::SoldOut(_)
        | Control::EndsAt(_) => Role::Organizer,
    }
}

/// Who may set a value, by its name in [`changes`]: whoever may make the change ([`role_for`]).
pub(super) fn role_for_value(what: &str) -> Role {
    match what {
        "paused" | "draining" | "message" | "sold_out" | "ends_at_ms" => Role::Organizer,
        _ => Role::Sre,
    }
}

/// What a command would change in a room that stands like this; nothing if it stands so already.
pub(super) fn changes(control: &Control, view: &View) -> Vec<Change> {
    if *control == Control::Resume {
        let undone = [("paused", view.paused), ("draining", view.draining)].into_iter().filter(|(_, is_so)| *is_so);
        return undone
            .map(|(what, _)| Change { what: what.into(), before: json!(true), after: json!(false) })
            .collect();
    }
    let (what, before, after) = match control {
        Control::Pause | Control::Resume => ("paused", json!(view.paused), json!(true)),
        Control::Drain => ("draining", json!(view.draining), json!(true)),
        Control::Ramp(ramp) => return ramp_changes(ramp, view),
        Control::LetIn(in_all) => ("let_in", json!(view.let_in), json!(in_all)),
        Control::Mode(mode) => ("mode", json!(view.policy.mode), json!(mode)),
        Control::TargetMs(target_ms) => ("target_ms", json!(view.policy.target_ms), json!(target_ms)),
        Control::Rate(rate) => ("rate_per_minute", json!(view.policy.rate_per_minute), json!(rate)),
        Control::Burst(burst) => ("burst", json!(view.policy.burst), json!(burst)),
        Control::MaxActive(max_active) => ("max_active", json!(view.policy.max_active), json!(max_active)),
        Control::Message(message) => ("message", json!(view.message), json!(message)),
        Control::SoldOut(sold_out) => ("sold_out", json!(view.sold_out), json!(sold_out)),
        Control::EndsAt(ends_at_ms) => ("ends_at_ms", json!(view.ends_at_ms), json!(ends_at_ms)),
    };
    if before == after { Vec::new() } else { vec![Change { what: what.into(), before, after }] }
}

/// A ramp ends in a rate of its own.
fn ramp_changes(ramp: &Ramp, view: &View) -> Vec<Change> {
    let rate = view.policy.rate_per_minute;
    let both = [
        ("ramp", json!(view.ramp.map(|(ramp, _)| ramp)), json!(ramp)),
        ("rate_per_minute", json!(rate), json!(ramp.to_per_minute)),
    ];
    let different = both.into_iter().filter(|(_, before, after)| before != after);
    different.map(|(what, before, after)| Change { what: what.into(), before, after }).collect()
}

/// What is allowed and probably not meant, for a room that stands like this.
pub(super) fn warnings(controls: &[Control], view: &View, next: Option<&Announced>) -> Vec<String> {
    let has_line = matches!(view.phase, Phase::Serving | Phase::Ended);
    let odd = |control: &Control| match control {
        Control::EndsAt(Some(at_ms)) if *at_ms <= view.now_ms => Some("ends_at is over already: the sale ends at once"),
        Control::EndsAt(Some(at_ms)) if *at_ms <= view.starts_at_ms => {
            Some("ends_at is not after starts_at: nobody will be let in")
        }
        Control::EndsAt(at_ms) if next.is_some_and(|next| at_ms.is_none_or(|at_ms| at_ms > next.opens_at_ms)) => {
            Some("the next sale waits until this one ends: fans who come when its pool should open do not find it")
        }
        Control::LetIn(_) if !has_line => Some("nobody is in line before the draw: they are let in once it is done"),
        Control::LetIn(_) | Control::Rate(_) | Control::Ramp(_) if view.paused => {
            Some("the room is paused: nobody is let in before it is resumed")
        }
        _ if view.phase == Phase::Ended => Some("the sale is over: nobody waits any more"),
        _ => None,
    };
    let mut said: Vec<String> = controls.iter().filter_map(odd).map(str::to_owned).collect();
    said.dedup();
    said
}

/// A field that is there has a value of its type; null is one only where the field says so.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[cfg(test)]
pub(super) mod testing {
    use fairgate_core::room::{Command, Control, Room, View};

    /// A room that lets in 600 a minute, and has let in 7 beyond that.
    pub(in crate::admin) fn view() -> (Room, View) {
        let mut room = Room::default();
        let plan = serde_json::json!({
            "room": "final", "opens_at_ms": 1, "starts_at_ms": 1, "ends_at_ms": null, "beacon": null, "secret": vec![0; 32],
            "config_version": 0,
            "policy": {
                "rate_per_minute": 600, "burst": 10, "max_active": 1000, "grace_ms": 1, "session_idle_ms": 1,
                "session_max_ms": 1, "witness_ms": 2000, "late": "tail", "mode": "fixed", "target_ms": 500,
                "floor_per_minute": 60,
            },
        });
        room.apply(&Command::Schedule(serde_json::from_value(plan).expect("a plan")), 0).expect("it is valid");
        room.apply(&Command::Control(vec![Control::LetIn(7)]), 0).expect("it is valid");
        let view = room.view().expect("a view");
        (room, view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairgate_core::room::Refusal;

    fn view() -> View {
        testing::view().1
    }

    fn controls(patch: &str) -> Result<Vec<Control>, Problem> {
        serde_json::from_str::<RoomPatch>(patch).expect("a patch").controls(&view())
    }

    #[test]
    fn what_is_left_out_stays_and_null_removes() {
        assert_eq!(controls("{}").unwrap(), []);
        assert_eq!(
            controls(r#"{"message":null,"ends_at":null}"#).unwrap(),
            [Control::Message(None), Control::EndsAt(None)]
        );
        let patch = r#"{"rate_per_minute":1,"burst":2,"max_active":3,"paused":true,"message":"hi","sold_out":false,"ends_at":"2026-12-01T10:00Z"}"#;
        let expected = [
            Control::Rate(1),
            Control::Burst(2),
            Control::MaxActive(3),
            Control::Pause,
            Control::Message(Some("hi".into())),
            Control::SoldOut(false),
            Control::EndsAt(Some(1_796_119_200_000)),
        ];
        assert_eq!(controls(patch).unwrap(), expected);
        assert_eq!(controls(r#"{"paused":false}"#).unwrap(), [Control::Resume]);
    }

    #[test]
    fn what_builds_on_the_present_is_worked_out() {
        let ramp = Ramp { from_per_minute: 600, to_per_minute: 1_200, over_ms: 60_000 };
        assert_eq!(
            controls(r#"{"ramp":{"to_per_minute":1200,"over_ms":60000},"let_in":5}"#).unwrap(),
            [Control::Ramp(ramp), Control::LetIn(12)]
        );
        let both = controls(r#"{"rate_per_minute":5,"ramp":{"to_per_minute":1200,"over_ms":60000}}"#);
        assert!(matches!(both, Err(Problem::Value { key: "ramp", .. })));
    }

    #[test]
    fn who_may_change_a_value_may_set_it() {
        let ramp = Ramp { from_per_minute: 600, to_per_minute: 1_200, over_ms: 60_000 };
        let held = View { paused: true, draining: true, ..view() };
        for (control, view) in [
            (Control::Rate(1), view()),
            (Control::Ramp(ramp), view()),
            (Control::Burst(1), view()),
            (Control::MaxActive(1), view()),
            (Control::LetIn(8), view()),
            (Control::Mode(Mode::Adaptive), view()),
            (Control::TargetMs(1), view()),
            (Control::Pause, view()),
            (Control::Drain, view()),
            (Control::Resume, held),
            (Control::Message(Some("hi".into())), view()),
            (Control::SoldOut(true), view()),
            (Control::EndsAt(Some(5)), view()),
        ] {
            let changes = changes(&control, &view);
            assert!(!changes.is_empty(), "{control:?}");
            for Change { what, .. } in changes {
                assert_eq!(role_for_value(&what), role_for(&control), "{control:?}: {what}");
            }
        }
    }

    #[test]
    fn what_is_allowed_and_odd_is_said() {
        let said = |controls: &[Control], view: &View| warnings(controls, view, None).join("|");
        let serving = View { phase: Phase::Serving, now_ms: 5, ..view() };
        assert_eq!(said(&[Control::LetIn(8), Control::Rate(5), Control::EndsAt(Some(u64::MAX))], &serving), "");
        assert!(said(&[Control::EndsAt(Some(0))], &serving).contains("ends at once"));
        let pooling = View { phase: Phase::Pooling, starts_at_ms: 10, now_ms: 5, ..serving.clone() };
        assert!(said(&[Control::LetIn(8)], &pooling).contains("before the draw"));
        assert!(said(&[Control::EndsAt(Some(7))], &pooling).contains("nobody will be let in"));
        let paused = View { paused: true, ..serving.clone() };
        assert!(said(&[Control::Rate(5), Control::LetIn(8)], &paused).starts_with("the room is paused"));
        assert_eq!(said(&[Control::Resume], &paused), "");
        let next = Announced { opens_at_ms: 50, starts_at_ms: 60, draw: serving.draw.clone() };
        let before = |controls: &[Control]| warnings(controls, &serving, Some(&next)).join("|");
        assert_eq!(before(&[Control::EndsAt(Some(50))]), "");
        assert!(before(&[Control::EndsAt(Some(51))]).contains("the next sale waits"));
        assert!(before(&[Control::EndsAt(None)]).contains("the next sale waits"));
        assert!(said(&[Control::Message(None)], &View { phase: Phase::Ended, ..serving }).contains("over"));
    }

    #[test]
    fn a_patch_says_the_same_after_a_journey() {
        for patch in [r#"{"message":null}"#, r#"{"paused":true,"ends_at":"2026-12-01T10:00Z"}"#, "{}"] {
            let read: RoomPatch = serde_json::from_str(patch).expect("a patch");
            assert_eq!(serde_json::to_string(&read).expect("JSON"), patch);
        }
    }

    #[test]
    fn values_that_no_room_takes_are_refused_before_anything_is_changed() {
        for patch in [r#"{"rate_per_minute":0}"#, r#"{"burst":0}"#, r#"{"max_active":0}"#] {
            assert!(matches!(controls(patch), Err(Problem::Refused(Refusal::Invalid(_)))), "{patch}");
        }
        assert!(matches!(controls(r#"{"ends_at":"2026-10-25T01:30[Europe/Lisbon]"}"#), Err(Problem::Value { .. })));
        assert!(serde_json::from_str::<RoomPatch>(r#"{"rate":5}"#).is_err());
    }
}
