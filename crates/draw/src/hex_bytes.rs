//! Bytes as lower-case hex in JSON, for `#[serde(with = "hex_bytes")]`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What has a hex form: an array, or an array that is not known yet (`null`).
pub(crate) trait HexBytes: Sized {
    type Text: Serialize + for<'de> Deserialize<'de>;

    fn to_text(&self) -> Self::Text;
    fn from_text(text: Self::Text) -> Result<Self, String>;
}

impl<const N: usize> HexBytes for [u8; N] {
    type Text = String;

    fn to_text(&self) -> String {
        hex::encode(self)
    }

    fn from_text(text: String) -> Result<Self, String> {
        let mut bytes = [0; N];
        // One value, one text: a record that is written again must not change.
        let lower_case = !text.contains(|c: char| c.is_ascii_uppercase());
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) if lower_case => Ok(bytes),
            _ => Err(format!("{text:?} is not {N} bytes of lower-case hex")),
        }
    }
}

impl<const N: usize> HexBytes for Option<[u8; N]> {
    type Text = Option<String>;

    fn to_text(&self) -> Option<String> {
        self.as_ref().map(HexBytes::to_text)
    }

    fn from_text(text: Option<String>) -> Result<Self, String> {
        text.map(HexBytes::from_text).transpose()
    }
}

pub(crate) fn serialize<T: HexBytes, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.to_text().serialize(serializer)
}

pub(crate) fn deserialize<'de, T: HexBytes, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::from_text(T::Text::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A constant from its hex text; a wrong text does not compile.
pub(crate) const fn literal<const N: usize>(text: &str) -> [u8; N] {
    let text = text.as_bytes();
    assert!(text.len() == 2 * N, "two digits a byte");
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
        i += 1;
    }
    bytes
}

const fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("not a lower-case hex digit"),
    }
}
