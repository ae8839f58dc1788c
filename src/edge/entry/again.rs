//! Who comes again: devices that show one identity, and entries of one mail domain.
//!
//! Guarantees: memory is bounded, no address and no name is kept, and what is noted of one draw is gone with the next.

use std::sync::{MutexGuard, PoisonError};

use fairgate_draw::v2::{Identity, Method, Tag, tag};
use fairgate_entry::code::{Shared, Sharing};
use fairgate_entry::heat::NetworkTag;
use fairgate_entry::join::Entrant;

use super::desk::{Desk, Moment};

impl Desk {
    /// An identity came again, from another device than the one that made its entry.
    pub(crate) fn came_again(&self, tag: &Tag, key: Option<[u8; 16]>, moment: &Moment<'_>) {
        self.sharing(moment.draw).1.note(tag, self.network_tag(moment), key);
    }

    /// Identities of a draw that came again from more networks or devices than usual, as far as this edge has seen.
    pub(crate) fn shared(&self, draw: &[u8; 32]) -> Vec<Shared> {
        self.sharing(draw).1.shared()
    }

    fn sharing(&self, draw: &[u8; 32]) -> MutexGuard<'_, ([u8; 32], Sharing)> {
        let mut sharing = self.sharing.lock().unwrap_or_else(PoisonError::into_inner);
        if sharing.0 != *draw {
            *sharing = (*draw, Sharing::default());
        }
        sharing
    }

    /// Devices that have shown an entrant's identity, this one included, and networks where it is a code.
    pub(super) fn devices(&self, entrant: &Entrant, draw: &[u8; 32]) -> (u32, u32) {
        let Some(identity) = entrant.identities.first() else { return (0, 0) };
        if self.sharing(draw).1.is_empty() {
            return (0, 0);
        }
        let tag = tag(&self.tag_key(draw), identity);
        let (times, networks) = self.sharing(draw).1.known(&tag);
        // The one that made the entry, those that came since, and this one.
        let devices = if times > 0 { u32::try_from(times).unwrap_or(u32::MAX).saturating_add(2) } else { 0 };
        let is_code = *identity.method() == Method::invite();
        // At most one more than is usual is known.
        (devices, if is_code { networks as u32 } else { 0 })
    }

    /// What stands for the mail domain of an entrant, where the room counts it.
    pub(super) fn mail_domain(&self, entrant: &Entrant, draw: &[u8; 32]) -> Option<NetworkTag> {
        let (_, large) = self.mail_domains.as_ref()?;
        let all = entrant.identities.iter().chain(&entrant.others);
        let mail = all.filter(|identity| *identity.method() == Method::mail()).find_map(domain_of)?;
        let is_counted = !large.iter().any(|known| known == mail);
        is_counted.then(|| self.load.other_tag(draw, "mail-domain", mail))
    }

    pub(super) fn is_domain_full(&self, domain: &NetworkTag, moment: &Moment<'_>) -> bool {
        let entries = self.load.crowding_of(moment.draw, domain, moment.now_ms).draw.entries;
        self.mail_domains.as_ref().is_some_and(|(usual, _)| entries >= *usual)
    }
}

fn domain_of(mailbox: &Identity) -> Option<&str> {
    mailbox.subject().rsplit_once('@').map(|(_, domain)| domain)
}
