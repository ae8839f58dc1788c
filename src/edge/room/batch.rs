//! Batching: what many fans ask at once becomes one call to the store.
//!
//! Guarantees: asks are applied in the order in which they came. A lone ask is not held back. Memory is bounded by
//! the queue, and an ask that finds it full is refused at once.
//!
//! The store puts neighbouring requests together once more, since heartbeats, the admin API and calls that are not
//! batched here stand in its queue, too.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use fairgate_core::room::Refusal;
use fairgate_store::StoreError;

/// Asks that may wait for the store.
pub const QUEUE_MAX: usize = 32 * 1024;

/// Asks that one call may carry.
pub const BATCH_MAX: usize = 4 * 1024;

/// The time for which a busy queue is gathered. Longer saves calls, shorter saves the fans' time.
pub const GATHER: Duration = Duration::from_millis(10);

/// The time that a fan waits for the store before being told to come back.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BatchError {
    /// The room refused; nothing has changed.
    Refused(Refusal),
    /// The store could not be reached in time; asking again is safe.
    Unavailable,
    /// Too many are waiting already.
    Full,
}

struct Ask<I, O> {
    input: I,
    reply: oneshot::Sender<Result<O, BatchError>>,
}

/// The asking end.
pub(crate) struct Batcher<I, O> {
    queue: mpsc::Sender<Ask<I, O>>,
}

/// The end that calls the store.
pub(crate) struct BatchWorker<I, O> {
    queue: Mutex<mpsc::Receiver<Ask<I, O>>>,
}

/// Both ends.
pub(super) fn batcher<I: Send, O: Send>() -> (Batcher<I, O>, BatchWorker<I, O>) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    (Batcher { queue: sender }, BatchWorker { queue: Mutex::new(receiver) })
}

impl<I, O> Batcher<I, O> {
    /// True while more wait than one call to the store carries.
    pub(crate) fn is_behind(&self) -> bool {
        QUEUE_MAX - self.queue.capacity() > BATCH_MAX
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, input: I) -> Result<O, BatchError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Ask { input, reply }).map_err(|_| BatchError::Full)?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(BatchError::Unavailable),
        }
    }
}

impl<I: Send, O: Send> BatchWorker<I, O> {
    /// Serves batches until every asker is gone. May be started again: a batch that panicked is told that nobody knows, and
    /// the others still wait.
    pub(crate) async fn run<F, Fut>(&self, apply: F)
    where
        F: Fn(Vec<I>) -> Fut + Send,
        Fut: Future<Output = Result<Vec<O>, StoreError>> + Send,
    {
        let mut queue = self.queue.lock().await;
        let mut busy = false;
        while let Some(first) = queue.recv().await {
            busy = run_once(&mut queue, first, busy, &apply).await > 1;
        }
    }
}

/// Serves one batch; says how large it was.
async fn run_once<I, O, F, Fut>(
    queue: &mut mpsc::Receiver<Ask<I, O>>,
    first: Ask<I, O>,
    gather: bool,
    apply: &F,
) -> usize
where
    F: Fn(Vec<I>) -> Fut,
    Fut: Future<Output = Result<Vec<O>, StoreError>>,
{
    if gather {
        tokio::time::sleep(GATHER).await;
    }
    let (mut inputs, mut replies) = (vec![first.input], vec![first.reply]);
    while inputs.len() < BATCH_MAX
        && let Ok(ask) = queue.try_recv()
    {
        inputs.push(ask.input);
        replies.push(ask.reply);
    }
    let asked = inputs.len();
    answer_all(replies, apply(inputs).await);
    asked
}

fn answer_all<O>(replies: Vec<oneshot::Sender<Result<O, BatchError>>>, outcome: Result<Vec<O>, StoreError>) {
    // Who has gone away needs no answer, so failed sends are not looked at.
    match outcome {
        Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(Ok(answer)))),
        Err(error) => {
            let error = batch_error(error);
            replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
        }
    }
}

fn batch_error(error: StoreError) -> BatchError {
    match error {
        StoreError::Refused(refusal) => BatchError::Refused(refusal),
        StoreError::Unavailable(reason) | StoreError::Damaged(reason) => {
            tracing::warn!(reason, "the store did not take a batch");
            BatchError::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use fairgate_telemetry::supervise::Supervisor;

    #[tokio::test(start_paused = true)]
    async fn asks_share_calls_and_keep_their_order() {
        let (asker, worker) = batcher::<u64, u64>();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let doubled = move |inputs: Vec<u64>| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(inputs.into_iter().map(|input| input * 2).collect())
            }
        };
        tokio::spawn(async move { worker.run(doubled).await });
        let asks = (0..1000).map(|input| asker.ask(input));
        let answers = futures_util::future::join_all(asks).await;
        assert!(answers.into_iter().enumerate().all(|(index, answer)| answer == Ok(index as u64 * 2)));
        assert!(calls.load(Ordering::Relaxed) <= 2, "{calls:?}");
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let (asker, worker) = batcher::<u64, u64>();
        for _ in 0..QUEUE_MAX {
            let (reply, _) = oneshot::channel();
            asker.queue.try_send(Ask { input: 1, reply }).ok().unwrap();
        }
        assert_eq!(asker.ask(1).await, Err(BatchError::Full));
        drop(worker);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_reaches_everyone_and_silence_is_bounded() {
        let (asker, worker) = batcher::<u64, u64>();
        tokio::spawn(async move { worker.run(|_| async { Err(StoreError::Refused(Refusal::Ended)) }).await });
        assert_eq!(asker.ask(1).await, Err(BatchError::Refused(Refusal::Ended)));
        let (asker, worker) = batcher::<u64, u64>();
        tokio::spawn(async move { worker.run(|_| std::future::pending()).await });
        assert_eq!(asker.ask(1).await, Err(BatchError::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_panics_costs_its_askers_an_answer_and_nobody_else() {
        let (asker, worker) = batcher::<u64, u64>();
        let supervisor = Supervisor::new(&prometheus::Registry::new()).unwrap();
        tokio::spawn(async move {
            let apply = |inputs: Vec<u64>| async move {
                assert_ne!(inputs, [13], "as a test wants it");
                Ok(inputs)
            };
            supervisor.keep_until_done("joins", || worker.run(apply)).await;
        });
        assert_eq!(asker.ask(13).await, Err(BatchError::Unavailable));
        assert_eq!(asker.ask(14).await, Ok(14));
    }
}
