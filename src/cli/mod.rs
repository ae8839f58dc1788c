//! The command line: one file a verb.

mod booking;
mod checkin;
mod codes;
mod config;
mod console;
#[cfg(feature = "demo")]
mod demo;
mod draw;
mod edge;
mod entry;
mod event;
mod keys;
mod mail;
mod organizer;
mod outbox;
mod page;
#[cfg(feature = "demo")]
mod provider;
mod room;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A virtual waiting room in front of a ticket shop: a public draw, a fair line, and a metered flow of buyers.
///
/// `fairgate edge` is the proxy that fans reach. `fairgate booking` sells the seats behind it. The other commands operate,
/// check and try out these two. Start with `fairgate demo`.
#[derive(Debug, Parser)]
#[command(name = "fairgate", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Booking(Box<booking::BookingArgs>),
    Checkin(checkin::CheckinArgs),
    Codes(codes::CodesArgs),
    Config(config::ConfigArgs),
    Console(console::ConsoleArgs),
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    Draw(draw::DrawArgs),
    Edge(edge::EdgeArgs),
    Entry(entry::EntryArgs),
    Event(event::EventArgs),
    Keys(keys::KeysArgs),
    Outbox(outbox::OutboxArgs),
    Page(page::PageArgs),
    #[cfg(feature = "demo")]
    Provider(provider::ProviderArgs),
    Room(room::RoomArgs),
    Store(store::StoreArgs),
}

impl Cli {
    /// Runs the verb; the exit code says whether it succeeded.
    ///
    /// # Errors
    /// Whatever the verb could not do, worded for the person at the terminal.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Booking(args) => booking::run(*args),
            Verb::Checkin(args) => checkin::run(args),
            Verb::Codes(args) => codes::run(args),
            Verb::Config(args) => config::run(args),
            Verb::Console(args) => console::run(args),
            #[cfg(feature = "demo")]
            Verb::Demo(args) => demo::run(args),
            Verb::Draw(args) => draw::run(args),
            Verb::Edge(args) => edge::run(&args),
            Verb::Entry(args) => entry::run(args),
            Verb::Event(args) => event::run(args),
            Verb::Keys(args) => keys::run(args),
            Verb::Outbox(args) => outbox::run(args),
            Verb::Page(args) => page::run(args),
            #[cfg(feature = "demo")]
            Verb::Provider(args) => provider::run(args),
            Verb::Room(args) => room::run(args),
            Verb::Store(args) => store::run(&args),
        }
    }
}
