//! Lists of codes, as edges hand them on: whoever makes or replaces a campaign at one edge has done it for all.
//!
//! Guarantees:
//! - a list is taken over only if a key of this edge signed it under this edge's identity key, and it is newer than the own one
//! - codes that are revoked here stay revoked in the list that comes

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use fairgate_entry::code::CampaignName;
use fairgate_entry::code::campaign::{CODES_MAX, SIGNATURE_BYTES_MAX};
use fairgate_store::{Depot, Parcel, ParcelFile};
use fairgate_telemetry::entropy;

use super::trade::{Goods, Unfit};
use crate::edge::context::Edge;
use crate::edge::entry::campaigns::{CampaignFiles, KnownList};
use crate::edge::entry::desk::Desk;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::shelf::Draft;

/// The one file of such a parcel.
const LIST: &str = "list";
/// Bytes of the longest list: fingerprints, signature and header.
const LIST_BYTES_MAX: u64 = 8 * CODES_MAX + SIGNATURE_BYTES_MAX as u64 + 256;

/// A campaign of a room.
pub(super) struct CodeListGoods {
    edge: Arc<Edge>,
    room: Arc<LiveRoom>,
    name: CampaignName,
}

impl CodeListGoods {
    pub(super) fn new(edge: &Arc<Edge>, room: &Arc<LiveRoom>, name: CampaignName) -> Self {
        Self { edge: Arc::clone(edge), room: Arc::clone(room), name }
    }

    fn desk(&self) -> Option<&Desk> {
        self.room.entry.as_ref()
    }

    fn files(&self) -> Option<&CampaignFiles> {
        self.desk().map(|desk| &desk.code_files)
    }

    fn known(&self) -> KnownList {
        self.files().map_or(KnownList::Unusable, |files| files.list(&self.name))
    }
}

impl Goods for CodeListGoods {
    fn depot(&self) -> Depot {
        Depot::Codes { campaign: self.name.to_string() }
    }

    fn had(&self) -> io::Result<Vec<Parcel>> {
        let (Some(files), KnownList::Read { version, made_at_ms }) = (self.files(), self.known()) else {
            return Ok(Vec::new());
        };
        let bytes = std::fs::metadata(files.list_file(&self.name))?.len();
        let list = ParcelFile { name: LIST.to_owned(), bytes };
        Ok(vec![Parcel {
            name: format!("{}.{made_at_ms}", hex::encode(version)),
            at_ms: made_at_ms,
            files: vec![list],
        }])
    }

    fn lacks(&self, parcel: &Parcel) -> bool {
        let Some(version) = version_of(parcel) else { return false };
        let is_one_list = matches!(&parcel.files[..], [file] if file.name == LIST && file.bytes <= LIST_BYTES_MAX);
        let is_newer = match self.known() {
            KnownList::Missing => true,
            // Somebody has put it there, and should look after it.
            KnownList::Unusable => false,
            KnownList::Read { version: own, made_at_ms } => {
                parcel.at_ms > 0 && (parcel.at_ms, version) > (made_at_ms, own)
            }
        };
        is_one_list && is_newer
    }

    fn path(&self, _parcel: &Parcel, file: &str) -> Option<PathBuf> {
        self.files().filter(|_| file == LIST).map(|files| files.list_file(&self.name))
    }

    fn begin(&self) -> Result<Draft, Unfit> {
        let files = self.files().ok_or_else(|| Unfit("the room has no lists".to_owned()))?;
        let mark = entropy::random_bytes().map_err(|error| Unfit(error.to_string()))?;
        Ok(Draft::begin(files.dir(), u64::from_be_bytes(mark))?)
    }

    fn keep(&self, draft: Draft, parcel: &Parcel) -> Result<(), Unfit> {
        let unfit = || Unfit("it is not the list that was told, or the own one is newer by now".to_owned());
        let (files, version) = self.files().zip(version_of(parcel)).ok_or_else(unfit)?;
        let (keys, file) = (self.edge.keys.now(), draft.dir().join(LIST));
        match files.take_over(keys.public(), &self.name, (&version, &file)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(unfit()),
            Err(error) => Err(Unfit(error.to_string())),
        }
    }
}

/// The version of the list that a parcel is. Its time stands behind, since a list that is made again has another signature.
fn version_of(parcel: &Parcel) -> Option<[u8; 32]> {
    let mut version = [0; 32];
    hex::decode_to_slice(parcel.name.get(..64)?, &mut version).ok()?;
    Some(version)
}
