//! The framing of bytes in the files of a store. It tells three things apart. *Torn* is a write that was cut short,
//! for which nobody was answered. *Rotten* bytes are others than those that were written. *Missing* is what was there
//! once.
//!
//! Guarantees: a frame is whole or it is not there; one flipped bit anywhere in a frame is never taken for a torn write.
//!
//! ```text
//! head of a file   8 bytes that name its kind | version u32 | crc u32
//! frame            4 bytes that name its kind | length u32 | crc u32 | payload
//! ```
//!
//! Numbers are little-endian. The head's checksum covers what stands before it, a frame's covers length and payload.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// Bytes of a frame before its payload.
pub(crate) const FRAME_HEAD_BYTES: usize = 12;
/// Bytes of the head of a file.
pub(crate) const FILE_HEAD_BYTES: usize = 16;
/// Bytes read from a file at once.
const READ_BYTES: usize = 1 << 20;
/// What a disk writes as a whole. A part of a file that was never written is read as zeros.
const SECTOR_BYTES: u64 = 512;
/// In longer ones too many bits could explain a wrong checksum by chance.
const ONE_BIT_BYTES_MAX: usize = 1 << 16;
/// CRC-32 as everyone has it, the lowest bit first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What became of bytes that should be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The write was cut short: nobody was answered for it.
    Torn,
    /// The bytes are not those that were written.
    Rotten,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torn => "torn",
            Self::Rotten => "rotten",
        })
    }
}

/// The head of a file, which says what is in it and how it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileKind {
    /// How such a file begins.
    pub(crate) magic: [u8; 8],
    /// The version in which it is written today.
    pub(crate) version: u32,
}

impl FileKind {
    /// The head's bytes.
    pub(crate) fn head(self) -> [u8; FILE_HEAD_BYTES] {
        let mut bytes = [0; FILE_HEAD_BYTES];
        bytes[..8].copy_from_slice(&self.magic);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..12]);
        bytes[12..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The version of a file that begins with these bytes; none where they are no head of this kind.
    pub(crate) fn version_of(self, bytes: &[u8]) -> Option<u32> {
        let head: &[u8; FILE_HEAD_BYTES] = bytes.first_chunk()?;
        let is_head = head[..8] == self.magic && crc32fast::hash(&head[..12]) == u32_at(head, 12);
        is_head.then(|| u32_at(head, 8))
    }
}

/// The frames of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameKind {
    /// How such a frame begins.
    pub(crate) magic: [u8; 4],
    /// The fewest bytes of a payload.
    pub(crate) payload_min: usize,
    /// The most bytes of a payload.
    pub(crate) payload_max: usize,
}

impl FrameKind {
    /// Begins a frame: its payload is to be added, and then [`FrameKind::seal`] fills its head.
    pub(crate) fn begin(self, capacity: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&self.magic);
        bytes.resize(FRAME_HEAD_BYTES, 0);
        bytes
    }

    /// Fills the head of a frame whose payload is complete.
    pub(crate) fn seal(self, bytes: &mut [u8]) {
        let length = length_u32(bytes.len() - FRAME_HEAD_BYTES);
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        let crc = frame_crc(length, &bytes[FRAME_HEAD_BYTES..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a frame's head; none where it cannot be one.
    pub(crate) fn head(self, bytes: &[u8; FRAME_HEAD_BYTES]) -> Option<FrameHead> {
        let length = u32_at(bytes, 4) as usize;
        let is_plausible = bytes[..4] == self.magic && (self.payload_min..=self.payload_max).contains(&length);
        is_plausible.then(|| FrameHead { length, crc: u32_at(bytes, 8) })
    }

    /// The payload of the frame that these bytes begin with, if it is whole.
    pub(crate) fn payload(self, bytes: &[u8]) -> Option<&[u8]> {
        let head = self.head(bytes.first_chunk()?)?;
        let payload = bytes[FRAME_HEAD_BYTES..].get(..head.length)?;
        head.fits(payload).then_some(payload)
    }

    /// The offset of the first whole frame at or after an offset.
    pub(crate) fn find(self, file: &(impl Stored + ?Sized), from: u64) -> io::Result<Option<u64>> {
        let mut window = vec![0; READ_BYTES];
        let mut at = from;
        loop {
            let length = file.read_full_at(&mut window, at)?;
            if length < self.magic.len() {
                return Ok(None);
            }
            for (offset, candidate) in window[..length].windows(self.magic.len()).enumerate() {
                if candidate == self.magic && self.is_frame(file, at + offset as u64)? {
                    return Ok(Some(at + offset as u64));
                }
            }
            at += (length - self.magic.len() + 1) as u64;
        }
    }

    fn is_frame(self, file: &(impl Stored + ?Sized), at: u64) -> io::Result<bool> {
        let mut head = [0; FRAME_HEAD_BYTES];
        if file.read_full_at(&mut head, at)? < FRAME_HEAD_BYTES {
            return Ok(false);
        }
        let Some(head) = self.head(&head) else { return Ok(false) };
        let mut payload = vec![0; head.length];
        let length = file.read_full_at(&mut payload, at + FRAME_HEAD_BYTES as u64)?;
        Ok(length == head.length && head.fits(&payload))
    }

    /// What became of bytes that are no whole frame, between one whole frame and the next, or the end of the file.
    /// `at` is where in the file they stand.
    ///
    /// A write that was cut short is shorter than its head says, or has a sector that was never written. A frame that
    /// has all its bytes, or whose checksum one bit explains, was written and has rotted.
    pub(crate) fn judge(self, at: u64, bytes: &[u8]) -> Damage {
        let Some(head) = bytes.first_chunk::<FRAME_HEAD_BYTES>() else { return Damage::Torn };
        let payload = &bytes[FRAME_HEAD_BYTES..];
        let said = self.head(head).map(|head| head.length);
        let may_be_one_bit = payload.len() <= ONE_BIT_BYTES_MAX || said == Some(payload.len());
        let wrong = frame_crc(u32::try_from(payload.len()).unwrap_or(u32::MAX), payload) ^ u32_at(head, 8);
        if wrong == 0 || (may_be_one_bit && is_one_bit(wrong, payload.len())) {
            return Damage::Rotten;
        }
        let is_short = said.is_some_and(|length| length > payload.len());
        if is_short || has_unwritten_sector(at, bytes) { Damage::Torn } else { Damage::Rotten }
    }
}

/// A frame's head: what its payload must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    /// Bytes of the payload.
    pub(crate) length: usize,
    crc: u32,
}

impl FrameHead {
    /// True if this is the payload that was written.
    pub(crate) fn fits(self, payload: &[u8]) -> bool {
        payload.len() == self.length && frame_crc(length_u32(self.length), payload) == self.crc
    }
}

/// Bytes that were written, on a disk or in memory.
pub(crate) trait Stored {
    /// How many there are.
    fn length(&self) -> io::Result<u64>;

    /// Reads until the buffer is full, or as much as there is.
    fn read_full_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

impl Stored for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_full_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.read_at(&mut buffer[read..], at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

impl Stored for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_full_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

/// True if one flipped bit of the payload, or of the checksum itself, makes a checksum wrong in this way.
fn is_one_bit(wrong: u32, payload_bytes: usize) -> bool {
    let mut of_bit = POLYNOMIAL;
    let mut is_of_payload = || {
        let found = of_bit == wrong;
        of_bit = (of_bit >> 1) ^ if of_bit & 1 == 1 { POLYNOMIAL } else { 0 };
        found
    };
    wrong.count_ones() == 1 || (0..payload_bytes * 8).any(|_| is_of_payload())
}

/// True if the part of any sector that these bytes have is zero throughout.
fn has_unwritten_sector(at: u64, bytes: &[u8]) -> bool {
    let first = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).unwrap_or(0).min(bytes.len());
    let (first, rest) = bytes.split_at(first);
    let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == 0);
    is_zero(first) || rest.chunks(SECTOR_BYTES as usize).any(is_zero)
}

fn frame_crc(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("frames are a few megabytes")
}

/// A number in bytes that are long enough.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller knows the size"))
}

/// A number in bytes that are long enough.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the caller knows the size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: FrameKind = FrameKind { magic: *b"TST1", payload_min: 1, payload_max: 1 << 20 };

    fn frame(bytes: usize) -> Vec<u8> {
        let mut frame = KIND.begin(0);
        frame.extend((0..bytes).map(|at| (at * 7 + 1) as u8));
        KIND.seal(&mut frame);
        frame
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_torn() {
        for bytes in [5, 300, 2_000] {
            let frame = frame(bytes);
            assert_eq!(KIND.payload(&frame).map(<[u8]>::len), Some(bytes));
            for length in 0..frame.len() {
                assert_eq!(KIND.payload(&frame[..length]), None);
                assert_eq!(KIND.judge(40, &frame[..length]), Damage::Torn, "{length} of {}", frame.len());
            }
        }
    }

    #[test]
    fn a_frame_with_any_bit_flipped_is_rotten() {
        let whole = frame(700);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(KIND.payload(&flipped), None, "bit {bit}");
            assert_eq!(KIND.judge(40, &flipped), Damage::Rotten, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_with_other_bytes_is_rotten_and_one_with_a_sector_that_was_never_written_is_torn() {
        let mut other = frame(2_000);
        other[100..140].fill(0x55);
        assert_eq!(KIND.judge(0, &other), Damage::Rotten);
        for sector in [0..512, 512..1024, 1536..2012] {
            let mut unwritten = frame(2_000);
            unwritten[sector].fill(0);
            assert_eq!(KIND.judge(0, &unwritten), Damage::Torn);
        }
    }

    #[test]
    fn heads_of_files_are_of_their_kind_and_say_their_version() {
        let kind = FileKind { magic: *b"fairtest", version: 7 };
        assert_eq!(kind.version_of(&kind.head()), Some(7));
        assert_eq!(FileKind { magic: *b"fairothr", ..kind }.version_of(&kind.head()), None);
        for bit in 0..FILE_HEAD_BYTES * 8 {
            let mut flipped = kind.head();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kind.version_of(&flipped), None);
        }
    }
}
