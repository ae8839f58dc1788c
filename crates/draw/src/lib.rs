//! The `fairgate/v1` raffle, enough to run a draw and to audit one.
//!
//! Everything here is pure: no clock, no randomness, no I/O. Each file is one step of the protocol in `DRAW.md`, which
//! is normative; two implementations that follow it agree to the byte.
//!
//! 1. [`commitment`] and [`Descriptor`] fix a draw before its pool opens.
//! 2. [`entry`] hides a fan's random bytes in a roster entry: nobody can tell from the roster whose it is.
//! 3. [`RootHasher`] commits to the frozen roster; [`RosterTree`] proves that an entry is in it.
//! 4. [`seed`] mixes everything that was fixed with everything that was hidden.
//!    [`QUICKNET`] is where its public part may come from.
//! 5. [`Shuffle`] turns an index into a place, one at a time or all at once.
//!
//! [`Record`] is what is published of all that, and [`audit_record`] checks it. [`log`] is what others say of it.
//! [`v2`] is the protocol for rooms with tiers or verified identities, `fairgate/v2`.
//!
//! ```
//! use fairgate_draw::{Descriptor, RootHasher, Shuffle, ZERO, commitment, entry, seed};
//!
//! let secret = [7; 32]; // from the system's RNG
//! let descriptor = Descriptor {
//!     beacon: None,
//!     commitment: commitment(&secret),
//!     opens_at_ms: 1_764_579_600_000,
//!     room: "tour".into(),
//!     starts_at_ms: 1_764_581_400_000,
//! };
//! let digest = descriptor.digest();
//!
//! let mut roster = RootHasher::new();
//! for fan in 0..3 {
//!     roster.push(&entry(&digest, &[fan; 16], &ZERO));
//! }
//! let (entries, root) = roster.finish();
//!
//! let seed = seed(&digest, entries, &root, &secret, &ZERO);
//! let mut places = Shuffle::new(&seed, entries).all_places()?;
//! places.sort();
//! assert_eq!(places, [0, 1, 2]);
//! # Ok::<(), fairgate_draw::TooManyEntries>(())
//! ```

mod audit;
mod beacon;
mod canonical;
mod claim;
mod commit;
mod descriptor;
mod entry;
mod hash;
mod hex_bytes;
pub mod log;
mod proof;
mod record;
mod root;
mod seed;
mod shuffle;
pub mod v2;

pub use audit::{Finding, Step, Verdict, audit_record, check_places};
pub use beacon::{BeaconAnswer, BeaconError, BeaconSignature, Chain, QUICKNET};
pub use canonical::canonical_json;
pub use claim::{CLAIM_BYTES, Claim, Opening};
pub use commit::commitment;
pub use descriptor::{BEACON_SCHEME, BeaconRound, Descriptor, DescriptorError, VERSION};
pub use entry::entry;
pub use hash::{Hash, ZERO, tagged};
pub use proof::{CHUNK_ENTRIES, InclusionProof, ProofError, RosterTree, RosterTreeBuilder};
pub use record::{Label, Record};
pub use root::RootHasher;
pub use seed::seed;
pub use shuffle::{ROUNDS, Shuffle, TooManyEntries};
