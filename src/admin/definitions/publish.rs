//! Writes definitions: drafts, rooms that are published, and rooms that are archived.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::Admin;
use super::super::access::Caller;
use super::super::change::Change;
use super::super::make::record;
use super::super::problem::Problem;
use super::state::{check, definition, locked, of_the_file, room_of, tag, view, warnings};
use super::{DefinitionChanged, SeenDefinition, book, bounded, named};
use crate::config::{Role, RoomConfig};
use crate::definitions::{Book, Kind, Put, Record};
use fairgate_core::room::{Command, Control, Phase, View};

/// For so long a change waits for this edge to serve it, and then for the others.
const SERVED_WITHIN: Duration = Duration::from_secs(6);
const FOLLOWED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a change is to be made: only to look what would come of it, and what was seen.
pub(in super::super) type Asked<'a> = (bool, &'a SeenDefinition);

/// Writes a draft.
pub(in super::super) async fn drafted(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    text: String,
    (dry_run, seen): Asked<'_>,
) -> Result<DefinitionChanged, Problem> {
    let (book, text) = (begin(admin, caller, room)?, bounded(text)?);
    let _one_at_a_time = book.turn().await;
    require_seen(book, room, seen)?;
    let checked = check(admin, book, named(room)?, &text);
    let before = book.record(Kind::Draft, room).filter(|draft| !draft.is_gone);
    let is_same = before.as_ref().is_some_and(|draft| draft.text == text);
    let mut id = None;
    if !dry_run && !is_same {
        let written = new_record(admin, caller, book, Kind::Draft, room, text);
        let change = change("draft", before.as_ref(), Some(&written));
        put(admin, book, written).await?;
        id = Some(record(admin, caller, room, &[change], admin.now_ms()).await?);
    }
    let definition = match definition(admin, book, room).await {
        // A dry run of the first draft leaves nothing to tell of.
        Err(Problem::NoDefinition(_)) if dry_run => unwritten(room),
        told => told?,
    };
    Ok(DefinitionChanged { dry_run, id, mistakes: checked.mistakes, warnings: checked.warnings, definition })
}

/// Discards a draft.
pub(in super::super) async fn discarded(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    (dry_run, seen): Asked<'_>,
) -> Result<DefinitionChanged, Problem> {
    let book = begin(admin, caller, room)?;
    let _one_at_a_time = book.turn().await;
    require_seen(book, room, seen)?;
    let before = book.record(Kind::Draft, room).filter(|draft| !draft.is_gone);
    let mut told = definition(admin, book, room).await?;
    let mut id = None;
    if let Some(before) = before.filter(|_| !dry_run) {
        withdraw(admin, caller, book, room).await?;
        let change = change("draft", Some(&before), None);
        id = Some(record(admin, caller, room, &[change], admin.now_ms()).await?);
        (told.tag, told.draft) = (tag(book, room), None);
    }
    Ok(DefinitionChanged { dry_run, id, mistakes: Vec::new(), warnings: Vec::new(), definition: told })
}

/// Publishes a draft.
pub(in super::super) async fn published(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    (dry_run, seen): Asked<'_>,
) -> Result<DefinitionChanged, Problem> {
    let book = begin(admin, caller, room)?;
    let _one_at_a_time = book.turn().await;
    require_seen(book, room, seen)?;
    let (draft, before) = (book.record(Kind::Draft, room), book.record(Kind::Room, room));
    // What is archived is published again as it was, unless somebody has prepared something else.
    let draft = draft.filter(|draft| !draft.is_gone).or_else(|| before.clone().filter(|before| before.is_gone));
    let draft = draft.ok_or_else(|| Problem::NoDraft(room.to_owned()))?;
    let config = book.check(room, &draft.text).map_err(|wrong| Problem::Unfit(wrong.to_string()))?;
    let wanted = room_of(&config, room).ok_or_else(|| Problem::NoDefinition(room.to_owned()))?;
    let view = view(admin, room).await?;
    if let Some(view) = &view {
        require_unlocked(book, before.as_ref(), wanted, view)?;
    }
    let warnings = warnings(admin, &config, room);
    let mut id = None;
    if !dry_run {
        let written = new_record(admin, caller, book, Kind::Room, room, draft.text.clone());
        let change = change("definition", before.as_ref().filter(|before| !before.is_gone), Some(&written));
        let revision = written.revision;
        put(admin, book, written).await?;
        withdraw(admin, caller, book, room).await?;
        id = Some(record(admin, caller, room, &[change], admin.now_ms()).await?);
        until(SERVED_WITHIN, || book.served_revision(room) == Some(revision) || book.left_out(room).is_some()).await;
        if let (Some(view), Some(_)) = (view, before.filter(|before| before.is_gone)) {
            take_up_again(admin, room, wanted, &view).await?;
        }
        followed(admin, book).await?;
    }
    let definition = definition(admin, book, room).await?;
    Ok(DefinitionChanged { dry_run, id, mistakes: Vec::new(), warnings, definition })
}

/// Archives a room.
pub(in super::super) async fn archived(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    (dry_run, seen): Asked<'_>,
) -> Result<DefinitionChanged, Problem> {
    let book = begin(admin, caller, room)?;
    let _one_at_a_time = book.turn().await;
    require_seen(book, room, seen)?;
    let before = book.record(Kind::Room, room).ok_or_else(|| Problem::NoDefinition(room.to_owned()))?;
    let view = view(admin, room).await?;
    if let Some(view) = view.as_ref().filter(|_| !before.is_gone) {
        require_quiet(room, view)?;
    }
    let mut id = None;
    if !dry_run && !before.is_gone {
        let gone = Record { is_gone: true, ..new_record(admin, caller, book, Kind::Room, room, before.text.clone()) };
        let change = change("definition", Some(&before), None);
        put(admin, book, gone).await?;
        id = Some(record(admin, caller, room, &[change], admin.now_ms()).await?);
        until(SERVED_WITHIN, || book.served_revision(room).is_none()).await;
        // A sale that nobody can come to does not open by itself.
        if let Some(view) = view.filter(|view| view.phase == Phase::Idle) {
            let end = Control::EndsAt(Some(view.now_ms));
            admin.store.apply(room, Command::Control(vec![end])).await?;
        }
        followed(admin, book).await?;
    }
    let definition = definition(admin, book, room).await?;
    Ok(DefinitionChanged { dry_run, id, mistakes: Vec::new(), warnings: Vec::new(), definition })
}

/// What every change begins with.
fn begin<'a>(admin: &'a Admin, caller: &Caller, room: &str) -> Result<&'a Arc<Book>, Problem> {
    caller.require(Role::Organizer)?;
    let book = book(admin)?;
    named(room)?;
    match book.is_of_file(room) {
        true => Err(Problem::OfTheFile(of_the_file(room))),
        false => Ok(book),
    }
}

fn require_seen(book: &Book, room: &str, seen: &SeenDefinition) -> Result<(), Problem> {
    let now = tag(book, room);
    match seen.0.as_ref().is_none_or(|seen| *seen == now) {
        true => Ok(()),
        false => {
            let who = [Kind::Draft, Kind::Room].into_iter().filter_map(|kind| book.record(kind, room));
            let last = who.max_by_key(|record| record.at_ms).map(|record| record.who).unwrap_or_default();
            Err(Problem::DefinitionChanged(format!("{last} has written it since: look, and decide anew")))
        }
    }
}

/// From its opening on a sale keeps what fans rely on.
fn require_unlocked(book: &Book, before: Option<&Record>, wanted: &RoomConfig, view: &View) -> Result<(), Problem> {
    let Some(why) = locked(view) else { return Ok(()) };
    let before = before.filter(|before| !before.is_gone);
    let now = before.and_then(|before| book.check(&before.name, &before.text).ok());
    let now = now.as_ref().and_then(|config| room_of(config, &wanted.name)).cloned();
    let with_looks = now.map(|now| RoomConfig {
        origin: wanted.origin.clone(),
        title: wanted.title.clone(),
        page: wanted.page.clone(),
        poll: wanted.poll,
        ..now
    });
    match with_looks.as_ref() == Some(wanted) {
        true => Ok(()),
        false => Err(Problem::Locked(why)),
    }
}

/// A room is archived before its sale opens, or when nobody is in it any more.
fn require_quiet(room: &str, view: &View) -> Result<(), Problem> {
    match view.phase {
        Phase::Idle => Ok(()),
        Phase::Ended if view.active == 0 => Ok(()),
        Phase::Ended => {
            Err(Problem::Locked(format!("{} sessions are still inside: wait until they have ended", view.active)))
        }
        Phase::Pooling | Phase::Drawing | Phase::Serving => Err(Problem::Locked(format!(
            "its sale is under way: end it first, with `fairgate room set {room} --ends-at TIME`"
        ))),
    }
}

/// A room that was archived before its sale opened was ended so: published again, it goes by its text.
async fn take_up_again(admin: &Admin, room: &str, wanted: &RoomConfig, before: &View) -> Result<(), Problem> {
    let now = admin.store.view(room).await?;
    let is_same_sale = before.draw.descriptor_digest == now.draw.descriptor_digest && now.phase == Phase::Ended;
    let sale = wanted.sale_of(now.opens_at_ms, now.starts_at_ms).filter(|_| is_same_sale);
    if let Some(sale) = sale.filter(|sale| !sale.is_over(now.now_ms)) {
        admin.store.apply(room, Command::Control(vec![Control::EndsAt(sale.ends_at_ms)])).await?;
    }
    Ok(())
}

fn new_record(admin: &Admin, caller: &Caller, book: &Book, kind: Kind, room: &str, text: String) -> Record {
    let (revision, at_ms) = (book.next_revision(kind, room), admin.now_ms());
    Record { kind, name: room.to_owned(), revision, is_gone: false, at_ms, who: caller.name.clone(), text }
}

async fn put(admin: &Admin, book: &Arc<Book>, record: Record) -> Result<(), Problem> {
    match book.put(&*admin.store, record).await? {
        Put::Kept => Ok(()),
        Put::Overtaken => Err(Problem::DefinitionChanged(
            "somebody has written it through another edge at this moment: look, and decide anew".to_owned(),
        )),
        Put::Full => Err(Problem::Value {
            key: "name",
            reason: "there are as many rooms and drafts as an edge keeps: remove old files of rooms.d and drafts.d on all edges"
                .to_owned(),
        }),
    }
}

async fn withdraw(admin: &Admin, caller: &Caller, book: &Arc<Book>, room: &str) -> Result<(), Problem> {
    let gone = Record { is_gone: true, ..new_record(admin, caller, book, Kind::Draft, room, String::new()) };
    put(admin, book, gone).await
}

/// Waits until a condition holds, but not for long.
async fn until(patience: Duration, is_so: impl Fn() -> bool) {
    let ends_at = Instant::now() + patience;
    while !is_so() && Instant::now() < ends_at {
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until all edges have what was written, but not for long.
async fn followed(admin: &Admin, book: &Arc<Book>) -> Result<(), Problem> {
    let ends_at = Instant::now() + FOLLOWED_WITHIN;
    loop {
        book.look(&*admin.store).await?;
        let followed = book.followed();
        if followed.known == followed.following || Instant::now() >= ends_at {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

fn change(what: &str, before: Option<&Record>, after: Option<&Record>) -> Change {
    let said =
        |record: Option<&Record>| record.map_or(Value::Null, |record| json!(format!("revision {}", record.revision)));
    Change { what: what.to_owned(), before: said(before), after: said(after) }
}

fn unwritten(room: &str) -> super::DefinitionState {
    super::DefinitionState {
        name: room.to_owned(),
        managed_by: super::ManagedBy::Data,
        tag: "0.0".to_owned(),
        published: None,
        is_archived: false,
        draft: None,
        locked: None,
        left_out: None,
        edges_known: 1,
        edges_following: 1,
    }
}
