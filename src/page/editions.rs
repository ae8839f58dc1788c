//! A page in every language, each made when somebody first asks for it.
//!
//! **Guarantees:**
//! - English is made at the start: what is wrong with a template is known then
//! - each other language is made once, by its first request; where that fails it is English

use std::sync::OnceLock;

use super::language::{self, Language};

/// The editions of one page of one room.
#[derive(Debug)]
pub(super) struct Editions<E> {
    english: E,
    others: [OnceLock<Option<E>>; language::COUNT],
}

impl<E> Editions<E> {
    /// The page in English.
    pub(super) fn with(english: E) -> Self {
        Self { english, others: [const { OnceLock::new() }; language::COUNT] }
    }

    /// The edition of a language, by its index; `make` makes it where nobody has asked for it before.
    pub(super) fn get<X>(&self, index: usize, make: impl FnOnce(&'static Language) -> Result<E, X>) -> &E {
        if index == 0 {
            return &self.english;
        }
        self.others[index].get_or_init(|| make(language::get(index)).ok()).as_ref().unwrap_or(&self.english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_made_once_and_on_demand() {
        let editions = Editions::with("english");
        let never = |_: &'static Language| -> Result<&'static str, ()> { panic!("it is there") };
        assert_eq!(*editions.get(0, never), "english");
        assert_eq!(*editions.get(1, |language| Ok::<_, ()>(language.tag)), language::get(1).tag);
        assert_eq!(*editions.get(1, never), language::get(1).tag);
    }

    #[test]
    fn what_cannot_be_made_is_english_and_not_tried_again() {
        let editions = Editions::with("english");
        assert_eq!(*editions.get(1, |_| Err("broken")), "english");
        assert_eq!(*editions.get(1, |_| Ok::<_, ()>("another")), "english");
    }
}
