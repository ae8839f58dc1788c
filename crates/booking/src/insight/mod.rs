//! Insight: what an organizer asks while a sale runs, counted from the change log.
//!
//! Guarantees:
//! - every change is counted once: the counts are written in the transaction that notes how far the log was read
//! - once nothing happens any more, each figure is what the tables say
//! - nothing is refused or cancelled because of a figure or a signal, and no sale waits for one
//!
//! ```text
//! change_log ── fold (pure) ──▶ sales_slice, sales_pay_time ── report (pure) ──▶ API, stream, command line
//!     └──────── signals (pure) ──▶ signal ── told ──▶ API, command line
//! ```

mod buyers;
mod flow;
mod fold;
mod halls;
mod reader;
mod report;
mod sales;
mod signals;
mod told;
mod watch;

pub use buyers::{Buyers, IfLimit, WithSeats};
pub use flow::Flow;
pub use reader::{INSIGHT, InsightMetrics, InsightReader};
pub use report::{DeclineReason, Funnel, Holds, Pace, Sales, SectionSales, SoldOut, Standing};
pub use sales::SalesDesk;
pub use signals::SignalKind;
pub use told::{SignalList, ToldBooking, ToldSignal};
