//! `[room.entry.work]`: proof of work.

use fairgate_entry::work::effort::{EFFORT_MAX, EffortRules};
use fairgate_entry::work::way::SHOWN_TABLES_MAX;

use super::reading::read_rate;
use crate::config::reader::Section;

/// Proof of work as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkConfig {
    /// How many tables are asked.
    pub rules: EffortRules,
    /// True if challenges of ALTCHA's widget are answered, too.
    pub stock_widget: bool,
}

impl WorkConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let default = EffortRules::default();
        let effort = section.given_or("effort", default.effort);
        let fits = |effort: u32| (1..=EFFORT_MAX).contains(&effort);
        let what = "is not a number of tables that people can wait for";
        section.check(effort.is_none_or(fits), "effort", what, format!("write 1 to {EFFORT_MAX}; 2 is right for most"));
        let effort = effort.unwrap_or(default.effort);
        let effort_max = section.given_or("effort_max", default.effort_max.max(effort));
        let most = SHOWN_TABLES_MAX as u32;
        section.check(
            effort_max.is_none_or(|effort_max| (effort..=most).contains(&effort_max)),
            "effort_max",
            format!("is not from effort, {effort}, to {most}"),
            "write 16: what a network with very many entries solves at most",
        );
        let free = read_rate(section, "free", default.free);
        let stock_widget = section.get_or("stock_widget", false);
        Some(Self { rules: EffortRules { effort, effort_max: effort_max?, free }, stock_widget })
    }
}
