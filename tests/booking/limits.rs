//! What one fan may have, however many cores serve the fan at once.

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::books::audit;
use crate::shop::{Fan, Shop};

#[tokio::test]
async fn two_cores_together_do_not_exceed_one_fans_limit() {
    let shop = Shop::open();
    let (_other, other_url) = shop.another_core();
    let ask = |place: u64, number: u64| {
        let url = if number.is_multiple_of(2) { shop.url.clone() } else { other_url.clone() };
        let fan = Fan { url, ..shop.fan(place) };
        async move { fan.reserve_best(&format!("k{number}"), "gallery", 2).await }
    };
    // Twenty fans, each with ten tabs, at two cores: six seats a fan are three bookings.
    let answers = join_all((0..200).map(|number| ask(number / 10, number))).await;
    let held = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let limited = answers.iter().filter(|answer| answer.text.contains("seats-limit")).count();
    assert_eq!((held, limited), (60, 140));
    assert_eq!(audit(&mut shop.sql().await).await.held, 120, "and the books say that nobody has more than the limit");
}

#[tokio::test]
async fn the_same_request_at_two_cores_at_once_is_one_booking() {
    let shop = Shop::open();
    let (_other, other_url) = shop.another_core();
    for place in 0..20 {
        let (here, there) = (shop.fan(place), Fan { url: other_url.clone(), ..shop.fan(place) });
        let (first, second) =
            tokio::join!(here.reserve_best("same", "gallery", 3), there.reserve_best("same", "gallery", 3));
        assert_eq!(first.status, StatusCode::OK, "{}", first.text);
        assert_eq!(first, second, "byte for byte");
    }
    assert_eq!(audit(&mut shop.sql().await).await.held, 60);
}
