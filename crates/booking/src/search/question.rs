//! A question as it was understood: words and filters, each within its bounds. Pure.

use super::document::days;
use super::words::{Word, asked, whole};
use crate::events::edit::Misfit;

/// Bytes of the words that are looked for.
pub const TEXT_BYTES_MAX: usize = 200;
/// Words that are looked for.
pub const WORDS_MAX: usize = 12;
/// Signs of scripts without spaces, in pairs; each pair is a word.
const PAIRS_MAX: usize = 64;
/// Pages; whoever wants more narrows the question down.
pub const PAGES_MAX: usize = 50;
/// Events on a page.
pub const PAGE_EVENTS: usize = 20;
/// The greatest distance, km.
pub const KM_MAX: u32 = 1_000;
const CITY_BYTES_MAX: usize = 200;

/// In which order events are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// What fits best first; without words, what begins first.
    #[default]
    Relevance,
    /// What begins first.
    Date,
    /// What is cheapest first.
    Price,
}

/// Around a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Near {
    /// Degrees north times 100,000, which is about a metre.
    pub lat_e5: i32,
    /// Degrees east times 100,000.
    pub lon_e5: i32,
    /// How far, in km.
    pub km: u32,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Question {
    /// As it was asked, without the spaces around it.
    pub text: String,
    /// The words of it.
    pub words: Vec<Word>,
    /// The city, as it is compared.
    pub city: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// The first day, where the event takes place, from 1970-01-01.
    pub from_day: Option<i64>,
    /// The last day.
    pub to_day: Option<i64>,
    /// Events with a place at this price or more, in the smallest unit of their currency.
    pub price_min: Option<u32>,
    /// Events with a place at this price or less.
    pub price_max: Option<u32>,
    /// Around a point.
    pub near: Option<Near>,
    /// In which order.
    pub sort: Sort,
    /// From 1.
    pub page: usize,
}

impl Question {
    /// Reads the query of a URL. Names that mean nothing here are left alone.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub fn read(query: &str) -> Result<Self, Misfit> {
        let mut question = Self { page: 1, ..Self::default() };
        let (mut lat, mut lon, mut km) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match &*name {
                "q" => question.ask(value)?,
                "page" => question.page = page(value)?,
                "city" => question.city = Some(city(value)?),
                "category" => question.category = Some(category(value)?),
                "from" => question.from_day = Some(day("from", value)?),
                "to" => question.to_day = Some(day("to", value)?),
                "price_min" => question.price_min = Some(number("price_min", value, u32::MAX)?),
                "price_max" => question.price_max = Some(number("price_max", value, u32::MAX)?),
                "lat" => lat = Some(degrees("lat", value, 90.0)?),
                "lon" => lon = Some(degrees("lon", value, 180.0)?),
                "km" => km = Some(number("km", value, KM_MAX)?),
                "sort" => question.sort = sort(value)?,
                _ => {}
            }
        }
        question.near = match (lat, lon, km) {
            (Some(lat_e5), Some(lon_e5), km) => Some(Near { lat_e5, lon_e5, km: km.unwrap_or(25) }),
            (None, None, None) => None,
            _ => return Err(misfit("lat", "To look around a point, name `lat` and `lon`, and `km` if not 25.")),
        };
        if question.from_day.zip(question.to_day).is_some_and(|(from, to)| from > to) {
            return Err(misfit("to", "The last day must not be before `from`."));
        }
        if question.price_min.zip(question.price_max).is_some_and(|(min, max)| min > max) {
            return Err(misfit("price_max", "It must not be less than `price_min`."));
        }
        Ok(question)
    }

    /// Asks for words.
    ///
    /// # Errors
    /// When there are too many of them.
    fn ask(&mut self, text: &str) -> Result<(), Misfit> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(misfit("q", format!("At most {TEXT_BYTES_MAX} bytes, please.")));
        }
        self.words = asked(text);
        let spaced = self.words.iter().filter(|word| !word.is_dense).count();
        if spaced > WORDS_MAX || self.words.len() - spaced > PAIRS_MAX {
            return Err(misfit("q", format!("At most {WORDS_MAX} words, please.")));
        }
        text.clone_into(&mut self.text);
        Ok(())
    }
}

fn page(value: &str) -> Result<usize, Misfit> {
    let page = value.parse().ok().filter(|page| (1..=PAGES_MAX).contains(page));
    page.ok_or_else(|| misfit("page", format!("1 to {PAGES_MAX}, please; filters find what lies further down.")))
}

fn city(value: &str) -> Result<String, Misfit> {
    let city = if value.len() <= CITY_BYTES_MAX { whole(value) } else { String::new() };
    if city.is_empty() { Err(misfit("city", "The name of a city, please.")) } else { Ok(city) }
}

fn category(value: &str) -> Result<String, Misfit> {
    let fits = crate::events::edit::is_slug(value);
    if fits { Ok(value.to_owned()) } else { Err(misfit("category", "1 to 64 of a-z, 0-9 and -, please.")) }
}

fn day(field: &str, value: &str) -> Result<i64, Misfit> {
    let date = value.parse::<jiff::civil::Date>().ok().filter(|_| value.len() == 10);
    date.map(days).ok_or_else(|| misfit(field, "A day like 2027-06-21, please."))
}

fn number(field: &str, value: &str, most: u32) -> Result<u32, Misfit> {
    let number = value.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| misfit(field, format!("A whole number from 0 to {most}, please.")))
}

fn degrees(field: &str, value: &str, most: f64) -> Result<i32, Misfit> {
    let degrees = value.parse::<f64>().ok().filter(|degrees| degrees.abs() <= most);
    degrees.map(e5).ok_or_else(|| misfit(field, format!("Degrees from -{most} to {most}, please.")))
}

fn sort(value: &str) -> Result<Sort, Misfit> {
    match value {
        "relevance" => Ok(Sort::Relevance),
        "date" => Ok(Sort::Date),
        "price" => Ok(Sort::Price),
        _ => Err(misfit("sort", "One of relevance, date and price, please.")),
    }
}

/// Degrees in whole hundred thousandths.
pub(super) fn e5(degrees: f64) -> i32 {
    (degrees * 100_000.0).round() as i32
}

fn misfit(field: &str, detail: impl Into<String>) -> Misfit {
    Misfit { field: field.to_owned(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_words_and_filters() {
        let question = Question::read(
            "q=Sigur+R%C3%B3s&city=K%C3%B6ln&category=concert&from=2027-06-21&to=2027-06-21&price_max=5000&lat=50.94&lon=6.96&page=2&utm=x",
        )
        .expect("a question");
        assert_eq!(question.words.iter().map(|word| &*word.text).collect::<Vec<_>>(), ["sigur", "ros"]);
        assert_eq!((question.city.as_deref(), question.category.as_deref()), (Some("koln"), Some("concert")));
        assert_eq!((question.from_day, question.to_day, question.page), (Some(20_990), Some(20_990), 2));
        assert_eq!(question.near, Some(Near { lat_e5: 5_094_000, lon_e5: 696_000, km: 25 }));
        assert_eq!(Question::read("q=&page=").expect("nothing"), Question { page: 1, ..Question::default() });
    }

    #[test]
    fn what_cannot_be_is_named() {
        let long = format!("q={}", "a".repeat(TEXT_BYTES_MAX + 1));
        for (query, field) in [
            (&*long, "q"),
            ("q=1+2+3+4+5+6+7+8+9+10+11+12+13", "q"),
            ("page=0", "page"),
            ("page=51", "page"),
            ("city=!", "city"),
            ("category=A%20B", "category"),
            ("from=tomorrow", "from"),
            ("from=2027-01-02&to=2027-01-01", "to"),
            ("price_min=-1", "price_min"),
            ("price_min=2&price_max=1", "price_max"),
            ("lat=91&lon=0", "lat"),
            ("lat=nan&lon=0", "lat"),
            ("lon=0", "lat"),
            ("lat=1&lon=1&km=1001", "km"),
            ("sort=best", "sort"),
        ] {
            assert_eq!(Question::read(query).expect_err(query).field, field);
        }
    }
}
