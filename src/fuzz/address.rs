//! Mail addresses: what is taken can be mailed to as it stands.

use lettre::message::Mailbox;
use lettre::{Address, Message};

use fairgate_booking::mail_address::read_address;

/// Reads an address from any bytes.
///
/// # Panics
/// When an address is taken that no mail can be put together for. Or when it is not one line of ASCII, or reads as
/// another one.
pub fn address(bytes: &[u8]) {
    let Ok(typed) = std::str::from_utf8(bytes) else { return };
    let Ok(address) = read_address(typed) else { return };
    assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{address:?}");
    assert_eq!(read_address(&address).as_ref(), Ok(&address));
    let to: Address = address.parse().expect("lettre reads it");
    let from = "box@example.com".parse().expect("an address");
    let message = Message::builder().from(from).to(Mailbox::new(None, to)).body(String::new()).expect("a mail");
    assert_eq!(message.envelope().to()[0].to_string(), address);
}
