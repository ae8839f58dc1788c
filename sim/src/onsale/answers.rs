//! How large the edge's answers are: made by its own code, and measured.

use anyhow::Context;
use fairgate::edge::{PollPolicy, Status, StatusInput};
use fairgate::page::{EntryPage, NoScript, OwnPage, PageInput, State, WaitingPage};
use fairgate_core::overload::{Look, Progress};
use fairgate_core::room::{Position, View};
use fairgate_telemetry::entropy;
use fairgate_token::{KeyRing, Terms, Ticket, create_key};

/// What stands around a JSON body: status line and header fields, without cookies.
const HEAD_BYTES: u64 = 220;

/// Bytes of an answer by what was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerBytes {
    pub(crate) page: u64,
    pub(crate) join: u64,
    pub(crate) claim: u64,
}

impl AnswerBytes {
    /// Signs a ticket and builds the page once.
    pub(crate) fn measure(room: &str) -> anyhow::Result<Self> {
        let input = PageInput {
            room: room.to_owned(),
            prefix: "/.fairgate".to_owned(),
            title: room.to_owned(),
            template: None,
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        };
        let page = WaitingPage::build(&input).context("the waiting page cannot be built")?;
        let visitor = NoScript { state: State::NotOpen, return_to: "/", message: None, opens: None };
        let page = page.document(b"en", b"br", &visitor).body.len() as u64;
        let ticket = ticket_bytes(room)?;
        // The ticket goes out twice, as JSON and as a cookie; a pass has about the same claims.
        Ok(Self { page: page + 2 * HEAD_BYTES, join: 2 * ticket + 2 * HEAD_BYTES, claim: 2 * ticket + 2 * HEAD_BYTES })
    }
}

fn ticket_bytes(room: &str) -> anyhow::Result<u64> {
    let dir = tempfile::tempdir()?;
    create_key(dir.path(), 0, &entropy::system())?;
    let keys = KeyRing::load(dir.path(), "https://tickets.example.com")?;
    let position = Position::Pool(13_999_999);
    let ticket = Ticket {
        room: room.to_owned(),
        draw: [7; 32],
        position,
        entry: [7; 32],
        issued_at_ms: 1_000,
        of_tier: None,
        terms: Terms::default(),
    };
    Ok(keys.sign_ticket(&ticket).len() as u64)
}

/// The status document of this moment, as it goes over the wire.
pub(crate) fn status_bytes(room: &str, view: &View, poll: PollPolicy) -> u64 {
    let now_ms = view.now_ms;
    let advance = Progress::default().advance(&Look::from(view));
    let input = StatusInput {
        room,
        title: room,
        poll,
        view,
        rules: None,
        tiers: &[],
        advance,
        now_ms,
        stale: false,
        log: None,
        entry: None,
        counts: None,
        proof_nonce: None,
        next: None,
        zone: None,
    };
    Status::build(input).http1.len() as u64
}
