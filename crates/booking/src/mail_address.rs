//! Mail addresses, judged where their owner can still mend them: while paying, and not hours later by a mail server.
//!
//! Guarantees: an address that is taken can be written into a mail and handed to any mail server as it stands. It is
//! ASCII, within the lengths of RFC 5321, at a name that is in the DNS's form and has a top-level domain.

use lettre::Address;

/// The whole of it, and what stands before the `@` (RFC 5321, 4.5.3.1).
const BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
/// A part of a domain.
const LABEL_BYTES_MAX: usize = 63;

/// Why no mail would arrive, in words for its owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

/// Reads an address as people type it, with the domain as mail servers know it.
///
/// # Errors
/// [`AddressError`].
pub fn read_address(typed: &str) -> Result<String, AddressError> {
    let typed = typed.trim();
    let like = "like name@example.com, please";
    let (local, domain) = typed.rsplit_once('@').ok_or_else(|| wrong(format!("An address with an @, {like}.")))?;
    let domain = read_domain(domain)?;
    check_local(local)?;
    let address = format!("{local}@{domain}");
    if address.len() > BYTES_MAX {
        return Err(wrong(format!("At most {BYTES_MAX} characters, please.")));
    }
    // What mails are put together with has the last word.
    address.parse::<Address>().map_err(|_| wrong(format!("An address {like}.")))?;
    Ok(address)
}

/// Mail servers without SMTPUTF8 take ASCII only, and quoted names lose their way in too many of them.
fn check_local(local: &str) -> Result<(), AddressError> {
    let odd = local.chars().find(|c| !(c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(*c)));
    if let Some(odd) = odd {
        let shown = if odd.is_whitespace() { "a space".to_owned() } else { odd.to_string() };
        return Err(wrong(format!("Before the @, mail servers do not take {shown}.")));
    }
    if local.is_empty() || local.len() > LOCAL_BYTES_MAX {
        return Err(wrong(format!("Before the @ stand 1 to {LOCAL_BYTES_MAX} characters.")));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(wrong("Before the @, no dot stands at the beginning, at the end, or beside another one."));
    }
    Ok(())
}

/// The domain in its ASCII form: `bücher.example` is `xn--bcher-kva.example` to mail servers.
fn read_domain(domain: &str) -> Result<String, AddressError> {
    let nameless = || wrong(format!("{domain:?} is no domain that mails can be sent to, like example.com."));
    let ascii = idna::domain_to_ascii(domain).map_err(|_| nameless())?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let is_label = |label: &&str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !labels.iter().all(is_label) {
        return Err(nameless());
    }
    match labels.as_slice() {
        [_, .., top] if top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit()) => Ok(ascii),
        [_] => Err(wrong(format!("{domain:?} lacks its end, like .com."))),
        _ => Err(nameless()),
    }
}

fn wrong(detail: impl Into<String>) -> AddressError {
    AddressError(detail.into())
}

#[cfg(test)]
mod tests {
    use lettre::message::Mailbox;
    use lettre::{Address, Message};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_arrives_is_taken_and_the_rest_says_why() {
        for (typed, taken) in [
            ("maria@example.com", "maria@example.com"),
            (" Maria.Silva+tickets@mail.example.co.uk\n", "Maria.Silva+tickets@mail.example.co.uk"),
            ("o'neil@example.museum", "o'neil@example.museum"),
            ("maria@bücher.example", "maria@xn--bcher-kva.example"),
            ("maria@Example.COM", "maria@example.com"),
        ] {
            assert_eq!(read_address(typed).as_deref(), Ok(taken), "{typed:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        let far = format!("a@{}.com", "b".repeat(64));
        let whole = format!("a@{}com", "bcdefghij.".repeat(26));
        for (typed, said) in [
            ("", "@"),
            ("maria", "@"),
            ("@example.com", "1 to 64"),
            ("maria@", "no domain"),
            ("maria@localhost", "lacks its end"),
            ("maria@example", "lacks its end"),
            ("maria@example.", "no domain"),
            ("maria@.example.com", "no domain"),
            ("maria@exa mple.com", "no domain"),
            ("maria@example,com", "no domain"),
            ("maria@example..com", "no domain"),
            ("maria@-example.com", "no domain"),
            ("maria@example.c", "no domain"),
            ("maria@192.0.2.1", "no domain"),
            ("maria@[192.0.2.1]", "no domain"),
            ("maria silva@example.com", "a space"),
            ("\"maria silva\"@example.com", "\""),
            ("maria@silva@example.com", "@"),
            ("märia@example.com", "ä"),
            ("maria.@example.com", "no dot"),
            (".maria@example.com", "no dot"),
            ("ma..ria@example.com", "no dot"),
            ("Maria <maria@example.com>", "no domain"),
            ("maria@example.com\r\nBcc: all@example.com", "not take"),
            (long.as_str(), "1 to 64"),
            (far.as_str(), "no domain"),
            (whole.as_str(), "254"),
        ] {
            let error = read_address(typed).expect_err(typed).to_string();
            assert!(error.contains(said), "{typed:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_mailed(typed in r#"[a-zA-Z0-9.+_'" äß@-]{1,12}@[a-z0-9ü.\[\]-]{1,12}\.?[a-z]{0,4}"#) {
            if let Ok(address) = read_address(&typed) {
                prop_assert!(address.is_ascii());
                let to: Address = address.parse().expect("lettre reads it");
                let message = Message::builder()
                    .from("box@example.com".parse().expect("an address"))
                    .to(Mailbox::new(None, to))
                    .body(String::new());
                let message = message.expect("a mail can be put together");
                prop_assert_eq!(message.envelope().to()[0].to_string(), address);
            }
        }
    }
}
