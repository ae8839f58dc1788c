//! Lines on their way to where logs go: a file that may be full, a pipe that nobody reads or that is broken.
//!
//! Guarantees:
//! - whoever has something to say never waits and never fails
//! - what cannot be written is lost, counted, and said in the log as soon as it takes lines again
//! - memory is bounded by [`LINES_MAX`] lines of [`LINE_BYTES_MAX`]

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written.
const LINES_MAX: usize = 4_096;
/// What is longer is cut.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// How long a file that takes nothing at this moment (`EAGAIN`) is tried.
const TRY_FOR: Duration = Duration::from_secs(1);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Lines {
    queue: SyncSender<Step>,
    lost: IntCounter,
}

enum Step {
    Write(Vec<u8>),
    /// Everything before was written.
    Tell(SyncSender<()>),
}

impl Lines {
    /// Starts the thread that writes to `out`. `lost` counts what could not be written.
    pub(super) fn to(out: impl Write + Send + 'static, lost: IntCounter) -> io::Result<Self> {
        let (queue, steps) = sync_channel(LINES_MAX);
        let mut writer = Writer { out, lost: lost.clone(), lost_said: lost.get() };
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&steps))?;
        Ok(Self { queue, lost })
    }

    /// Waits until what was said before is written, but not longer than this; answers whether it was.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let (told, wait) = sync_channel(1);
        let until = Instant::now() + within;
        let mut step = Step::Tell(told);
        loop {
            match self.queue.try_send(step) {
                Ok(()) => return wait.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok(),
                Err(TrySendError::Full(back)) if Instant::now() < until => step = back,
                Err(_) => return false,
            }
            thread::sleep(TRY_AGAIN_AFTER);
        }
    }

    fn push(&self, line: &[u8]) {
        if self.queue.try_send(Step::Write(cut(line))).is_err() {
            self.lost.inc();
        }
    }
}

/// The line, or its beginning.
fn cut(line: &[u8]) -> Vec<u8> {
    match line.get(..LINE_BYTES_MAX) {
        Some(beginning) => [String::from_utf8_lossy(beginning).as_bytes(), b" ... (cut)\n"].concat(),
        None => line.to_vec(),
    }
}

struct Writer<W> {
    out: W,
    lost: IntCounter,
    lost_said: u64,
}

impl<W: Write> Writer<W> {
    fn run(&mut self, steps: &Receiver<Step>) {
        while let Ok(step) = steps.recv() {
            match step {
                Step::Write(line) if self.write(&line).is_ok() => self.say_what_was_lost(),
                Step::Write(_) => self.lost.inc(),
                // Whoever asked may not wait any more.
                Step::Tell(told) => drop(told.try_send(())),
            }
        }
    }

    fn say_what_was_lost(&mut self) {
        let lost = self.lost.get().saturating_sub(self.lost_said);
        if lost > 0 {
            self.lost_said += lost;
            tracing::warn!(lost, "log lines were lost: where they go was full, closed, or read too slowly");
        }
    }

    fn write(&mut self, mut line: &[u8]) -> io::Result<()> {
        let until = Instant::now() + TRY_FOR;
        while !line.is_empty() {
            match self.out.write(line) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => line = &line[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                    thread::sleep(TRY_AGAIN_AFTER);
                }
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }
}

/// One line at a time, as the log's formatter writes them.
pub(super) struct Line<'a>(&'a Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &'static Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("lost", "lost").unwrap()
    }

    /// Takes nothing while somebody holds the lock.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_no_time() {
        let (pipe, lost) = (Pipe::default(), counter());
        let lines = Lines::to(pipe.clone(), lost.clone()).unwrap();
        let full = pipe.0.lock().unwrap();
        for _ in 0..LINES_MAX + 100 {
            lines.push(b"a line\n");
        }
        assert!((99..=100).contains(&lost.get()), "{}", lost.get());
        assert!(!lines.flush(Duration::from_millis(20)));
        drop(full);
        assert!(lines.flush(Duration::from_secs(10)));
        let written = pipe.0.lock().unwrap().len() as u64;
        assert_eq!(written / 7 + lost.get(), LINES_MAX as u64 + 100, "a line is written or counted");
    }

    #[test]
    fn a_full_disk_costs_lines_until_there_is_space_again() {
        struct Disk(u32);
        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 <= 2 { Err(ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lost = counter();
        let lines = Lines::to(Disk(0), lost.clone()).unwrap();
        (0..5).for_each(|_| lines.push(b"a line\n"));
        assert!(lines.flush(Duration::from_secs(10)));
        assert_eq!(lost.get(), 2);
    }

    #[test]
    fn a_line_is_bounded() {
        assert_eq!(cut(b"short\n"), b"short\n");
        assert!(cut(&[b'a'; 1 << 20]).len() < LINE_BYTES_MAX + 100);
    }
}
