//! The room as a pure state machine: a command, the time, and out come an answer and the next state.
//!
//! Guarantees: no place is given twice, nobody is admitted twice, `serving` never falls, and in every window of length
//! w at most rate · w + burst fans are admitted.

mod command;

pub use command::{
    ClaimOutcome, Command, Control, DrawRecord, Entry, Outcome, Phase, Plan, Policy, Position, Refusal, RenewOutcome,
    View,
};
