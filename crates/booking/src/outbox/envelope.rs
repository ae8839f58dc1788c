//! The envelope of messages: CloudEvents 1.0 in JSON, or none for programs of the version before.
//!
//! Guarantees:
//! - `source` and `id` together name a message for good: whoever gets one twice can tell
//! - messages with the same `partitionkey` are in order
//! - a reader understands messages with and without an envelope, and passes over types that it does not know

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::message::{Kind, Message};
use super::schemas::schema_address;

/// What the types of all messages begin with.
const TYPE_PREFIX: &str = "com.fairgate.";
/// A new meaning is another version beside this one.
const VERSION: &str = "v1";

/// How messages are wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// As CloudEvents.
    #[default]
    CloudEvents,
    /// Not at all, and without the kinds that came with the envelope.
    Plain,
}

/// A message in its envelope (CloudEvents 1.0, structured mode).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudEvent {
    /// The version of CloudEvents: 1.0.
    pub specversion: String,
    /// The message's number in the change log of its source.
    pub id: String,
    /// The installation that it comes from.
    pub source: String,
    /// What happened, and the version of its meaning.
    pub r#type: String,
    /// The booking, the payment's booking, or the event.
    pub subject: String,
    /// When it happened, RFC 3339 in UTC.
    pub time: String,
    /// What `data` is: application/json.
    pub datacontenttype: String,
    /// The JSON Schema of `data`.
    pub dataschema: String,
    /// The event's id: messages about one event are in order.
    pub partitionkey: String,
    /// The same as `id`; a higher number happened later, or is independent.
    pub sequence: String,
    /// What happened.
    pub data: Message,
}

/// As much of an envelope as tells what is in it.
#[derive(Deserialize)]
struct Opened {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl CloudEvent {
    /// Puts a message of this source in its envelope.
    pub(super) fn new(source: String, message: Message) -> Self {
        let (kind, id) = (message.kind, message.id.to_string());
        let subject = match &message.booking {
            Some(booking) => format!("booking/{}", booking.booking_id),
            None => format!("event/{}", message.event.id),
        };
        Self {
            specversion: "1.0".to_owned(),
            source,
            r#type: type_of(kind),
            subject,
            time: message.at.clone(),
            datacontenttype: "application/json".to_owned(),
            dataschema: schema_address(kind),
            partitionkey: message.event.id.clone(),
            sequence: id.clone(),
            id,
            data: message,
        }
    }
}

/// The type of messages of a kind, like `com.fairgate.booking.confirmed.v1`.
pub(super) fn type_of(kind: Kind) -> String {
    type_of_topic(kind.topic())
}

/// The same, by what the rest of the house calls the kind.
pub(super) fn type_of_topic(topic: &str) -> String {
    format!("{TYPE_PREFIX}{topic}.{VERSION}")
}

impl Envelope {
    /// Reads its name.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "cloudevents" => Ok(Self::CloudEvents),
            "plain" => Ok(Self::Plain),
            _ => Err("write cloudevents or plain".to_owned()),
        }
    }

    /// The text of a message as it is published; nothing where it is not to be.
    pub(super) fn wrap(self, source: &str, message: &Message) -> Option<String> {
        let text = match self {
            Self::CloudEvents => serde_json::to_string(&CloudEvent::new(source.to_owned(), message.clone())),
            Self::Plain if message.kind.is_plain() => serde_json::to_string(message),
            Self::Plain => return None,
        };
        Some(text.expect("a struct of strings and numbers"))
    }
}

impl Message {
    /// Reads a message, in its envelope or without one; nothing for a type that is not known here.
    ///
    /// # Errors
    /// When it is no message.
    pub fn read(text: &str) -> serde_json::Result<Option<Self>> {
        let value: Value = serde_json::from_str(text)?;
        if value.get("specversion").is_none() {
            let is_known = value["kind"].as_str().is_none_or(|kind| Kind::from_name(kind).is_some());
            return if is_known { serde_json::from_value(value).map(Some) } else { Ok(None) };
        }
        let opened: Opened = serde_json::from_value(value)?;
        let is_known = Kind::ALL.into_iter().any(|kind| type_of(kind) == opened.kind);
        if is_known { serde_json::from_value(opened.data).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: Kind) -> Message {
        Message { booking: None, ..Message::example(kind) }
    }

    #[test]
    fn what_is_wrapped_is_read() {
        for kind in Kind::ALL {
            let text = Envelope::CloudEvents.wrap("/fairgate/x", &message(kind)).expect("all of them");
            assert_eq!(Message::read(&text).expect("it is read"), Some(message(kind)), "{text}");
        }
        let plain = Envelope::Plain.wrap("/fairgate/x", &message(Kind::Booked)).expect("as before");
        assert_eq!(Message::read(&plain).expect("it is read"), Some(message(Kind::Booked)));
        assert_eq!(Envelope::Plain.wrap("/fairgate/x", &message(Kind::Declined)), None);
    }

    #[test]
    fn the_envelope_names_the_message() {
        let text = Envelope::CloudEvents.wrap("/fairgate/x", &message(Kind::Edited)).expect("a text");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        for (name, is) in [
            ("specversion", "1.0"),
            ("id", "7"),
            ("sequence", "7"),
            ("source", "/fairgate/x"),
            ("type", "com.fairgate.event.edited.v1"),
            ("subject", "event/night"),
            ("time", "2027-01-01T00:00:00.000Z"),
            ("partitionkey", "night"),
        ] {
            assert_eq!(value[name], is);
        }
    }

    #[test]
    fn what_a_newer_program_says_is_passed_over_and_what_is_none_is_an_error() {
        for unknown in [
            r#"{"specversion":"1.0","type":"com.fairgate.seat.levitated.v1","data":{}}"#,
            r#"{"id":1,"kind":"levitated"}"#,
        ] {
            assert_eq!(Message::read(unknown).expect("passed over"), None);
        }
        for wrong in ["", "[]", "{}", r#"{"specversion":"1.0"}"#, r#"{"id":1,"kind":"held"}"#] {
            assert!(Message::read(wrong).is_err(), "{wrong}");
        }
    }
}
