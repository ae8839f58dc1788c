//! From what a person asks for to what would change, purely.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::config::{Role, parse_time_ms};
use crate::room::{Control, View};

/// What to change; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoomPatch {
    /// People let in per minute (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub rate_per_minute: Option<u32>,
    /// People let in at once beyond the rate (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub burst: Option<u32>,
    /// Sessions that may be inside at once (role sre).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub max_active: Option<u64>,
    /// Whether to hold the line (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub paused: Option<bool>,
    /// A message to everyone who waits; null removes it (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub message: Option<Option<String>>,
    /// Whether nothing is left: stops the leak and tells the line (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub sold_out: Option<bool>,
    /// When the sale ends, RFC 3339 or RFC 9557; null for no end (role organizer).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "2026-12-01T22:00[Europe/Lisbon]")]
    pub ends_at: Option<Option<String>>,
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
    /// The room's commands for this, in the order of the fields.
    ///
    /// # Errors
    /// A value that no room would take.
    pub(super) fn controls(&self) -> Result<Vec<Control>, Problem> {
        let ends_at = self.ends_at.as_ref().map(|ends_at| ends_at.as_deref().map(end_ms).transpose()).transpose()?;
        let controls: Vec<_> = [
            self.rate_per_minute.map(Control::Rate),
            self.burst.map(Control::Burst),
            self.max_active.map(Control::MaxActive),
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

fn end_ms(text: &str) -> Result<u64, Problem> {
    parse_time_ms(text).map_err(|reason| Problem::Value { key: "ends_at", reason })
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

/// What a command would change in a room that stands like this; `None` if it stands so already.
pub(super) fn change(control: &Control, view: &View) -> Option<Change> {
    let (what, before, after) = match control {
        Control::Pause => ("paused", json!(view.paused), json!(true)),
        Control::Resume => ("paused", json!(view.paused), json!(false)),
        Control::Drain => ("draining", json!(view.draining), json!(true)),
        Control::Ramp(ramp) => ("ramp", json!(view.ramp), json!(ramp)),
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
    (before != after).then(|| Change { what: what.into(), before, after })
}

/// A field that is there has a value of its type; null is one only where the field says so.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Refusal;

    fn controls(patch: &str) -> Result<Vec<Control>, Problem> {
        serde_json::from_str::<RoomPatch>(patch).expect("a patch").controls()
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
