//! Rooms and the stores that keep them, under generated histories.

mod book;
mod clock;
mod conformance;
mod crash;
mod embedded;
mod frozen;
mod golden;
mod histories;
mod loss;
mod model;
mod next_draw;
mod numbers;
mod offers;
mod operations;
mod parcels;
mod redis;
mod restart;
mod revoked;
mod set_back;
mod tiers;
mod topology;
mod witness;
