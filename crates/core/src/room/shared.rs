//! The numbers that both forms of the room have, this one and the scripts of a store that many edges share. They are
//! written into the scripts, so that there is one place for each.

use super::SILENCE_MS;
use super::bucket::PERSON;
use super::identities::LINE;
use super::line::{
    ASKED_AHEAD_MS, CAP_RETRY_MIN_MS, HELD_RETRY_MS, SHARE_CALLS_MAX, SHARE_PRIOR_CALLS, SHARE_UNITS_MAX,
};
use super::pace::{STEER_MS, STEP_MS};
use super::recent::MINUTE_MS;
use super::snapshot::{GAP, RECOVERY_MS, RECOVERY_STEP_MS, SEEN_MS};

/// Each with its name.
pub const SHARED_NUMBERS: [(&str, u64); 16] = [
    ("PERSON", PERSON.unsigned_abs()),
    ("GAP", GAP),
    ("RECOVERY_MS", RECOVERY_MS),
    ("RECOVERY_STEP_MS", RECOVERY_STEP_MS),
    ("SEEN_MS", SEEN_MS),
    ("SILENCE_MS", SILENCE_MS),
    ("HELD_RETRY_MS", HELD_RETRY_MS),
    ("CAP_RETRY_MIN_MS", CAP_RETRY_MIN_MS),
    ("SHARE_PRIOR_CALLS", SHARE_PRIOR_CALLS),
    ("SHARE_CALLS_MAX", SHARE_CALLS_MAX),
    ("SHARE_UNITS_MAX", SHARE_UNITS_MAX),
    ("ASKED_AHEAD_MS", ASKED_AHEAD_MS.unsigned_abs()),
    ("STEER_MS", STEER_MS),
    ("STEP_MS", STEP_MS),
    ("MINUTE_MS", MINUTE_MS),
    ("LINE", LINE as u64),
];
