//! A crowd of simulated fans that drives a fairgate over real HTTP and judges what it saw.
//!
//! Every fan is honest to the protocol. It polls as the server asks, keeps its ticket, and works out its own place
//! from the public numbers. It claims when called, and shops with its pass. Nothing here knows fairgate's code except
//! the draw protocol, so that what the crowd finds is what anybody outside would find.
//!
//! A run is bounded in people, sockets and time, is decided by one seed, and refuses other machines unless told that
//! they are the caller's.

mod fan;
mod farm;
pub mod fleet;
mod history;
mod http;
mod judge;
mod options;
pub mod pace;
mod progress;
mod recorder;
mod report;
mod room;
mod run;
mod sellers;
mod shop;
mod tally;
mod target;
mod timeline;
mod wire;

pub use fan::{Behaviour, Fate};
pub use farm::{ENTRIES_MAX, Farm, FarmReport, Side, run_farm};
pub use http::raise_socket_limit;
pub use judge::{Breach, Cap, ChiSquare, goodness_of_fit, independence, most_in_a_window};
pub use options::Options;
pub use progress::{Progress, on_stderr};
pub use recorder::Latency;
pub use report::{ArrivalDecile, BehaviourCount, Invariant, Report};
pub use run::run;
pub use sellers::{BrowserKey, Kind, PEOPLE_MAX, Sellers, SellersReport, run_sellers};
pub use tally::Standing;
pub use target::{Target, TargetError};
pub use timeline::ShopSecond;
