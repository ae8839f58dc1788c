//! The API as it describes itself against the API as it is. Every answer that is described is provoked. Every answer,
//! errors included, must be described and fit its schema.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::accounts::codes;
use crate::catalogue::{make_events, until, walk};
use crate::shop::{EVENT, Shop, free_address};

const RESERVE: &str = "/api/v1/bookings/reserve";
const NOBODY: &str = "00000000-0000-8000-8000-000000000000";

/// `/openapi.json`, and which of its answers were seen.
struct Description {
    spec: Value,
    seen: BTreeSet<String>,
}

impl Description {
    async fn of(shop: &Shop) -> Self {
        let spec = shop.get("/openapi.json").await.json().await.expect("JSON");
        Self { spec, seen: BTreeSet::new() }
    }

    /// Everything that is described: `method path status`.
    fn described(&self) -> BTreeSet<String> {
        let paths = self.spec["paths"].as_object().expect("paths").iter();
        paths
            .flat_map(|(path, operations)| {
                let operations = operations.as_object().expect("operations").iter();
                operations.flat_map(move |(method, operation)| {
                    let statuses = operation["responses"].as_object().expect("responses").keys();
                    statuses.map(move |status| format!("{method} {path} {status}"))
                })
            })
            .collect()
    }

    /// The path of the description that a real one belongs to: the one with the fewest parameters that fits.
    fn template(&self, path: &str) -> &str {
        let fits = |template: &str| {
            let (real, described): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
            real.len() == described.len() && real.iter().zip(described).all(|(a, b)| *a == b || b.starts_with('{'))
        };
        let paths = self.spec["paths"].as_object().expect("paths").keys().filter(|path| fits(path));
        paths.min_by_key(|path| path.matches('{').count()).unwrap_or_else(|| panic!("{path} is not described"))
    }

    async fn check(&mut self, method: &Method, path: &str, answer: Response) -> Value {
        let (method, status) = (method.as_str().to_lowercase(), answer.status().as_u16());
        let template = self.template(path.split('?').next().unwrap_or(path)).to_owned();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
        let timing = answer.headers().get("server-timing").expect("every answer says how the core feels");
        let timing = timing.to_str().expect("text");
        assert!(timing.starts_with("total;dur="));
        let was_held = template == RESERVE && status == 200;
        assert!(!was_held || (timing.contains("queue;dur=") && timing.contains("stock;desc=")), "{timing}");
        let body = answer.bytes().await.expect("a body");
        let described = &self.spec["paths"][&template][&method]["responses"][status.to_string()];
        let what = format!("{method} {template} {status}: {}", String::from_utf8_lossy(&body));
        assert!(described.is_object(), "not described: {what}");
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if let Some(content) = described["content"].as_object() {
            let kind = kind.unwrap_or_else(|| panic!("no content type: {what}"));
            let schema = &content.get(&kind).unwrap_or_else(|| panic!("{kind} is not described: {what}"))["schema"];
            if kind.ends_with("json") {
                self.fits(schema, &json, &what);
            }
        } else {
            assert!(body.is_empty(), "a body that is not described: {what}");
        }
        self.seen.insert(format!("{method} {template} {status}"));
        json
    }

    /// The schema with the components that it refers to.
    fn fits(&self, schema: &Value, json: &Value, what: &str) {
        let mut schema = schema.clone();
        schema["components"] = self.spec["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a sound schema");
        let errors: Vec<String> = validator.iter_errors(json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}\n{errors:?}");
    }
}

/// One request after the other, each answer checked.
struct Caller<'a> {
    shop: &'a Shop,
    description: Description,
    keys: u32,
}

impl Caller<'_> {
    async fn call(&mut self, method: Method, path: &str, place: Option<u64>, body: Option<Value>) -> Value {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        self.call_with(method, path, place, Some(&key), body.map(|body| ("application/json", body.to_string()))).await
    }

    async fn call_with(
        &mut self,
        method: Method,
        path: &str,
        place: Option<u64>,
        key: Option<&str>,
        body: Option<(&str, String)>,
    ) -> Value {
        let mut request = self.shop.http.request(method.clone(), format!("{}{path}", self.shop.url));
        if let Some(place) = place {
            request = request.header("x-fairgate-pass", self.shop.gate.pass(place));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.expect("an answer");
        self.description.check(&method, path, answer).await
    }

    /// Asks as a browser does; the cookies that it is given, for the next one.
    async fn browse(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<Value>,
    ) -> String {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        let headers: HeaderMap = headers.collect();
        let mut request = self.shop.http.request(method.clone(), format!("{}{path}", self.shop.url)).headers(headers);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let set = answer.headers().get_all(SET_COOKIE).iter().map(|set| set.to_str().expect("text"));
        let set: Vec<String> = set.filter_map(|set| set.split(';').next()).map(str::to_owned).collect();
        self.description.check(&method, path, answer).await;
        set.join("; ")
    }

    /// Every answer about accounts, but those of a database that is away: a cookie of a code, for these.
    async fn accounts(&mut self, mails: &Path, without_mail: &str) -> String {
        let (sign_in, code, mine) = ("/bookings/sign-in", "/bookings/sign-in/code", "/bookings/mine");
        let session = format!("{mine}/sessions/{NOBODY}");
        let address = || Some(json!({ "email": "fan@example.com" }));
        let other_site = [("sec-fetch-site", "cross-site")];
        self.bad_bodies(sign_in, &json!({ "email": "nobody@example.com" })).await;
        self.bad_bodies(code, &json!({ "code": "1" })).await;
        self.browse(Method::POST, sign_in, &other_site, address()).await;
        self.browse(Method::POST, code, &other_site, Some(json!({ "code": "1" }))).await;
        for _ in 0..31 {
            let network = [("x-forwarded-for", "203.0.113.9")];
            self.browse(Method::POST, code, &network, Some(json!({ "code": "1" }))).await;
        }
        self.browse(Method::POST, sign_in, &[("x-forwarded-for", "203.0.113.9")], address()).await;
        let off = self.shop.http.post(format!("{without_mail}{sign_in}")).header("content-type", "application/json");
        let off = off.body(json!({ "email": "fan@example.com" }).to_string()).send().await.expect("an answer");
        self.description.check(&Method::POST, sign_in, off).await;

        self.browse(Method::GET, mine, &[], None).await;
        self.browse(Method::DELETE, mine, &[], None).await;
        self.browse(Method::DELETE, &session, &[], None).await;
        let asked = self.browse(Method::POST, sign_in, &[], address()).await;
        let typed = Some(json!({ "code": codes(mails, 1).await[0] }));
        let signed_in = self.browse(Method::POST, code, &[(COOKIE.as_str(), &asked)], typed).await;
        self.browse(Method::GET, mine, &[("cookie", &signed_in)], None).await;
        self.browse(Method::DELETE, &session, &[("cookie", &signed_in)], None).await;
        self.browse(Method::DELETE, &format!("{mine}/sessions/none"), &[("cookie", &signed_in)], None).await;
        self.browse(Method::DELETE, mine, &[("cookie", &signed_in)], None).await;
        self.browse(Method::POST, sign_in, &[], address()).await
    }

    /// Answers that every call with a body has in common.
    async fn bad_bodies(&mut self, path: &str, good: &Value) {
        let json = "application/json";
        let post = || Method::POST;
        self.call_with(post(), path, None, Some("k"), Some((json, good.to_string()))).await;
        self.call_with(post(), path, Some(9), None, Some((json, good.to_string()))).await;
        self.call_with(post(), path, Some(9), Some("k"), Some((json, "{".to_owned()))).await;
        self.call_with(post(), path, Some(9), Some("k"), Some((json, " ".repeat(300_000)))).await;
        self.call_with(post(), path, Some(9), Some("k"), Some(("text/plain", good.to_string()))).await;
        self.call_with(post(), path, Some(9), Some("k"), Some((json, json!({ "x": 1 }).to_string()))).await;
    }

    async fn known(&mut self, path: &str) {
        let first = self.shop.get(path).await;
        let etag = first.headers()["etag"].clone();
        self.description.check(&Method::GET, path, first).await;
        let url = format!("{}{path}", self.shop.url);
        let again = self.shop.http.get(url).header("if-none-match", etag).send().await.expect("an answer");
        self.description.check(&Method::GET, path, again).await;
    }
}

#[tokio::test]
async fn every_answer_is_as_it_is_described() {
    let mails = tempfile::tempdir().expect("a directory");
    let env = vec![("FAIRGATE_MAIL_DIRECTORY", mails.path().to_string_lossy().into_owned())];
    let mut shop = Shop::open_with(&free_address(), env);
    let description = Description::of(&shop).await;
    let mut caller = Caller { shop: &shop, description, keys: 0 };
    let event = format!("/api/v1/events/{EVENT}");
    caller.known("/api/v1/events").await;
    caller.call(Method::GET, "/api/v1/events?limit=0", None, None).await;
    caller.known("/api/v1/events/search?q=midsummer").await;
    caller.call(Method::GET, "/api/v1/events/search?page=0", None, None).await;
    let (mut other, other_url) = shop.another_core_with(&vec![("FAIRGATE_WITHOUT", "search".to_owned())]);
    let off = shop.http.get(format!("{other_url}/api/v1/events/search")).send().await.expect("an answer");
    caller.description.check(&Method::GET, "/api/v1/events/search", off).await;
    caller.known(&event).await;
    caller.known(&format!("{event}/availability")).await;
    caller.call(Method::GET, "/api/v1/events/nowhere", None, None).await;
    caller.call(Method::GET, "/api/v1/events/nowhere/availability", None, None).await;

    let best = json!({ "event": EVENT, "section": "gallery", "quantity": 2 });
    let seats = json!({ "event": EVENT, "seats": ["gallery-A-1", "gallery-A-2"] });
    caller.bad_bodies(RESERVE, &best).await;
    let held = caller.call(Method::POST, RESERVE, Some(1), Some(seats.clone())).await;
    caller.call(Method::POST, RESERVE, Some(2), Some(seats)).await;
    caller.call(Method::POST, RESERVE, Some(2), Some(json!({ "event": "x", "section": "y", "quantity": 1 }))).await;

    let booking = format!("/api/v1/bookings/{}", held["booking_id"].as_str().expect("an id"));
    let nobody = format!("/api/v1/bookings/{NOBODY}");
    let (visa, declined) = (
        json!({ "payment_token": "demo-visa", "email": "fan@example.com" }),
        json!({ "payment_token": "demo-declined" }),
    );
    caller.bad_bodies(&format!("{booking}/payment"), &visa).await;
    caller.call(Method::POST, &format!("{nobody}/payment"), Some(1), Some(visa.clone())).await;
    caller.call(Method::POST, &format!("{booking}/payment"), Some(1), Some(declined)).await;
    caller.call(Method::POST, &format!("{booking}/payment"), Some(1), Some(visa.clone())).await;
    caller.call(Method::POST, &format!("{booking}/payment"), Some(1), Some(visa.clone())).await;
    for place in [None, Some(1)] {
        caller.call(Method::GET, "/api/v1/bookings", place, None).await;
        for path in [&booking, &nobody] {
            caller.call(Method::GET, path, place, None).await;
            caller.call(Method::DELETE, path, place, None).await;
        }
    }
    let held = caller.call(Method::POST, RESERVE, Some(3), Some(best.clone())).await;
    let given_back = format!("/api/v1/bookings/{}", held["booking_id"].as_str().expect("an id"));
    caller.call(Method::POST, &format!("{given_back}/extend"), Some(3), None).await;
    caller.call(Method::DELETE, &given_back, Some(3), None).await;
    for (path, place) in [(&given_back, Some(3)), (&given_back, None), (&nobody, Some(3))] {
        caller.call(Method::POST, &format!("{path}/extend"), place, None).await;
    }
    let (number, key) = held["link"].as_str().and_then(|link| link.split_once('#')).expect("an address");
    let proof = json!({ "key": key });
    caller.bad_bodies(number, &proof).await;
    caller.call(Method::POST, number, None, Some(proof.clone())).await;
    for _ in 0..7 {
        caller.call(Method::POST, number, None, Some(json!({ "email": "nobody@example.com" }))).await;
    }

    let asked = caller.accounts(mails.path(), &other_url).await;
    other.stop();

    // An event whose seats nobody has asked for.
    make_events(&shop.sql().await, 1, 2).await;
    until("the event", async || walk(&shop, &shop.url, 10).await.contains(&"many-1".to_owned())).await;

    let Caller { description, .. } = caller;
    shop.postgres.kill9();
    let mut caller = Caller { shop: &shop, description, keys: 1000 };
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    caller.call(Method::GET, "/api/v1/events/many-1", None, None).await;
    caller.call(Method::GET, &format!("{event}/availability"), None, None).await;
    caller.call(Method::GET, "/api/v1/bookings", Some(1), None).await;
    caller.call(Method::GET, &booking, Some(1), None).await;
    caller.call(Method::DELETE, &booking, Some(1), None).await;
    caller.call(Method::POST, &format!("{booking}/extend"), Some(1), None).await;
    caller.call(Method::POST, number, None, Some(proof)).await;
    let session = ("cookie", format!("fairgate-account={}", "0".repeat(64)));
    let signed_in = [(session.0, session.1.as_str())];
    caller.browse(Method::POST, "/bookings/sign-in/code", &[("cookie", &asked)], Some(json!({ "code": "1" }))).await;
    caller.browse(Method::GET, "/bookings/mine", &signed_in, None).await;
    caller.browse(Method::DELETE, "/bookings/mine", &signed_in, None).await;
    caller.browse(Method::DELETE, &format!("/bookings/mine/sessions/{NOBODY}"), &signed_in, None).await;
    caller.call(Method::POST, RESERVE, Some(4), Some(best)).await;
    caller.call(Method::POST, &format!("{booking}/payment"), Some(1), Some(visa)).await;

    let Caller { description, .. } = caller;
    let unseen: Vec<String> = description.described().difference(&description.seen).cloned().collect();
    let others = |answer: &&String| !answer.contains("/webhooks/");
    assert_eq!(unseen.iter().find(others), None, "described, and never seen: {unseen:?}");
}
