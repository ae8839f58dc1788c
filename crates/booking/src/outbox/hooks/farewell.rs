//! The mail that says that a webhook was switched off.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::Mailbox;

use super::table::OffHook;
use crate::outbox::mail::{Letter, Post, PostError};

/// How such mails are sent.
#[derive(Clone, Debug)]
pub struct Farewells {
    /// Where they go out.
    pub post: Post,
    /// Who sends them.
    pub from: Mailbox,
}

impl Farewells {
    /// Tells whoever looks after a system that it is off: the same mail each time.
    pub(super) async fn tell(&self, hook: &OffHook) -> Result<(), PostError> {
        let since_epoch = Duration::from_millis(hook.off_at.0.unsigned_abs());
        self.post.send(&self.from, &hook.contact, &letter(hook), UNIX_EPOCH + since_epoch).await
    }
}

fn letter(hook: &OffHook) -> Letter {
    let OffHook { name, url, off_at, reason, version, .. } = hook;
    let off_at = off_at.to_rfc3339();
    let text = format!(
        "The webhook {name} is switched off since {off_at}.\n\n{url}\n{reason}\n\nWhat waited for it is kept. What happens from \
         now on is not told to it.\nOnce it takes messages again, switch it on:\n\n    fairgate outbox hook on {name}\n"
    );
    Letter {
        message_id: format!("<hook-{name}.{version}@fairgate>"),
        subject: format!("The webhook {name} is switched off"),
        text,
        calendar: None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::db::DbTime;

    #[test]
    fn it_says_what_is_off_why_and_what_to_do() {
        let hook = OffHook {
            name: "accounting".into(),
            url: "https://accounting.example.com/hook".into(),
            contact: "ops@example.com".into(),
            off_at: DbTime(1_796_119_200_000),
            reason: "it answered 410 Gone".into(),
            version: Uuid::nil(),
        };
        let letter = letter(&hook);
        for part in [
            "since 2026-12-01T10:00:00.000Z",
            "410 Gone",
            "https://accounting.example.com/hook\n",
            "hook on accounting\n",
        ] {
            assert!(letter.text.contains(part), "{part} is not in\n{}", letter.text);
        }
        assert_eq!(letter.message_id, "<hook-accounting.00000000-0000-0000-0000-000000000000@fairgate>");
    }
}
