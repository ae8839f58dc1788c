//! What `[room.entry]` may say and hardly anybody means.

use fairgate_entry::policy::WayKind;
use fairgate_entry::way::WayName;

use super::EntryConfig;
use crate::config::RoomConfig;
use crate::config::times::Instant;
use crate::config::warnings::Warning;

const HOUR_MS: u64 = 3_600_000;

/// What is odd about a room's entry.
pub(in crate::config) fn warnings(room: &RoomConfig) -> Vec<Warning> {
    let entry = &room.entry;
    let key = |key: &str| format!("room[{}].entry.{key}", room.name);
    let policy = entry.policy.warnings().iter().map(|warning| {
        let (what, remedy) = warning.message.rsplit_once("; ").unwrap_or((&warning.message, "change it"));
        Warning { key: key(warning.key), what: what.to_owned(), remedy: remedy.to_owned().into() }
    });
    let sign_ins = entry.oidc.iter().filter(|client| is_asked_to_join(entry, client.name.as_str()));
    let sign_ins = sign_ins.filter_map(|client| {
        let at = key(&format!("oidc[{}].open_from", client.name));
        too_short(room, at, client.per_second, client.open_from_ms)
    });
    let mail = entry.mail.as_ref().filter(|_| is_asked_to_join(entry, WayName::MAIL));
    let mail = mail.and_then(|mail| too_many_mails(room, key("mail.per_second"), mail.per_second));
    policy.chain(sign_ins).chain(mail).chain(unasked(entry, &key)).collect()
}

fn is_asked_to_join(entry: &EntryConfig, name: &str) -> bool {
    entry.policy.any_of().iter().chain(entry.policy.all_of()).any(|way| way.as_str() == name)
}

/// A provider that takes so many sign-ins a second needs time for all who are expected.
fn too_short(room: &RoomConfig, key: String, per_second: u32, open_from_ms: u64) -> Option<Warning> {
    let needed_ms = needed_ms(room, per_second)?;
    let starts_at_ms = room.schedule.starts_at_ms;
    let has_ms = starts_at_ms.saturating_sub(open_from_ms);
    if needed_ms <= has_ms {
        return None;
    }
    let earlier_hours = (needed_ms - has_ms).div_ceil(HOUR_MS);
    let from = Instant { at_ms: open_from_ms.saturating_sub(earlier_hours * HOUR_MS) };
    Some(Warning {
        key,
        what: format!(
            "{} fans at {per_second} sign-ins a second take {}, and there are {} until the sale starts",
            room.expected,
            hours(needed_ms),
            hours(has_ms)
        ),
        remedy: format!("open {earlier_hours} h earlier, with open_from = \"{from}\", or raise per_second").into(),
    })
}

fn too_many_mails(room: &RoomConfig, key: String, per_second: u32) -> Option<Warning> {
    let needed_ms = needed_ms(room, per_second)?;
    let has_ms = room.schedule.starts_at_ms.saturating_sub(room.schedule.opens_at_ms);
    (needed_ms > has_ms).then(|| Warning {
        key,
        what: format!(
            "{} fans at {per_second} mails a second take {}, and the pool is open for {}",
            room.expected,
            hours(needed_ms),
            hours(has_ms)
        ),
        remedy: "open the pool earlier, raise per_second, or offer another way beside mail".into(),
    })
}

/// How long all expected fans take at a rate, ms; nothing where nobody said how many are expected.
fn needed_ms(room: &RoomConfig, per_second: u32) -> Option<u64> {
    let has_pool = room.schedule.opens_at_ms < room.schedule.starts_at_ms;
    (room.expected > 0 && has_pool).then(|| (room.expected * 1000).div_ceil(u64::from(per_second.max(1))))
}

fn hours(ms: u64) -> String {
    format!("{:.1} h", ms as f64 / HOUR_MS as f64)
}

/// A check that nobody is asked for is hardly meant. Codes, shops and sign-ins may give a tier by themselves.
fn unasked(entry: &EntryConfig, key: &dyn Fn(&str) -> String) -> Vec<Warning> {
    let policy = &entry.policy;
    let lists = [policy.any_of(), policy.all_of(), policy.suspicious(), policy.claim()];
    let ways = entry.ways();
    let unasked = ways.iter().filter(|(name, kind)| {
        let gives_nothing = matches!(kind, WayKind::Challenge | WayKind::PrivateToken | WayKind::Mail);
        gives_nothing && !lists.iter().any(|list| list.contains(name))
    });
    let warning = |(name, _): &(WayName, WayKind)| Warning {
        key: key("any_of"),
        what: format!("nobody is asked for `{name}`, which is configured"),
        remedy: "name it in any_of, all_of, suspicious or claim, or remove its table".into(),
    };
    unasked.map(warning).collect()
}
