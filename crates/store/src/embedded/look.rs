//! What the journals of a room say, without changing anything: for people who ask how a store is.

use std::path::Path;

use fairgate_core::room::{Phase, Room};

use super::OpenError;
use super::claims;
use super::journal::{JournalReader, path_in};
use super::load::{numbered, replay_frame};
use crate::check::{Condition, Finding};

/// Looks at every journal in the directory of a room.
pub(crate) fn look_at_journals(dir: &Path) -> Result<Vec<Finding>, OpenError> {
    let journals = numbered(dir, ".journal")?;
    let latest = journals.last().copied().unwrap_or(0);
    let lists = numbered(dir, ".claims")?;
    let missing = lists.into_iter().filter(|generation| *generation > latest).map(|generation| Finding {
        path: path_in(dir, generation),
        condition: Condition::Missing,
        what: format!("{} was made after it", claims::path_in(dir, generation).display()),
    });
    Ok(journals.iter().map(|generation| look(dir, *generation)).chain(missing).collect())
}

fn look(dir: &Path, generation: u64) -> Finding {
    let path = path_in(dir, generation);
    let found = |condition, what| Finding { path: path.clone(), condition, what };
    match read(&path) {
        Ok((None, _, _)) => found(Condition::Torn, "it was cut short while it was made: it will be removed".to_owned()),
        Ok((Some(room), commits, 0)) => found(Condition::Whole, format!("{commits} commits: {}", summary(&room))),
        Ok((Some(room), commits, torn_bytes)) => found(
            Condition::Torn,
            format!("{commits} commits, and {torn_bytes} bytes that will be cut off: {}", summary(&room)),
        ),
        Err(OpenError::Rotten { at, what, .. }) => found(Condition::Rotten, format!("at byte {at}: {what}")),
        Err(error) => found(Condition::Unreadable, error.to_string()),
    }
}

/// The room that a journal ends with, how many commits made it, and how many bytes of its end were torn.
fn read(path: &Path) -> Result<(Option<Room>, u64, u64), OpenError> {
    let Some(mut reader) = JournalReader::open_read_only(path.to_owned())? else { return Ok((None, 0, 0)) };
    let header = reader.header();
    let mut room = Room::after(header.revision, header.generation.saturating_sub(1));
    let mut commits = 0;
    while let Some(frame) = reader.next()? {
        commits += 1;
        replay_frame(&mut room, &frame, |_, _, _, _| ());
    }
    Ok(((commits > 0).then_some(room), commits, reader.torn_bytes()?))
}

/// How a room stands, in a line.
fn summary(room: &Room) -> String {
    let Some(view) = room.view() else { return "not scheduled".to_owned() };
    let phase = match view.phase {
        Phase::Idle => "idle",
        Phase::Pooling => "pooling",
        Phase::Drawing => "drawing",
        Phase::Serving => "serving",
        Phase::Ended => "ended",
    };
    let at = i64::try_from(view.now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(|| view.now_ms.to_string(), |at| at.to_string());
    format!(
        "{phase}, {} in the pool, {} places given, serving {}, {} admitted, last changed {at}",
        view.pool_size, view.line_size, view.serving, view.admitted
    )
}

/// How many commits stand one behind the other from a journal's beginning; what follows is judged, too.
pub(crate) fn count_commits(bytes: &[u8]) -> u64 {
    use super::frame::{COMMIT, HEADER_BYTES, Header, read_payload};
    use crate::framing::FRAME_HEAD_BYTES;

    let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return 0 };
    drop(Header::decode(header));
    let mut commits = 0;
    while let Some(payload) = COMMIT.payload(rest) {
        drop(read_payload(payload));
        rest = &rest[FRAME_HEAD_BYTES + payload.len()..];
        commits += 1;
    }
    COMMIT.judge((bytes.len() - rest.len()) as u64, rest);
    commits
}
