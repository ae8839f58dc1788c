//! Prices as spreadsheets write them: whole numbers in the smallest unit of the currency, or decimals. Pure.
//!
//! Guarantees:
//! - what could mean two amounts is refused with both of them
//! - a file is all of one kind, so that a `98` among decimals is never 98 of the smallest unit

use crate::money::{minor_units_of_event, money};

/// A price, and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A whole number, in the smallest unit.
    Whole(u32),
    /// With decimals, read in the currency's usual unit; here in the smallest.
    Decimal(u32),
}

impl Written {
    /// In the smallest unit.
    pub(super) fn amount(self) -> u32 {
        match self {
            Self::Whole(amount) | Self::Decimal(amount) => amount,
        }
    }

    pub(super) fn is_decimal(self) -> bool {
        matches!(self, Self::Decimal(_))
    }
}

/// Reads a price: `9800`, `98.00`, `98,5`, `1.250,00`, `1 250.00`.
///
/// # Errors
/// What to write instead.
pub(super) fn read_price(written: &str, currency: &str) -> Result<Written, String> {
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\'' | '’');
    let bare: String = written.chars().filter(|c| !is_space(*c)).collect();
    let digits = usize::from(minor_units_of_event(currency));
    let too_much = || format!("{written:?} is more than any seat costs");
    if is_number(&bare) {
        return bare.parse().map(Written::Whole).map_err(|_| too_much());
    }
    let (whole, decimals) = split(&bare, digits).ok_or_else(|| unreadable(written, currency, digits))?;
    if digits == 0 {
        return Err(format!("{currency} has no smaller unit: write {whole} instead of {written:?}"));
    }
    let kept = decimals.trim_end_matches('0');
    if kept.len() > digits {
        return Err(format!("{written:?} has more than the {digits} decimals of {currency}"));
    }
    format!("{whole}{kept:0<digits$}").parse().map(Written::Decimal).map_err(|_| too_much())
}

/// The digits before and behind the decimal point (or comma), without what groups them.
fn split(bare: &str, digits: usize) -> Option<(String, &str)> {
    let (whole, decimals) = bare.rsplit_once(['.', ','])?;
    let point = bare[whole.len()..].chars().next()?;
    let other = if point == '.' { ',' } else { '.' };
    let mut groups = whole.split(other);
    let (first, rest) = (groups.next()?, groups.collect::<Vec<_>>());
    let is_grouped = rest.iter().all(|group| group.len() == 3 && is_number(group));
    // 1,250 is a thousand to some and one and a quarter to others.
    let is_clear = !rest.is_empty() || decimals.len() != 3 || digits == 3;
    let reads = is_number(first) && is_grouped && is_clear && is_number(decimals);
    reads.then(|| (format!("{first}{}", rest.concat()), decimals))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unreadable(written: &str, currency: &str, digits: usize) -> String {
    let example = 10_i64.pow(u32::try_from(digits).unwrap_or(0)) * 98;
    let shown = money(example, currency).replace(&format!(" {currency}"), "");
    let decimal = if digits > 0 { format!(", or {shown} with a point or a comma") } else { String::new() };
    format!(
        "{written:?} is no price that can be read in one way only: {example} in the smallest unit of {currency}{decimal}"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_and_decimals_are_told_apart() {
        for (written, currency, read) in [
            ("9800", "EUR", Written::Whole(9800)),
            ("9 800", "EUR", Written::Whole(9800)),
            ("98.00", "EUR", Written::Decimal(9800)),
            ("98,00", "EUR", Written::Decimal(9800)),
            ("98,5", "EUR", Written::Decimal(9850)),
            ("98.500", "KWD", Written::Decimal(98_500)),
            ("98,5000", "EUR", Written::Decimal(9850)),
            ("1.250,00", "EUR", Written::Decimal(125_000)),
            ("1,250.5", "EUR", Written::Decimal(125_050)),
            ("1\u{a0}250,00", "EUR", Written::Decimal(125_000)),
            ("1'250.00", "CHF", Written::Decimal(125_000)),
            ("0.00", "EUR", Written::Decimal(0)),
            ("1200", "JPY", Written::Whole(1200)),
        ] {
            assert_eq!(read_price(written, currency), Ok(read), "{written}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_with_the_remedy() {
        for (written, currency, said) in [
            ("1,250", "EUR", "9800 in the smallest unit of EUR, or 98.00"),
            ("1.250.000", "EUR", "one way only"),
            ("98 €", "EUR", "one way only"),
            ("free", "EUR", "one way only"),
            ("", "EUR", "one way only"),
            ("-5", "EUR", "one way only"),
            ("98.", "EUR", "one way only"),
            (".5", "EUR", "one way only"),
            ("12,50.00", "EUR", "one way only"),
            ("98.5055", "EUR", "2 decimals"),
            ("1200.00", "JPY", "write 1200"),
            ("99999999999", "EUR", "more than"),
            ("99999999.00", "EUR", "more than"),
        ] {
            let error = read_price(written, currency).expect_err(written);
            assert!(error.contains(said), "{written}: {error}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_that_is_shown_is_read_again(amount in 0_u32..2_000_000_000) {
            for currency in ["EUR", "KWD", "CLF"] {
                let shown = money(amount.into(), currency).replace(&format!(" {currency}"), "");
                for written in [shown.clone(), shown.replace('.', ",")] {
                    prop_assert_eq!(read_price(&written, currency), Ok(Written::Decimal(amount)), "{}", written);
                }
            }
            prop_assert_eq!(read_price(&amount.to_string(), "EUR"), Ok(Written::Whole(amount)));
        }

        #[test]
        fn nothing_that_is_written_ends_the_import(written in ".{0,24}") {
            for currency in ["EUR", "JPY", "KWD"] {
                let _ = read_price(&written, currency);
            }
        }
    }
}
