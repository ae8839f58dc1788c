//! The bytes of a journal: a header, then one frame for each commit.
//!
//! ```text
//! header   "fairgate" | version u32 | generation u64 | revision u64 | crc u32
//! frame    "FGC1" | length u32 | crc u32 | payload
//! payload  heard_ms u64 | now_ms u64 | record …      commands that left no trace were heard until heard_ms
//! record   1 | count u32 | count entries of 32 bytes     an Enter, its entries as they are
//!          2 | length u32 | postcard of a Command
//!          3 | length u32 | postcard of Claims             places and sessions that a backup lacked when it was restored
//!          4 | length u32 | postcard of (SalePlan, Rules)      a Schedule of a room with tiers
//!          5 | length u32 | count u32 | arrivals           new entries of a room with tiers, as `arrivals` has them
//! ```
//!
//! A room without tiers has records of the first three kinds only, as before there were tiers.
//!
//! Numbers are little-endian; a checksum covers what stands before it in the header, and length and payload of a frame.
//! A frame is whole or it is not there: what was committed together comes back together.

use fairgate_core::room::{Arrival, BATCH_MAX, Claims, Command, Entry, Rules, SalePlan};

use super::arrivals;
use crate::framing::{FRAME_HEAD_BYTES, FrameKind, u32_at, u64_at};

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 32;
/// Commands are put into one frame until they may need as many bytes.
pub(super) const FRAME_BYTES_FULL: usize = 4 << 20;
/// The most bytes of a payload: a frame that is all but full, and the largest command on top.
const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_FULL + FAN_BYTES_MAX * BATCH_MAX + COMMAND_BYTES_MAX;
/// The most bytes that a command needs for one fan: those of an arrival that has everything that one may have.
const FAN_BYTES_MAX: usize = 128;
/// The most bytes of a command that names no fans; the longest is one with a message.
const COMMAND_BYTES_MAX: usize = 4096;
/// A commit.
pub(super) const COMMIT: FrameKind =
    FrameKind { magic: *b"FGC1", payload_min: TIMES_BYTES, payload_max: PAYLOAD_BYTES_MAX };

const FILE_MAGIC: [u8; 8] = *b"fairgate";
const VERSION: u32 = 2;
const ENTRIES: u8 = 1;
const COMMAND: u8 = 2;
const CLAIMS: u8 = 3;
const PLAN: u8 = 4;
const ARRIVALS: u8 = 5;
/// Where the bytes of a record of arrivals begin: after their number.
const ARRIVALS_HEAD_BYTES: usize = 4;
/// The times before the records.
const TIMES_BYTES: usize = 16;
/// Where a record's bytes begin: after its kind and its length.
const RECORD_HEAD_BYTES: usize = 5;

/// What stands at the head of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The sale of the room that this is.
    pub(super) generation: u64,
    /// The room's revision before this sale.
    pub(super) revision: u64,
}

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Not a header, or a damaged one.
    #[error("its header is damaged")]
    Damaged,
    /// Written by another version of fairgate.
    #[error("it is of journal version {0}, and this program reads version {VERSION}: use the program that wrote it")]
    Version(u32),
}

impl Header {
    /// The header's bytes.
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.generation.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.revision.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderError> {
        if bytes[..8] != FILE_MAGIC || crc32fast::hash(&bytes[..28]) != u32_at(bytes, 28) {
            return Err(HeaderError::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => Ok(Self { generation: u64_at(bytes, 12), revision: u64_at(bytes, 20) }),
            other => Err(HeaderError::Version(other)),
        }
    }
}

/// The most bytes that a command may need in a frame.
pub(super) fn bytes_max(command: &Command) -> usize {
    COMMAND_BYTES_MAX + command.fans() * FAN_BYTES_MAX
}

/// A frame in the making.
#[derive(Debug)]
pub(super) struct FrameBuilder {
    bytes: Vec<u8>,
}

impl FrameBuilder {
    /// A frame of commands that are applied at this time; those before them that left no trace were heard until `heard_ms`.
    pub(super) fn new(heard_ms: u64, now_ms: u64) -> Self {
        let mut bytes = COMMIT.begin(4096);
        bytes.extend_from_slice(&heard_ms.to_le_bytes());
        bytes.extend_from_slice(&now_ms.to_le_bytes());
        Self { bytes }
    }

    /// True if no command is in the frame.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == FRAME_HEAD_BYTES + TIMES_BYTES
    }

    /// Adds an `Enter`; answers where in the frame its first entry stands.
    pub(super) fn push_entries(&mut self, entries: &[Entry]) -> u64 {
        self.push_head(ENTRIES, entries.len());
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(entries.as_flattened());
        at
    }

    /// Adds new entries of a room with tiers; answers where in the frame their bytes stand.
    pub(super) fn push_arrivals(&mut self, arrivals: &[Arrival]) -> u64 {
        let bytes = arrivals::encode(arrivals);
        self.push_head(ARRIVALS, ARRIVALS_HEAD_BYTES + bytes.len());
        self.bytes.extend_from_slice(&length_u32(arrivals.len()).to_le_bytes());
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&bytes);
        at
    }

    /// Adds any other command.
    pub(super) fn push_command(&mut self, command: &Command) {
        if let Command::Schedule(SalePlan { rules: Some(rules), .. }) = command {
            return self.push_plan(command, rules);
        }
        let bytes = postcard::to_stdvec(command).expect("commands have no type that postcard cannot write");
        self.push_head(COMMAND, bytes.len());
        self.bytes.extend_from_slice(&bytes);
    }

    /// Adds a plan together with its rules.
    fn push_plan(&mut self, command: &Command, rules: &Rules) {
        let Command::Schedule(plan) = command else { return };
        let bytes = postcard::to_stdvec(&(plan, rules)).expect("plans have no type that postcard cannot write");
        self.push_head(PLAN, bytes.len());
        self.bytes.extend_from_slice(&bytes);
    }

    /// Adds what a backup lacked when it was restored.
    pub(super) fn push_claims(&mut self, claims: &Claims) {
        let bytes = postcard::to_stdvec(claims).expect("claims have no type that postcard cannot write");
        self.push_head(CLAIMS, bytes.len());
        self.bytes.extend_from_slice(&bytes);
    }

    /// The frame's bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        COMMIT.seal(&mut self.bytes);
        self.bytes
    }

    fn push_head(&mut self, kind: u8, length: usize) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&length_u32(length).to_le_bytes());
    }
}

/// What a record changes.
#[derive(Debug)]
pub(super) enum Change {
    /// A command was applied.
    Apply(Command),
    /// Places and sessions were put back.
    PutBack(Claims),
}

/// One change of a frame.
#[derive(Debug)]
pub(super) struct Record {
    /// The change.
    pub(super) change: Change,
    /// For an `Enter` or `Arrive`: where in the payload its first entry stands.
    pub(super) entries_at: u64,
}

/// What a payload says.
#[derive(Debug)]
pub(super) struct Payload {
    /// Commands that left no trace were heard until this time.
    pub(super) heard_ms: u64,
    /// The time of its commands.
    pub(super) now_ms: u64,
    /// The frame's commands.
    pub(super) records: Vec<Record>,
}

/// Reads a payload whose checksum is right; nothing if it makes no sense all the same.
pub(super) fn read_payload(payload: &[u8]) -> Option<Payload> {
    let times: &[u8; TIMES_BYTES] = payload.first_chunk()?;
    let (heard_ms, now_ms) = (u64_at(times, 0), u64_at(times, 8));
    let mut records = Vec::new();
    let mut at = TIMES_BYTES;
    while at < payload.len() {
        let (record, next) = read_record(payload, at)?;
        records.push(record);
        at = next;
    }
    Some(Payload { heard_ms, now_ms, records })
}

fn read_record(payload: &[u8], at: usize) -> Option<(Record, usize)> {
    let kind = *payload.get(at)?;
    let length = u32::from_le_bytes(*payload.get(at + 1..)?.first_chunk()?) as usize;
    let body = at + RECORD_HEAD_BYTES;
    let end = body + if kind == ENTRIES { length * size_of::<Entry>() } else { length };
    let bytes = payload.get(body..end)?;
    let mut entries_at = body;
    let change = match kind {
        ENTRIES => Change::Apply(Command::Enter(bytes.as_chunks().0.to_vec())),
        COMMAND => Change::Apply(postcard::from_bytes(bytes).ok()?),
        CLAIMS => Change::PutBack(postcard::from_bytes(bytes).ok()?),
        PLAN => {
            let (plan, rules): (SalePlan, Box<Rules>) = postcard::from_bytes(bytes).ok()?;
            Change::Apply(Command::Schedule(SalePlan { rules: Some(rules), ..plan }))
        }
        ARRIVALS => {
            entries_at += ARRIVALS_HEAD_BYTES;
            let (count, bytes) = bytes.split_first_chunk()?;
            Change::Apply(Command::Arrive(arrivals::decode(u32::from_le_bytes(*count) as usize, bytes)?))
        }
        _ => return None,
    };
    Some((Record { change, entries_at: entries_at as u64 }, end))
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("frames and their records are a few megabytes")
}
