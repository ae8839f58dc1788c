//! The files of a log as it is served (C2SP `tlog-tiles`): its checkpoint, its tiles, and its statements in bundles.
//!
//! Guarantees: a path has one spelling. A tile that was served once never changes.

use std::fmt::Write as _;

use super::{KeptLog, number};

/// Hashes of a tile, statements of a bundle.
const WIDTH: u64 = 256;
/// Above this level no log has a tile.
const LEVEL_MAX: u64 = 63;

/// A file of a log, by its path below the log's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPath {
    /// The last checkpoint.
    Checkpoint,
    /// Hashes of complete subtrees with 256^level statements each.
    Tile {
        /// The level.
        level: u32,
        /// Which tile of it.
        index: u64,
        /// How many hashes; 256 where it is full.
        width: u64,
    },
    /// Statements, each with its length before it.
    Entries {
        /// Which bundle.
        index: u64,
        /// How many statements; 256 where it is full.
        width: u64,
    },
}

impl LogPath {
    /// Reads a path, without a slash before it; `None` where there is nothing at such a path in any log.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        let (kind, tile) = path.strip_prefix("tile/")?.split_once('/')?;
        let (tile, width) = match tile.split_once(".p/") {
            Some((tile, width)) => (tile, number(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (tile, WIDTH),
        };
        let index = tile_number(tile)?;
        if kind == "entries" {
            return Some(Self::Entries { index, width });
        }
        let level = u32::try_from(number(kind).filter(|level| *level <= LEVEL_MAX)?).ok()?;
        Some(Self::Tile { level, index, width })
    }

    /// The bytes of the file; `None` where this log does not have it.
    #[must_use]
    pub fn of(self, log: &KeptLog) -> Option<Vec<u8>> {
        match self {
            Self::Checkpoint => Some(log.latest().to_string().into_bytes()),
            Self::Tile { level, index, width } => {
                let from = index.checked_mul(WIDTH)?;
                let hashes = log.tree().subtrees(level.checked_mul(8)?, from..from.checked_add(width)?)?;
                Some(hashes.concat())
            }
            Self::Entries { index, width } => {
                let from = index.checked_mul(WIDTH)?;
                log.bundle(from..from.checked_add(width)?)
            }
        }
    }
}

/// A tile's number, which is written in groups of three digits, all but the last with an `x` before them.
fn tile_number(path: &str) -> Option<u64> {
    let digits: String = path.split('/').map(|group| group.strip_prefix('x').unwrap_or(group)).collect();
    let index: u64 = digits.parse().ok()?;
    (tile_path(index) == path).then_some(index)
}

fn tile_path(index: u64) -> String {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    let mut path = String::new();
    for (place, group) in groups.iter().enumerate().rev() {
        let written = if place > 0 { write!(path, "x{group:03}/") } else { write!(path, "{group:03}") };
        written.expect("a string takes all");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{leaf_of, node};
    use crate::log::{Batch, KeyKind, LogTree, NoteSigner, Statement};

    fn log(size: u64) -> KeptLog {
        let mut log = KeptLog::new(NoteSigner::new("a/.fairgate/draw.log", KeyKind::Log, &[7; 32]).unwrap());
        for n in 0..size {
            let mut draw = [0; 32];
            draw[..8].copy_from_slice(&n.to_be_bytes());
            log.push(&Batch::of(&[Statement::Void { draw }]).unwrap()).unwrap();
        }
        log
    }

    #[test]
    fn paths_have_one_spelling() {
        let tile = |level, index, width| Some(LogPath::Tile { level, index, width });
        assert_eq!(LogPath::parse("checkpoint"), Some(LogPath::Checkpoint));
        assert_eq!(LogPath::parse("tile/0/000"), tile(0, 0, 256));
        assert_eq!(LogPath::parse("tile/1/x001/x234/067.p/17"), tile(1, 1_234_067, 17));
        assert_eq!(LogPath::parse("tile/entries/007.p/1"), Some(LogPath::Entries { index: 7, width: 1 }));
        for path in [
            "",
            "checkpoint/",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/1000",
            "tile/0/001/234",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/../000",
            "tile/entries/-01",
            "tile/entries/+01",
            "tile/entries/999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(LogPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn tiles_are_there_as_far_as_the_log_goes() {
        let log = log(600);
        let has = |path: &str| LogPath::parse(path).unwrap().of(&log);
        let leaves = has("tile/0/000").unwrap();
        assert_eq!(leaves.len(), 256 * 32);
        assert_eq!(has("tile/0/002.p/88").unwrap().len(), 88 * 32);
        assert_eq!(has("tile/0/002.p/7").unwrap(), has("tile/0/002.p/88").unwrap()[..7 * 32]);
        for path in
            ["tile/0/002", "tile/0/002.p/89", "tile/0/003.p/1", "tile/1/000", "tile/2/000.p/1", "tile/63/000.p/1"]
        {
            assert_eq!(has(path), None, "{path}");
        }
        let (hashes, _) = leaves.as_chunks::<32>();
        let mut row = hashes.to_vec();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
        }
        assert_eq!(has("tile/1/000.p/2").unwrap()[..32], row[0], "a full tile's root is a hash of the level above");
    }

    #[test]
    fn bundles_hash_to_the_tiles() {
        let log = log(300);
        let bundle = LogPath::parse("tile/entries/001.p/44").unwrap().of(&log).unwrap();
        let (mut rest, mut leaves, mut tree) = (&bundle[..], Vec::new(), LogTree::new());
        while let Some((length, more)) = rest.split_first_chunk() {
            let (text, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.extend(leaf_of(text));
            tree.push(&Statement::parse(str::from_utf8(text).unwrap()).unwrap());
            rest = more;
        }
        assert_eq!((tree.size(), Some(leaves)), (44, LogPath::parse("tile/0/001.p/44").unwrap().of(&log)));
        assert_eq!(LogPath::parse("tile/entries/001").unwrap().of(&log), None);
    }
}
