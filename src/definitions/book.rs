//! The definitions that an edge has, and the way by which a fleet's edges have the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fairgate_store::{DefinitionTag, Store, StoreError};
use ring::digest::{Context, SHA256};
use tokio::sync::Notify;

use super::disk;
use super::fit::{Fit, LeftOut, fit, text};
use super::record::{Kind, Record};
use crate::config::{Config, ConfigError, Problem, RoomConfig, RoomText, as_one_file};

/// The most names that are kept, those that are gone included.
const NAMES_MAX: usize = 2_000;

/// The definitions of an edge.
#[derive(Debug)]
pub struct Book {
    /// The store's directory on this edge's disk.
    dir: PathBuf,
    /// The edge's file, and what stood in it at the start.
    path: PathBuf,
    file: String,
    own: Config,
    kept: Mutex<BTreeMap<(Kind, String), (Record, DefinitionTag)>>,
    /// Grows with every change.
    changes: AtomicU64,
    changed: Notify,
    served: Mutex<Served>,
    writing: tokio::sync::Mutex<()>,
    turn: tokio::sync::Mutex<()>,
}

/// What the edge makes of them.
#[derive(Clone, Debug, Default)]
struct Served {
    revisions: BTreeMap<String, u64>,
    left_out: Vec<LeftOut>,
    followed: Followed,
}

/// How many edges have what this one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Edges that were heard within the last seconds.
    pub known: usize,
    /// Those of them that have all that is written, and serve it.
    pub following: usize,
}

/// What became of a definition that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept,
    /// Somebody else was first.
    Overtaken,
    /// There are as many names as there may be.
    Full,
}

impl Book {
    /// The definitions below a store's directory, beside a file that was read and found good.
    #[must_use]
    pub fn open(path: &Path, file: String, own: Config) -> Self {
        let dir = own.store.path.clone();
        let kept = disk::read(&dir).into_iter().map(|record| {
            let tag = record.definition().tag;
            ((record.kind, record.name.clone()), (record, tag))
        });
        Self {
            path: path.to_owned(),
            file,
            own,
            kept: Mutex::new(kept.collect()),
            changes: AtomicU64::new(1),
            changed: Notify::new(),
            served: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            dir,
        }
    }

    /// Which rooms can be served, and which cannot.
    #[must_use]
    pub fn fit(&self) -> Fit {
        let mut fit = fit(&self.file, &self.path, &self.own, &self.rooms());
        let Fit { config, revisions, left_out } = &mut fit;
        // Secrets belong to the machine: one that is missing keeps a room from being served, and no edge from its start.
        config.rooms.retain(|room| {
            let missing = if revisions.contains_key(&room.name) { missing_secrets(room) } else { Vec::new() };
            if !missing.is_empty() {
                revisions.remove(&room.name);
                left_out.push(LeftOut { room: room.name.clone(), why: missing.join("; ") });
            }
            missing.is_empty()
        });
        fit
    }

    /// Reads a text as a room beside the file and the other rooms that are served.
    ///
    /// # Errors
    /// What is wrong, in the words of `fairgate config check`.
    pub fn check(&self, name: &str, room: &str) -> Result<Config, ConfigError> {
        let served = self.served().revisions.clone();
        let rooms: Vec<Record> =
            self.rooms().into_iter().filter(|room| room.name != name && served.contains_key(&room.name)).collect();
        let mut texts: Vec<_> = rooms.iter().map(text).collect();
        let own = RoomText { name, revision: 1, text: room };
        texts.push(own);
        let config = Config::parse_beside(&self.file, &self.path, &texts)?;
        let missing = config.rooms.iter().filter(|room| room.name == name).flat_map(missing_secrets);
        let problem = |what| Problem {
            file: own.file(),
            line: 1,
            key: format!("room[{name}].entry"),
            what,
            remedy: "have it set where the edge runs, or ask for something else".to_owned(),
        };
        let problems: Vec<Problem> = missing.map(problem).collect();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// The file with the room of this name, or with all rooms, behind it: one that `fairgate config check` accepts.
    #[must_use]
    pub fn export(&self, name: Option<&str>) -> String {
        let served = self.served().revisions.clone();
        let is_meant = |room: &Record| name.map_or(served.contains_key(&room.name), |name| room.name == name);
        let rooms: Vec<Record> = self.rooms().into_iter().filter(is_meant).collect();
        as_one_file(&self.file, self.version(), &rooms.iter().map(text).collect::<Vec<_>>())
    }

    /// True if the edge's file has a room of this name.
    #[must_use]
    pub fn is_of_file(&self, name: &str) -> bool {
        self.own.rooms.iter().any(|room| room.name == name)
    }

    /// The rooms of the file: name and title.
    pub fn of_file(&self) -> impl Iterator<Item = (&str, &str)> {
        self.own.rooms.iter().map(|room| (&*room.name, &*room.title))
    }

    /// The shops that a room may stand in front of.
    pub fn shops(&self) -> impl Iterator<Item = &str> {
        self.own.upstreams.iter().map(|upstream| &*upstream.name)
    }

    /// The `config_version` of the file.
    fn version(&self) -> u64 {
        self.own.version
    }

    /// The revision that is written next under a name. It is higher than the file's version, so that a room which was in the
    /// file follows it.
    #[must_use]
    pub fn next_revision(&self, kind: Kind, name: &str) -> u64 {
        let known = self.record(kind, name).map_or(0, |record| record.revision);
        known.max(self.version()) + 1
    }

    /// What is kept under a name, though it be gone.
    #[must_use]
    pub fn record(&self, kind: Kind, name: &str) -> Option<Record> {
        self.kept().get(&(kind, name.to_owned())).map(|(record, _)| record.clone())
    }

    /// Everything of a kind, what is gone included.
    #[must_use]
    pub fn records(&self, kind: Kind) -> Vec<Record> {
        self.kept().values().filter(|(record, _)| record.kind == kind).map(|(record, _)| record.clone()).collect()
    }

    fn rooms(&self) -> Vec<Record> {
        self.records(Kind::Room).into_iter().filter(|record| !record.is_gone).collect()
    }

    /// The turn of whoever changes a definition by what stands there: one at a time at this edge.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Writes a definition for this edge and all others.
    ///
    /// # Errors
    /// The store or the disk does not take it.
    pub async fn put(self: &Arc<Self>, store: &dyn Store, record: Record) -> Result<Put, StoreError> {
        let _one_at_a_time = self.writing.lock().await;
        let key = (record.kind, record.name.clone());
        let known = self.kept().get(&key).map(|(known, _)| known.revision);
        if known.is_some_and(|known| known >= record.revision) {
            return Ok(Put::Overtaken);
        }
        if known.is_none() && self.kept().len() >= NAMES_MAX {
            return Ok(Put::Full);
        }
        if !store.put_definition(&record.definition()).await? {
            return Ok(Put::Overtaken);
        }
        self.keep(record).await?;
        Ok(Put::Kept)
    }

    /// Looks what other edges have written, and tells them what the store has lost.
    ///
    /// # Errors
    /// The store or the disk is out of reach.
    pub async fn look(self: &Arc<Self>, store: &dyn Store) -> Result<(), StoreError> {
        let Some(look) = store.look_at_definitions(&self.own_digest()).await? else {
            self.served().followed = Followed { known: 1, following: 1 };
            return Ok(());
        };
        let wanted = digest(look.tags.iter().map(|(name, tag)| (&**name, tag)));
        let following = look.edges.iter().filter(|own| **own == wanted).count();
        self.served().followed = Followed { known: look.edges.len(), following };
        let _one_at_a_time = self.writing.lock().await;
        for (full, tag) in &look.tags {
            let Some((kind, name)) = Record::parse_name(full) else { continue };
            let own = self.kept().get(&(kind, name.to_owned())).map(|(_, tag)| tag.clone());
            if own.as_ref().is_some_and(|own| own == tag || own.revision > tag.revision) {
                continue;
            }
            let Some(bytes) = store.definition(full).await? else { continue };
            match Record::parse(kind, name, &bytes) {
                Some(record) => self.keep(record).await?,
                None => tracing::error!(room = name, "what another edge has written of a room cannot be read"),
            }
        }
        let theirs: BTreeMap<&str, u64> = look.tags.iter().map(|(name, tag)| (&**name, tag.revision)).collect();
        let is_lost = |record: &Record| theirs.get(&*record.full_name()).is_none_or(|theirs| *theirs < record.revision);
        let lost: Vec<Record> =
            self.kept().values().filter(|(record, _)| is_lost(record)).map(|(record, _)| record.clone()).collect();
        for record in lost {
            tracing::info!(
                room = record.name,
                revision = record.revision,
                "the store has lost a room: telling it again"
            );
            store.put_definition(&record.definition()).await?;
        }
        Ok(())
    }

    async fn keep(self: &Arc<Self>, record: Record) -> Result<(), StoreError> {
        let (book, kept) = (Arc::clone(self), record.clone());
        let written = tokio::task::spawn_blocking(move || disk::write(&book.dir, &kept)).await;
        let unwritten =
            |error| StoreError::Unavailable(format!("a room cannot be written to {}: {error}", self.dir.display()));
        written.map_err(std::io::Error::other).flatten().map_err(unwritten)?;
        let tag = record.definition().tag;
        self.kept().insert((record.kind, record.name.clone()), (record, tag));
        self.changes.fetch_add(1, Relaxed);
        self.changed.notify_one();
        Ok(())
    }

    /// Grows with every change of what is kept.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// Waits for a change; one that came while nobody waited is told to the next who does.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Notes what the edge serves now.
    pub fn note_served(&self, revisions: BTreeMap<String, u64>, left_out: Vec<LeftOut>) {
        let mut served = self.served();
        (served.revisions, served.left_out) = (revisions, left_out);
    }

    /// The revision of a room that this edge serves.
    #[must_use]
    pub fn served_revision(&self, name: &str) -> Option<u64> {
        self.served().revisions.get(name).copied()
    }

    /// Why this edge does not serve a room that is published.
    #[must_use]
    pub fn left_out(&self, name: &str) -> Option<String> {
        self.served().left_out.iter().find(|left_out| left_out.room == name).map(|left_out| left_out.why.clone())
    }

    /// How many edges have all that is written, as of the last look.
    #[must_use]
    pub fn followed(&self) -> Followed {
        self.served().followed
    }

    /// Of what this edge has and serves.
    fn own_digest(&self) -> String {
        let served = self.served().revisions.clone();
        let kept = self.kept();
        let has = |record: &Record| {
            let serves = served.get(&record.name);
            match (record.kind, record.is_gone) {
                (Kind::Draft, _) => true,
                (Kind::Room, true) => serves.is_none(),
                (Kind::Room, false) => serves == Some(&record.revision),
            }
        };
        let own = kept.values().filter(|(record, _)| has(record));
        let tags: Vec<_> = own.map(|(record, tag)| (record.full_name(), tag)).collect();
        digest(tags.iter().map(|(name, tag)| (&**name, *tag)))
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(Kind, String), (Record, DefinitionTag)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this machine lacks for what a room asks of those who enter.
fn missing_secrets(room: &RoomConfig) -> Vec<String> {
    room.entry.resolve(|name| std::env::var(name).ok()).err().unwrap_or_default()
}

/// The same for the same tags, in whatever order.
fn digest<'t>(tags: impl Iterator<Item = (&'t str, &'t DefinitionTag)>) -> String {
    let mut lines: Vec<String> = tags.map(|(name, tag)| format!("{name} {tag}\n")).collect();
    lines.sort();
    let mut all = Context::new(&SHA256);
    lines.iter().for_each(|line| all.update(line.as_bytes()));
    hex::encode(&all.finish().as_ref()[..8])
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use fairgate_store::redis::{RedisOptions, RedisStore};
    use fairgate_testkit::PrivateRedis;
    use tempfile::TempDir;

    use super::*;

    const ROOM: &str = "[[room]]\nname = \"final\"\nupstream = \"shop\"\nopens_at = \"2026-12-01T09:00Z\"\n\
        starts_at = \"2026-12-01T10:00Z\"\nadmission.rate_per_minute = 60\n";

    fn book(dir: &TempDir) -> Arc<Book> {
        let file = format!(
            "config_version = 4\n[store]\npath = {:?}\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n",
            dir.path()
        );
        let path = Path::new("fairgate.toml");
        let own = Config::parse(&file, path).unwrap();
        Arc::new(Book::open(path, file, own))
    }

    /// Serves all that fits.
    fn serve(book: &Book) {
        let Fit { revisions, left_out, .. } = book.fit();
        book.note_served(revisions, left_out);
    }

    fn record(book: &Book, kind: Kind, is_gone: bool) -> Record {
        let revision = book.next_revision(kind, "final");
        let (name, who) = ("final".into(), "maria".into());
        Record { kind, name, revision, is_gone, at_ms: 5, who, text: ROOM.into() }
    }

    fn open(redis: &PrivateRedis) -> RedisStore {
        let address = redis.url().parse().unwrap();
        let options =
            RedisOptions { address, user: None, password: None, authority_pem: None, ledger: None, takes_over: false };
        RedisStore::open(&options, None).unwrap()
    }

    fn forget_all(redis: &PrivateRedis) {
        let mut connection = TcpStream::connect(redis.address()).unwrap();
        connection.write_all(b"FLUSHALL\r\n").unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
    }

    #[tokio::test]
    async fn what_one_edge_writes_others_have_and_a_redis_that_lost_it_is_told_again() {
        let (redis, one_dir, other_dir) =
            (PrivateRedis::start().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
        let (one, other) = (book(&one_dir), book(&other_dir));
        let (a, b) = (open(&redis), open(&redis));
        let first = record(&one, Kind::Room, false);
        assert_eq!(first.revision, 5, "above the file's version");
        assert_eq!(one.put(&a, first.clone()).await.unwrap(), Put::Kept);
        serve(&one);
        one.look(&a).await.unwrap();
        other.look(&b).await.unwrap();
        assert_eq!(other.record(Kind::Room, "final"), Some(first.clone()));
        one.look(&a).await.unwrap();
        assert_eq!(one.followed(), Followed { known: 2, following: 1 }, "the other one does not serve it yet");
        serve(&other);
        other.look(&b).await.unwrap();
        one.look(&a).await.unwrap();
        assert_eq!(one.followed(), Followed { known: 2, following: 2 });
        // Whoever has not seen what another edge wrote is told.
        let second = record(&other, Kind::Room, true);
        assert_eq!(other.put(&b, second.clone()).await.unwrap(), Put::Kept);
        assert_eq!(one.put(&a, record(&one, Kind::Room, false)).await.unwrap(), Put::Overtaken);
        forget_all(&redis);
        one.look(&a).await.unwrap();
        other.look(&b).await.unwrap();
        one.look(&a).await.unwrap();
        assert_eq!(
            one.record(Kind::Room, "final"),
            Some(second.clone()),
            "the newest is told, and not the last to tell"
        );
        // It is on the disk of both.
        for dir in [&one_dir, &other_dir] {
            assert_eq!(book(dir).record(Kind::Room, "final"), Some(second.clone()));
        }
    }

    #[tokio::test]
    async fn a_text_is_checked_beside_the_others_and_exported_as_one_file() {
        let dir = TempDir::new().unwrap();
        let book = book(&dir);
        book.keep(record(&book, Kind::Room, false)).await.unwrap();
        serve(&book);
        assert!(book.check("final", ROOM).is_ok(), "a room does not overlap itself");
        let asks = format!("{ROOM}[room.entry]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"\n");
        let wrong = book.check("final", &asks).unwrap_err().to_string();
        assert!(wrong.contains("room[final].entry: FAIRGATE_IDENTITY_KEY"), "{wrong}");
        let other = ROOM.replace("final", "other");
        let wrong = book.check("other", &other).unwrap_err().to_string();
        assert!(wrong.contains("other.toml:1: room[other].paths: \"/\" overlaps \"/\" of room \"final\""), "{wrong}");
        for exported in [book.export(None), book.export(Some("final"))] {
            let config = Config::parse(&exported, Path::new("one.toml")).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((config.rooms.len(), config.rooms[0].origin.version), (1, 5));
        }
    }
}
