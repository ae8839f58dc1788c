//! Showing a run while it goes on: a live line on a terminal, a plain line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::tally::Standing;

/// Somebody who watches the run. Called about twice a second.
pub trait Progress: Send {
    /// How the run stands.
    fn show(&mut self, standing: &Standing);
}

/// Nobody watches.
impl Progress for () {
    fn show(&mut self, _: &Standing) {}
}

/// What fits standard error: a live display on a terminal, plain lines elsewhere.
#[must_use]
pub fn on_stderr() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Live::new()) } else { Box::new(Lines::default()) }
}

/// A bar that fills as fans go home.
#[derive(Debug)]
struct Live {
    bar: ProgressBar,
}

impl Live {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{elapsed:>4} {wide_bar:.cyan/blue} {percent:>3}%\n{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar }
    }
}

impl Progress for Live {
    fn show(&mut self, standing: &Standing) {
        self.bar.set_length(standing.everyone);
        self.bar.set_position(standing.done);
        self.bar.set_message(line(standing));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line at every tenth look and whenever the phase changes.
#[derive(Debug, Default)]
struct Lines {
    looks: u32,
    phase: &'static str,
}

impl Progress for Lines {
    #[expect(clippy::print_stderr, reason = "this is the display")]
    fn show(&mut self, standing: &Standing) {
        if self.phase != standing.phase || self.looks.is_multiple_of(10) {
            eprintln!("{}", line(standing));
        }
        self.phase = standing.phase;
        self.looks += 1;
    }
}

fn line(standing: &Standing) -> String {
    let Standing {
        phase, everyone, arrived, pooled, queued, called, admitted, booked, seats, requests, errors, ..
    } = standing;
    format!(
        "{phase}: {arrived}/{everyone} here, {pooled} in the draw, {queued} late, {called} called, {admitted} let in, \
         {booked} booked ({seats} seats); {requests} requests, {errors} errors"
    )
}
