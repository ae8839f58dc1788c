//! The vouchers that a browser keeps for a room, in one cookie.
//!
//! Guarantees:
//! - there are at most three, so the cookie fits what browsers keep
//! - a newer voucher of a way takes the place of the older one
//! - those for an identity stand before those for one entry, in the order in which they came: the first of them is the
//!   credential that the bond names

use fairgate_entry::join::VOUCHERS_MAX;
use fairgate_entry::voucher::{Bound, Voucher, VoucherKey, voucher_id};

/// Stands between vouchers; none has it in itself.
const BETWEEN: char = '~';

/// Vouchers that are good now, with their texts.
#[derive(Debug, Default)]
pub(crate) struct Wallet {
    kept: Vec<(String, Voucher)>,
}

impl Wallet {
    /// The vouchers of a cookie's value that are good now in a room. Others are passed over, for a browser keeps old
    /// ones.
    pub(crate) fn open(keys: &VoucherKey, cookie: Option<&str>, room: &str, now_ms: u64) -> Self {
        let good = |text: &str| Some((text.to_owned(), keys.open(text, room, now_ms).ok()?));
        Self { kept: texts(cookie).filter_map(good).collect() }
    }

    /// Takes a new voucher.
    pub(crate) fn put(&mut self, text: String, voucher: Voucher) {
        let is_older = |own: &Voucher| own.way == voucher.way && is_holders(own) == is_holders(&voucher);
        let place = self.kept.iter().position(|(_, own)| is_older(own));
        let place = place.or_else(|| (self.kept.len() >= VOUCHERS_MAX).then(|| self.least()));
        if let Some(place) = place {
            self.kept.remove(place);
        }
        self.kept.push((text, voucher));
        self.kept.sort_by_key(|(_, own)| !is_holders(own));
    }

    /// The voucher that is given up for another: the oldest for one entry, or else the oldest.
    fn least(&self) -> usize {
        self.kept.iter().position(|(_, own)| !is_holders(own)).unwrap_or(0)
    }

    /// The cookie's value.
    pub(crate) fn cookie(&self) -> String {
        let texts: Vec<&str> = self.kept.iter().map(|(text, _)| text.as_str()).collect();
        texts.join(&BETWEEN.to_string())
    }

    /// Until when the last of them is good, Unix seconds.
    pub(crate) fn until_s(&self) -> u64 {
        self.kept.iter().map(|(_, voucher)| voucher.expires_s).max().unwrap_or(0)
    }

    /// The vouchers.
    pub(crate) fn vouchers(&self) -> impl Iterator<Item = &Voucher> {
        self.kept.iter().map(|(_, voucher)| voucher)
    }

    /// The id of the voucher that is a join's credential where nothing else is.
    pub(crate) fn credential(&self) -> Option<String> {
        self.kept.iter().find(|(_, voucher)| is_holders(voucher)).map(|(text, _)| voucher_id(text))
    }
}

/// The texts of a cookie's value.
pub(crate) fn texts(cookie: Option<&str>) -> impl Iterator<Item = &str> {
    let texts = cookie.into_iter().flat_map(|value| value.split(BETWEEN));
    texts.filter(|text| !text.is_empty()).take(VOUCHERS_MAX)
}

fn is_holders(voucher: &Voucher) -> bool {
    voucher.bound == Bound::Holder
}

#[cfg(test)]
mod tests {
    use fairgate_draw::v2::{Identity, Method};
    use fairgate_entry::bond::Bond;
    use fairgate_entry::keys::Key;
    use fairgate_entry::way::{Person, WayName};

    use super::*;

    const NOW_MS: u64 = 1_764_581_400_000;

    fn keys() -> VoucherKey {
        VoucherKey::new(&Key::from_bytes([7; 32]))
    }

    fn way(name: &str) -> WayName {
        WayName::new(name).unwrap()
    }

    fn identity(name: &str) -> Voucher {
        let person = Person::of(Identity::new(Method::mail(), "ada@example.org").unwrap(), None);
        Voucher::of_identity(&way(name), person, NOW_MS, 600)
    }

    fn check(name: &str) -> Voucher {
        Voucher::of_check(&way(name), Bond::from_bytes([1; 16]), NOW_MS)
    }

    fn put(wallet: &mut Wallet, voucher: Voucher, nonce: u8) -> String {
        let text = keys().seal(&voucher, "final", [nonce; 12]).unwrap();
        wallet.put(text.clone(), voucher);
        text
    }

    fn names(wallet: &Wallet) -> Vec<String> {
        wallet.vouchers().map(|voucher| voucher.way.to_string()).collect()
    }

    #[test]
    fn identities_stand_first_and_the_first_of_them_is_the_credential() {
        let mut wallet = Wallet::default();
        put(&mut wallet, check("turnstile"), 1);
        let club = put(&mut wallet, identity("club"), 2);
        put(&mut wallet, identity("mail"), 3);
        assert_eq!(names(&wallet), ["club", "mail", "turnstile"]);
        assert_eq!(wallet.credential(), Some(voucher_id(&club)));
        let again = Wallet::open(&keys(), Some(&wallet.cookie()), "final", NOW_MS);
        assert_eq!(names(&again), names(&wallet));
        assert!(wallet.cookie().len() < 3_500, "with a name it fits 4 KB");
    }

    #[test]
    fn a_newer_one_takes_the_older_ones_place_and_a_fourth_that_of_the_least() {
        let mut wallet = Wallet::default();
        put(&mut wallet, identity("club"), 1);
        let newer = put(&mut wallet, identity("club"), 2);
        assert_eq!(wallet.credential(), Some(voucher_id(&newer)));
        put(&mut wallet, check("turnstile"), 3);
        put(&mut wallet, identity("mail"), 4);
        put(&mut wallet, identity("shop"), 5);
        assert_eq!(names(&wallet), ["club", "mail", "shop"]);
    }

    #[test]
    fn what_is_old_or_foreign_is_passed_over() {
        let mut wallet = Wallet::default();
        put(&mut wallet, identity("club"), 1);
        let cookie = format!("v1.x~~{}~y", wallet.cookie());
        assert_eq!(names(&Wallet::open(&keys(), Some(&cookie), "final", NOW_MS)), ["club"]);
        assert!(names(&Wallet::open(&keys(), Some(&cookie), "semi", NOW_MS)).is_empty());
        assert!(names(&Wallet::open(&keys(), Some(&cookie), "final", NOW_MS + 601_000)).is_empty());
        assert!(names(&Wallet::open(&keys(), None, "final", NOW_MS)).is_empty());
    }
}
