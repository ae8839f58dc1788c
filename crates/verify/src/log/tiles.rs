//! The whole draw log, from its tiles (C2SP `tlog-tiles`).

use fairgate_draw::log::{Checkpoint, KeyKind, LogTree, Origin, SignedNote, Statement, VerifierKey};
use fairgate_draw::{Hash, Verdict};

use super::super::source::{Source, SourceError};

/// Statements a bundle.
const BUNDLE: u64 = 256;
/// A log has a few statements a draw: longer ones are not read.
const STATEMENTS_MAX: u64 = 1 << 20;

/// Where a log's files are, and what they are signed with.
pub(super) struct LogFiles {
    pub(super) key: VerifierKey,
    path: String,
}

/// A log that is as its checkpoint says.
#[derive(Debug)]
pub(super) struct ReadLog {
    pub(super) statements: Vec<Statement>,
    tree: LogTree,
}

impl LogFiles {
    /// By a log's vkey, whose name is `<host>/.fairgate/draw.log`, or a successor's.
    pub(super) fn of(vkey: &str) -> Result<Self, String> {
        let key = VerifierKey::parse(vkey).map_err(|why| why.to_string())?;
        match Origin::parse(key.name()).filter(|_| key.kind() == KeyKind::Log) {
            Some(origin) => Ok(Self { key, path: origin.path() }),
            None => Err(format!(
                "{:?} is no draw log: its name is a host and /.fairgate/draw.log, and its key is of type 01",
                key.name()
            )),
        }
    }

    /// The log, if it is published; where it is not as it should be, a verdict.
    pub(super) fn read(&self, source: &Source) -> Result<Result<Option<ReadLog>, Verdict>, SourceError> {
        let Some(note) = source.log_file(&self.path, "checkpoint")? else { return Ok(Ok(None)) };
        let note = String::from_utf8(note).ok().and_then(|note| SignedNote::parse(&note).ok());
        let Some(note) = note else { return Ok(Err(Verdict::Fails("the log's checkpoint is no signed note".into()))) };
        let checkpoint = match Checkpoint::open(&note, &self.key) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return Ok(Err(Verdict::Fails(format!("the log's checkpoint: {why}")))),
        };
        if checkpoint.size > STATEMENTS_MAX {
            return Ok(Err(Verdict::Open(format!("the log of {} statements is too long to be read", checkpoint.size))));
        }
        let mut log = ReadLog { statements: Vec::new(), tree: LogTree::new() };
        for bundle in 0..checkpoint.size.div_ceil(BUNDLE) {
            let width = (checkpoint.size - bundle * BUNDLE).min(BUNDLE);
            let Some(bytes) = self.bundle(source, bundle, width)? else {
                return Ok(Err(Verdict::Fails(format!(
                    "the log does not show its statements from {} on",
                    bundle * BUNDLE
                ))));
            };
            if let Err(why) = log.take(&bytes, width) {
                return Ok(Err(Verdict::Fails(why)));
            }
        }
        match log.tree.root(checkpoint.size) {
            Some(root) if root == checkpoint.root => Ok(Ok(Some(log))),
            _ => {
                Ok(Err(Verdict::Fails("the log's statements are not those that its checkpoint was signed for".into())))
            }
        }
    }

    /// A bundle of statements: a whole one, or one that is not full yet, or has become so since.
    fn bundle(&self, source: &Source, bundle: u64, width: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let whole = format!("tile/entries/{}", tile_number(bundle));
        let part = if width < BUNDLE { source.log_file(&self.path, &format!("{whole}.p/{width}"))? } else { None };
        match part {
            Some(part) => Ok(Some(part)),
            None => source.log_file(&self.path, &whole),
        }
    }
}

impl ReadLog {
    /// Takes the first `width` statements of a bundle: each has its length before it, as `u16be`.
    fn take(&mut self, mut bytes: &[u8], width: u64) -> Result<(), String> {
        for _ in 0..width {
            let index = self.statements.len();
            let unreadable = |why: &str| format!("the log's statement {index} cannot be read: {why}");
            let (length, rest) = bytes.split_first_chunk().ok_or_else(|| unreadable("its bundle is cut off"))?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (text, rest) = rest.split_at_checked(length).ok_or_else(|| unreadable("its bundle is cut off"))?;
            let text = str::from_utf8(text).map_err(|_| unreadable("it is no text"))?;
            let statement = Statement::parse(text).map_err(|why| unreadable(&why.to_string()))?;
            self.tree.push(&statement);
            self.statements.push(statement);
            bytes = rest;
        }
        Ok(())
    }

    /// The statements of a draw, with their indexes.
    pub(super) fn of_draw(&self, digest: &Hash) -> Vec<(u64, &Statement)> {
        (0..).zip(&self.statements).filter(|(_, statement)| statement.draw() == digest).collect()
    }

    /// A draw's descriptor, as the log has it.
    pub(super) fn announcement_of(&self, digest: &Hash) -> Option<&Statement> {
        self.statements
            .iter()
            .find(|statement| statement.draw() == digest && matches!(statement, Statement::Draw { .. }))
    }

    /// Where the log has a draw's end.
    pub(super) fn reveal_of(&self, digest: &Hash) -> Option<u64> {
        let own = self.of_draw(digest);
        own.iter().find(|(_, statement)| matches!(statement, Statement::Reveal { .. })).map(|(index, _)| *index)
    }

    /// Whether this log continues a checkpoint that it signed earlier.
    pub(super) fn leads_from(&self, name: &str, earlier: &Checkpoint) -> Verdict {
        let Checkpoint { size, root, .. } = earlier;
        match self.tree.root(*size) {
            Some(own) if own == *root => Verdict::Holds(format!("the log continues the {size} statements of {name}")),
            Some(_) => Verdict::Fails(format!("the log forked: its first {size} statements are not those of {name}")),
            None => Verdict::Fails(format!(
                "the log lost its end: {name} has {size} statements, and it shows {}",
                self.statements.len()
            )),
        }
    }
}

/// A tile's number in groups of three digits, all but the last with an `x` before them.
fn tile_number(mut number: u64) -> String {
    let mut path = format!("{:03}", number % 1000);
    while number >= 1000 {
        number /= 1000;
        path = format!("x{:03}/{path}", number % 1000);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_numbered_as_the_format_says() {
        assert_eq!([0, 7, 999].map(tile_number), ["000", "007", "999"]);
        assert_eq!(tile_number(1_234_067), "x001/x234/067");
    }

    #[test]
    fn a_log_lies_in_its_place_and_nowhere_else() {
        let key = |name: &str| VerifierKey::new(name, KeyKind::Log, [1; 32]).unwrap().to_string();
        let path = |name: &str| LogFiles::of(&key(name)).map(|files| files.path);
        assert_eq!(path("tickets.example/.fairgate/draw.log").unwrap(), "/.fairgate/draw.log");
        assert_eq!(path("tickets.example:8443/.fairgate/draw.log/2").unwrap(), "/.fairgate/draw.log/2");
        for name in ["tickets.example", "a/.fairgate/draw.log/../x", "a/.fairgate/draw.log/02", "a/.fairgate/draw.logs"]
        {
            assert!(path(name).is_err(), "{name}");
        }
        let witness = VerifierKey::new("a/.fairgate/draw.log", KeyKind::Witness, [1; 32]).unwrap().to_string();
        assert!(LogFiles::of(&witness).is_err());
    }
}
