//! Who is asking for what: pure decisions on a request that has just arrived.
//!
//! The walk: [`head`] refuses messages that two servers could frame in two ways. [`host`] and [`path`] give the
//! request one spelling. [`route`] finds its room, [`credentials`] what it carries, and [`decide`] what is to be done
//! with it. [`forged`] knows what it must not say to a shop.

pub mod crawler;
pub mod credentials;
pub mod decide;
pub mod forged;
pub mod head;
pub mod host;
pub mod model;
pub mod origin;
pub mod path;
mod readings;
pub mod route;
pub mod well_known;
