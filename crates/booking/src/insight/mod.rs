//! Insight: what an organizer asks while a sale runs, counted from the change log.
//!
//! Guarantees:
//! - every change is counted once: the counts are written in the transaction that notes how far the log was read
//! - once nothing happens any more, each figure is what the tables say
//! - nothing is refused or cancelled because of a figure, and no sale waits for one
//!
//! ```text
//! change_log ── fold (pure) ──▶ sales_slice, sales_pay_time ── report (pure) ──▶ API, stream, command line
//! ```

mod flow;
mod fold;
mod reader;
mod report;
mod sales;

pub use flow::Flow;
pub use reader::{INSIGHT, InsightMetrics, InsightReader};
pub use report::{Funnel, Holds, Pace, Sales, SectionSales, SoldOut, Standing};
pub use sales::SalesDesk;
