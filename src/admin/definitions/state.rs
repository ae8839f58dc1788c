//! A definition as it is told: what is published, what is prepared, and what may still be changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Admin;
use super::super::problem::Problem;
use crate::config::{Config, ConfigError, RoomConfig};
use crate::definitions::{Book, Followed, Kind, Record};
use fairgate_core::room::{Phase, Refusal, View};
use fairgate_store::StoreError;

/// Where a room is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// In the edge's file: here it can be looked at, and not changed.
    File,
    /// By this API.
    Data,
}

/// All definitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definitions {
    /// Those of the file first.
    pub rooms: Vec<DefinedRoom>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefinedRoom {
    /// The room's name.
    pub name: String,
    /// Where it is defined.
    pub managed_by: ManagedBy,
    /// True if edges serve it.
    pub is_live: bool,
    /// True if it was served once, and is archived.
    pub is_archived: bool,
    /// True if there is a draft.
    pub has_draft: bool,
}

/// A text that somebody has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrittenDefinition {
    /// Grows with every text.
    pub revision: u64,
    /// When it was written, Unix ms.
    pub at_ms: u64,
    /// By whom: the token's name.
    pub who: String,
    /// One `[[room]]`.
    pub toml: String,
}

/// How the definition of a room stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionState {
    /// The room's name.
    pub name: String,
    /// Where it is defined.
    pub managed_by: ManagedBy,
    /// The state of all of it, as in the `ETag`.
    pub tag: String,
    /// What is published, or was before it was archived; null in a room of the file.
    pub published: Option<WrittenDefinition>,
    /// True if it is archived.
    pub is_archived: bool,
    /// The draft.
    pub draft: Option<WrittenDefinition>,
    /// Why most of it cannot be changed now; null where all can.
    pub locked: Option<String>,
    /// Why this edge does not serve what is published; null where it does.
    pub left_out: Option<String>,
    /// Edges that were heard within the last seconds.
    pub edges_known: usize,
    /// Those of them that have all that is written, and serve it.
    pub edges_following: usize,
}

/// One mistake in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// The text: the room's, or the edge's file where another room is named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, with the tables it is in; empty where the text cannot be read.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedDefinition {
    /// Every mistake; none where the text can be published.
    pub mistakes: Vec<Mistake>,
    /// What is unusual about it, in sentences.
    pub warnings: Vec<String>,
}

impl From<Record> for WrittenDefinition {
    fn from(Record { revision, at_ms, who, text, .. }: Record) -> Self {
        Self { revision, at_ms, who, toml: text }
    }
}

/// All of them.
pub(in super::super) fn definitions(book: &Book) -> Definitions {
    let of_file = book.of_file().map(|(name, _)| DefinedRoom {
        name: name.to_owned(),
        managed_by: ManagedBy::File,
        is_live: true,
        is_archived: false,
        has_draft: false,
    });
    let mut rooms: Vec<DefinedRoom> = of_file.collect();
    let drafts: Vec<Record> = book.records(Kind::Draft).into_iter().filter(|record| !record.is_gone).collect();
    for record in book.records(Kind::Room) {
        rooms.push(DefinedRoom {
            has_draft: drafts.iter().any(|draft| draft.name == record.name),
            is_live: book.served_revision(&record.name).is_some(),
            managed_by: ManagedBy::Data,
            is_archived: record.is_gone,
            name: record.name,
        });
    }
    for draft in drafts {
        if !rooms.iter().any(|room| room.name == draft.name) {
            let (managed_by, name) = (ManagedBy::Data, draft.name);
            rooms.push(DefinedRoom { name, managed_by, is_live: false, is_archived: false, has_draft: true });
        }
    }
    Definitions { rooms }
}

/// How one stands.
pub(in super::super) async fn definition(
    admin: &Admin,
    book: &Arc<Book>,
    room: &str,
) -> Result<DefinitionState, Problem> {
    let (published, draft) = (book.record(Kind::Room, room), book.record(Kind::Draft, room));
    let is_of_file = book.is_of_file(room);
    if !is_of_file && published.is_none() && draft.as_ref().is_none_or(|draft| draft.is_gone) {
        return Err(Problem::NoDefinition(room.to_owned()));
    }
    let is_archived = published.as_ref().is_some_and(|record| record.is_gone);
    let view = view(admin, room).await?;
    let locked = match is_of_file {
        true => Some(of_the_file(room)),
        false => view.as_ref().filter(|_| published.is_some() && !is_archived).and_then(locked),
    };
    let Followed { known, following } = book.followed();
    Ok(DefinitionState {
        name: room.to_owned(),
        managed_by: if is_of_file { ManagedBy::File } else { ManagedBy::Data },
        tag: tag(book, room),
        published: published.map(WrittenDefinition::from),
        is_archived,
        draft: draft.filter(|draft| !draft.is_gone).map(WrittenDefinition::from),
        locked,
        left_out: book.left_out(room),
        edges_known: known,
        edges_following: following,
    })
}

/// The state of what is written of a room.
pub(super) fn tag(book: &Book, room: &str) -> String {
    let revision = |kind| book.record(kind, room).map_or(0, |record| record.revision);
    format!("{}.{}", revision(Kind::Room), revision(Kind::Draft))
}

/// How a room stands; nothing where nobody has scheduled it yet.
pub(super) async fn view(admin: &Admin, room: &str) -> Result<Option<View>, Problem> {
    match admin.store.view(room).await {
        Ok(view) => Ok(Some(view)),
        Err(StoreError::Refused(Refusal::NotScheduled)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn of_the_file(room: &str) -> String {
    format!("{room} is managed by the edge's file: change it there, and start the edges anew")
}

/// Why what fans rely on stays as it is now.
pub(super) fn locked(view: &View) -> Option<String> {
    let since = match view.phase {
        Phase::Idle | Phase::Ended => return None,
        Phase::Pooling => "its pool is open, and fans have come by what was published",
        Phase::Drawing | Phase::Serving => "its sale has begun, by the draw that was published",
    };
    Some(format!(
        "{since}: title, [room.page] and [room.poll] may change, the schedule and all else may not until the sale has ended. Rate, \
         limits, message and end are changed live, by PATCH of the room"
    ))
}

/// What is wrong with a text, and what is unusual.
pub(in super::super) fn check(admin: &Admin, book: &Book, room: &str, text: &str) -> CheckedDefinition {
    match book.check(room, text) {
        Ok(config) => CheckedDefinition { mistakes: Vec::new(), warnings: warnings(admin, &config, room) },
        Err(wrong) => CheckedDefinition { mistakes: mistakes(&wrong), warnings: Vec::new() },
    }
}

fn mistakes(wrong: &ConfigError) -> Vec<Mistake> {
    let mistake = |problem: &crate::config::Problem| Mistake {
        file: problem.file.display().to_string(),
        line: problem.line,
        key: problem.key.clone(),
        what: problem.what.clone(),
        remedy: problem.remedy.clone(),
    };
    wrong.problems.iter().map(mistake).collect()
}

/// What is unusual about a room.
pub(super) fn warnings(admin: &Admin, config: &Config, room: &str) -> Vec<String> {
    let of_room = format!("room[{room}]");
    let now_ms = admin.now_ms();
    let warnings = config.warnings(now_ms).into_iter().filter(|warning| warning.key.starts_with(&of_room));
    warnings.map(|warning| warning.to_string()).collect()
}

/// The room of this name in a configuration.
pub(super) fn room_of<'c>(config: &'c Config, room: &str) -> Option<&'c RoomConfig> {
    config.rooms.iter().find(|own| own.name == room)
}
