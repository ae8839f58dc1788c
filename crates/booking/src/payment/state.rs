//! Where a payment stands, and what news from the provider does to it. Pure: any news, any number of times, in any order.
//!
//! Guarantees:
//! - money that was taken ends in seats or is given back
//! - money is given back once
//! - what has ended stays as it is, unless money turns up for it

use serde::Serialize;
use utoipa::ToSchema;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PaymentState)]
pub enum State {
    /// The intent is written; whether there is money is not known.
    Started,
    /// Charged, and the seats are sold.
    Confirmed,
    /// No money.
    Declined,
    /// Charged, and on its way back.
    Refunding,
    /// Charged and given back.
    Refunded,
}

/// What the provider says about a payment, in an answer or by webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The money was taken; the provider's name for the charge.
    Charged(String),
    /// The payment was not charged and will not be.
    Declined(String),
    /// The money was given back.
    Refunded,
}

/// What is to be done about news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Sell the seats, or give the money back when they are gone.
    Sell,
    /// End without money.
    Decline,
    /// Give the money back whatever became of the seats.
    GiveBack,
    /// Take note that the money is back.
    Refunded,
    /// The news is known already.
    Nothing,
    /// It contradicts what is known, and only people can find out why: `fairgate booking reconcile` shows it.
    Contradiction,
}

/// Who moved a payment on, for its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The fan's own request.
    Fan,
    /// A webhook of the provider.
    Webhook,
    /// The cashier's round, for payments that nobody drives.
    Worker,
    /// The organizer.
    Organizer,
}

impl State {
    /// What news does to a payment that stands here.
    pub(super) fn hear(self, news: &News) -> Step {
        match (self, news) {
            (Self::Started, News::Charged(_)) => Step::Sell,
            (Self::Started, News::Declined(_)) => Step::Decline,
            (Self::Declined, News::Charged(_)) => Step::GiveBack,
            (Self::Refunding, News::Refunded) => Step::Refunded,
            (Self::Confirmed | Self::Refunding | Self::Refunded, News::Charged(_))
            | (Self::Declined, News::Declined(_))
            | (Self::Refunded, News::Refunded) => Step::Nothing,
            (Self::Confirmed | Self::Refunding | Self::Refunded, News::Declined(_))
            | (Self::Started | Self::Confirmed | Self::Declined, News::Refunded) => Step::Contradiction,
        }
    }

    /// The state's name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Started, Self::Confirmed, Self::Declined, Self::Refunding, Self::Refunded]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl Source {
    /// The step's name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fan => "fan",
            Self::Webhook => "webhook",
            Self::Worker => "worker",
            Self::Organizer => "organizer",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn news() -> impl Strategy<Value = News> {
        prop_oneof![Just(News::Charged("c".into())), Just(News::Declined("no".into())), Just(News::Refunded),]
    }

    /// What the shell does with a step, as far as the state is concerned.
    fn after(state: State, step: Step, seats_are_free: bool) -> State {
        match step {
            Step::Sell if seats_are_free => State::Confirmed,
            Step::Sell | Step::GiveBack => State::Refunding,
            Step::Decline => State::Declined,
            Step::Refunded => State::Refunded,
            Step::Nothing | Step::Contradiction => state,
        }
    }

    proptest! {
        #[test]
        fn copies_in_any_order_end_as_one_telling(heard in prop::collection::vec(news(), 0..12), free: bool) {
            let mut state = State::Started;
            for news in &heard {
                state = after(state, state.hear(news), free);
                prop_assert_eq!(after(state, state.hear(news), free), after(state, Step::Nothing, free), "a copy changes nothing");
            }
            let charged = heard.iter().any(|news| matches!(news, News::Charged(_)));
            prop_assert_eq!(charged, matches!(state, State::Confirmed | State::Refunding | State::Refunded), "money is seats or on its way back");
        }
    }

    #[test]
    fn a_name_names_its_state() {
        for state in [State::Started, State::Confirmed, State::Declined, State::Refunding, State::Refunded] {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
        assert_eq!(State::from_name("lost"), None);
        assert_eq!(serde_json::json!(State::Refunding), State::Refunding.name(), "clients read the same names");
    }
}
