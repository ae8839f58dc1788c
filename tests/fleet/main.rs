//! Three real edges on a real Redis with a replica, and a network proxy between them that misbehaves. Processes are
//! killed, and a crowd has to keep its places through all of it.

mod clocks;
mod controls;
mod crowd;
mod edges;
#[path = "../edge/fan.rs"]
#[allow(dead_code, reason = "shared with the tests of one edge")]
mod fan;
mod faults;
mod proxy;
mod replicas;
#[path = "../edge/shop.rs"]
#[allow(dead_code, reason = "shared with the tests of one edge")]
mod shop;
mod tickets;
mod upgrade;
mod versions;
