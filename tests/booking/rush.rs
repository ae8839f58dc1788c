//! Thousands want the same few seats at the same moment.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::StatusCode;
use serde_json::json;

use crate::books::audit;
use crate::shop::{Answer, EVENT, Fan, Shop};

const AT_ONCE: usize = 200;

async fn all_at_once<F: Future<Output = Answer>>(fans: impl Iterator<Item = F>) -> Vec<Answer> {
    iter(fans).buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test]
async fn each_seat_goes_to_one_fan_and_everybody_gets_an_answer() {
    let shop = Shop::open();
    let seats: Vec<String> = (1..=28).map(|seat| format!("stalls-centre-A-{seat}")).collect();
    // 2,000 fans for 28 seats: each wants two neighbours, at another place in the row.
    let answers = all_at_once((0..2000u64).map(|place| {
        let (fan, at) = (shop.fan(place), (place as usize * 7) % 27);
        let pair = [seats[at].clone(), seats[at + 1].clone()];
        async move { fan.reserve("k", json!({ "event": EVENT, "seats": pair })).await }
    }))
    .await;
    let mut owners: HashMap<String, usize> = HashMap::new();
    for (number, answer) in answers.iter().enumerate() {
        match answer.status {
            StatusCode::OK => {
                for seat in answer.seats("seats") {
                    assert_eq!(owners.insert(seat.clone(), number), None, "{seat} went to two fans");
                }
            }
            StatusCode::CONFLICT => assert!(!answer.seats("taken").is_empty(), "{}", answer.text),
            _ => panic!("{}: {}", answer.status, answer.text),
        }
    }
    let books = audit(&mut shop.sql().await).await;
    assert_eq!(books.held, owners.len() as i64);
    assert!(owners.len() >= 18, "neighbours were left free: {} of 28 held", owners.len());
}

#[tokio::test]
async fn best_available_sells_a_section_to_the_last_place() {
    let shop = Shop::open();
    // 300 places to stand; 200 fans want 2 each.
    let answers = all_at_once((0..200).map(|place| {
        let fan = shop.fan(place);
        async move { fan.reserve_best("k", "pit", 2).await }
    }))
    .await;
    let held = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(held, 150);
    let refused = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT);
    assert!(refused.clone().all(|answer| answer.json["free"] == 0));
    assert_eq!(refused.count(), 50);
    assert_eq!(audit(&mut shop.sql().await).await.held, 300);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_one_booking() {
    let shop = Shop::open();
    let fan = shop.fan(1);
    let answers = all_at_once((0..50).map(|_| {
        let fan = fan.clone();
        async move { until_it_is_answered(&fan).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "byte for byte");
    assert_eq!(answers[0].status, StatusCode::OK);
    assert_eq!(audit(&mut shop.sql().await).await.held, 3);

    let booking = answers[0].field("booking_id");
    let paid = all_at_once((0..20).map(|key| {
        let (fan, key) = (fan.clone(), format!("p{key}"));
        async move { fan.pay(booking, &key, "demo-visa").await }
    }))
    .await;
    assert_eq!(paid.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "twenty tabs, one payment");
    assert!(paid.iter().all(|answer| [StatusCode::OK, StatusCode::CONFLICT].contains(&answer.status)));
    assert_eq!(audit(&mut shop.sql().await).await.sold, 3);
}

async fn until_it_is_answered(fan: &Fan) -> Answer {
    loop {
        let answer = fan.reserve_best("same", "gallery", 3).await;
        if !answer.text.contains("idempotency-in-progress") {
            return answer;
        }
        assert_eq!(answer.status, StatusCode::CONFLICT);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
