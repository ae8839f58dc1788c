//! Events: what they are, how they are made, imported, edited and shown. Nothing here sells.

pub mod about;
pub mod answer;
pub mod create_event;
pub mod demo_event;
pub mod edit;
pub mod import;
pub mod local_time;
pub mod read;
pub mod seat_map;
