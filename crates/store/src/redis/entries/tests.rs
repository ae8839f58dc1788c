//! Files of entries that are torn, rotten, released before, or full.

use std::os::unix::fs::FileExt;

use super::*;

const DRAW: &str = "0123";

/// Ten batches of three.
fn written(dir: &Path) -> PathBuf {
    let file = EntriesFile::open(dir, DRAW, false).unwrap();
    for batch in 0..10_u64 {
        let positions: Vec<_> = (0..3).map(|n| Position::Pool(batch * 3 + n)).collect();
        let entries: Vec<Entry> = positions.iter().map(|position| [position.number() as u8 + 1; 32]).collect();
        file.push(&entries, &positions).unwrap();
    }
    file.path.clone()
}

fn indexes(dir: &Path) -> Vec<u64> {
    let read: Vec<_> = read(dir, DRAW).unwrap().collect();
    assert!(read.iter().all(|(index, entry)| *entry == [*index as u8 + 1; 32]));
    read.into_iter().map(|(index, _)| index).collect()
}

#[test]
fn a_torn_write_costs_its_own_entries_and_is_cut_off_when_the_file_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path());
    let whole = fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(whole - 50).unwrap();
    assert_eq!(indexes(dir.path()), (0..27).collect::<Vec<_>>());
    let again = EntriesFile::open(dir.path(), DRAW, false).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), whole - (whole - 16) / 10);
    again.push(&[[31; 32]], &[Position::Pool(30)]).unwrap();
    assert_eq!(indexes(dir.path()), (0..27).chain([30]).collect::<Vec<_>>());
}

#[test]
fn a_torn_write_in_the_middle_puts_nothing_behind_it_out_of_step() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path());
    let bytes = fs::read(&path).unwrap();
    let frame = (bytes.len() - 16) / 10;
    let cut = 16 + 4 * frame + 30;
    fs::write(&path, [&bytes[..cut], &bytes[16 + 5 * frame..]].concat()).unwrap();
    let expected: Vec<_> = (0..12).chain(15..30).collect();
    assert_eq!(indexes(dir.path()), expected);
    let mut reader = Reader::open(&path, BATCH).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.unread, Unread { torn_bytes: 30, rotten_bytes: 0 });
}

#[test]
fn a_rotten_bit_costs_its_own_entries_and_nothing_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path());
    let bytes = fs::read(&path).unwrap();
    let frame = (bytes.len() - 16) / 10;
    for batch in [0, 4, 9] {
        let mut rotten = bytes.clone();
        rotten[16 + batch * frame + 40] ^= 4;
        fs::write(&path, &rotten).unwrap();
        drop(EntriesFile::open(dir.path(), DRAW, false).unwrap());
        let lost = batch as u64 * 3..batch as u64 * 3 + 3;
        assert_eq!(indexes(dir.path()), (0..30).filter(|index| !lost.contains(index)).collect::<Vec<_>>());
        assert_eq!(fs::read(&path).unwrap(), rotten);
        let mut reader = Reader::open(&path, BATCH).unwrap();
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.unread, Unread { torn_bytes: 0, rotten_bytes: frame as u64 });
    }
}

#[test]
fn a_file_that_was_released_is_read_and_a_tear_in_it_costs_few_entries() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |index: u64| [index as u8 + 1; 32];
    let records: Vec<u8> = (0..20).flat_map(|index| record((&entry(index), &Position::Pool(index))).unwrap()).collect();
    let path = dir.path().join(DRAW).with_extension("entries");
    fs::write(&path, &records).unwrap();
    assert_eq!(indexes(dir.path()), (0..20).collect::<Vec<_>>());
    fs::write(&path, [&records[..7 * 40 + 11], &records[8 * 40..]].concat()).unwrap();
    let read: Vec<u64> = read(dir.path(), DRAW).unwrap().map(|(index, _)| index).collect();
    assert!((8..20).all(|index| read.contains(&index)), "{read:?}");
    // Both are read while an edge takes over from one of before.
    EntriesFile::open(dir.path(), DRAW, false).unwrap().push(&[entry(20)], &[Position::Pool(20)]).unwrap();
    assert!(super::read(dir.path(), DRAW).unwrap().any(|(index, _)| index == 20));
}

#[test]
fn what_could_not_be_written_whole_is_taken_away_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path());
    let length = fs::metadata(&path).unwrap().len();
    let read_only = EntriesFile { path: path.clone(), file: File::open(&path).unwrap(), has_tiers: false };
    assert!(read_only.push(&[[9; 32]], &[Position::Pool(99)]).is_err());
    assert_eq!(fs::metadata(&path).unwrap().len(), length);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"?", length).unwrap();
    assert_eq!(indexes(dir.path()), (0..30).collect::<Vec<_>>());
}

#[test]
fn entries_of_tiers_are_read_back_with_their_tags_and_a_rotten_frame_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let answered = |n: u8| {
        let at = if n == 2 { Spot::Line { place: 70_000 } } else { Spot::Pool { tier: n, index: 1 << 33 } };
        Answered { at, entry: [n; 32], tag: [n; 16] }
    };
    let file = EntriesFile::open(dir.path(), DRAW, true).unwrap();
    for n in 0..4 {
        file.push_answered(&[answered(n)]).unwrap();
    }
    let read = || read_tiers(dir.path(), DRAW).unwrap().collect::<Vec<_>>();
    assert_eq!(read(), (0..4).map(answered).collect::<Vec<_>>());
    let path = dir.path().join(DRAW).with_extension("ledger");
    assert_eq!(read_ledger(&path).unwrap(), (4, Unread::default()));
    let mut bytes = fs::read(&path).unwrap();
    bytes[FILE_HEAD_BYTES + FRAME_HEAD_BYTES + 5] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(read(), (1..4).map(answered).collect::<Vec<_>>());
}
