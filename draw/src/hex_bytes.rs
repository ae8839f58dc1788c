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
