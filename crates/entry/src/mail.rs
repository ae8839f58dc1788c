//! Codes by mail: the address in its one spelling, the code, and the row that is kept until it is typed.
//!
//! Guarantees:
//! - one mailbox is one subject, as far as rules that hold for every provider can say
//! - a code is good for ten minutes, five tries and one use, in the browser that asked for it
//! - neither code nor address is kept: the browser has both, sealed and hashed, so any edge of a fleet judges it

use std::fmt;

use fairgate_draw::v2::{Identity, Method};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::keys::{Key, equal, first};
use crate::sealed::{SEAL_NONCE_BYTES, Sealer};

/// How long a code is good, seconds.
pub const MAIL_CODE_S: u64 = 600;
/// Tries of a code.
pub const MAIL_TRIES_MAX: u8 = 5;
/// Digits of a code.
pub const MAIL_CODE_DIGITS: usize = 8;
/// Longest address, bytes (RFC 5321, 4.5.3.1, less the brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;

const LOCAL_BYTES_MAX: usize = 64;
const COOKIE_BYTES_MAX: usize = 1024;
const CONTEXT: &str = "mail";

/// Why a text is no address that a code can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no mail address of the form name@example.org")]
pub struct AddressError;

/// A mail address: as it was typed, and the identity of whoever reads its mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    typed: String,
    identity: Identity,
}

impl Address {
    /// Reads an address. Quoted local parts, comments and address literals are not taken.
    ///
    /// The spelling that counts is the draw's: NFC, small ASCII letters, no `+` and what follows it, A-labels.
    ///
    /// # Errors
    /// When the text is no address, or one of those.
    pub fn read(typed: &str) -> Result<Self, AddressError> {
        let typed: String = typed.trim().nfc().collect();
        if typed.len() > ADDRESS_BYTES_MAX || !typed.rsplit_once('@').is_some_and(|(local, _)| is_local(local)) {
            return Err(AddressError);
        }
        let identity = Identity::new(Method::mail(), &typed).map_err(|_| AddressError)?;
        let (local, domain) = identity.subject().rsplit_once('@').ok_or(AddressError)?;
        // What stood before a `+` is the mailbox's own name.
        if !is_local(local) || !is_host(domain) {
            return Err(AddressError);
        }
        Ok(Self { typed, identity })
    }

    /// Where the mail goes: as typed, but for NFC.
    #[must_use]
    pub fn deliver_to(&self) -> &str {
        &self.typed
    }

    /// The spelling that counts.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.identity.subject()
    }

    /// The domain, in A-labels: what `domain_entries` counts.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.subject().rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The identity of whoever reads this mailbox.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// A dot-atom (RFC 5322, 3.2.3; RFC 6532 for characters beyond ASCII).
fn is_local(local: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || is_beyond(c);
    let has_dots_between = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    local.len() <= LOCAL_BYTES_MAX && local.chars().all(is_known) && has_dots_between
}

/// Letters, digits and accents beyond ASCII: no spaces and no control or format characters, which would hide a second spelling.
fn is_beyond(c: char) -> bool {
    !c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c))
}

/// A host name with a dot whose last label is no number: no address literal, and no host of ours.
fn is_host(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && !last.is_empty() && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A code as it is mailed: eight digits.
///
/// `random` is 64 bits of the system's, so no code is likelier than another by more than one part in 10¹¹.
#[must_use]
pub fn mail_code(random: u64) -> String {
    format!("{:0width$}", random % 10u64.pow(MAIL_CODE_DIGITS as u32), width = MAIL_CODE_DIGITS)
}

/// What the asking browser keeps, sealed beside the code's hash: which address, and which asking.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// The address.
    pub address: Address,
    /// Random: another asking has another row.
    pub id: [u8; 16],
    /// Until when, Unix seconds.
    pub expires_s: u64,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    a: String,
    i: String,
    h: String,
    e: u64,
}

/// What is kept of a code until it is typed or over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MailRow {
    hash: [u8; 16],
    tries: u8,
}

/// Bytes of a row.
pub const MAIL_ROW_BYTES: usize = 17;

impl fmt::Debug for MailRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailRow({} tries)", self.tries)
    }
}

impl MailRow {
    /// As the store keeps it: hash, tries.
    #[must_use]
    pub fn to_bytes(self) -> [u8; MAIL_ROW_BYTES] {
        let mut bytes = [0; MAIL_ROW_BYTES];
        bytes[..16].copy_from_slice(&self.hash);
        bytes[16] = self.tries;
        bytes
    }

    /// The same row after so many wrong tries.
    #[must_use]
    pub fn after(self, tries: u8) -> Self {
        Self { tries, ..self }
    }

    /// The tries so far.
    #[must_use]
    pub fn tries(self) -> u8 {
        self.tries
    }

    /// Reads what [`Self::to_bytes`] writes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; MAIL_ROW_BYTES] = bytes.try_into().ok()?;
        Some(Self { hash: std::array::from_fn(|i| bytes[i]), tries: bytes[16] })
    }
}

/// What a typed code comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The code is the one: the row is to be removed, and the person is this.
    Good(Identity),
    /// The code is wrong: this row takes the place of the other.
    Wrong(MailRow),
    /// This was the last try, or the row had none left: the row is to be removed.
    Over,
}

/// The keys of codes by mail.
#[derive(Debug)]
pub struct MailKeys {
    key: Key,
    sealer: Sealer,
}

impl MailKeys {
    /// From the key of [`Purpose::Mail`](crate::keys::Purpose::Mail).
    #[must_use]
    pub fn new(key: &Key) -> Self {
        // A cipher's key of its own, made of this one.
        Self { sealer: Sealer::new(&Key::from_bytes(key.mac("fairgate/v2/mail-cookie", &[]))), key: key.clone() }
    }

    /// Asks for a code: what the browser keeps. `id` is random.
    #[must_use]
    pub fn ask(&self, address: Address, id: [u8; 16], now_ms: u64) -> Asked {
        Asked { address, id, expires_s: now_ms / 1000 + MAIL_CODE_S }
    }

    /// The cookie's value: with the row's hash, so that any edge can judge what is typed. `nonce` is random.
    #[must_use]
    pub fn seal(&self, asked: &Asked, row: MailRow, nonce: [u8; SEAL_NONCE_BYTES]) -> String {
        let (a, i, h) = (asked.address.typed.clone(), hex::encode(asked.id), hex::encode(row.hash));
        let content = Content { a, i, h, e: asked.expires_s };
        let content = serde_json::to_vec(&content).expect("strings and numbers have a JSON form");
        self.sealer.seal(CONTEXT, nonce, content)
    }

    /// Opens the cookie; `None` where it is not ours, or over. The row has no tries: those are the caller's to know.
    #[must_use]
    pub fn open(&self, cookie: &str, now_ms: u64) -> Option<(Asked, MailRow)> {
        let content = self.sealer.open(CONTEXT, cookie, COOKIE_BYTES_MAX)?;
        let content: Content = serde_json::from_slice(&content).ok()?;
        let id = hex::decode(content.i).ok()?.try_into().ok()?;
        let is_good = now_ms < content.e.saturating_mul(1000);
        let address = Address::read(&content.a).ok().filter(|_| is_good)?;
        let hash = hex::decode(content.h).ok()?.try_into().ok()?;
        Some((Asked { address, id, expires_s: content.e }, MailRow { hash, tries: 0 }))
    }

    /// The name of the row, of address and browser: 16 bytes.
    #[must_use]
    pub fn row_name(&self, asked: &Asked) -> [u8; 16] {
        first(&self.key.mac("fairgate/v2/mail-row", &[&asked.id, asked.address.subject().as_bytes()]))
    }

    /// What stands for an address, for limits: 16 bytes.
    #[must_use]
    pub fn address_name(&self, address: &Address) -> [u8; 16] {
        first(&self.key.mac("fairgate/v2/mail-address", &[address.subject().as_bytes()]))
    }

    /// The row of a code that is mailed now.
    #[must_use]
    pub fn row(&self, asked: &Asked, code: &str) -> MailRow {
        MailRow { hash: self.hash(asked, code), tries: 0 }
    }

    /// Decides about a typed code. The row's expiry is the store's, and the cookie's is [`Self::open`]'s.
    #[must_use]
    pub fn judge(&self, asked: &Asked, row: MailRow, typed: &str) -> Typed {
        if row.tries >= MAIL_TRIES_MAX {
            return Typed::Over;
        }
        let is_it = digits(typed).is_some_and(|code| equal(&row.hash, &self.hash(asked, &code)));
        let tries = row.tries + 1;
        match (is_it, tries < MAIL_TRIES_MAX) {
            (true, _) => Typed::Good(asked.address.identity().clone()),
            (false, true) => Typed::Wrong(MailRow { tries, ..row }),
            (false, false) => Typed::Over,
        }
    }

    fn hash(&self, asked: &Asked, code: &str) -> [u8; 16] {
        first(&self.key.mac("fairgate/v2/mail-code", &[&asked.id, code.as_bytes()]))
    }
}

/// The digits of a typed code: spaces and hyphens do not count, full-width digits are folded.
fn digits(typed: &str) -> Option<String> {
    let typed = Some(typed).filter(|typed| typed.len() <= 8 * MAIL_CODE_DIGITS)?;
    let narrow = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c {
        '\u{ff10}'..='\u{ff19}' => char::from_digit(c as u32 - 0xff10, 10).unwrap_or(c),
        other => other,
    });
    let digits: String = narrow.collect();
    let is_code = digits.len() == MAIL_CODE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::key;

    const NOW_MS: u64 = 1_764_581_400_000;

    fn subject(typed: &str) -> Option<String> {
        Address::read(typed).ok().map(|address| address.subject().to_owned())
    }

    #[test]
    fn one_mailbox_has_one_spelling() {
        for typed in ["ada@example.org", " Ada@EXAMPLE.org ", "ADA+tickets@example.org", "ada++x+y@Example.ORG"] {
            assert_eq!(subject(typed).as_deref(), Some("ada@example.org"), "{typed}");
        }
        assert_eq!(subject("a.d.a@example.org").as_deref(), Some("a.d.a@example.org"), "dots are a provider's rule");
        assert_eq!(subject("ada@bücher.example").as_deref(), Some("ada@xn--bcher-kva.example"));
        assert_eq!(subject("ada@BÜCHER.example"), subject("ada@xn--bcher-kva.example"));
        // NFC: e and a combining accent are one letter; letters beyond ASCII keep their case.
        assert_eq!(subject("ren\u{65}\u{301}@example.org").as_deref(), Some("ren\u{e9}@example.org"));
        assert_eq!(subject("H\u{331}@example.org"), subject("\u{1e96}@example.org"));
        assert_eq!(subject("RENÉ@example.org").as_deref(), Some("renÉ@example.org"));
        let address = Address::read("Ada+x@Example.org").expect("an address");
        assert_eq!((address.deliver_to(), address.domain()), ("Ada+x@Example.org", "example.org"));
        assert_eq!((address.identity().method().as_str(), address.identity().subject()), ("mail", "ada@example.org"));
        assert_eq!(format!("{address:?}"), "Address(..)");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("{}@{}.org", "a".repeat(64), ["b".repeat(60), "c".repeat(61), "d".repeat(63)].join("."));
        for typed in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "+x@example.org",
            "ada@example",
            "ada@[192.0.2.1]",
            "ada@192.0.2.1",
            "a da@example.org",
            "\"a da\"@example.org",
            "ada@exam ple.org",
            "ada@-example.org",
            "ada@exa_mple.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..da@example.org",
            "ada@example..org",
            "ada@example.org.",
            "a@b@example.org",
            "ada\u{200b}@example.org",
            "ada\n@example.org",
            "ada@example.org\r\nBcc: x@example.org",
            "ada,bob@example.org",
            "<ada@example.org>",
            &long_local,
            &long,
        ] {
            assert_eq!(subject(typed), None, "{typed:?}");
        }
        assert!(subject(&format!("{}@example.org", "a".repeat(64))).is_some());
    }

    #[test]
    fn a_code_has_eight_digits() {
        for (random, code) in [(0, "00000000"), (7, "00000007"), (99_999_999, "99999999"), (100_000_001, "00000001")] {
            assert_eq!(mail_code(random), code);
        }
        assert_eq!(mail_code(u64::MAX).len(), 8);
    }

    fn keys() -> MailKeys {
        MailKeys::new(&key(1))
    }

    fn asked(id: u8) -> Asked {
        keys().ask(Address::read("Ada+x@example.org").expect("an address"), [id; 16], NOW_MS)
    }

    #[test]
    fn the_cookie_is_ours_and_ends() {
        let (asked, keys) = (asked(1), keys());
        let row = keys.row(&asked, "01234567");
        let cookie = keys.seal(&asked, row, [2; 12]);
        assert_eq!(keys.open(&cookie, NOW_MS + 599_999), Some((asked.clone(), row)));
        assert_eq!(keys.open(&cookie, NOW_MS + 600_000), None);
        assert_eq!(MailKeys::new(&key(2)).open(&cookie, NOW_MS), None);
        for bit in 0..8 * cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert_eq!(keys.open(&other, NOW_MS), None);
        }
        let longest = format!("{}@{}.org", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(60)].join("."));
        let longest = keys.ask(Address::read(&longest).expect("an address"), [1; 16], NOW_MS);
        assert_eq!(keys.open(&keys.seal(&longest, row, [2; 12]), NOW_MS), Some((longest, row)));
        assert!(!format!("{asked:?} {keys:?}").contains("ada"));
    }

    #[test]
    fn a_code_is_good_for_five_tries_in_its_browser() {
        let keys = keys();
        let mut row = keys.row(&asked(1), "01234567");
        for typed in ["01234568", "", "0123456", "012345678"] {
            let Typed::Wrong(next) = keys.judge(&asked(1), row, typed) else { panic!("wrong, and tries are left") };
            row = next;
        }
        let good = |typed: &str| keys.judge(&asked(1), row, typed) == Typed::Good(asked(1).address.identity().clone());
        for typed in ["01234567", "0123 4567", " 0123-4567\n", "０１２３４５６７"] {
            assert!(good(typed), "{typed}: the fifth try");
        }
        assert_eq!(keys.judge(&asked(2), row, "01234567"), Typed::Over, "another browser, and the last try");
        assert_eq!(keys.judge(&asked(1), row, "01234568"), Typed::Over);
        let spent = MailRow { tries: MAIL_TRIES_MAX, ..row };
        assert_eq!(keys.judge(&asked(1), spent, "01234567"), Typed::Over, "no try is left, not even for the right one");
    }

    #[test]
    fn a_row_is_of_its_address_and_asking() {
        let keys = keys();
        let mut other = asked(1);
        other.address = Address::read("bob@example.org").expect("an address");
        let names = [asked(1), asked(2), other].map(|asked| keys.row_name(&asked));
        assert!(names[0] != names[1] && names[0] != names[2]);
        let row = keys.row(&asked(1), "01234567");
        assert_eq!(MailRow::from_bytes(&row.to_bytes()), Some(row));
        assert_eq!(MailRow::from_bytes(&[0; 16]), None);
        assert_eq!(format!("{row:?}"), "MailRow(0 tries)");
    }

    proptest! {
        #[test]
        fn the_spelling_is_stable(typed in "[a-zA-Z0-9.+_é-]{1,20}@[a-zA-Z0-9ü-]{1,10}\\.[a-z]{2,5}") {
            if let Ok(address) = Address::read(&typed) {
                prop_assert_eq!(subject(address.subject()), Some(address.subject().to_owned()));
                prop_assert_eq!(Address::read(address.deliver_to()), Ok(address));
            }
        }

        #[test]
        fn another_code_is_wrong(code in 0u64..100_000_000, other in 0u64..100_000_000) {
            let keys = keys();
            let row = keys.row(&asked(1), &mail_code(code));
            let is_good = matches!(keys.judge(&asked(1), row, &mail_code(other)), Typed::Good(_));
            prop_assert_eq!(is_good, code == other);
        }

        #[test]
        fn reading_anything_fails_without_a_panic(typed in "\\PC{0,40}") {
            let _ = (Address::read(&typed), digits(&typed));
        }
    }
}
