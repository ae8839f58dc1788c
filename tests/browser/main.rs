//! A real Chromium against the real servers, as a fan would use it. Screenshots go to `target/screenshots`.

mod bound;
mod chromium;
mod console;
mod draw_log;
mod journey;
mod looks;
mod scan;
mod screens;
mod script;
mod shopping;
mod sign_in;
mod site;
mod stays;
mod tiers;
mod told;
