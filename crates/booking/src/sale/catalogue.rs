//! The catalogue: what is said about every event, in memory, without its seats.
//!
//! **Guarantees:**
//! - taking over an edit costs the same however many events there are (but for a look-up in a tree)
//! - an older version never replaces a newer one
//! - what is published later is in no page before its time, and in all of them from then on
//! - a page begins after the place that its cursor names, so a walk through all pages shows each event that stays where it is
//!   exactly once, whatever is made or edited meanwhile

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::db::DbTime;
use crate::events::seat_map::Facts;

/// Where an event stands in the list: the next one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    starts_at: DbTime,
    event_id: i32,
}

/// A cursor that no list gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no `next` of a list of events")]
pub struct NoCursor;

impl Place {
    fn of(facts: &Facts) -> Self {
        Self { starts_at: facts.starts_at, event_id: facts.event_id }
    }

    /// The cursor of this place: 12 bytes in base64url, which clients take as it is.
    #[must_use]
    pub fn cursor(self) -> String {
        let bytes: Vec<u8> = self.starts_at.0.to_be_bytes().into_iter().chain(self.event_id.to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// [`NoCursor`].
    pub fn read(cursor: &str) -> Result<Self, NoCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| NoCursor)?;
        let (starts_at, event_id) = bytes.split_first_chunk().ok_or(NoCursor)?;
        let event_id = event_id.try_into().map_err(|_| NoCursor)?;
        Ok(Self { starts_at: DbTime(i64::from_be_bytes(*starts_at)), event_id: i32::from_be_bytes(event_id) })
    }
}

/// A part of the list.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) events: Vec<Arc<Facts>>,
    /// After which the next part begins, if there is more.
    pub(super) next: Option<Place>,
}

/// All events.
#[derive(Debug, Default)]
pub(super) struct Catalogue(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_slug: HashMap<String, Arc<Facts>>,
    by_id: HashMap<i32, Arc<Facts>>,
    /// Those that are in lists.
    in_order: BTreeMap<Place, Arc<Facts>>,
    /// Those that are in lists later, the next one first.
    hidden: BTreeSet<(DbTime, i32)>,
    /// Counts the changes, so that what was made of them is known to be old.
    generation: u64,
}

impl Catalogue {
    pub(super) fn by_slug(&self, slug: &str) -> Option<Arc<Facts>> {
        self.read().by_slug.get(slug).cloned()
    }

    pub(super) fn by_id(&self, event_id: i32) -> Option<Arc<Facts>> {
        self.read().by_id.get(&event_id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.read().by_id.len()
    }

    pub(super) fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Shows what is published by now.
    pub(super) fn publish(&self, now: DbTime) {
        let is_due = |known: &Known| known.hidden.first().is_some_and(|(at, _)| *at <= now);
        if is_due(&self.read()) {
            let mut known = self.write();
            while is_due(&known) {
                known.publish_next();
            }
        }
    }

    /// At most so many events after a place.
    pub(super) fn page(&self, after: Option<Place>, limit: usize) -> Page {
        let known = self.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = known.in_order.range((from, Bound::Unbounded)).map(|(_, facts)| facts);
        let events: Vec<_> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().and(events.last()).map(|last| Place::of(last));
        Page { events, next }
    }

    /// The events that somebody wants, at most so many.
    pub(super) fn wanted(&self, limit: usize, is_wanted: impl Fn(&Facts) -> bool) -> Vec<i32> {
        let known = self.read();
        known.in_order.values().filter(|facts| is_wanted(facts)).take(limit).map(|facts| facts.event_id).collect()
    }

    /// Takes over what was read of some events.
    pub(super) fn put(&self, read: impl IntoIterator<Item = Facts>) {
        let mut known = self.write();
        for facts in read {
            known.put(facts);
        }
    }

    /// Takes over what was read of all events: those that were not read are gone.
    pub(super) fn replace(&self, read: Vec<Facts>) {
        let mut all = Known::default();
        for facts in read {
            all.put(facts);
        }
        let mut known = self.write();
        all.generation = known.generation + 1;
        *known = all;
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, facts: Facts) {
        let known = self.by_id.get(&facts.event_id);
        if known.is_some_and(|known| known.version >= facts.version) {
            return;
        }
        if let Some(known) = known.cloned() {
            self.in_order.remove(&Place::of(&known));
            if let Some(published_at) = known.published_at {
                self.hidden.remove(&(published_at, known.event_id));
            }
            self.by_slug.remove(&known.slug);
        }
        let facts = Arc::new(facts);
        self.by_slug.insert(facts.slug.clone(), Arc::clone(&facts));
        match facts.published_at {
            Some(published_at) => {
                self.hidden.insert((published_at, facts.event_id));
            }
            None => {
                self.in_order.insert(Place::of(&facts), Arc::clone(&facts));
            }
        }
        self.by_id.insert(facts.event_id, facts);
        self.generation += 1;
    }

    fn publish_next(&mut self) {
        let Some((_, event_id)) = self.hidden.pop_first() else { return };
        if let Some(facts) = self.by_id.get(&event_id) {
            self.in_order.insert(Place::of(facts), Arc::clone(facts));
            self.generation += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::seat_map::tests::facts;

    fn event(event_id: i32, starts_at: i64, version: i64) -> Facts {
        let (slug, starts_at) = (format!("event-{event_id}"), DbTime(starts_at));
        Facts { event_id, slug, starts_at, version, ..facts() }
    }

    fn walk(catalogue: &Catalogue, limit: usize) -> Vec<i32> {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = catalogue.page(after, limit);
            assert!(page.events.len() <= limit);
            seen.extend(page.events.iter().map(|facts| facts.event_id));
            let Some(next) = page.next else { return seen };
            // As a client sends it back.
            after = Some(Place::read(&next.cursor()).expect("its own cursor"));
        }
    }

    #[test]
    fn an_edit_moves_an_event_and_an_older_version_changes_nothing() {
        let catalogue = Catalogue::default();
        catalogue.put([event(1, 100, 1), event(2, 200, 1), event(3, 300, 1)]);
        assert_eq!(walk(&catalogue, 2), [1, 2, 3]);
        let before = catalogue.generation();
        catalogue.put([event(1, 250, 2)]);
        assert!(catalogue.generation() > before);
        assert_eq!(walk(&catalogue, 1), [2, 1, 3]);
        let before = catalogue.generation();
        catalogue.put([event(1, 100, 1), event(3, 300, 1)]);
        assert_eq!((walk(&catalogue, 9), catalogue.generation()), (vec![2, 1, 3], before));
        catalogue.replace(vec![event(3, 300, 1)]);
        assert_eq!((walk(&catalogue, 9), catalogue.len()), (vec![3], 1));
        assert!(catalogue.by_slug("event-1").is_none() && catalogue.by_id(3).is_some());
    }

    #[test]
    fn what_is_published_later_is_in_no_list_before() {
        let catalogue = Catalogue::default();
        let later = |version, at: Option<i64>| Facts { published_at: at.map(DbTime), ..event(2, 200, version) };
        catalogue.put([event(1, 100, 1), later(1, Some(50))]);
        assert_eq!((walk(&catalogue, 9), catalogue.len()), (vec![1], 2));
        assert!(catalogue.by_slug("event-2").is_some(), "whoever knows its address may look");
        catalogue.publish(DbTime(49));
        let before = catalogue.generation();
        catalogue.publish(DbTime(50));
        assert_eq!((walk(&catalogue, 9), catalogue.generation()), (vec![1, 2], before + 1));
        catalogue.publish(DbTime(60));
        assert_eq!(catalogue.generation(), before + 1, "nothing is new");
        catalogue.put([later(2, Some(90))]);
        catalogue.publish(DbTime(60));
        assert_eq!(walk(&catalogue, 9), [1]);
        catalogue.put([later(3, None)]);
        catalogue.publish(DbTime(99));
        assert_eq!(walk(&catalogue, 9), [1, 2]);
    }

    #[test]
    fn what_no_list_gave_is_no_cursor() {
        for wrong in ["", "x", "AAAA", "AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA=", "ä"] {
            assert_eq!(Place::read(wrong), Err(NoCursor), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn pages_show_everything_once_and_in_order(
            starts in prop::collection::vec(-5i64..5, 0..40),
            edits in prop::collection::vec((0usize..40, -5i64..5), 0..20),
            limit in 1usize..9,
        ) {
            let catalogue = Catalogue::default();
            let mut expected: BTreeMap<i32, i64> = BTreeMap::new();
            for (event_id, starts_at) in (0..).zip(&starts) {
                catalogue.put([event(event_id, *starts_at, 1)]);
                expected.insert(event_id, *starts_at);
            }
            for (version, (number, starts_at)) in (2..).zip(edits) {
                let event_id = i32::try_from(number).expect("small");
                if expected.contains_key(&event_id) {
                    catalogue.put([event(event_id, starts_at, version)]);
                    expected.insert(event_id, starts_at);
                }
            }
            let mut in_order: Vec<(i64, i32)> = expected.into_iter().map(|(event_id, at)| (at, event_id)).collect();
            in_order.sort_unstable();
            let in_order: Vec<i32> = in_order.into_iter().map(|(_, event_id)| event_id).collect();
            prop_assert_eq!(walk(&catalogue, limit), in_order);
        }
    }
}
