//! Inside: look at the event, hold seats, pay, or change one's mind.

use std::sync::Arc;

use serde_json::json;

use super::behaviour::ChangeOfMind;
use super::browser::{Question, is_waiting_room};
use super::{Fan, Fate, Purchase};
use crate::http::Answer;
use crate::recorder::Kind;
use crate::shop::{Held, House, RESERVE, free_units};

/// How often somebody tries for seats that others were quicker to take.
const ATTEMPTS: usize = 8;

/// Tokens of the booking core's demo provider.
const CARD: &str = "demo-visa";
const CARD_DECLINED: &str = "demo-declined";

impl Fan {
    pub(super) async fn shop(&mut self) -> Fate {
        self.open_page().await;
        let (Ok(fate) | Err(fate)) = self.buy().await;
        if !matches!(fate, Fate::Booked | Fate::SessionEnded) {
            self.world.shop.leave_pass(self.browser.cookie_line());
        }
        fate
    }

    async fn buy(&mut self) -> Result<Fate, Fate> {
        if self.world.shop.event.is_none() {
            return Ok(Fate::WentIn);
        }
        let house = self.look_at_the_house().await?;
        let change_of_mind = self.intent.shopping.change_of_mind;
        self.think().await;
        if change_of_mind == Some(ChangeOfMind::BeforeHolding) {
            return Ok(Fate::ChangedItsMind);
        }
        let held = self.hold(&house).await?;
        self.think().await;
        match change_of_mind {
            Some(ChangeOfMind::Cancels) => self.give_back(&held).await,
            Some(ChangeOfMind::HasNoMoney) => self.pay(held, CARD_DECLINED).await,
            Some(ChangeOfMind::BeforeHolding | ChangeOfMind::LetsLapse) => Ok(Fate::ChangedItsMind),
            None => self.pay(held, CARD).await,
        }
    }

    async fn think(&mut self) {
        let thinks_ms = self.browser.spread_ms(self.intent.shopping.thinks_ms);
        self.browser.wait_ms(thinks_ms).await;
    }

    /// Asks the shop. The gate answers instead where the pass has ended.
    async fn ask_shop(&mut self, question: Question<'_>) -> Result<Answer, Fate> {
        let answer = self.browser.ask_until_answered(0, question).await;
        if is_waiting_room(&answer) || answer.status == 401 { Err(Fate::SessionEnded) } else { Ok(answer) }
    }

    fn unexpected(&self, kind: Kind, answer: &Answer) -> Fate {
        self.world.recorder.error(kind, &format!("HTTP {}", answer.status));
        Fate::FoundNothing
    }

    async fn look_at_the_house(&mut self) -> Result<Arc<House>, Fate> {
        let world = Arc::clone(&self.world);
        let path = world.shop.event.as_ref().map_or("", |paths| paths.event.as_str());
        let answer = self.ask_shop(Question::get(Kind::Event, path)).await?;
        let house = world.shop.learn_house(&answer.body).ok().filter(|_| answer.status == 200);
        house.ok_or_else(|| self.unexpected(Kind::Event, &answer))
    }

    async fn look_for_free_seats(&mut self) -> Result<Vec<u32>, Fate> {
        let world = Arc::clone(&self.world);
        let path = world.shop.event.as_ref().map_or("", |paths| paths.availability.as_str());
        let answer = self.ask_shop(Question::get(Kind::Availability, path)).await?;
        if answer.status != 200 {
            return Err(self.unexpected(Kind::Availability, &answer));
        }
        Ok(free_units(&answer.body).collect())
    }

    async fn hold(&mut self, house: &House) -> Result<Held, Fate> {
        for attempt in 0..ATTEMPTS {
            let free = self.look_for_free_seats().await?;
            if free.is_empty() {
                return Err(Fate::FoundNothing);
            }
            let wish = self.wish(house, &free);
            let answer = self.reserve(attempt, &wish).await?;
            match answer.status {
                200 => match serde_json::from_slice(&answer.body) {
                    Ok(held) => return Ok(held),
                    Err(_) => return Err(self.unexpected(Kind::Reserve, &answer)),
                },
                // Somebody was quicker.
                409 => {}
                _ => return Err(self.unexpected(Kind::Reserve, &answer)),
            }
        }
        Err(Fate::FoundNothing)
    }

    /// Seats picked on the map, or the best available in a section that still has some.
    fn wish(&mut self, house: &House, free: &[u32]) -> serde_json::Value {
        let quantity = self.intent.shopping.quantity.min(free.len());
        let first = self.browser.choose(free.len() - quantity + 1);
        let picked: Vec<&str> = free[first..first + quantity].iter().filter_map(|unit| house.name(*unit)).collect();
        let event = self.world.shop.event.as_ref().map_or("", |paths| paths.id.as_str());
        if self.intent.shopping.picks_seats {
            return json!({ "event": event, "seats": picked });
        }
        let section = picked.first().and_then(|seat| house.section_of(seat));
        json!({ "event": event, "section": section, "quantity": quantity })
    }

    async fn reserve(&mut self, attempt: usize, wish: &serde_json::Value) -> Result<Answer, Fate> {
        let world = Arc::clone(&self.world);
        let (body, key) = (wish.to_string(), self.idempotency_key("reserve", attempt));
        let operation = world.history.invoke(self.life.who, "reserve", || wish.clone());
        let question = Question { idempotency_key: Some(&key), ..Question::post(Kind::Reserve, RESERVE, &body) };
        let answer = self.ask_shop(question).await?;
        match serde_json::from_slice::<Held>(&answer.body) {
            Ok(held) if answer.status < 300 => {
                operation.ok(|| json!({ "booking": held.booking_id, "seats": held.seats }));
            }
            _ => operation.fail(answer.status),
        }
        Ok(answer)
    }

    async fn pay(&mut self, held: Held, token: &str) -> Result<Fate, Fate> {
        let world = Arc::clone(&self.world);
        let path = format!("/api/v1/bookings/{}/payment", held.booking_id);
        let (body, key) = (json!({ "payment_token": token }).to_string(), self.idempotency_key("pay", 0));
        let operation = world.history.invoke(self.life.who, "pay", || json!({ "booking": held.booking_id }));
        let question = Question { idempotency_key: Some(&key), ..Question::post(Kind::Payment, &path, &body) };
        let answer = self.ask_shop(question).await?;
        if answer.status != 200 {
            operation.fail(answer.status);
            return match answer.status {
                402 => Ok(Fate::Declined),
                _ => Err(self.unexpected(Kind::Payment, &answer)),
            };
        }
        operation.ok(|| json!({ "booking": held.booking_id, "seats": held.seats }));
        world.tally.booked(held.seats.len());
        self.life.purchase = Some(Purchase { booking: held.booking_id, seats: held.seats });
        Ok(Fate::Booked)
    }

    async fn give_back(&mut self, held: &Held) -> Result<Fate, Fate> {
        let world = Arc::clone(&self.world);
        let path = format!("/api/v1/bookings/{}", held.booking_id);
        let operation = world.history.invoke(self.life.who, "cancel", || json!({ "booking": held.booking_id }));
        let question = Question { method: "DELETE", ..Question::get(Kind::Cancel, &path) };
        let answer = self.ask_shop(question).await?;
        if (200..300).contains(&answer.status) {
            operation.ok(|| json!({ "booking": held.booking_id, "seats": held.seats }));
            Ok(Fate::ChangedItsMind)
        } else {
            operation.fail(answer.status);
            Err(self.unexpected(Kind::Cancel, &answer))
        }
    }

    /// The same for every repetition of one request, and never again for another.
    fn idempotency_key(&self, call: &str, attempt: usize) -> String {
        format!("crowd-{}-{call}-{attempt}", self.life.who)
    }
}
