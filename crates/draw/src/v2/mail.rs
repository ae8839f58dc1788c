//! The one spelling of a mail address, so that one mailbox is one identity.

use unicode_normalization::UnicodeNormalization;

/// What stands before the `@`, and a whole address (RFC 5321, 4.5.3.1).
const LOCAL_BYTES_MAX: usize = 64;
const ADDRESS_BYTES_MAX: usize = 254;

/// NFC, ASCII letters in lower case, the local part cut at its first `+`, the domain in A-labels.
///
/// A quoted local part has other spellings of the same mailbox, and an address literal names a machine: both are refused.
pub(super) fn spell_address(address: &str) -> Result<String, &'static str> {
    let mut composed: String = address.nfc().collect();
    composed.make_ascii_lowercase();
    // A small letter may compose with a mark that its capital does not compose with, like w and a ring.
    let address: String = composed.nfc().collect();
    let (local, domain) = address.split_once('@').ok_or("a mail address has an @")?;
    let local = local.split('+').next().unwrap_or_default();
    if local.is_empty() || local.len() > LOCAL_BYTES_MAX {
        return Err("before the @ and before a + stand 1 to 64 bytes");
    }
    if local.chars().any(|c| c.is_whitespace() || c.is_control() || "\"\\<>()[]:;,".contains(c)) {
        return Err("before the @ stand no spaces, quotes or brackets");
    }
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| "after the @ stands a domain, like example.com")?;
    if domain.is_empty() || domain.ends_with('.') {
        return Err("after the @ stands a domain, like example.com");
    }
    let spelled = format!("{local}@{domain}");
    if spelled.len() > ADDRESS_BYTES_MAX {
        return Err("a mail address has at most 254 bytes");
    }
    Ok(spelled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox_has_one_spelling() {
        for (typed, spelled) in [
            ("Jo.Doe@Example.COM", "jo.doe@example.com"),
            ("jo.doe+one+two@example.com", "jo.doe@example.com"),
            ("jo@BÜCHER.example", "jo@xn--bcher-kva.example"),
            ("jo@bu\u{308}cher.example", "jo@xn--bcher-kva.example"),
            ("jo@xn--bcher-kva.example", "jo@xn--bcher-kva.example"),
            ("jo@XN--BCHER-KVA.example", "jo@xn--bcher-kva.example"),
            ("jo@bücher。example", "jo@xn--bcher-kva.example"),
            // Letters are lowered after NFC has made one of two, and only ASCII's.
            ("A\u{308}rger@example.com", "Ärger@example.com"),
            ("Ärger@example.com", "Ärger@example.com"),
            ("W\u{30a}@example.com", "\u{1e98}@example.com"),
        ] {
            assert_eq!(spell_address(typed).as_deref(), Ok(spelled), "{typed}");
        }
    }

    #[test]
    fn what_is_no_mailbox_or_has_other_spellings_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}com", "example.".repeat(40));
        for wrong in [
            "jo",
            "@example.com",
            "+a@example.com",
            "jo@",
            "jo@.",
            "jo@example.com.",
            "jo@exa mple.com",
            "jo@[192.0.2.1]",
            "\"jo\"@example.com",
            "j o@example.com",
            "jo@a@example.com",
            "jo@exam_ple.com",
            "jo@-a.com",
            &long,
            &longer,
        ] {
            assert!(spell_address(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_spelling_is_its_own_spelling(
            local in "[a-zA-Zà-ÿ0-9.!#\u{300}-\u{310}]{1,20}(\\+[a-z]{0,5})?", domain in "[a-zA-Zà-ÿß0-9]{1,12}\\.[a-zA-Z]{2,5}",
        ) {
            if let Ok(spelled) = spell_address(&format!("{local}@{domain}")) {
                prop_assert_eq!(spell_address(&spelled), Ok(spelled));
            }
        }
    }
}
