//! If a path lies under a prefix, as a shop may see it.
//!
//! Guarantees:
//! - whole segments count, so that `/tickets` covers `/tickets/1` and `/tickets;v=1` but not `/ticketsale`
//! - a shop that cuts or drops what many shops do finds nothing under a prefix that is not seen under it here

/// What a shop may make of a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading<'p> {
    /// The path.
    Path(&'p str),
    /// Names, any of which it may drop.
    Names(&'p str),
}

impl Reading<'_> {
    /// True if it lies under a prefix.
    pub(super) fn is_under(self, prefix: &str, case_insensitive: bool) -> bool {
        match self {
            Self::Path(path) => lies_under(prefix, path, case_insensitive),
            Self::Names(names) => are_among(prefix, names, case_insensitive),
        }
    }
}

/// True if the names of a prefix are among others, in their order.
fn are_among(prefix: &str, names: &str, case_insensitive: bool) -> bool {
    let mut names = names.split('/');
    let mut wanted = prefix.split(['/', ':']).filter(|name| !name.is_empty());
    wanted.all(|wanted| names.any(|name| is_segment(wanted, name, case_insensitive)))
}

/// True if a path lies under a prefix, in whole segments, as a shop may see it.
#[must_use]
pub fn is_under(prefix: &str, path: &str) -> bool {
    lies_under(prefix, path, false)
}

fn lies_under(prefix: &str, path: &str, case_insensitive: bool) -> bool {
    let mut segments = path.split('/');
    let mut wanted = prefix.trim_end_matches('/').split('/');
    wanted.all(|wanted| segments.next().is_some_and(|segment| is_segment(wanted, segment, case_insensitive)))
}

/// True if a shop may take one segment for another.
///
/// Many shops drop `;parameters`. Some take what was an escaped `?` or `#` for the end of the path. Windows drops dots
/// and spaces at the end, and what follows a colon.
fn is_segment(wanted: &str, segment: &str, case_insensitive: bool) -> bool {
    let bare = |text: &'_ str| text.trim_end_matches(['.', ' ']).len();
    let wanted = &wanted[..bare(wanted)];
    let ends = [segment.len(), segment.find([';', '?', '#']).unwrap_or(segment.len())];
    let ends = ends.into_iter().chain(segment.find(':'));
    ends.map(|end| &segment[..end]).any(|name| same(wanted, &name[..bare(name)], case_insensitive))
}

fn same(a: &str, b: &str, case_insensitive: bool) -> bool {
    let lower = |text: &'_ str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    match case_insensitive {
        false => a == b,
        true if a.is_ascii() && b.is_ascii() => a.eq_ignore_ascii_case(b),
        true => lower(a) == lower(b),
    }
}
