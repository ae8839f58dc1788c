//! Text in HTML.

use std::borrow::Cow;

/// Escapes text for an element or a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_an_element_or_ends_an_attribute() {
        assert_eq!(escape("<b a='&'>\""), "&lt;b a=&#39;&amp;&#39;&gt;&quot;");
        assert!(matches!(escape("Sigur Rós"), Cow::Borrowed("Sigur Rós")));
    }
}
