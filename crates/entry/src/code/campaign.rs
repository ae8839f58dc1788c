//! One list of codes: a file `{campaign}.fgc`, and the same in memory.
//!
//! Guarantees:
//! - a list is believed only if its hash fits, whoever signed it is believed, and its fingerprints ascend, so a file
//!   cut short, mixed up or of another campaign is seen
//! - a look-up takes the same steps for every fingerprint
//!
//! ```text
//! 0    8  "FAIRCODE"
//! 8    1  version, 1 or 2
//! 9    1  kind: 0 made here (with a check character), 1 an organizer's own, 2 an organizer's own and weak
//! 10   2  u16be length s of the signature, 1 to 1024
//! 12  32  the campaign's name, filled with zeros
//! 44   8  u64be number of fingerprints n
//! 52  32  SHA-256 of all fingerprints, as below
//! 84   8  from version 2 on: u64be when the list was made, Unix ms, more than 0
//! then s:     signature over all before, but with s = 0
//! then n · 8: fingerprints, u64be, ascending, none twice
//! ```
//!
//! Of two lists of a campaign the one that was made later counts. A list of version 1 is older than all of version 2.

use std::fmt;

use aws_lc_rs::digest;

use super::fingerprint::{CAMPAIGN_BYTES_MAX, CampaignName, Fingerprint, Fingerprinter};
use super::text::Code;

/// Bytes of the header without its signature, by version 1; a list's time follows by version 2.
const HEADER_BYTES: usize = 84;
const TIME_BYTES: usize = 8;
/// Longest signature, bytes.
pub const SIGNATURE_BYTES_MAX: usize = 1024;
/// Most codes of a campaign: as many as fans that a room is made for, several times over.
pub const CODES_MAX: u64 = 1 << 27;

const MAGIC: &[u8; 8] = b"FAIRCODE";
const VERSION: u8 = 1;
/// The version of lists that say when they were made.
const VERSION_WITH_TIME: u8 = 2;
const FINGERPRINT_BYTES: usize = 8;
/// Starting points of a large campaign: 2²⁰ and one, 4 MB.
const STARTS_BITS_MAX: u32 = 20;

/// How a campaign's codes came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// Made by fairgate: 55 random bits and a check character.
    Made,
    /// The organizer's own, without a check character.
    Own,
    /// The organizer's own with fewer than 40 bits a code: half the tries.
    OwnWeak,
}

/// Why a list of codes is not made or not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CampaignError {
    /// Not such a file.
    #[error("this is no list of codes; make one with `fairgate codes new` or `codes import`")]
    Magic,
    /// A version that is not known here.
    #[error(
        "the list of codes has version {0}; this fairgate reads versions up to {VERSION_WITH_TIME}: upgrade it, or make the list again"
    )]
    Version(u8),
    /// A header that says what cannot be.
    #[error("the header of the list of codes is damaged; make the list again")]
    Header,
    /// More or fewer bytes than the header says.
    #[error("the list of codes has not the length that its header says; copy it again")]
    Length,
    /// The hash does not fit.
    #[error("the list of codes is damaged: its hash does not fit; copy it again")]
    Hash,
    /// Not signed by a key that is believed here.
    #[error("the list of codes is not signed by a key of this edge; import it here")]
    Signature,
    /// Not in order.
    #[error("the fingerprints of the list of codes do not ascend; make the list again")]
    Order,
    /// More codes than one campaign may have.
    #[error("a campaign has at most {CODES_MAX} codes; divide the list")]
    TooMany,
    /// A code stands in the list twice, or two codes have one fingerprint.
    #[error("code {nth} of the list stands in it twice; remove one")]
    Twice {
        /// The code's number in the list, from 1.
        nth: usize,
    },
    /// A code that is not of the campaign's kind.
    #[error("code {nth} of the list has not 12 characters with a check character at their end, or is mistyped")]
    Unchecked {
        /// The code's number in the list, from 1.
        nth: usize,
    },
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    kind: CodeKind,
    campaign: CampaignName,
    count: u64,
    hash: [u8; 32],
    /// Unix ms; 0 in lists of version 1.
    made_at_ms: u64,
}

impl Header {
    /// The header's bytes with a signature of this length, or what is signed where it is 0.
    fn bytes(&self, signature_length: u16) -> Vec<u8> {
        let has_time = self.made_at_ms > 0;
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = if has_time { VERSION_WITH_TIME } else { VERSION };
        bytes[9] = match self.kind {
            CodeKind::Made => 0,
            CodeKind::Own => 1,
            CodeKind::OwnWeak => 2,
        };
        bytes[10..12].copy_from_slice(&signature_length.to_be_bytes());
        bytes[12..12 + self.campaign.as_str().len()].copy_from_slice(self.campaign.as_str().as_bytes());
        bytes[44..52].copy_from_slice(&self.count.to_be_bytes());
        bytes[52..].copy_from_slice(&self.hash);
        if has_time {
            bytes.extend(self.made_at_ms.to_be_bytes());
        }
        bytes
    }

    /// The header, its own length and its signature's, from the beginning of a file; `None` while it is not whole.
    fn read(file: &[u8]) -> Result<Option<(Self, usize, usize)>, CampaignError> {
        let Some(bytes) = file.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        if bytes[..8] != *MAGIC {
            return Err(CampaignError::Magic);
        }
        let length = match bytes[8] {
            VERSION => HEADER_BYTES,
            VERSION_WITH_TIME => HEADER_BYTES + TIME_BYTES,
            other => return Err(CampaignError::Version(other)),
        };
        let Some((whole, _)) = file.split_at_checked(length) else { return Ok(None) };
        let made_at_ms = whole.last_chunk().filter(|_| length > HEADER_BYTES).map_or(0, |ms| u64::from_be_bytes(*ms));
        let kind = match bytes[9] {
            0 => CodeKind::Made,
            1 => CodeKind::Own,
            2 => CodeKind::OwnWeak,
            _ => return Err(CampaignError::Header),
        };
        let signature_length = u16::from_be_bytes([bytes[10], bytes[11]]);
        let name = bytes[12..12 + CAMPAIGN_BYTES_MAX].split(|byte| *byte == 0).next().unwrap_or_default();
        let campaign = str::from_utf8(name).ok().and_then(|name| CampaignName::new(name).ok());
        let mut count = [0; 8];
        count.copy_from_slice(&bytes[44..52]);
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[52..]);
        let campaign = campaign.ok_or(CampaignError::Header)?;
        let header = Self { kind, campaign, count: u64::from_be_bytes(count), hash, made_at_ms };
        // One header, one spelling: nothing may stand after the name, and a list with a time has one.
        if header.bytes(signature_length) != whole || !(1..=SIGNATURE_BYTES_MAX).contains(&signature_length.into()) {
            return Err(CampaignError::Header);
        }
        if header.count > CODES_MAX {
            return Err(CampaignError::TooMany);
        }
        Ok(Some((header, length, signature_length.into())))
    }
}

/// Gathers the codes of a new campaign.
#[derive(Debug)]
pub struct CampaignBuilder {
    fingerprinter: Fingerprinter,
    kind: CodeKind,
    made_at_ms: u64,
    /// Fingerprint and number in the list, from 0.
    fingerprints: Vec<(Fingerprint, u32)>,
}

impl CampaignBuilder {
    /// A campaign without codes.
    #[must_use]
    pub fn new(fingerprinter: Fingerprinter, kind: CodeKind) -> Self {
        Self { fingerprinter, kind, made_at_ms: 0, fingerprints: Vec::new() }
    }

    /// The same, made at this time, Unix ms. A list without a time is older than all with one.
    #[must_use]
    pub fn made_at(self, made_at_ms: u64) -> Self {
        Self { made_at_ms, ..self }
    }

    /// The campaign.
    #[must_use]
    pub fn campaign(&self) -> &CampaignName {
        self.fingerprinter.campaign()
    }

    /// Codes that stand in the list twice, at most so many: the number of the first one and of the next, from 1.
    pub fn doubles(&mut self, most: usize) -> Vec<(usize, usize)> {
        self.fingerprints.sort_unstable();
        let pairs = self.fingerprints.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        pairs.take(most).map(|pair| (pair[0].1 as usize + 1, pair[1].1 as usize + 1)).collect()
    }

    /// Takes one more code.
    ///
    /// # Errors
    /// When the code is not of the campaign's kind, or there are too many.
    pub fn push(&mut self, code: &Code) -> Result<(), CampaignError> {
        let number = self.fingerprints.len();
        if number as u64 >= CODES_MAX {
            return Err(CampaignError::TooMany);
        }
        if self.kind == CodeKind::Made && !code.is_checked() {
            return Err(CampaignError::Unchecked { nth: number + 1 });
        }
        let number = u32::try_from(number).map_err(|_| CampaignError::TooMany)?;
        self.fingerprints.push((self.fingerprinter.of(code), number));
        Ok(())
    }

    /// The file. `sign` signs the header's bytes.
    ///
    /// # Errors
    /// When a code stands in the list twice, or the signature is too long.
    pub fn finish(mut self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, CampaignError> {
        self.fingerprints.sort_unstable();
        if let Some(pair) = self.fingerprints.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(CampaignError::Twice { nth: pair[1].1 as usize + 1 });
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        for (fingerprint, _) in &self.fingerprints {
            hash.update(&fingerprint.0.to_be_bytes());
        }
        let header = Header {
            kind: self.kind,
            campaign: self.fingerprinter.campaign().clone(),
            count: self.fingerprints.len() as u64,
            hash: finished(hash),
            made_at_ms: self.made_at_ms,
        };
        let signature = sign(&header.bytes(0));
        let length = u16::try_from(signature.len()).ok().filter(|length| (1..=1024).contains(length));
        let mut file = header.bytes(length.ok_or(CampaignError::Header)?);
        file.reserve_exact(signature.len() + FINGERPRINT_BYTES * self.fingerprints.len());
        file.extend(signature);
        file.extend(self.fingerprints.iter().flat_map(|(fingerprint, _)| fingerprint.0.to_be_bytes()));
        Ok(file)
    }
}

/// Reads a file piece by piece, so that it never stands in memory twice.
pub struct CampaignReader {
    /// What is not read yet: the header while it is not whole, else less than one fingerprint.
    rest: Vec<u8>,
    header: Option<(Header, Vec<u8>)>,
    hash: digest::Context,
    fingerprints: Vec<u64>,
}

impl fmt::Debug for CampaignReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CampaignReader({} codes)", self.fingerprints.len())
    }
}

impl Default for CampaignReader {
    fn default() -> Self {
        Self { rest: Vec::new(), header: None, hash: digest::Context::new(&digest::SHA256), fingerprints: Vec::new() }
    }
}

impl CampaignReader {
    /// Reads the next piece, of any length.
    ///
    /// # Errors
    /// When the file cannot be one of ours any more.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), CampaignError> {
        if self.header.is_none() {
            self.rest.extend_from_slice(piece);
            let Some(length) = self.read_header()? else { return Ok(()) };
            let rest = self.rest.split_off(length);
            self.rest.clear();
            return self.push_fingerprints(&rest);
        }
        if !self.rest.is_empty() {
            let missing = (FINGERPRINT_BYTES - self.rest.len()).min(piece.len());
            let (head, tail) = piece.split_at(missing);
            self.rest.extend_from_slice(head);
            if self.rest.len() < FINGERPRINT_BYTES {
                return Ok(());
            }
            let whole = std::mem::take(&mut self.rest);
            self.push_fingerprints(&whole)?;
            piece = tail;
        }
        self.push_fingerprints(piece)
    }

    /// The campaign, once the whole file was pushed. `verify` says whether a signature over the header is believed.
    ///
    /// # Errors
    /// When the list is cut short, damaged, not in order, or not signed by somebody who is believed.
    pub fn finish(self, verify: impl FnOnce(&[u8], &[u8]) -> bool) -> Result<Campaign, CampaignError> {
        let (header, signature) = self.header.ok_or(CampaignError::Length)?;
        if !self.rest.is_empty() || self.fingerprints.len() as u64 != header.count {
            return Err(CampaignError::Length);
        }
        if finished(self.hash) != header.hash {
            return Err(CampaignError::Hash);
        }
        if !verify(&header.bytes(0), &signature) {
            return Err(CampaignError::Signature);
        }
        if !self.fingerprints.is_sorted_by(|a, b| a < b) {
            return Err(CampaignError::Order);
        }
        Ok(Campaign::of(header, self.fingerprints))
    }

    /// How long header and signature are, once both are there.
    fn read_header(&mut self) -> Result<Option<usize>, CampaignError> {
        let Some((header, header_length, signature_length)) = Header::read(&self.rest)? else { return Ok(None) };
        let length = header_length + signature_length;
        let Some(signature) = self.rest.get(header_length..length) else { return Ok(None) };
        // The header is not believed yet: no more is set aside than is likely.
        self.fingerprints.reserve(usize::try_from(header.count).unwrap_or(0).min(1 << 24));
        self.header = Some((header, signature.to_vec()));
        Ok(Some(length))
    }

    fn push_fingerprints(&mut self, bytes: &[u8]) -> Result<(), CampaignError> {
        let (whole, rest) = bytes.as_chunks::<FINGERPRINT_BYTES>();
        self.hash.update(whole.as_flattened());
        self.fingerprints.extend(whole.iter().map(|bytes| u64::from_be_bytes(*bytes)));
        self.rest.extend_from_slice(rest);
        let count = self.header.as_ref().map_or(0, |(header, _)| header.count);
        if self.fingerprints.len() as u64 > count { Err(CampaignError::Length) } else { Ok(()) }
    }
}

/// A list of codes in memory.
#[derive(Debug)]
pub struct Campaign {
    header: Header,
    fingerprints: Vec<u64>,
    /// By the highest `bits` bits of a fingerprint: where those begin; one more at the end.
    starts: Vec<u32>,
    bits: u32,
}

impl Campaign {
    /// Reads a whole file; see [`CampaignReader`] for one in pieces.
    ///
    /// # Errors
    /// When the list is not believed.
    pub fn read(file: &[u8], verify: impl FnOnce(&[u8], &[u8]) -> bool) -> Result<Self, CampaignError> {
        let mut reader = CampaignReader::default();
        reader.push(file)?;
        reader.finish(verify)
    }

    fn of(header: Header, fingerprints: Vec<u64>) -> Self {
        // About ten fingerprints a starting point in a large campaign, and one table of at most a few bytes a code.
        let bits = (usize::BITS - fingerprints.len().leading_zeros()).saturating_sub(3).clamp(1, STARTS_BITS_MAX);
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (index, fingerprint) in fingerprints.iter().enumerate() {
            let bucket = usize::try_from(fingerprint >> (u64::BITS - bits)).unwrap_or(usize::MAX);
            // No more than CODES_MAX, which is less than 2³².
            while starts.len() <= bucket {
                starts.push(index as u32);
            }
        }
        starts.resize((1 << bits) + 1, fingerprints.len() as u32);
        Self { header, fingerprints, starts, bits }
    }

    /// The campaign's name.
    #[must_use]
    pub fn name(&self) -> &CampaignName {
        &self.header.campaign
    }

    /// How its codes came to be.
    #[must_use]
    pub fn kind(&self) -> CodeKind {
        self.header.kind
    }

    /// How many codes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Whether it has no code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// When it was made, Unix ms; 0 where its file says nothing of it.
    #[must_use]
    pub fn made_at_ms(&self) -> u64 {
        self.header.made_at_ms
    }

    /// The list's version: the hash of its fingerprints.
    #[must_use]
    pub fn version(&self) -> &[u8; 32] {
        &self.header.hash
    }

    /// The fingerprint of a rank.
    #[must_use]
    pub fn fingerprint(&self, rank: u32) -> Option<Fingerprint> {
        self.fingerprints.get(rank as usize).copied().map(Fingerprint)
    }

    /// The rank of a fingerprint, 0 for the least; `None` where it is not in the list.
    #[must_use]
    pub fn rank(&self, fingerprint: Fingerprint) -> Option<u32> {
        let bucket = usize::try_from(fingerprint.0 >> (u64::BITS - self.bits)).unwrap_or(usize::MAX);
        let (from, to) = (self.starts[bucket], self.starts[bucket + 1]);
        let within = &self.fingerprints[from as usize..to as usize];
        let before = within.partition_point(|own| *own < fingerprint.0);
        within.get(before).filter(|own| **own == fingerprint.0)?;
        Some(from + before as u32)
    }
}

fn finished(hash: digest::Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

#[cfg(test)]
pub(crate) mod tests;
