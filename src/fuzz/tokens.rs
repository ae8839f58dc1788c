//! Tokens: what is believed is, byte by byte, what was signed.

use std::sync::OnceLock;

use fairgate_core::room::Position;
use fairgate_telemetry::entropy;
use fairgate_token::{Hearsay, KeyRing, Pass, Terms, Ticket, create_key};

const NOW_MS: u64 = 1_790_000_000_000;
const ROOM: &str = "final";

struct Signed {
    keys: KeyRing,
    ticket: String,
    pass: String,
}

/// Shows any bytes as a token, and signed tokens with some bytes changed. An input is a list of changes, three bytes each:
/// where (two), and the new byte; and is a token itself.
///
/// # Panics
/// When anything is believed but what was signed, for what it was signed.
pub fn tokens(bytes: &[u8]) {
    let signed = signed();
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(text == signed.ticket || signed.keys.verify_ticket(text, ROOM).is_err());
        assert!(text == signed.pass || signed.keys.verify_pass(text, ROOM, NOW_MS).is_err());
        let _ = Hearsay::of(text);
    }
    for (token, is_pass) in [(&signed.ticket, false), (&signed.pass, true)] {
        let Some(shown) = changed(token, bytes) else { continue };
        let is_ours = shown == *token;
        assert_eq!(signed.keys.verify_ticket(&shown, ROOM).is_ok(), is_ours && !is_pass, "{shown}");
        assert_eq!(signed.keys.verify_pass(&shown, ROOM, NOW_MS).is_ok(), is_ours && is_pass, "{shown}");
        assert!(signed.keys.verify_ticket(&shown, "other").is_err());
        assert!(signed.keys.verify_pass(&shown, "other", NOW_MS).is_err());
    }
}

fn changed(token: &str, changes: &[u8]) -> Option<String> {
    let mut shown = token.as_bytes().to_vec();
    let (changes, rest) = changes.as_chunks::<3>();
    for [high, low, byte] in changes.iter().take(64) {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % shown.len();
        shown[at] = *byte;
    }
    shown.extend_from_slice(rest);
    String::from_utf8(shown).ok()
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        create_key(dir.path(), NOW_MS - 1, &entropy::system()).expect("a key");
        let keys = KeyRing::load(dir.path(), "fuzz").expect("keys");
        let (draw, entry) = ([7; 32], [9; 32]);
        let ticket = Ticket {
            room: ROOM.into(),
            draw,
            position: Position::Pool(3),
            entry,
            issued_at_ms: NOW_MS,
            of_tier: None,
            terms: Terms::default(),
        };
        let pass = Pass::new(ROOM, draw, 41, NOW_MS, NOW_MS + 600_000, NOW_MS + 3_600_000);
        Signed { ticket: keys.sign_ticket(&ticket), pass: keys.sign_pass(&pass), keys }
    })
}
