//! The task that keeps the log: it appends what is due, has it cosigned, and shows what is on the disk.
//!
//! Guarantees:
//! - nothing here is waited for by a draw, a room or a request
//! - before the first statement after a start, or after the store was out of reach, witnesses are asked how far they know this
//!   log, and other edges get the time to put back what the store has lost
//! - statements that come while witnesses are asked are appended together after that, two seconds later at most

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fairgate_draw::Hash;
use fairgate_store::Store;
use fairgate_telemetry::supervise::Pulse;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::book::{Book, BookError, batches};
use super::live::LiveLog;
use super::shared::{self, SharedBook, with};
use super::statements::due;
use super::witnesses::{ANSWER_WITHIN, Uncosigned, Witness, ask, client};
use crate::config::WitnessConfig;
use crate::observe::{EdgeMetrics, WitnessOutcome};
use fairgate_draw::log::{KeptCosignature, KeptLog, Statement};

/// Between two looks at what other edges have appended.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same while somebody's answer decides what is next.
const LOOK_SOON: Duration = Duration::from_millis(50);
/// Before a log that failed is opened again.
const PAUSE: Duration = Duration::from_secs(2);
/// The same for one that only somebody else can put right.
const LONG_PAUSE: Duration = Duration::from_secs(10);
/// The time for other edges to put back what the store has lost.
const OTHERS_MAY_KNOW: Duration = Duration::from_secs(1);
/// The time for witnesses to say how far they know a log of which nothing is here: it may be lost, and not new.
const NEW_LOG_PATIENCE: Duration = Duration::from_secs(10);
/// The time in which the edge that has appended a statement has it cosigned; after that the others ask, too.
const FOLLOW_AFTER: Duration = Duration::from_secs(3);

/// The keys that may sign tickets and records, by their thumbprints.
pub(crate) type SigningKeys = Arc<dyn Fn() -> Vec<Hash> + Send + Sync>;

/// Keeps the log of an edge.
pub(crate) struct LogKeeper {
    pub(crate) live: Arc<LiveLog>,
    pub(crate) store: Arc<dyn Store>,
    /// The store's directory on this edge's disk.
    pub(crate) dir: PathBuf,
    pub(crate) witnesses: Vec<WitnessConfig>,
    pub(crate) keys: SigningKeys,
    pub(crate) metrics: EdgeMetrics,
    pub(crate) pulse: Pulse,
}

/// The answer of a witness: which one, to which size, and what.
type Heard = (usize, u64, Result<KeptCosignature, Uncosigned>);

/// An open log.
struct Open<'k> {
    keeper: &'k LogKeeper,
    client: Client,
    book: SharedBook,
    witnesses: Vec<Witness>,
    asked: JoinSet<Heard>,
    /// Since when it is not known if all of the log is here, and which witnesses have not said.
    doubt: Option<(Instant, Vec<bool>)>,
    /// Statements that come until then are appended together.
    gather_until: Option<Instant>,
    /// The size, since when the log has it, and if this edge has made it so.
    grown: (u64, Instant, bool),
    /// What a witness said in a doubt: it knows more, or another log of this name.
    refuted: Option<Uncosigned>,
}

impl LogKeeper {
    /// Keeps the log for ever.
    pub(crate) async fn run(&self) {
        let mut said = String::new();
        loop {
            let error = match self.open().await {
                Ok(mut open) => open.go_on(&mut said).await,
                Err(error) => error,
            };
            self.metrics.observe_draw_log_failure();
            let why = error.to_string();
            if said != why {
                tracing::error!(log = %self.live.origin, why, "the draw log stands still; draws go on without it");
                said = why;
            }
            self.pulse.beat();
            let is_transient = matches!(error, BookError::File(_) | BookError::Store(_) | BookError::Thread(_));
            tokio::time::sleep(if is_transient { PAUSE } else { LONG_PAUSE }).await;
        }
    }

    async fn open(&self) -> Result<Open<'_>, BookError> {
        let (dir, live) = (self.dir.clone(), Arc::clone(&self.live));
        let open = move || Book::open(&dir, Arc::clone(&live.signer), &live.origin);
        let opened = tokio::task::spawn_blocking(open).await;
        let book = opened.map_err(|error| BookError::Thread(error.to_string()))??;
        let client = client().map_err(|error| BookError::Thread(error.to_string()))?;
        let (size, now) = (book.log().size(), Instant::now());
        let witnesses = self.witnesses.iter().cloned().map(Witness::new).collect::<Vec<_>>();
        let doubt = Some((now, vec![true; witnesses.len()]));
        let (book, asked) = (Arc::new(Mutex::new(book)), JoinSet::new());
        let grown = (size, now, true);
        let mut open =
            Open { keeper: self, client, book, witnesses, asked, doubt, gather_until: None, grown, refuted: None };
        open.learn_who_cosigned().await?;
        Ok(open)
    }
}

impl Open<'_> {
    /// Goes on until something fails.
    async fn go_on(&mut self, said: &mut String) -> BookError {
        loop {
            self.keeper.pulse.beat();
            let pause = match self.step().await {
                Ok(pause) => pause,
                Err(error) => return error,
            };
            if self.doubt.is_none() && !said.is_empty() {
                said.clear();
                tracing::info!(log = %self.keeper.live.origin, "the draw log goes on");
            }
            tokio::select! {
                () = self.keeper.live.changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
                Some(Ok(heard)) = self.asked.join_next(), if !self.asked.is_empty() => {
                    if let Err(error) = self.hear(heard).await {
                        return error;
                    }
                }
            }
        }
    }

    /// Takes in what others have appended, appends what is due, and asks the witnesses that have not cosigned.
    async fn step(&mut self) -> Result<Duration, BookError> {
        let is_shared = self.sync().await?;
        let now = Instant::now();
        self.end_doubt(now, is_shared).await?;
        let keeper = self.keeper;
        let mut due = self.due().await?;
        if !due.is_empty() && self.may_append(now)? {
            self.append(&due).await?;
            self.sync().await?;
            self.gather_until = Some(now + ANSWER_WITHIN);
            due = self.due().await?;
        }
        let overdue = due.len();
        keeper.metrics.observe_draw_log(self.grown.0, overdue);
        self.ask_witnesses(now).await?;
        let is_awaited = overdue > 0 || self.doubt.is_some();
        Ok(if is_awaited { LOOK_SOON } else { LOOK_EVERY })
    }

    /// Takes in what others have, and shows what is here.
    async fn sync(&mut self) -> Result<bool, BookError> {
        let keeper = self.keeper;
        let is_shared = shared::sync(&self.book, &*keeper.store, &keeper.live.origin.to_string()).await?;
        let log = with(&self.book, Book::sign).await??;
        if log.size() != self.grown.0 {
            self.grown = (log.size(), Instant::now(), false);
        }
        // An empty log may be one that was lost: nobody is to be shown that it begins.
        if log.size() > 0 || self.doubt.is_none() {
            keeper.live.publish(log);
        }
        Ok(is_shared)
    }

    async fn due(&self) -> Result<Vec<Statement>, BookError> {
        let (facts, keys) = (self.keeper.live.facts(), (self.keeper.keys)());
        with(&self.book, move |book| due(&facts, &keys, book.log())).await
    }

    /// True if statements may be appended now.
    ///
    /// # Errors
    /// A witness knows that this log is not all that was signed for.
    fn may_append(&self, now: Instant) -> Result<bool, BookError> {
        match self.refuted {
            Some(Uncosigned::Ahead(signed)) if signed > self.grown.0 => {
                return Err(BookError::LostEnd { signed, size: self.grown.0 });
            }
            Some(Uncosigned::Forked(size)) => return Err(BookError::Forked(size)),
            _ => {}
        }
        let is_gathering = self.gather_until.is_some_and(|until| now < until) && !self.asked.is_empty();
        Ok(self.doubt.is_none() && !is_gathering)
    }

    async fn append(&mut self, due: &[Statement]) -> Result<(), BookError> {
        let keeper = self.keeper;
        let origin = keeper.live.origin.to_string();
        for batch in batches(due) {
            // Where another edge was quicker, what is still due is due at the next step.
            if !shared::append(&self.book, &*keeper.store, &origin, &batch).await? {
                return Ok(());
            }
            let log = with(&self.book, |book| book.log().clone()).await?;
            self.grown = (log.size(), Instant::now(), true);
        }
        for statement in due {
            let text = statement.to_string();
            let kind = text.lines().next().unwrap_or_default().trim_start_matches("fairgate/v2/");
            tracing::info!(log = origin, kind, draw = hex::encode(statement.draw()), "logged");
        }
        Ok(())
    }

    /// The doubt ends when all witnesses have spoken, or had the time to, and other edges had it, too.
    async fn end_doubt(&mut self, now: Instant, is_shared: bool) -> Result<(), BookError> {
        let Some((since, silent)) = &self.doubt else { return Ok(()) };
        let patience = if self.grown.0 == 0 { NEW_LOG_PATIENCE } else { ANSWER_WITHIN };
        let have_spoken = !silent.contains(&true) || now >= *since + patience;
        let had_time = !is_shared || now >= *since + OTHERS_MAY_KNOW;
        if have_spoken && had_time {
            self.doubt = None;
            self.sync().await?;
        }
        Ok(())
    }

    /// Shows the last checkpoint to each witness that has not cosigned it and may be asked.
    async fn ask_witnesses(&mut self, now: Instant) -> Result<(), BookError> {
        let (size, since, is_own) = self.grown;
        let is_ours = is_own || now >= since + FOLLOW_AFTER;
        let doubt = self.doubt.as_ref().map(|(_, silent)| silent.clone()).unwrap_or_default();
        let mut wanted = Vec::new();
        for (index, witness) in self.witnesses.iter_mut().enumerate() {
            let is_silent = doubt.get(index) == Some(&true);
            if witness.is_free(now.into_std()) && (is_silent || (is_ours && witness.size < size)) {
                witness.busy = true;
                wanted.push((index, witness.config.clone(), witness.size));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let log: Arc<KeptLog> = Arc::new(with(&self.book, |book| book.log().clone()).await?);
        for (index, config, old_size) in wanted {
            let (client, log) = (self.client.clone(), Arc::clone(&log));
            self.asked.spawn(async move { (index, log.size(), ask(&client, &config, &log, old_size).await) });
        }
        Ok(())
    }

    /// Takes in what a witness has answered.
    async fn hear(&mut self, (index, size, answer): Heard) -> Result<(), BookError> {
        let (keeper, now) = (self.keeper, std::time::Instant::now());
        let witness = &mut self.witnesses[index];
        let outcome = answer.as_ref().map_or_else(Uncosigned::outcome, |_| WitnessOutcome::Cosigned);
        witness.busy = false;
        keeper.metrics.observe_witness(witness.name(), outcome);
        let has_spoken = !matches!(answer, Err(Uncosigned::Unreachable(_)));
        if let Some((_, silent)) = self.doubt.as_mut().filter(|_| has_spoken) {
            silent[index] = false;
        }
        match answer {
            Ok(cosignature) => {
                witness.succeeded(size);
                tracing::debug!(log = %keeper.live.origin, witness = witness.name(), size, "cosigned");
                with(&self.book, move |book| book.cosign(&cosignature)).await??;
                self.learn_who_cosigned().await?;
                self.sync().await?;
            }
            Err(why) => {
                tracing::warn!(log = %keeper.live.origin, witness = witness.name(), size, %why, "not cosigned");
                witness.failed(now);
                // Out of doubt this log continues what it has signed, whatever a witness says.
                if self.doubt.is_some() && matches!(why, Uncosigned::Ahead(_) | Uncosigned::Forked(_)) {
                    self.refuted = Some(why);
                }
            }
        }
        Ok(())
    }

    /// Who has cosigned how much, by what is kept.
    async fn learn_who_cosigned(&mut self) -> Result<(), BookError> {
        let log = with(&self.book, |book| book.log().clone()).await?;
        for witness in &mut self.witnesses {
            let key = &witness.config.key;
            let Some(last) = log.all_cosignatures().rfind(|cosigned| cosigned.witness == *key) else { continue };
            witness.size = witness.size.max(last.size);
            let at_s = log.note(last.size).and_then(|note| note.cosigned_at_s(key).ok());
            if let Some(at_s) = at_s {
                self.keeper.metrics.observe_cosigned(key.name(), at_s);
            }
        }
        Ok(())
    }
}
