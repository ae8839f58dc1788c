//! Amounts as people read them.

/// An amount in the smallest unit of its currency, with the digits of that currency (ISO 4217) after the point.
#[must_use]
pub fn money(amount: i64, currency: &str) -> String {
    let digits = match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(digits);
    let (whole, rest) = (amount / unit, (amount % unit).abs());
    match digits {
        0 => format!("{whole} {currency}"),
        digits => format!("{whole}.{rest:0width$} {currency}", width = digits as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(money(5, "EUR"), "0.05 EUR");
        assert_eq!(money(24_005, "EUR"), "240.05 EUR");
        assert_eq!(money(1200, "JPY"), "1200 JPY");
        assert_eq!(money(1_005, "KWD"), "1.005 KWD");
    }
}
