//! Requests that are being served, by the id that follows from their idempotency key: a second one is told to wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// The ids in progress.
#[derive(Debug, Default)]
pub struct InProgress(Mutex<HashSet<Uuid>>);

/// Keeps an id in progress until it is dropped.
#[derive(Debug)]
pub struct Guard {
    id: Uuid,
    all: Arc<InProgress>,
}

impl InProgress {
    /// Takes an id, unless it is in progress already.
    #[must_use]
    pub fn enter(self: &Arc<Self>, id: Uuid) -> Option<Guard> {
        self.set().insert(id).then(|| Guard { id, all: Arc::clone(self) })
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.all.set().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_free_again_when_its_guard_goes() {
        let all = Arc::new(InProgress::default());
        let guard = all.enter(Uuid::nil()).expect("nobody is here");
        assert!(all.enter(Uuid::nil()).is_none());
        assert!(all.enter(Uuid::max()).is_some());
        drop(guard);
        assert!(all.enter(Uuid::nil()).is_some());
    }
}
