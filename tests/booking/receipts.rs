//! A booking after the visit: by its address, or by its number and the mail address; and nothing for anybody else.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{Answer, Fan, Shop};

const EMAIL: &str = "Maria.Silva@Example.com";

/// Two seats, paid with a mail address.
async fn bought(shop: &Shop, place: u64) -> Answer {
    let fan = shop.fan(place);
    let held = fan.reserve_best("hold", "gallery", 2).await;
    let path = format!("/api/v1/bookings/{}/payment", held.field("booking_id"));
    let body = json!({ "payment_token": "demo-visa", "email": EMAIL });
    let paid = fan.send(Method::POST, &path, "pay", Some(body)).await.expect("an answer");
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    paid
}

/// Asks without any pass, as the gate forwards it for a client.
async fn ask(shop: &Shop, number: &str, proof: Value, client: &str) -> Answer {
    let request = shop.http.post(format!("{}/bookings/{number}", shop.url)).header("x-forwarded-for", client);
    let request = request.header("content-type", "application/json").body(proof.to_string());
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_booking_is_shown_to_its_fan_and_to_nobody_else() {
    let shop = Shop::open();
    let paid = bought(&shop, 0).await;
    let (number, link) = (paid.field("number"), paid.field("link"));
    let key = link.strip_prefix(&format!("/bookings/{number}#")).expect("its own address");

    for proof in [json!({ "key": key }), json!({ "email": "maria.silva@EXAMPLE.com " })] {
        let seen = ask(&shop, number, proof, "192.0.2.1").await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
        assert_eq!((seen.field("status"), seen.field("link")), ("confirmed", link));
        assert_eq!(seen.json["about"]["title"], "Midsummer Night");
        assert_eq!((&seen.json["minor_units"], &seen.json["places"][1]["row"]), (&2.into(), &"A".into()));
        assert!(!seen.text.to_lowercase().contains("maria"), "no mail address is shown");
        assert!(!seen.released);
    }

    // Whatever is wrong, the answer is the same to the byte.
    let other = bought(&shop, 1).await;
    let others_key = other.field("link").split_once('#').expect("a key").1.to_owned();
    let refused = ask(&shop, "00000-00000", json!({ "email": EMAIL }), "192.0.2.1").await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    for (number, proof) in [
        (number, json!({ "email": "maria.silva@example.org" })),
        (number, json!({ "key": others_key })),
        (number, json!({ "key": &key[1..] })),
        ("00000-00000", json!({ "key": key })),
        ("no-number", json!({ "email": EMAIL })),
    ] {
        let seen = ask(&shop, number, proof.clone(), "192.0.2.1").await;
        assert_eq!((seen.status, &seen.text), (refused.status, &refused.text), "{number} {proof}");
    }
    // A booking that nobody tried to pay has no mail address; an empty one opens nothing.
    let held = shop.fan(2).reserve_best("hold", "gallery", 1).await;
    assert_eq!(ask(&shop, held.field("number"), json!({ "email": "" }), "192.0.2.1").await.status, 422);
}

#[tokio::test]
async fn tries_by_mail_address_are_bounded_for_a_number_and_for_a_network() {
    let shop = Shop::open();
    let paid = bought(&shop, 0).await;
    let (number, key) = (paid.field("number"), paid.field("link").split_once('#').expect("a key").1);
    // Guesses for one number, each from another network.
    let mut statuses = Vec::new();
    for guess in 0..8 {
        let proof = json!({ "email": format!("guess{guess}@example.com") });
        statuses.push(ask(&shop, number, proof, &format!("198.51.100.{guess}")).await.status.as_u16());
    }
    assert_eq!(statuses, [404, 404, 404, 404, 404, 429, 429, 429]);
    let seen = ask(&shop, number, json!({ "email": EMAIL }), "192.0.2.9").await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "not even the right one tells that it is right");
    let seen = ask(&shop, number, json!({ "key": key }), "192.0.2.9").await;
    assert_eq!(seen.status, StatusCode::OK, "its address opens it all the same");
    // Guesses of numbers from one network, and from the IPv6 networks of one customer.
    for client in ["203.0.113.7", "2001:db8:7:1::1"] {
        let mut refused = 0;
        for guess in 0..33 {
            let answer =
                ask(&shop, &format!("{guess:05}-0000{}", client.len() % 10), json!({ "email": EMAIL }), client).await;
            refused += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!((2..=3).contains(&refused), "{client}: {refused}");
    }
}

#[tokio::test]
async fn an_address_outlives_the_core_and_tells_what_became_of_the_booking() {
    let mut shop = Shop::open();
    let paid = bought(&shop, 0).await;
    let key = json!({ "key": paid.field("link").split_once('#').expect("a key").1 });
    let fan: Fan = shop.fan(1);
    let held = fan.reserve_best("hold", "gallery", 1).await;
    let helds = json!({ "key": held.field("link").split_once('#').expect("a key").1 });
    fan.cancel(held.field("booking_id")).await;
    shop.restart_core();
    assert_eq!(ask(&shop, paid.field("number"), key, "192.0.2.1").await.field("status"), "confirmed");
    assert_eq!(ask(&shop, held.field("number"), helds, "192.0.2.1").await.field("status"), "cancelled");
    let page = shop.get(&format!("/bookings/{}", paid.field("number"))).await;
    assert_eq!(page.status(), StatusCode::OK, "the page needs no pass");
    assert_eq!(page.headers()["x-robots-tag"], "noindex");
}
