//! RFC 8785 canonical JSON, for what the protocol's documents are made of: no fractions.

use serde_json::Value;

/// The one text of a JSON value, whoever wrote it. `None` where the value has a number that is not an integer of at
/// most 2⁵³ - 1.
#[must_use]
pub fn canonical_json(value: &Value) -> Option<String> {
    let mut text = String::new();
    write(value, &mut text)?;
    Some(text)
}

fn write(value: &Value, text: &mut String) -> Option<()> {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, text);
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            text.push('{');
            for (i, (key, member)) in members.into_iter().enumerate() {
                separate(i, text);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs))?;
            (magnitude < 1 << 53).then(|| text.push_str(&number.to_string()))?;
        }
        // `serde_json` escapes strings as RFC 8785 does.
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
    Some(())
}

fn separate(i: usize, text: &mut String) {
    if i > 0 {
        text.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        canonical_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn keys_are_sorted_by_utf_16_and_spaces_are_gone() {
        // The example of RFC 8785, section 3.2.3.
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let values: Vec<String> = canonical(text).unwrap().split("\":\"").skip(1).map(|s| s[..5].to_owned()).collect();
        assert_eq!(values, ["Carri", "One\",", "Contr", "Latin", "Euro ", "Emoji", "Hebre"]);
        assert_eq!(
            canonical(" { \"b\" : [ 1 , { \"d\":null, \"c\":true } ] ,\"a\":-3}").unwrap(),
            r#"{"a":-3,"b":[1,{"c":true,"d":null}]}"#
        );
    }

    #[test]
    fn numbers_without_one_text_are_refused() {
        assert_eq!(canonical("9007199254740991").unwrap(), "9007199254740991");
        for text in ["9007199254740992", "1.5", "1e3", "-9007199254740992"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
