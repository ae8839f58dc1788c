//! Who is asking for what: pure decisions on a request that has just arrived.
//!
//! The walk: [`head`] refuses messages that two servers could frame in two ways. [`host`] and [`path`] give the
//! request one spelling. [`route`] finds its room, [`credentials`] what it carries, and [`decide`] what is to be done
//! with it. [`fan_call`] and [`entry_call`] have the calls of fans. [`forged`] knows what must not be said to a
//! shop.

pub mod crawler;
pub mod credentials;
pub mod decide;
pub mod entry_call;
pub mod entry_script;
pub mod fan_call;
pub mod forged;
pub mod head;
pub mod host;
pub mod model;
pub mod origin;
pub mod path;
pub mod prefix;
mod readings;
pub mod route;
pub mod tell_script;
pub mod well_known;
