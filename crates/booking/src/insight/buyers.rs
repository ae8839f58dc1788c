//! Who buys: how many seats fans have, and what another limit would have changed. Pure but for reading the counts.

use serde::Serialize;
use utoipa::ToSchema;

use super::reader::INSIGHT;
use super::sales::SalesDesk;
use crate::db::{DbError, DbTime};
use crate::events::seat_map::Facts;
use crate::sql;

/// Limits that are tried out.
const LIMITS_MAX: i64 = 10;
/// The fans with the most seats: one of so many.
const TOP_ONE_OF: i64 = 100;

/// Who buys.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Buyers {
    /// The event's id.
    pub event: String,
    /// When this was so. RFC 3339 in UTC.
    pub at: String,
    /// What happened before is not counted. RFC 3339 in UTC.
    pub knows_from: String,
    /// The age of the oldest change that is not counted yet, in seconds.
    pub behind_seconds: i64,
    /// Fans who have seats. (A fan is a session: one place of one draw.)
    pub fans: i64,
    /// Their seats.
    pub seats: i64,
    /// Seats of one fan, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats_per_fan: Option<f64>,
    /// Fans with more than one booking.
    pub again: i64,
    /// The share of the seats that the hundredth part of the fans has who have the most; that is one fan at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_share: Option<f64>,
    /// How many fans have how many seats, the most seats first.
    pub with_seats: Vec<WithSeats>,
    /// What other limits would have changed, from one seat to ten.
    pub if_limit: Vec<IfLimit>,
}

/// Fans with so many seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WithSeats {
    /// So many seats each.
    pub seats: i64,
    /// So many fans.
    pub fans: i64,
}

/// What a limit would have changed, if all else were the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IfLimit {
    /// Seats that one fan may have.
    pub seats_max: i64,
    /// Fans who have more.
    pub fans_above: i64,
    /// Seats that would be left for others.
    pub seats_left: i64,
}

/// What was counted of fans with so many seats.
#[derive(Clone, Copy, Debug)]
struct Group {
    seats: i64,
    fans: i64,
    again: i64,
}

impl SalesDesk {
    /// Who has bought seats of an event. Nothing where nobody counts.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn buyers(&self, facts: &Facts) -> Result<Option<Buyers>, DbError> {
        let client = self.database.client().await?;
        let sink = client.prepare_cached(sql::SINK_GET).await?;
        let Some(sink) = client.query_opt(&sink, &[&INSIGHT]).await? else { return Ok(None) };
        let groups = client.prepare_cached(sql::SALES_BUYERS).await?;
        let groups = client.query(&groups, &[&facts.event_id]).await?;
        let group = |row: &tokio_postgres::Row| Group {
            seats: row.get("seats"),
            fans: row.get("fans"),
            again: row.get("again"),
        };
        let groups: Vec<Group> = groups.iter().map(group).collect();
        Ok(Some(Buyers {
            event: facts.slug.clone(),
            at: sink.get::<_, DbTime>("now").to_rfc3339(),
            knows_from: sink.get::<_, DbTime>("knows_from").to_rfc3339(),
            behind_seconds: sink.get("lag_s"),
            ..report(&groups)
        }))
    }
}

/// The figures of groups of fans, those with the most seats first.
fn report(groups: &[Group]) -> Buyers {
    let fans: i64 = groups.iter().map(|group| group.fans).sum();
    let seats: i64 = groups.iter().map(|group| group.fans * group.seats).sum();
    let share = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
    let (mut top, mut top_seats) = ((fans + TOP_ONE_OF - 1) / TOP_ONE_OF, 0);
    for group in groups {
        let of_these = group.fans.min(top);
        (top, top_seats) = (top - of_these, top_seats + of_these * group.seats);
    }
    let if_limit = (1..=LIMITS_MAX).map(|seats_max| {
        let above = groups.iter().filter(|group| group.seats > seats_max);
        let (fans_above, seats_left) = above
            .fold((0, 0), |(fans, left), group| (fans + group.fans, left + group.fans * (group.seats - seats_max)));
        IfLimit { seats_max, fans_above, seats_left }
    });
    Buyers {
        event: String::new(),
        at: String::new(),
        knows_from: String::new(),
        behind_seconds: 0,
        fans,
        seats,
        seats_per_fan: share(seats, fans),
        again: groups.iter().map(|group| group.again).sum(),
        top_share: share(top_seats, seats),
        with_seats: groups.iter().map(|group| WithSeats { seats: group.seats, fans: group.fans }).collect(),
        if_limit: if_limit.collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_most_have_their_share_and_a_limit_would_leave_some() {
        let groups = [(10, 1, 1), (4, 50, 5), (2, 149, 0)].map(|(seats, fans, again)| Group { seats, fans, again });
        let told = report(&groups);
        assert_eq!((told.fans, told.seats, told.again), (200, 508, 6));
        // Two of two hundred: the one with ten, and one of those with four.
        assert!(told.top_share.is_some_and(|share| (share - 14.0 / 508.0).abs() < 1e-9), "{told:?}");
        let at = |seats_max: i64| told.if_limit.iter().find(|limit| limit.seats_max == seats_max).copied();
        assert_eq!(at(4), Some(IfLimit { seats_max: 4, fans_above: 1, seats_left: 6 }));
        assert_eq!(at(2), Some(IfLimit { seats_max: 2, fans_above: 51, seats_left: 108 }));
        let nobody = report(&[]);
        assert_eq!((nobody.fans, nobody.seats_per_fan, nobody.top_share), (0, None, None));
    }

    proptest! {
        #[test]
        fn shares_are_shares_and_a_higher_limit_leaves_less(groups in prop::collection::btree_map(1i64..20, 1i64..500, 0..8)) {
            let groups: Vec<Group> = groups.iter().rev().map(|(seats, fans)| Group { seats: *seats, fans: *fans, again: 0 }).collect();
            let told = report(&groups);
            prop_assert!(told.top_share.is_none_or(|share| share > 0.0 && share <= 1.0));
            prop_assert!(told.if_limit.is_sorted_by(|lower, higher| lower.seats_left >= higher.seats_left));
            prop_assert!(told.if_limit.iter().all(|limit| limit.seats_left < told.seats.max(1)));
        }
    }
}
