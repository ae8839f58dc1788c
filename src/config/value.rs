//! How single values are read: each kind says what does not fit and what would.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use toml::de::DeValue;

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
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit>;
}

fn expected<T>(value: &DeValue<'_>, what: &str) -> Result<T, Misfit> {
    Err(Misfit::new(format!("is {}, not {what}", article(value.type_str())), format!("write {what}")))
}

fn article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

impl Value for String {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        value.as_str().map_or_else(|| expected(value, "a string in quotes"), |text| Ok(text.to_owned()))
    }
}

impl Value for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        value.as_bool().map_or_else(|| expected(value, "true or false"), Ok)
    }
}

impl Value for u64 {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let Some(number) = value.as_integer() else { return expected(value, "a whole number") };
        Self::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| Misfit::new(format!("{number} is out of range"), "write a number from 0 up"))
    }
}

impl Value for u32 {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let number = u64::read(value)?;
        Self::try_from(number)
            .map_err(|_| Misfit::new(format!("{number} is out of range"), format!("at most {}", Self::MAX)))
    }
}

impl Value for u16 {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let number = u64::read(value)?;
        Self::try_from(number)
            .map_err(|_| Misfit::new(format!("{number} is out of range"), format!("at most {}", Self::MAX)))
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let Some(items) = value.as_array() else { return expected(value, "an array in [ ]") };
        items.iter().map(|item| T::read(item.get_ref())).collect()
    }
}

impl Value for PathBuf {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        match String::read(value)? {
            path if path.is_empty() => Err(Misfit::new("is empty", "name a path")),
            path => Ok(path.into()),
        }
    }
}

impl Value for SocketAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        parsed(value, r#"an address and a port, like "127.0.0.1:8080" or "[::]:443""#)
    }
}

impl Value for IpNet {
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

/// One word of a few.
pub(super) fn one_of<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, Misfit> {
    let text = String::read(value)?;
    let known = || words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
    let found = words.iter().find(|(word, _)| *word == text);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| Misfit::new(format!("{text:?} is not known"), format!("write {}", known())))
}
