//! How single values are read: each kind says what does not fit and what would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeString, DeValue};

/// Why a value does not fit.
pub(super) struct Misfit {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Misfit {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// A kind of value.
pub(super) trait Value: Sized {
    /// What fits, in a few words of a reference.
    fn kind() -> String;

    /// The value that is written there.
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit>;
}

/// A value that is one word of a few.
pub(super) trait Word: Copy + 'static {
    /// The words, each with what it means.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Word> Value for T {
    fn kind() -> String {
        known(T::WORDS)
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        let misfit = || Misfit::new(format!("{text:?} is not known"), format!("write {}", known(T::WORDS)));
        found.map(|(_, value)| *value).ok_or_else(misfit)
    }
}

fn known<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}

fn expected<T>(value: &DeValue<'_>, what: &str) -> Result<T, Misfit> {
    Err(Misfit::new(format!("is {}, not {what}", article(value.type_str())), format!("write {what}")))
}

fn article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

impl Value for String {
    fn kind() -> String {
        "text".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        value.as_str().map_or_else(|| expected(value, "a string in quotes"), |text| Ok(text.to_owned()))
    }
}

impl Value for bool {
    fn kind() -> String {
        "true or false".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        value.as_bool().map_or_else(|| expected(value, "true or false"), Ok)
    }
}

impl Value for u64 {
    fn kind() -> String {
        "whole number".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let Some(number) = value.as_integer() else { return expected(value, "a whole number") };
        Self::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| Misfit::new(format!("{number} is out of range"), "write a number from 0 up"))
    }
}

/// Numbers of fewer bits are read as `u64` is.
macro_rules! smaller_numbers {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn kind() -> String {
                u64::kind()
            }

            fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
                let number = u64::read(value)?;
                Self::try_from(number)
                    .map_err(|_| Misfit::new(format!("{number} is out of range"), format!("at most {}", Self::MAX)))
            }
        }
    )*};
}

smaller_numbers!(u32, u16, u8);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl Value for Share {
    fn kind() -> String {
        "number from 0 to 1".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let written = value.as_float().map(DeFloat::as_str).or(value.as_integer().map(DeInteger::as_str));
        let Some(written) = written else { return expected(value, "a number from 0 to 1") };
        match written.replace('_', "").parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err(Misfit::new(format!("{written} is out of range"), "write a number from 0 to 1, like 0.5")),
        }
    }
}

/// Texts by keys that whoever writes the file chooses.
impl Value for BTreeMap<String, String> {
    fn kind() -> String {
        "table: text".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let Some(table) = value.as_table() else { return expected(value, "a table in { }") };
        let pair = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
            Ok((key.get_ref().to_string(), String::read(value.get_ref())?))
        };
        table.iter().map(pair).collect()
    }
}

impl<T: Value> Value for Vec<T> {
    fn kind() -> String {
        format!("list: {}", T::kind())
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let Some(items) = value.as_array() else { return expected(value, "an array in [ ]") };
        items.iter().map(|item| T::read(item.get_ref())).collect()
    }
}

impl Value for PathBuf {
    fn kind() -> String {
        "path".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        match String::read(value)? {
            path if path.is_empty() => Err(Misfit::new("is empty", "name a path")),
            path => Ok(path.into()),
        }
    }
}

impl Value for SocketAddr {
    fn kind() -> String {
        "address and port".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        parsed(value, r#"an address and a port, like "127.0.0.1:8080" or "[::]:443""#)
    }
}

impl Value for IpNet {
    fn kind() -> String {
        "network".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let net = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| Self::from(address)));
        net.map_err(|_| {
            Misfit::new(format!("{text:?} is not a network"), r#"write a network like "10.0.0.0/8" or "fd00::/8""#)
        })
    }
}

fn parsed<T: FromStr>(value: &DeValue<'_>, what: &str) -> Result<T, Misfit> {
    let text = String::read(value)?;
    text.parse().map_err(|_| Misfit::new(format!("{text:?} cannot be read"), format!("write {what}")))
}
