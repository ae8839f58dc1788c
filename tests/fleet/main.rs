//! Three real edges on a real Redis with a replica, and a network proxy between them that misbehaves. Processes are
//! killed, and a crowd has to keep its places through all of it.

mod clocks;
mod codes;
mod controls;
mod crowd;
mod draw_log;
mod edges;
mod entry;
mod faults;
mod moving;
mod past_draws;
mod proxy;
mod replicas;
mod rooms;
mod tickets;
mod tiers;
mod upgrade;
mod versions;

use fairgate_testkit::{fan, shop};
