//! The `fairgate/v2` raffle: tiers, and entries that are tied to verified identities.
//!
//! It adds to `fairgate/v1` and says nothing twice: the commitment, the Merkle trees and the shuffle are v1's. Everything
//! here is pure, as there. The normative text is `DRAW-TIERS.md`.
//!
//! 1. A [`Descriptor`] fixes a draw before its pool opens: its [`Tiers`], the [`Methods`] that make identities, its [`Rounds`].
//! 2. A browser keeps 16 random bytes and sends their [`Nonce`]. An [`Identity`] becomes a [`tag`]; both make an [`entry`].
//! 3. A [`TierHasher`] freezes each tier: the roots of its entries and of its tags, and how many entries are empty.
//! 4. [`seed`] and [`tier_seed`] mix what was fixed with what was hidden.
//! 5. [`Places`] shuffle each tier and deal the places of a [`Deal`].
//!
//! [`Record`] and [`Claim`]s are what is published of all that, and [`audit_record`] checks the record.
//!
//! ```
//! use fairgate_draw::v2::{IdentityKey, Identity, Lot, Method, Nonce, Places, entry, tag};
//!
//! let digest = [1; 32]; // D, of a descriptor
//! let key = IdentityKey::new(&[42; 32], &digest); // the operator's, for this draw
//! let fan = Identity::new(Method::mail(), "Jo.Doe+tour@Bücher.example")?;
//! let entry = entry(&digest, 0, Nonce::of(&[7; 16]), &tag(&key, &fan));
//! assert_eq!(fan.subject(), "jo.doe@xn--bcher-kva.example");
//! assert_ne!(entry, fairgate_draw::ZERO);
//!
//! let lots = [Lot { band: 0, share: 1, entries: 3 }, Lot { band: 1, share: 3, entries: 5 }];
//! let places = Places::new(&[9; 32], &lots)?;
//! let place = places.place(1, 4).unwrap();
//! assert!((3..8).contains(&place), "all of band 0 come before");
//! assert_eq!(places.entry_at(place), Some((1, 4)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod claim;
mod descriptor;
mod entry;
mod identity;
mod mail;
mod places;
mod record;
mod rounds;
mod seed;
mod tier;

pub use audit::{TierFacts, audit_record};
pub use claim::{CLAIM_BYTES, Claim};
pub use descriptor::{Descriptor, DescriptorError, VERSION};
pub use entry::{EMPTY_ENTRY, NO_TAG, Nonce, Tag, TierHasher, entry};
pub use identity::{Identity, IdentityError, IdentityKey, Method, Methods, SUBJECT_BYTES_MAX, tag};
pub use places::{Deal, Lot, LotError, Places, TIER_ENTRIES_MAX};
pub use record::{Record, RecordError, RecordTier};
pub use rounds::{FREEZE_MARGIN_MS, RETRY_MAX, Rounds};
pub use seed::{seed, tier_seed};
pub use tier::{SHARE_MAX, TIERS_MAX, Tier, TierError, Tiers, is_name};

pub use crate::log::FrozenTier;
