//! Shops as they are: what the servers and frameworks behind gates make of a path. The gate's decisions are held against
//! all of them, by property tests and by fuzzing. Nothing here is shared with what it judges.

use super::path::Target;
use super::route::{RoomRoutes, Route, RouteTable};

/// Judges a request target, and lets every kind of shop serve what would be forwarded.
///
/// # Panics
/// When a shop serves a protected page that the gate takes for an open one, or a target has two canonical spellings.
pub fn check(raw: &[u8]) {
    let Ok(target) = Target::parse(raw) else { return };
    let again = Target::parse(target.as_str().as_bytes()).expect("what is canonical is a target");
    assert_eq!(again, target, "canonical spelling");
    for case_insensitive in [false, true] {
        let table = table(case_insensitive);
        if !matches!(table.route("shop.example", &target), Route::Open { .. }) {
            continue;
        }
        for shop in shops().filter(|shop| case_insensitive || !shop.folds_case()) {
            let page = shop.page(target.as_str());
            let (protected, exempt) = (is_page_of("/tickets", &page), is_page_of("/tickets/img", &page));
            assert!(!protected || exempt, "{:?} is open, and {shop:?} serves {page:?} for it", target.as_str());
        }
    }
}

fn table(case_insensitive: bool) -> RouteTable {
    let owned = |text: &str| vec![text.to_owned()];
    let room = RoomRoutes {
        name: "final".to_owned(),
        hosts: owned("*"),
        paths: owned("/tickets"),
        exempt: owned("/tickets/img/"),
        well_known: Vec::new(),
        case_insensitive,
        shop: "shop".to_owned(),
    };
    RouteTable::new("/.fairgate", vec![room])
}

fn is_page_of(folder: &str, page: &str) -> bool {
    page.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What one kind of shop does with a path, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    /// Takes the beginning of `//host/path` for a host, as URL parsers do.
    takes_urls: bool,
    /// How often it decodes.
    decodes: u8,
    /// Takes overlong UTF-8 and `%uXXXX`, and stops at a `?` that was escaped.
    is_lenient: bool,
    /// Takes backslashes for slashes, drops dots and spaces at the end of a name, and what follows a colon.
    is_windows: bool,
    /// Drops `;parameters`.
    drops_parameters: bool,
    /// Drops empty segments.
    merges_slashes: bool,
    /// Takes `A` for `a`.
    folds_case: bool,
}

/// Every kind.
pub fn shops() -> impl Iterator<Item = Shop> {
    (0..=u8::MAX).map(|number| {
        let is = |bit: u8| number >> bit & 1 == 1;
        Shop {
            takes_urls: is(0),
            is_lenient: is(1),
            is_windows: is(2),
            drops_parameters: is(3),
            merges_slashes: is(4),
            folds_case: is(5),
            decodes: number >> 6,
        }
    })
}

impl Shop {
    /// True if the shop takes `A` and `a` for the same.
    #[must_use]
    pub fn folds_case(self) -> bool {
        self.folds_case
    }

    /// The page that it serves for a request target.
    #[must_use]
    pub fn page(self, target: &str) -> String {
        let path = target.split('?').next().unwrap_or_default();
        let mut path: String = path.bytes().map(char::from).collect();
        for _ in 0..self.decodes {
            path = self.decode(&path);
        }
        if self.is_lenient {
            path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        }
        if self.is_windows {
            path = path.replace('\\', "/");
        }
        if self.takes_urls && path.starts_with("//") {
            let rest = path.trim_start_matches('/');
            path = rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned());
        }
        let mut names: Vec<String> = Vec::new();
        for segment in path.split('/').skip(1) {
            match self.name(segment) {
                "." => {}
                ".." => drop(names.pop()),
                "" if self.merges_slashes => {}
                name => names.push(if self.folds_case { name.to_lowercase() } else { name.to_owned() }),
            }
        }
        format!("/{}", names.join("/"))
    }

    fn name(self, segment: &str) -> &str {
        let mut name = segment;
        if self.drops_parameters {
            name = name.split(';').next().unwrap_or_default();
        }
        if self.is_windows {
            name = name.split(':').next().unwrap_or_default().trim_end_matches(' ');
            if name != ".." {
                name = name.trim_end_matches(['.', ' ']);
            }
        }
        name
    }

    /// One decoding, of a text whose characters are bytes.
    fn decode(self, text: &str) -> String {
        let mut rest = text;
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(first) = rest.chars().next() {
            let code = |from: usize, digits: usize| {
                let digits = rest.get(from..from + digits)?;
                let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
            };
            let short = if first == '%' { code(1, 2) } else { None };
            let is_long = self.is_lenient && (rest.starts_with("%u") || rest.starts_with("%U"));
            let long = if is_long { code(2, 4).filter(|code| *code < 128) } else { None };
            let (code, step) = match (long, short) {
                (Some(code), _) => (code, 6),
                (None, Some(code)) => (code, 3),
                (None, None) => (u32::from(first), first.len_utf8()),
            };
            bytes.push(u8::try_from(code).unwrap_or(b'?'));
            rest = &rest[step..];
        }
        if self.is_lenient { shortest(&bytes) } else { bytes.into_iter().map(char::from).collect() }
    }
}

/// Overlong forms of ASCII characters in their shortest form, by arithmetic of their bits.
fn shortest(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let lead = bytes[at];
        let long = lead.leading_ones() as usize;
        let tail = bytes.get(at + 1..at + long).filter(|tail| long > 1 && tail.iter().all(|byte| byte >> 6 == 0b10));
        let code = tail.filter(|_| long < 7).map(|tail| {
            let start = u64::from(lead & (0x7f_u8 >> long));
            tail.iter().fold(start, |code, byte| code << 6 | u64::from(byte & 0x3f))
        });
        match code.and_then(|code| u8::try_from(code).ok()).filter(u8::is_ascii) {
            Some(code) => {
                text.push(char::from(code));
                at += long;
            }
            None => {
                text.push(char::from(lead));
                at += 1;
            }
        }
    }
    text
}
