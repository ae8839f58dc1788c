//! `POST entry/mail` and `POST entry/mail/check`: whoever reads a mailbox shows that by a code.

use fairgate_entry::bond::Bond;
use fairgate_entry::mail::Address;
use fairgate_entry::voucher::{IDENTITY_S_MAX, Voucher};
use fairgate_entry::way::{Person, Reason, WayName};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{desk, voucher};
use crate::edge::context::Edge;
use crate::edge::entry::mailer::{Checked, NotSent};
use crate::edge::entry::shown::check_length;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

/// No address and no typed code is longer.
const TYPED_BYTES_MAX: usize = 320;

#[derive(Deserialize)]
struct Wanted {
    address: String,
}

#[derive(Deserialize)]
struct Typed {
    code: String,
}

/// The same whether or not a mail went out.
#[derive(Serialize)]
struct Asked {
    until_ms: u64,
}

pub(super) fn send(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let mailer = desk.mailer().ok_or(EntryProblem::NotAsked)?;
    let sent = Sent::<Wanted>::read(request)?;
    let typed = typed(&sent, request, "address", |wanted| &wanted.address)?;
    let address = Address::read(&typed).map_err(|error| Problem::BadBody(error.to_string()))?;
    let moment = desk::moment(edge, &snapshot, request);
    let asked = mailer.send(address, desk.network_tag(&moment), moment.now_ms).map_err(|error| match error {
        NotSent::Busy => EntryProblem::MailBusy { retry_after_ms: edge.retry_after_ms() }.into(),
        NotSent::NoRandomness => Problem::Internal,
    })?;
    let cookie = room.cookies(request.secure).mail.set(&asked.cookie, asked.kept_s);
    let told = Asked { until_ms: moment.now_ms + 1000 * asked.kept_s };
    Ok(sent.reply(Answer::json(StatusCode::OK, &told).set_cookie(&cookie)))
}

pub(super) fn check(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let mailer = desk.mailer().ok_or(EntryProblem::NotAsked)?;
    let sent = Sent::<Typed>::read(request)?;
    let typed = typed(&sent, request, "code", |typed| &typed.code)?;
    let moment = desk::moment(edge, &snapshot, request);
    let own = &room.cookies(request.secure).mail;
    let way = WayName::new(WayName::MAIL).map_err(|_| Problem::Internal)?;
    let failed = |way, retry| {
        let scene = desk.scene_of(&moment, Bond::from_bytes([0; 16]));
        Problem::from(EntryProblem::SignInFailed(
            desk.refused(way, Reason::SignInFailed, &scene, request.address),
            retry,
        ))
    };
    match mailer.check(own.find(request.headers), &typed, moment.now_ms) {
        Checked::Good(identity) => {
            let made = Voucher::of_identity(&way, Person::of(identity, None), moment.now_ms, IDENTITY_S_MAX);
            let given = voucher::give(edge, room, desk, made, request)?;
            Ok(sent.reply(given.set_cookie(&own.clear())))
        }
        Checked::Wrong => Err(failed(way, true)),
        Checked::Over => Err(failed(way, false)),
        Checked::NotAsked => Err(EntryProblem::SignInMismatch.into()),
    }
}

/// What was typed: a member of JSON, or a field of a form.
fn typed<T>(
    sent: &Sent<T>,
    request: &FanRequest<'_>,
    name: &str,
    of: impl Fn(&T) -> &String,
) -> Result<String, Problem> {
    let typed = match sent {
        Sent::Json(body) => of(body).clone(),
        Sent::Form { .. } => {
            let mut fields = form_urlencoded::parse(&request.body);
            fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        }
    };
    check_length(name, Some(&typed), TYPED_BYTES_MAX)?;
    Ok(typed)
}
