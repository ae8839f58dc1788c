//! The edge over real sockets: a real process with a real store, in front of a small shop.

mod attacks;
mod audit;
mod backup;
mod beacon;
mod costs;
mod draw_log;
mod entry;
mod forms;
mod headers;
mod http2;
mod keys;
mod logs;
mod polls;
mod proxies;
mod requests;
mod rooms;
mod sales;
mod sessions;
mod strangers;
mod tiers;
mod tls;
mod top;
mod troubles;
mod turned_away;
mod walk;
mod witness;
mod world;

use fairgate_testkit::{fan, shop};
