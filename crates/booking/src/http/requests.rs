//! What clients send, as JSON. Fields may be added, never renamed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /api/v1/bookings/reserve`: these seats, or the best ones of a section.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveRequest {
    /// The event's id.
    #[schema(example = "midsummer-night")]
    pub event: String,
    /// Seat ids, `section-row-seat`; all of them or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["stalls-centre-A-14", "stalls-centre-A-15"]))]
    pub seats: Option<Vec<String>>,
    /// A section's id, with `quantity`: the best seats that are left there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// How many seats of the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// Refuse rather than hold seats that are not side by side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_together: bool,
}

/// `POST /api/v1/bookings/{id}/payment`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest {
    /// What the payment provider gave the browser.
    #[schema(example = "demo-visa")]
    pub payment_token: String,
    /// Where the confirmation is sent, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "fan@example.com")]
    pub email: Option<String>,
    /// The IANA zone in which the fan is: nobody is reminded in their night, and mails tell their own time, too. One that is not known
    /// here is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: Option<String>,
}
