//! Whether somebody may join, by what the join shows.

use fairgate_core::room::CodeUse;
use fairgate_draw::v2::{self, Identity, NO_TAG, Nonce, tag};
use fairgate_entry::binding::{KeepsakeHash, Thumbprint};
use fairgate_entry::bond::Bond;
use fairgate_entry::join::VOUCHERS_MAX;
use fairgate_entry::policy::Binding;
use fairgate_entry::score::BrowserFacts;
use fairgate_entry::way::{Reason, WayName};
use fairgate_token::{OfTier, Terms};
use http::header::{ACCEPT_LANGUAGE, HeaderName, USER_AGENT};

use super::desk;
use crate::edge::api::newcomer::Entered;
use crate::edge::context::Edge;
use crate::edge::entry::desk::{Admission, Came, CodeShown, Desk, Joining};
use crate::edge::entry::shown::{Shown, check_vouchers};
use crate::edge::entry::wallet::texts;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::admitted::Admitted;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Decides about a join; nothing in a room that asks nothing.
///
/// # Errors
/// What is missing, or does not count.
pub(in crate::edge::api) fn admit(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    asked: (&[u8; 16], &Shown, &[String], BoundTo<'_>),
) -> Result<Option<(Admitted, Terms, Came)>, Problem> {
    let Some(desk) = &room.entry else { return Ok(None) };
    let (nonce, shown, vouchers, key) = asked;
    shown.check()?;
    check_vouchers(vouchers)?;
    let kept = texts(room.cookies(request.secure).me.find(request.headers));
    let vouchers: Vec<&str> = vouchers.iter().map(String::as_str).chain(kept).take(VOUCHERS_MAX).collect();
    let joining = Joining { nonce, shown, vouchers: &vouchers, browser: browser(request) };
    let moment = desk::moment(edge, snapshot, request);
    let admission = desk.join(&joining, &moment)?;
    let names = |ways: &[WayName]| ways.iter().map(WayName::to_string).collect();
    let (jkt, keepsake) = key.checked(desk.policy.binding)?;
    let terms = Terms {
        owes: names(&admission.owes),
        why: admission.why.iter().map(|signal| signal.as_str().to_owned()).collect(),
        later: names(&admission.entrant.deferred),
        network: desk.network(&moment).map(|tag| tag.to_hex()),
        block: desk.block(&moment).map(|tag| tag.to_hex()),
        is_shared: desk.is_shared(&moment),
        key: jkt,
        keepsake,
        moves: 0,
    };
    let came = admission.came.clone();
    Ok(Some((admitted(desk, admission, moment.draw), terms, came)))
}

/// What the room has to know of somebody: tags, and never an identity.
fn admitted(desk: &Desk, admission: Admission, draw: &[u8; 32]) -> Admitted {
    let Admission { entrant, until_s, code, .. } = admission;
    let key = desk.tag_key(draw);
    let tags = |identities: &[Identity]| identities.iter().map(|identity| tag(&key, identity)).collect();
    Admitted {
        tier: entrant.tier,
        tags: tags(&entrant.identities),
        others: tags(&entrant.others),
        until_s,
        code: code.map(|CodeShown { campaign, rank, uses }| CodeUse { campaign, rank, uses }),
    }
}

/// A problem of the room as the fan is told it: with a reference, where it is a refusal.
pub(in crate::edge::api) fn told(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    nonce: &[u8; 16],
    problem: Problem,
) -> Problem {
    let is_taken = matches!(&problem, Problem::Entry(problem) if **problem == EntryProblem::CodeTaken);
    let (Some(desk), Ok(way), true) = (&room.entry, WayName::new(WayName::CODE), is_taken) else { return problem };
    let moment = desk::moment(edge, snapshot, request);
    let scene = desk.scene_of(&moment, Bond::of(nonce, b""));
    desk.refused(way, Reason::CodeUsed, &scene, request.address).into_problem().into()
}

/// The key that a join names, and what another may be named by.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::edge::api) struct BoundTo<'j> {
    /// The key's thumbprint (RFC 7638), base64url.
    pub(in crate::edge::api) jkt: Option<&'j str>,
    /// The hash of the keepsake, base64url.
    pub(in crate::edge::api) keepsake: Option<&'j str>,
}

impl BoundTo<'_> {
    /// What the ticket says of it: nothing in a room that binds tickets to no key.
    fn checked(self, binding: Binding) -> Result<(Option<String>, Option<String>), Problem> {
        if binding != Binding::Key {
            return Ok((None, None));
        }
        let wrong = |name: &str, bytes: usize| {
            Problem::BadBody(format!("{name} must be {bytes} bytes in base64url without padding"))
        };
        let jkt = self.jkt.map(|text| Thumbprint::read(text).map(|_| text.to_owned()).ok_or_else(|| wrong("jkt", 32)));
        let keepsake = self
            .keepsake
            .map(|text| KeepsakeHash::read(text).map(|hash| hash.to_base64url()).ok_or_else(|| wrong("keepsake", 16)));
        Ok((jkt.transpose()?, keepsake.transpose()?))
    }
}

/// Counts an entry that was made, or an identity that came again from another device.
pub(in crate::edge::api) fn entered(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'_>,
    came: &Came,
    (entered, nonce): (&Entered, &[u8; 16]),
) {
    let Some(desk) = &room.entry else { return };
    let moment = desk::moment(edge, snapshot, request);
    if !entered.again {
        return desk.entered(came, &moment);
    }
    let Some(OfTier { tier, tag }) = entered.ticket.of_tier.filter(|of_tier| of_tier.tag != NO_TAG) else { return };
    if v2::entry(moment.draw, tier, Nonce(*nonce), &tag) != entered.ticket.entry {
        let thumbprint = entered.ticket.terms.key.as_deref().and_then(Thumbprint::read);
        desk.came_again(&tag, thumbprint.map(|thumbprint| thumbprint.short()), &moment);
    }
}

fn browser(request: &FanRequest<'_>) -> BrowserFacts {
    let user_agent = request.header(&USER_AGENT).and_then(|value| str::from_utf8(value).ok()).unwrap_or_default();
    let has_language = request.header(&ACCEPT_LANGUAGE).is_some();
    let has_fetch_fields = request.header(&SEC_FETCH_MODE).is_some();
    BrowserFacts::of(user_agent, has_language, has_fetch_fields, request.secure, false)
}
