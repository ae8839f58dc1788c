//! A desk takes in lists of codes that have changed.
//!
//! Guarantee: fans are judged by the old lists or by the new ones, and by no mixture.

use std::sync::{Arc, PoisonError};

use fairgate_token::KeySet;

use super::desk::{Desk, all_ways};
use crate::codes::Loaded;

impl Desk {
    /// Reads lists of codes that have changed; says which cannot be used.
    pub(crate) fn look_for_codes(&self, keys: &KeySet) -> Vec<String> {
        let mut is_new = false;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let problems = self.code_files.look(keys, |Loaded { campaign, revoked }| {
            let (name, count) = (campaign.name().to_string(), campaign.len());
            self.metrics.observe_codes(&name, count - revoked.count());
            tracing::info!(room = self.room, campaign = name, codes = count, "read a list of codes");
            is_new |= codes.load(Arc::new(campaign), Arc::new(revoked));
        });
        if is_new {
            self.judged.store(Arc::new(all_ways(&self.ways, &codes)));
            self.campaigns.store(Arc::new(codes.clone()));
        }
        problems
    }
}
