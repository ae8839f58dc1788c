//! What is written on a message beside its body: how often it was tried, why it died and when. Pure.
//!
//! Our headers travel with the message through waits and among the dead letters. RabbitMQ's own are read, and written by it alone.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use ring::digest::{SHA256, digest};

use super::super::work::{Dead, WORKERS_DIED};

/// How often it was tried before.
const ATTEMPTS: &str = "fairgate-attempts";
/// Why it is dead.
const REASON: &str = "fairgate-reason";
/// Since when, Unix ms.
const DIED_AT: &str = "fairgate-died-at";
/// How often RabbitMQ has delivered it before and got it back, in a quorum queue.
const DELIVERIES: &str = "x-delivery-count";
/// What happened to it in queues, the last of them first.
const DEATHS: &str = "x-death";
const PERSISTENT: u8 = 2;
/// Bytes of a name that is made of the body.
const NAME_BYTES: usize = 8;
/// Texts of others' headers that are kept.
const TEXT_BYTES_MAX: usize = 1024;

/// How often a message was tried, this time included.
pub(super) fn attempts(properties: &BasicProperties) -> usize {
    let counted = |name| number(properties, name).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    counted(ATTEMPTS).saturating_add(counted(DELIVERIES)).saturating_add(1)
}

/// A header that is a text.
pub(super) fn text<'p>(properties: &'p BasicProperties, name: &str) -> Option<&'p str> {
    match header(properties, name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The same message for another attempt, after so many.
pub(super) fn again(properties: &BasicProperties, attempts: usize) -> BasicProperties {
    let mut headers = of_others(properties);
    headers.insert(ATTEMPTS.into(), AMQPValue::LongLongInt(i64::try_from(attempts).unwrap_or(i64::MAX)));
    persistent(properties).with_headers(headers)
}

/// The same message, dead.
pub(super) fn dead(properties: &BasicProperties, attempts: usize, reason: &str, now_ms: u64) -> BasicProperties {
    let mut headers = of_others(properties);
    headers.insert(ATTEMPTS.into(), AMQPValue::LongLongInt(i64::try_from(attempts).unwrap_or(i64::MAX)));
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    headers.insert(DIED_AT.into(), AMQPValue::LongLongInt(i64::try_from(now_ms).unwrap_or(i64::MAX)));
    persistent(properties).with_headers(headers)
}

/// A dead letter as it is told.
pub(super) fn read_dead(properties: &BasicProperties, body: &[u8]) -> Dead {
    let tried = number(properties, ATTEMPTS).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let (reason, attempts) = match text(properties, REASON) {
        Some(reason) => (reason.to_owned(), tried),
        None => {
            let death = last_death(properties);
            let word = death.and_then(|death| match death.inner().get("reason")? {
                AMQPValue::LongString(reason) => Some(reason.to_string()),
                _ => None,
            });
            let word = word.unwrap_or_else(|| "of RabbitMQ's own".to_owned());
            (format!("{WORKERS_DIED} ({word})"), tried.saturating_add(1))
        }
    };
    Dead { id: name(properties, body), message: String::from_utf8_lossy(body).into_owned(), reason, attempts }
}

/// When a dead letter died, Unix ms.
pub(super) fn died_at_ms(properties: &BasicProperties) -> Option<u64> {
    let ours = number(properties, DIED_AT).and_then(|at_ms| u64::try_from(at_ms).ok());
    ours.or_else(|| match last_death(properties)?.inner().get("time")? {
        AMQPValue::Timestamp(at_s) => Some(at_s.saturating_mul(1000)),
        _ => None,
    })
}

/// The message's id, or where whoever published it gave none, one that follows from its body.
pub(super) fn name(properties: &BasicProperties, body: &[u8]) -> String {
    match properties.message_id() {
        Some(id) => id.as_str().to_owned(),
        None => hex::encode(&digest(&SHA256, body).as_ref()[..NAME_BYTES]),
    }
}

/// What whoever published it wrote on it, persistent, and without headers.
fn persistent(properties: &BasicProperties) -> BasicProperties {
    let mut copy = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(id) = properties.message_id() {
        copy = copy.with_message_id(id.clone());
    }
    if let Some(kind) = properties.kind() {
        copy = copy.with_type(kind.clone());
    }
    if let Some(at) = properties.timestamp() {
        copy = copy.with_timestamp(*at);
    }
    if let Some(content) = properties.content_type() {
        copy = copy.with_content_type(content.clone());
    }
    copy
}

/// Headers that are texts, and neither RabbitMQ's nor ours.
fn of_others(properties: &BasicProperties) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in properties.headers().iter().flatten() {
        let is_text = matches!(value, AMQPValue::LongString(text) if text.len() <= TEXT_BYTES_MAX);
        let is_ours = [ATTEMPTS, REASON, DIED_AT].contains(&name.as_str());
        if is_text && !is_ours && !name.as_str().starts_with("x-") {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept
}

fn header<'p>(properties: &'p BasicProperties, name: &str) -> Option<&'p AMQPValue> {
    // Names of headers are compared as HTTP compares them: a provider may write either.
    let headers = properties.headers().as_ref()?;
    headers.into_iter().find(|(known, _)| known.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn number(properties: &BasicProperties, name: &str) -> Option<i64> {
    match *header(properties, name)? {
        AMQPValue::ShortShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => Some(number.into()),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => Some(number.into()),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => Some(number),
        _ => None,
    }
}

fn last_death(properties: &BasicProperties) -> Option<&FieldTable> {
    match header(properties, DEATHS)? {
        AMQPValue::FieldArray(deaths) => match deaths.as_slice().first()? {
            AMQPValue::FieldTable(death) => Some(death),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(headers: &[(&str, AMQPValue)]) -> BasicProperties {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        BasicProperties::default().with_message_id("7".into()).with_headers(table)
    }

    #[test]
    fn attempts_are_ours_and_those_that_rabbitmq_counted() {
        assert_eq!(attempts(&BasicProperties::default()), 1);
        assert_eq!(attempts(&delivered(&[(DELIVERIES, AMQPValue::LongInt(2))])), 3);
        assert_eq!(attempts(&again(&delivered(&[(DELIVERIES, AMQPValue::LongInt(2))]), 3)), 4);
        assert_eq!(attempts(&delivered(&[(ATTEMPTS, AMQPValue::LongLongInt(-1))])), 1, "nonsense counts for nothing");
    }

    #[test]
    fn a_dead_letter_says_why_and_what_others_wrote_on_it_stays() {
        let signed = delivered(&[
            ("Fairgate-Signature", AMQPValue::LongString("t=1,v1=00".into())),
            ("x-delivery-count", AMQPValue::LongInt(1)),
        ]);
        let buried = dead(&again(&signed, 1), 2, "unreadable", 5000);
        let letter = read_dead(&buried, b"{}");
        assert_eq!((letter.id.as_str(), letter.reason.as_str(), letter.attempts), ("7", "unreadable", 2));
        assert_eq!(died_at_ms(&buried), Some(5000));
        assert_eq!(text(&buried, "fairgate-signature"), Some("t=1,v1=00"));
        assert_eq!(text(&again(&buried, 0), REASON), None, "given back, it is not dead any more");
        assert_eq!(number(&buried, DELIVERIES), None);
    }

    #[test]
    fn what_rabbitmq_buried_says_so() {
        let mut death = FieldTable::default();
        death.insert("reason".into(), AMQPValue::LongString("delivery_limit".into()));
        death.insert("time".into(), AMQPValue::Timestamp(9));
        let deaths = AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into());
        let letter = read_dead(&delivered(&[(DEATHS, deaths.clone())]), b"x");
        assert!(letter.reason.contains("delivery_limit"), "{}", letter.reason);
        assert_eq!(died_at_ms(&delivered(&[(DEATHS, deaths)])), Some(9000));
    }

    #[test]
    fn a_message_without_an_id_is_named_by_its_body() {
        let nameless = BasicProperties::default();
        assert_eq!(name(&nameless, b"a"), name(&nameless, b"a"));
        assert_ne!(name(&nameless, b"a"), name(&nameless, b"b"));
    }
}
