//! A draw, published as files, as an auditor gets it: honest ones hold, cheats are caught by the name of the step.

mod aimed;
mod cheats;
mod claims;
mod disputes;
mod independent;
mod logged;
mod published;
mod report;
mod schema;
mod tiers;
mod verifier;
