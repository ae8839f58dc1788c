//! What a call shows: the members of a join's `show`, from JSON or from a form.
//!
//! Guarantees:
//! - nothing is longer than what could count
//! - what is shown is never printed

use std::borrow::Cow;
use std::fmt;

use fairgate_entry::code::text::TYPED_BYTES_MAX;
use fairgate_entry::join::VOUCHERS_MAX;
use fairgate_entry::shop::SHOP_TOKEN_BYTES_MAX;
use fairgate_entry::voucher::VOUCHER_BYTES_MAX;
use fairgate_entry::work::altcha::PAYLOAD_BYTES_MAX;
use fairgate_entry::work::solution::SOLUTION_BYTES;
use fairgate_entry::work::way::SHOWN_TABLES_MAX;
use serde::Deserialize;

use crate::edge::http::problem::Problem;

/// Longest text of solutions: base64url of as many tables as anybody shows.
const SOLUTIONS_BYTES_MAX: usize = (SHOWN_TABLES_MAX * SOLUTION_BYTES).div_ceil(3) * 4;
/// Longest text of a note, which has 54 characters.
const NOTE_BYTES_MAX: usize = 64;

/// What a join shows.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shown {
    /// Solved puzzles.
    pub(crate) work: Option<ShownWork>,
    /// The same as ALTCHA's widget says it.
    pub(crate) altcha: Option<String>,
    /// A code, as typed.
    pub(crate) code: Option<String>,
    /// A shop's token.
    pub(crate) shop: Option<String>,
    /// A note that lets somebody wait instead.
    pub(crate) wait: Option<String>,
}

/// Solved puzzles.
#[derive(Clone, Deserialize)]
pub(crate) struct ShownWork {
    /// The epoch.
    pub(crate) e: u32,
    /// The solutions, base64url.
    pub(crate) s: String,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl fmt::Debug for ShownWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownWork(..)")
    }
}

impl Shown {
    /// What a form shows, where scripts do not run; empty fields show nothing.
    pub(crate) fn of_form(body: &[u8]) -> Self {
        let mut shown = Self::default();
        for (name, value) in form_urlencoded::parse(body).filter(|(_, value)| !value.trim().is_empty()) {
            let field = match &*name {
                "code" => &mut shown.code,
                "shop" => &mut shown.shop,
                "wait" => &mut shown.wait,
                _ => continue,
            };
            *field = Some(value.into_owned());
        }
        shown
    }

    /// Refuses what is too long to count.
    ///
    /// # Errors
    /// Which member it is.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let solutions = self.work.as_ref().map(|work| &work.s);
        check_length("show.work.s", solutions, SOLUTIONS_BYTES_MAX)?;
        check_length("show.altcha", self.altcha.as_ref(), PAYLOAD_BYTES_MAX)?;
        check_length("show.code", self.code.as_ref(), TYPED_BYTES_MAX)?;
        check_length("show.shop", self.shop.as_ref(), SHOP_TOKEN_BYTES_MAX)?;
        check_length("show.wait", self.wait.as_ref(), NOTE_BYTES_MAX)
    }
}

/// Refuses vouchers that are too many or too long to count.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check_vouchers(vouchers: &[String]) -> Result<(), Problem> {
    if vouchers.len() > VOUCHERS_MAX {
        return Err(Problem::BadBody(format!("vouchers has more than {VOUCHERS_MAX}; show those that count")));
    }
    vouchers.iter().try_for_each(|voucher| check_length("vouchers", Some(voucher), VOUCHER_BYTES_MAX))
}

/// Refuses a text that is too long.
///
/// # Errors
/// Which member it is.
pub(crate) fn check_length(name: &str, text: Option<&String>, bytes_max: usize) -> Result<(), Problem> {
    let is_long = text.is_some_and(|text| text.len() > bytes_max);
    let too_long = || Problem::BadBody(format!("{name} has more than {bytes_max} bytes"));
    if is_long { Err(too_long()) } else { Ok(()) }
}

/// A value of a query, such as `bond`.
pub(crate) fn of_query<'q>(query: Option<&'q str>, name: &str) -> Option<Cow<'q, str>> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_shows_what_its_fields_say() {
        let shown = Shown::of_form(b"return_to=%2F&code=7h3k-q9xw+2mvk&wait=&shop=+");
        assert_eq!(shown.code.as_deref(), Some("7h3k-q9xw 2mvk"));
        assert!(shown.wait.is_none() && shown.shop.is_none() && shown.work.is_none());
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_name() {
        let long = |bytes| Some("a".repeat(bytes));
        let work = |bytes| Some(ShownWork { e: 1, s: "a".repeat(bytes) });
        let good = Shown { work: work(3416), code: long(384), altcha: long(10_000), shop: long(4096), wait: long(64) };
        assert_eq!(good.check(), Ok(()));
        for (shown, name) in [
            (Shown { work: work(3417), ..Shown::default() }, "show.work.s"),
            (Shown { altcha: long(10_001), ..Shown::default() }, "show.altcha"),
            (Shown { code: long(385), ..Shown::default() }, "show.code"),
            (Shown { shop: long(4097), ..Shown::default() }, "show.shop"),
            (Shown { wait: long(65), ..Shown::default() }, "show.wait"),
        ] {
            let Err(Problem::BadBody(detail)) = shown.check() else { panic!("{name}") };
            assert!(detail.starts_with(name), "{detail}");
        }
        assert!(check_vouchers(&["a", "b", "c"].map(str::to_owned)).is_ok());
        assert!(check_vouchers(&["a", "b", "c", "d"].map(str::to_owned)).is_err());
        assert!(check_vouchers(&["v".repeat(1025)]).is_err());
        assert_eq!(format!("{good:?}"), "Shown(..)");
    }

    #[test]
    fn a_query_has_named_values() {
        assert_eq!(of_query(Some("a=1&bond=b%2D"), "bond").as_deref(), Some("b-"));
        assert_eq!(of_query(Some("a=1"), "bond"), None);
        assert_eq!(of_query(None, "bond"), None);
    }
}
