//! Currencies, and amounts as people read them: the one place that knows how many digits a currency has.
//!
//! Guarantees: a currency that can be sold in is one of ISO 4217 that has a smallest unit. Everything that shows or
//! reads an amount (pages, mails, the API, imports, the command line) has its digits from here.

/// ISO 4217 as published on 2026-01-01: codes by the digits behind the point. Codes that have no smallest unit (gold, units
/// of account, codes for testing) are left out: nobody can be charged in them.
const CURRENCIES: [(u8, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW \
         CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
         MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
         SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
         YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// Of a currency that is not known: an event may be older than the check of its code.
const MINOR_UNITS_USUAL: u8 = 2;

/// Every currency that can be sold in, with the digits behind its point.
pub fn currencies() -> impl Iterator<Item = (&'static str, u8)> {
    CURRENCIES.into_iter().flat_map(|(digits, codes)| codes.split(' ').map(move |code| (code, digits)))
}

/// The digits behind the point of a currency, if it is one that can be sold in.
#[must_use]
pub fn minor_units(currency: &str) -> Option<u8> {
    currencies().find(|(code, _)| *code == currency).map(|(_, digits)| digits)
}

/// The same for an event's currency, which was checked when the event was made.
#[must_use]
pub fn minor_units_of_event(currency: &str) -> u8 {
    minor_units(currency).unwrap_or(MINOR_UNITS_USUAL)
}

/// An amount in the smallest unit of its currency, with the digits of that currency after the point.
#[must_use]
pub fn money(amount: i64, currency: &str) -> String {
    let digits = minor_units_of_event(currency);
    let unit = 10_u64.pow(u32::from(digits));
    let (whole, rest) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let sign = if amount < 0 { "-" } else { "" };
    match digits {
        0 => format!("{sign}{whole} {currency}"),
        digits => format!("{sign}{whole}.{rest:0width$} {currency}", width = usize::from(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        for (amount, currency, shown) in [
            (5, "EUR", "0.05 EUR"),
            (24_005, "EUR", "240.05 EUR"),
            (1_580_000, "HUF", "15800.00 HUF"),
            (1200, "JPY", "1200 JPY"),
            (1_005, "KWD", "1.005 KWD"),
            (12_345, "CLF", "1.2345 CLF"),
            (-5, "EUR", "-0.05 EUR"),
        ] {
            assert_eq!(money(amount, currency), shown);
        }
    }

    #[test]
    fn each_code_stands_once_and_nobody_sells_in_gold() {
        let mut codes: Vec<&str> = currencies().map(|(code, _)| code).collect();
        codes.sort_unstable();
        assert_eq!(codes.len(), 165);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        for code in ["XXQ", "XXX", "XTS", "XAU", "XDR", "BGN", "HRK", "eur", "EU", ""] {
            assert_eq!(minor_units(code), None, "{code:?}");
        }
    }
}
