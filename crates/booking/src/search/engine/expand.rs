//! A word of a question as the words of documents that it may mean: itself, what it begins, and what it is a typing error of.
//!
//! Guarantees: at most [`MEANINGS_MAX`] words of each kind, the nearest ones and then the most frequent; an end at the deadline.

use std::collections::HashMap;
use std::time::Instant;

use tantivy::query::{
    BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, InvertedIndexRangeQuery, Occur, Query,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, SegmentReader, Term};

use super::fields::Fields;
use crate::search::index::IndexError;
use crate::search::words::{Word, distance, errors_allowed};

/// Words that a word is taken for, of each kind and in each field.
const MEANINGS_MAX: usize = 32;
/// Words of a dictionary that are looked at for one word of a question.
const LOOKED_AT_MAX: usize = 4_000;
/// Between two looks at the clock.
const LOOKS: usize = 256;

/// What a word counts that is the one that was asked for.
const EXACT: f32 = 1.0;
/// What a word counts that begins with it.
const BEGUN: f32 = 0.8;
/// What a word counts with one typing error, and with two.
const ERRORS: [f32; 2] = [0.6, 0.4];
/// What a word counts that begins with it but for a typing error.
const BEGUN_WITH_ERROR: f32 = 0.25;
/// What a word counts in a name, a place, and the rest. What is better by kind stays better in any field.
const FIELDS: [f32; 3] = [1.0, 0.9, 0.85];

/// The words of one field.
struct Meanings<'a> {
    searcher: &'a Searcher,
    field: Field,
    deadline: Instant,
}

/// Words of the dictionaries, and how many documents have each.
type Found = HashMap<String, u32>;

/// What finds the documents that have a word in some sense; `is_last` words may go on.
///
/// # Errors
/// [`IndexError`].
pub(super) fn query_of(
    searcher: &Searcher,
    fields: &Fields,
    word: &Word,
    is_last: bool,
    deadline: Instant,
) -> Result<Box<dyn Query>, IndexError> {
    let mut ways: Vec<Box<dyn Query>> = Vec::new();
    for (field, weight) in [fields.name, fields.place, fields.more].into_iter().zip(FIELDS) {
        let meanings = Meanings { searcher, field, deadline };
        ways.push(meanings.term(&word.text, EXACT * weight));
        if word.is_dense {
            continue;
        }
        if is_last {
            meanings.begun(&word.text, weight, &mut ways)?;
        }
        meanings.mistyped(&word.text, is_last, weight, &mut ways)?;
    }
    Ok(Box::new(DisjunctionMaxQuery::new(ways)))
}

/// What finds the documents in which a whole field is this.
pub(super) fn exactly(field: Field, text: &str) -> Box<dyn Query> {
    let term = TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic);
    Box::new(ConstScoreQuery::new(Box::new(term), 0.0))
}

/// What finds the documents that all of these find, or all but one.
pub(super) fn together(words: Vec<Box<dyn Query>>, filters: Vec<Box<dyn Query>>, is_relaxed: bool) -> BooleanQuery {
    let most = words.len();
    let filters = filters.into_iter().map(|filter| (Occur::Must, filter));
    if is_relaxed {
        let words: Vec<_> = words.into_iter().map(|word| (Occur::Should, word)).collect();
        let some: Box<dyn Query> = Box::new(BooleanQuery::with_minimum_required_clauses(words, most - 1));
        return BooleanQuery::new(std::iter::once((Occur::Must, some)).chain(filters).collect());
    }
    BooleanQuery::new(words.into_iter().map(|word| (Occur::Must, word)).chain(filters).collect())
}

impl Meanings<'_> {
    fn term(&self, text: &str, score: f32) -> Box<dyn Query> {
        let term = TermQuery::new(Term::from_field_text(self.field, text), IndexRecordOption::Basic);
        Box::new(ConstScoreQuery::new(Box::new(term), score))
    }

    /// Every document with a word that this one begins. A range has no end to its words, and counts them all the same.
    fn begun(&self, word: &str, weight: f32, ways: &mut Vec<Box<dyn Query>>) -> Result<(), IndexError> {
        self.check_deadline()?;
        let Some(end) = after_prefix(word) else { return Ok(()) };
        let from = std::ops::Bound::Included(Term::from_field_text(self.field, word));
        let until = std::ops::Bound::Excluded(Term::from_field_text(self.field, &end));
        let range = InvertedIndexRangeQuery::new(from, until);
        ways.push(Box::new(ConstScoreQuery::new(Box::new(range), BEGUN * weight)));
        Ok(())
    }

    /// The nearest words with typing errors; of a word that may go on and is like none, the words that it may begin.
    fn mistyped(
        &self,
        word: &str,
        is_last: bool,
        weight: f32,
        ways: &mut Vec<Box<dyn Query>>,
    ) -> Result<(), IndexError> {
        let errors = errors_allowed(word);
        if errors == 0 {
            return Ok(());
        }
        let like = FuzzyTermQuery::new(Term::from_field_text(self.field, word), errors, true);
        let mut near: Vec<(usize, u32, String)> = self
            .matches(&like)?
            .into_iter()
            .map(|(text, documents)| (distance(word, &text, usize::from(errors)), documents, text))
            .filter(|(distance, ..)| (1..=usize::from(errors)).contains(distance))
            .collect();
        near.sort_unstable_by(|a, b| (a.0, b.1, &a.2).cmp(&(b.0, a.1, &b.2)));
        let is_like_none = near.is_empty();
        ways.extend(near.iter().take(MEANINGS_MAX).map(|(distance, _, text)| {
            let score = ERRORS.get(distance - 1).copied().unwrap_or(BEGUN_WITH_ERROR);
            self.term(text, score * weight)
        }));
        if is_last && is_like_none {
            let like = FuzzyTermQuery::new_prefix(Term::from_field_text(self.field, word), 1, true);
            let mut begun: Vec<(String, u32)> = self.matches(&like)?.into_iter().collect();
            begun.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
            ways.extend(begun.iter().take(MEANINGS_MAX).map(|(text, _)| self.term(text, BEGUN_WITH_ERROR * weight)));
        }
        Ok(())
    }

    /// The words of all dictionaries that are like one, with the documents that have them.
    fn matches(&self, like: &FuzzyTermQuery) -> Result<Found, IndexError> {
        let mut found = Found::new();
        for segment in self.searcher.segment_readers() {
            self.check_deadline()?;
            self.matches_in(segment, like, &mut found)?;
        }
        Ok(found)
    }

    fn matches_in(&self, segment: &SegmentReader, like: &FuzzyTermQuery, found: &mut Found) -> Result<(), IndexError> {
        let words = segment.inverted_index(self.field)?;
        let mut stream = words.terms().search(like.automaton()?).into_stream()?;
        let mut seen = 0_usize;
        while seen < LOOKED_AT_MAX && stream.advance() {
            seen += 1;
            if seen.is_multiple_of(LOOKS) {
                self.check_deadline()?;
            }
            if let Ok(text) = std::str::from_utf8(stream.key()) {
                *found.entry(text.to_owned()).or_default() += stream.value().doc_freq;
            }
        }
        Ok(())
    }

    fn check_deadline(&self) -> Result<(), IndexError> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(IndexError::Late) }
    }
}

/// The first word after all that begin so.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut signs: Vec<char> = prefix.chars().collect();
    while let Some(last) = signs.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            signs.push(next);
            return Some(signs.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kinds_keep_their_order_in_all_fields() {
        let kinds = [EXACT, BEGUN, ERRORS[0], ERRORS[1], BEGUN_WITH_ERROR];
        for pair in kinds.windows(2) {
            assert!(pair[0] * FIELDS[2] > pair[1] * FIELDS[0] + super::super::ranking::WITHIN_A_KIND, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_begins_so_lies_in_the_range(prefix in "\\PC{1,8}", rest in "\\PC{0,8}", other in "\\PC{0,16}") {
            let whole = format!("{prefix}{rest}");
            if let Some(end) = after_prefix(&prefix) {
                prop_assert!(whole >= prefix && whole < end);
                prop_assert_eq!(other >= prefix && other < end, other.starts_with(&prefix));
            }
        }
    }
}
