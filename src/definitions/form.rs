//! What people know of a sale, as the TOML of a room. Pure.
//!
//! Guarantee: whatever stands in a field is one value of the text, and no other key of it.

/// What people know of a sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The room's name.
    pub name: String,
    /// What fans read.
    pub title: String,
    /// The host, or hosts with commas between them; empty for every host.
    pub host: String,
    /// The path that is protected, or paths with commas between them; empty for all.
    pub path: String,
    /// The name of the shop.
    pub upstream: String,
    /// When the pool opens: a local time of the zone, or any time with a zone or an offset of its own.
    pub opens_at: String,
    /// When the sale starts; the same as the opening where it is empty.
    pub starts_at: String,
    /// When it ends, if it does.
    pub ends_at: String,
    /// The venue's zone, by its IANA name.
    pub zone: String,
    /// Fans let in a minute.
    pub rate: String,
    /// The most sessions inside; the rate by the minutes of a purchase where it is empty.
    pub cap: String,
    /// The minutes that a purchase takes.
    pub minutes: String,
}

impl Form {
    /// The text of the room. It may have mistakes, as the fields may.
    #[must_use]
    pub fn toml(&self) -> String {
        let Self { name, title, upstream, rate, .. } = self;
        let opens_at = self.time(&self.opens_at);
        let starts_at = if self.starts_at.trim().is_empty() { opens_at.clone() } else { self.time(&self.starts_at) };
        let mut lines = vec!["[[room]]".to_owned(), format!("name = {}", text(name))];
        let mut push = |key: &str, value: String| lines.push(format!("{key} = {value}"));
        if !title.trim().is_empty() {
            push("title", text(title));
        }
        for (key, values) in [("hosts", &self.host), ("paths", &self.path)] {
            if !values.trim().is_empty() {
                push(key, list(values));
            }
        }
        push("upstream", text(upstream));
        push("opens_at", opens_at);
        push("starts_at", starts_at);
        if !self.ends_at.trim().is_empty() {
            push("ends_at", self.time(&self.ends_at));
        }
        push("admission.rate_per_minute", number(rate));
        if let Some(cap) = self.cap() {
            push("admission.max_active", cap);
        }
        lines.join("\n") + "\n"
    }

    /// The cap that was given, or the one that follows: so many are inside at once where each takes so long.
    fn cap(&self) -> Option<String> {
        if !self.cap.trim().is_empty() {
            return Some(number(&self.cap));
        }
        let rate: u64 = self.rate.trim().parse().ok()?;
        let minutes: u64 = self.minutes.trim().parse().ok()?;
        Some(rate.checked_mul(minutes)?.max(1).to_string())
    }

    fn time(&self, time: &str) -> String {
        let (time, zone) = (time.trim(), self.zone.trim());
        let is_whole = time.contains('[') || time.ends_with('Z') || zone.is_empty();
        text(&if is_whole { time.to_owned() } else { format!("{time}[{zone}]") })
    }
}

/// A number as it was written; what is none stays a text, which the check refuses in words.
fn number(written: &str) -> String {
    let digits = written.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // TOML has no leading zeros.
    if is_number { digits.trim_start_matches('0').to_owned().max("0".to_owned()) } else { text(digits) }
}

fn list(written: &str) -> String {
    let items = written.split(',').map(str::trim).filter(|item| !item.is_empty()).map(text);
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML.
fn text(written: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in written.trim().chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            sign if sign.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(sign))),
            sign => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, RoomText};

    fn form() -> Form {
        Form {
            name: "final".into(),
            title: "The \"Final\" \\ 2026".into(),
            host: "tickets.example, www.tickets.example".into(),
            path: "/shop".into(),
            upstream: "shop".into(),
            opens_at: "2026-12-04T18:00".into(),
            starts_at: "2026-12-04T18:30".into(),
            ends_at: String::new(),
            zone: "Europe/Lisbon".into(),
            rate: "0600".into(),
            cap: String::new(),
            minutes: "5".into(),
        }
    }

    fn read(form: &Form) -> Result<Config, String> {
        let file = "[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n";
        let text = form.toml();
        let room = RoomText { name: "final", revision: 1, text: &text };
        Config::parse_beside(file, Path::new("fairgate.toml"), &[room]).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn what_people_know_is_a_room() {
        let config = read(&form()).unwrap();
        let room = &config.rooms[0];
        assert_eq!(
            (&*room.title, room.hosts.len(), &room.paths[..]),
            ("The \"Final\" \\ 2026", 2, &["/shop".to_owned()][..])
        );
        assert_eq!((room.policy.rate_per_minute, room.policy.max_active), (600, 3_000));
        assert_eq!(room.schedule.starts_at_ms - room.schedule.opens_at_ms, 30 * 60_000);
        assert_eq!(room.schedule.zone.as_deref(), Some("Europe/Lisbon"));
    }

    #[test]
    fn a_field_is_one_value_whatever_stands_in_it() {
        let title = "x\"\n[admin]\nlisten = \"0.0.0.0:1".to_owned();
        let config = read(&Form { title: title.clone(), ..form() }).unwrap();
        assert_eq!(config.rooms[0].title, title);
        let wrong = read(&Form { rate: "600 a minute".into(), ..form() }).unwrap_err();
        assert!(wrong.contains("room[final].admission.rate_per_minute: is a string"), "{wrong}");
    }

    #[test]
    fn a_time_that_happens_twice_is_refused_with_the_choice() {
        let twice = |opens_at: &str| Form { opens_at: opens_at.into(), starts_at: String::new(), ..form() };
        let wrong = read(&twice("2026-10-25T01:30")).unwrap_err();
        assert!(
            wrong.contains("room[final].opens_at: ") && wrong.contains("2026-10-25T01:30+01:00[Europe/Lisbon]"),
            "{wrong}"
        );
        let chosen = |offset| read(&twice(&format!("2026-10-25T01:30{offset}"))).unwrap().rooms[0].schedule.opens_at_ms;
        assert_eq!(chosen("+00:00") - chosen("+01:00"), 3_600_000);
    }
}
