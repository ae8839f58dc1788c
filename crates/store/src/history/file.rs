//! The file of a room's history: two rings of slots, each slot found by its second.
//!
//! Guarantee: whatever stands in a slot, only what was written there for that very second is read from it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::series::{SERIES, Sample};
use super::{COARSE_S, COARSE_STEP_S, FINE_S, Span};
use crate::check_name;
use crate::framing::{Damage, FILE_HEAD_BYTES, FileKind, Stored, u32_at};

/// Below the store's directory; no room has such a name.
const DIR: &str = "history.kept";
/// Of the files there.
const EXTENSION: &str = ".history";
const KIND: FileKind = FileKind { magic: *b"fairhist", version: 1 };

const SLOTS_AT: u64 = 4_096;
const SLOT_BYTES: usize = 4 + SERIES * 4 + 4;
/// Slots that are read at once.
const READ_SLOTS: u32 = 2_048;

const FINE: Ring = Ring { at: SLOTS_AT, every_s: 1, slots: FINE_S };
const COARSE: Ring = Ring {
    at: SLOTS_AT + FINE.slots as u64 * SLOT_BYTES as u64,
    every_s: COARSE_STEP_S,
    slots: COARSE_S / COARSE_STEP_S,
};

/// Bytes of a file: 18 MB, of which those that were never written take no room on the disk.
pub const FILE_BYTES: u64 = COARSE.at + COARSE.slots as u64 * SLOT_BYTES as u64;

/// Slots of one length, written over in turn.
#[derive(Clone, Copy, Debug)]
struct Ring {
    at: u64,
    every_s: u32,
    slots: u32,
}

impl Ring {
    /// Where the slot of a second stands.
    fn place(self, at_s: u32) -> u64 {
        self.at + u64::from(at_s / self.every_s % self.slots) * SLOT_BYTES as u64
    }

    /// The second that a slot is named by.
    fn named(self, at_s: u32) -> u32 {
        at_s - at_s % self.every_s
    }
}

/// The history of one room.
#[derive(Debug)]
pub struct History {
    file: File,
}

/// Why a file is no history that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Its head is not as it was written.
    Damaged(Damage),
    /// It is of another version.
    Version(u32),
}

impl History {
    /// Opens a room's history below a store's directory, or begins it. A file that cannot be read is set aside, and told.
    ///
    /// # Errors
    /// The file cannot be made or read.
    pub fn open(store: &Path, room: &str) -> io::Result<Self> {
        check_name(room).map_err(|refusal| io::Error::new(io::ErrorKind::InvalidInput, refusal))?;
        let dir = store.join(DIR);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let path = dir.join(format!("{room}{EXTENSION}"));
        let file = open(&path)?;
        match head(&file)? {
            Ok(()) => Ok(Self { file }),
            Err(unread) => {
                let aside = PathBuf::from(format!("{}.{}", path.display(), word(unread)));
                tracing::warn!(room, aside = %aside.display(), "the room's history cannot be read: it is set aside and begun anew");
                fs::rename(&path, &aside)?;
                let file = open(&path)?;
                head(&file)?.map_err(|_| io::Error::other("a history that was just begun cannot be read"))?;
                Ok(Self { file })
            }
        }
    }

    /// Writes a sample of a second. What this second has already is taken together with it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, sample: &Sample) -> io::Result<()> {
        let at_s = sample.at_s;
        // The ten seconds that it is a part of, as far as they have come.
        let first = COARSE.named(at_s);
        let mut seconds = self.slots(FINE, first, COARSE_STEP_S)?;
        seconds.resize(COARSE_STEP_S as usize, None);
        let own = seconds[(at_s - first) as usize].get_or_insert(Sample::new(at_s));
        own.merge(sample);
        self.file.write_all_at(&encoded(own), FINE.place(at_s))?;
        let mut all = Sample::new(first);
        seconds.iter().flatten().for_each(|second| all.merge(second));
        self.file.write_all_at(&encoded(&all), COARSE.place(first))
    }

    /// The samples of a stretch, one for each step that has any; each has the time of its step.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, span: Span) -> io::Result<Vec<Sample>> {
        let ring = if span.step_s < COARSE_STEP_S { FINE } else { COARSE };
        let step_s = span.step_s.max(1);
        let mut samples: Vec<Sample> = Vec::new();
        let mut at_s = ring.named(span.from_s.max(span.until_s.saturating_sub(ring.every_s * ring.slots)));
        while at_s < span.until_s {
            let left = (span.until_s - at_s).div_ceil(ring.every_s);
            // Up to where the ring begins again.
            let until_end = ring.slots - at_s / ring.every_s % ring.slots;
            let count = left.min(until_end).min(READ_SLOTS);
            for sample in self.slots(ring, at_s, count)?.into_iter().flatten() {
                let step_at = sample.at_s - sample.at_s % step_s;
                match samples.last_mut() {
                    Some(last) if last.at_s == step_at => last.merge(&sample),
                    _ => samples.push(Sample { at_s: step_at, ..sample }),
                }
            }
            at_s += count * ring.every_s;
        }
        Ok(samples)
    }

    /// What stands in slots that follow each other, from that of a second on.
    fn slots(&self, ring: Ring, at_s: u32, count: u32) -> io::Result<Vec<Option<Sample>>> {
        let mut bytes = vec![0; count as usize * SLOT_BYTES];
        let read = self.file.read_full_at(&mut bytes, ring.place(at_s))?;
        bytes.truncate(read - read % SLOT_BYTES);
        let wanted = (0..count).map(|number| at_s + number * ring.every_s);
        Ok(bytes.chunks_exact(SLOT_BYTES).zip(wanted).map(|(slot, at_s)| decoded(slot, Some(at_s))).collect())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Reads a file's head, or writes it where there is none.
fn head(file: &File) -> io::Result<Result<(), Unread>> {
    if file.length()? == 0 {
        file.write_all_at(&KIND.head(), 0)?;
    }
    if let Err(unread) = read_head(file)? {
        return Ok(Err(unread));
    }
    if file.length()? < FILE_BYTES {
        file.set_len(FILE_BYTES)?;
    }
    Ok(Ok(()))
}

fn read_head(file: &File) -> io::Result<Result<(), Unread>> {
    let mut head = [0; FILE_HEAD_BYTES];
    let read = file.read_full_at(&mut head, 0)?;
    Ok(match KIND.version_of(&head[..read]) {
        Some(version) if version == KIND.version => Ok(()),
        Some(version) => Err(Unread::Version(version)),
        None if read < FILE_HEAD_BYTES => Err(Unread::Damaged(Damage::Torn)),
        None => Err(Unread::Damaged(Damage::Rotten)),
    })
}

fn word(unread: Unread) -> String {
    match unread {
        Unread::Damaged(damage) => damage.to_string(),
        Unread::Version(version) => format!("version-{version}"),
    }
}

fn encoded(sample: &Sample) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let numbers = std::iter::once(&sample.at_s).chain(&sample.values);
    slot.chunks_exact_mut(4).zip(numbers).for_each(|(bytes, number)| bytes.copy_from_slice(&number.to_le_bytes()));
    let crc = crc32fast::hash(&slot[..SLOT_BYTES - 4]);
    slot[SLOT_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    slot
}

/// What a slot says of the second that is wanted, or of any.
fn decoded(slot: &[u8], wanted: Option<u32>) -> Option<Sample> {
    let at_s = u32_at(slot, 0);
    let is_wanted = wanted.is_none_or(|wanted| wanted == at_s);
    if !is_wanted || crc32fast::hash(&slot[..SLOT_BYTES - 4]) != u32_at(slot, SLOT_BYTES - 4) {
        return None;
    }
    let mut sample = Sample::new(at_s);
    sample.values.iter_mut().enumerate().for_each(|(place, value)| *value = u32_at(slot, 4 + place * 4));
    Some(sample)
}

/// The histories below a store's directory, and what was set aside of them.
pub(crate) fn files_in(store: &Path) -> io::Result<Vec<PathBuf>> {
    let files = match fs::read_dir(store.join(DIR)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = files.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// How many samples a file has, and how many slots are not as they were written.
pub(crate) fn look(path: &Path) -> io::Result<Result<(u64, u64), Unread>> {
    let file = File::open(path)?;
    if let Err(unread) = read_head(&file)? {
        return Ok(Err(unread));
    }
    let (mut whole, mut rotten, mut at) = (0, 0, SLOTS_AT);
    let mut bytes = vec![0; READ_SLOTS as usize * SLOT_BYTES];
    loop {
        let read = file.read_full_at(&mut bytes, at)?;
        for (number, slot) in bytes[..read].chunks_exact(SLOT_BYTES).enumerate() {
            let is_empty = slot.iter().all(|byte| *byte == 0);
            if is_empty {
                continue;
            }
            // A slot may be written at this moment: it is looked at again.
            let is_whole = decoded(slot, None).is_some() || {
                let mut again = [0; SLOT_BYTES];
                let read = file.read_full_at(&mut again, at + (number * SLOT_BYTES) as u64)?;
                read == SLOT_BYTES && decoded(&again, None).is_some()
            };
            if is_whole { whole += 1 } else { rotten += 1 }
        }
        if read < bytes.len() {
            return Ok(Ok((whole, rotten)));
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Series;
    use super::*;

    /// A second on which both rings are about to begin again.
    const START: u32 = (1_790_000_000 / COARSE_S + 1) * COARSE_S - 30;

    fn sample(at_s: u32, waiting: u64) -> Sample {
        let mut sample = Sample::new(at_s);
        sample.set(Series::Waiting, waiting);
        sample.set(Series::ShopAnswers, 2);
        sample
    }

    fn waiting(history: &History, from_s: u32, until_s: u32, step_s: u32) -> Vec<(u32, u32)> {
        let samples = history.read(Span { from_s, until_s, step_s }).unwrap();
        samples.iter().map(|sample| (sample.at_s - START, sample.get(Series::Waiting).unwrap())).collect()
    }

    #[test]
    fn samples_are_read_as_they_were_written_by_the_next_process_too_and_across_the_rings_end() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path(), "final").unwrap();
        for second in (0..60).filter(|second| *second != 33) {
            history.note(&sample(START + second, second.into())).unwrap();
        }
        drop(history);
        let history = History::open(dir.path(), "final").unwrap();
        let all: Vec<_> = (0..60).filter(|second| *second != 33).map(|second| (second, second)).collect();
        assert_eq!(waiting(&history, START - 100, START + 100, 1), all, "a second that nobody noted is a gap");
        let tens: Vec<_> = (0..6).map(|ten| (ten * 10, ten * 10 + 9)).collect();
        assert_eq!(waiting(&history, START, START + 60, 10), tens);
        assert_eq!(waiting(&history, START, START + 60, 30), [(0, 29), (30, 59)]);
        let answers = history.read(Span { from_s: START, until_s: START + 60, step_s: 30 }).unwrap();
        assert_eq!(answers.iter().map(|step| step.get(Series::ShopAnswers)).collect::<Vec<_>>(), [Some(60), Some(58)]);
        assert_eq!(fs::metadata(dir.path().join("history.kept/final.history")).unwrap().len(), FILE_BYTES);
    }

    #[test]
    fn a_second_that_is_noted_twice_is_one_and_an_earlier_lap_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path(), "final").unwrap();
        history.note(&sample(START, 1)).unwrap();
        history.note(&sample(START, 4)).unwrap();
        assert_eq!(waiting(&history, START, START + 1, 1), [(0, 4)]);
        let span = Span { from_s: START, until_s: START + 1, step_s: 1 };
        assert_eq!(history.read(span).unwrap()[0].get(Series::ShopAnswers), Some(4));
        history.note(&sample(START + FINE_S, 9)).unwrap();
        assert_eq!(waiting(&history, START, START + FINE_S + 1, 1), [(FINE_S, 9)]);
        assert_eq!(waiting(&history, START, START + FINE_S + 1, 10), [(0, 4), (FINE_S, 9)], "kept for longer");
    }

    #[test]
    fn a_slot_with_any_bit_flipped_is_a_gap_and_the_check_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path(), "final").unwrap();
        let path = dir.path().join("history.kept/final.history");
        (0..3).for_each(|second| history.note(&sample(START + second, 5)).unwrap());
        let (place, whole) = (FINE.place(START + 1), encoded(&sample(START + 1, 5)));
        assert_eq!(look(&path).unwrap(), Ok((4, 0)));
        for bit in 0..SLOT_BYTES * 8 {
            let mut flipped = whole;
            flipped[bit / 8] ^= 1 << (bit % 8);
            history.file.write_all_at(&flipped, place).unwrap();
            assert_eq!(waiting(&history, START, START + 3, 1), [(0, 5), (2, 5)], "bit {bit}");
        }
        assert_eq!(look(&path).unwrap(), Ok((3, 1)));
        history.file.write_all_at(&[0; SLOT_BYTES], place).unwrap();
        assert_eq!(look(&path).unwrap(), Ok((3, 0)), "never written");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_set_aside_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.kept/final.history");
        for (bytes, aside) in [
            (FileKind { version: 2, ..KIND }.head().to_vec(), "version-2"),
            (vec![7; 4_096], "rotten"),
            (KIND.head()[..9].to_vec(), "torn"),
        ] {
            drop(History::open(dir.path(), "final").unwrap());
            fs::write(&path, &bytes).unwrap();
            let history = History::open(dir.path(), "final").unwrap();
            history.note(&sample(START, 1)).unwrap();
            assert_eq!(waiting(&history, START, START + 1, 1), [(0, 1)]);
            assert_eq!(fs::read(dir.path().join(format!("history.kept/final.history.{aside}"))).unwrap(), bytes);
        }
        assert!(History::open(dir.path(), "../final").is_err());
    }

    #[test]
    fn files_of_the_first_version_are_read_for_ever() {
        let golden = include_str!("golden-1.hex");
        let bytes = hex::decode(golden.split_whitespace().collect::<String>()).unwrap();
        let (head, slot) = bytes.split_at(FILE_HEAD_BYTES);
        assert_eq!(KIND.version_of(head), Some(1));
        let kept = decoded(slot, Some(1_790_000_001)).unwrap();
        let numbers: Vec<_> = Series::all().map(|series| kept.get(series)).collect();
        let written: Vec<_> = (0..SERIES as u32).map(|place| (place != 29).then_some(place * 1_000)).collect();
        assert_eq!((numbers, &encoded(&kept)[..]), (written, slot));
    }
}
