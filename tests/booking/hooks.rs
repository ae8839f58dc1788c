//! Organizers' systems are told what happens: signed, again until they take it, and nobody is led anywhere else.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fairgate_booking::outbox::Message;
use reqwest::StatusCode;
use ring::hmac::{self, HMAC_SHA256, Key};
use serde_json::Value;
use tokio::time::sleep;

use crate::shop::{Env, Shop, free_address};

/// A request that an organizer's system got.
#[derive(Clone, Debug)]
struct Told {
    head: String,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> String {
        let line =
            self.head.lines().find_map(|line| line.to_lowercase().strip_prefix(&format!("{name}: ")).map(|_| line));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

/// An organizer's system, which answers what it is told to answer.
struct System {
    url: String,
    told: Arc<Mutex<Vec<Told>>>,
    answer: Arc<Mutex<String>>,
}

impl System {
    fn open(answer: &str) -> Self {
        let listener = fairgate_testkit::listen().expect("a port");
        let url = format!("http://{}/hooks", listener.local_addr().expect("bound"));
        let system = Self { url, told: Arc::default(), answer: Arc::new(Mutex::new(answer.to_owned())) };
        let (told, answer) = (Arc::clone(&system.told), Arc::clone(&system.answer));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let Some(request) = read(&mut stream) else { continue };
                told.lock().expect("unpoisoned").push(request);
                let status = answer.lock().expect("unpoisoned").clone();
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        system
    }

    fn answers(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().expect("unpoisoned"));
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().expect("unpoisoned").clone()
    }
}

fn read(stream: &mut impl Read) -> Option<Told> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let told = Told { head: head.to_owned(), body: body.to_owned() };
        if body.len() >= told.header("content-length").parse().ok()? {
            return Some(told);
        }
    }
}

fn shop() -> Shop {
    shop_with(vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())])
}

fn shop_with(mut env: Env) -> Shop {
    env.push(("FAIRGATE_HOOK_RETRY_AFTER", "300ms,300ms,300ms,300ms,300ms,300ms".to_owned()));
    Shop::open_with(&free_address(), env)
}

fn hook(shop: &Shop, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["outbox", "hook"]).args(args).env("FAIRGATE_DATABASE_URL", shop.postgres.url());
    command.env_remove("FAIRGATE_HOOK_SECRET");
    let output = command.output().expect("it runs");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn buy(shop: &Shop, place: u64) {
    let fan = shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    assert_eq!(fan.pay(held.field("booking_id"), "pay", "demo-visa").await.status, StatusCode::OK);
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..800 {
        if done().await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

/// As the standard says, with nothing of ours.
fn assert_signed(told: &Told, secret: &str) {
    let key = STANDARD.decode(secret.trim().strip_prefix("whsec_").expect("a secret")).expect("Base64");
    let signed = format!("{}.{}.{}", told.header("webhook-id"), told.header("webhook-timestamp"), told.body);
    let signature = told.header("webhook-signature");
    let tag = STANDARD.decode(signature.strip_prefix("v1,").expect("a version")).expect("Base64");
    assert!(hmac::verify(&Key::new(HMAC_SHA256, &key), signed.as_bytes(), &tag).is_ok(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_is_told_what_it_wants_to_hear_again_until_it_takes_it_and_a_dead_one_holds_up_nobody() {
    let shop = shop();
    buy(&shop, 1).await;
    let (system, dead) = (System::open("200 OK"), System::open("500 No"));
    let (is_done, secret) = hook(&shop, &["add", "accounting", &system.url, "--allow-private"]);
    assert!(is_done && secret.starts_with("whsec_"), "{secret}");
    let (is_done, said) = hook(&shop, &["add", "dead", &dead.url, "--allow-private", "--topic", "booking.confirmed"]);
    assert!(is_done, "{said}");
    assert!(!hook(&shop, &["add", "accounting", &system.url, "--allow-private"]).0, "a name is there once");

    // What happens from now on, and only what was asked for.
    buy(&shop, 2).await;
    until("the message", async || system.told().len() == 1).await;
    let told = system.told().remove(0);
    assert!(told.head.starts_with("POST /hooks HTTP/1.1"), "{told:?}");
    assert_eq!(told.header("content-type"), "application/cloudevents+json");
    assert_signed(&told, &secret);
    let event: Value = serde_json::from_str(&told.body).expect("JSON");
    assert_eq!(event["type"], "com.fairgate.booking.confirmed.v1");
    assert!(Message::read(&told.body).expect("JSON").is_some());

    // It fails for a while: the same message with the same id, signed anew, until it is taken.
    system.answers("503 Later");
    buy(&shop, 3).await;
    until("two attempts", async || system.told().len() >= 3).await;
    assert!(hook(&shop, &["list"]).1.contains("accounting  "), "{}", hook(&shop, &["list"]).1);
    until("that it fails", async || hook(&shop, &["list"]).1.contains("takes nothing since")).await;
    system.answers("204 Taken");
    until("that it is on", async || {
        let list = hook(&shop, &["list"]).1;
        list.lines().any(|line| line.starts_with("accounting") && line.contains(": on, 0 waiting, 0 dead"))
    })
    .await;
    let told = system.told();
    let again: Vec<&Told> = told[1..].iter().collect();
    assert!(again.iter().all(|told| told.header("webhook-id") == again[0].header("webhook-id")), "{again:?}");
    assert_ne!(again[0].header("webhook-id"), told[0].header("webhook-id"));
    again.iter().for_each(|told| assert_signed(told, &secret));

    // The dead one: dead letters, and all others have heard everything.
    let all_dead =
        async || hook(&shop, &["list"]).1.lines().any(|line| line.starts_with("dead") && line.ends_with("2 dead"));
    until("its dead letters", all_dead).await;
    assert!(hook(&shop, &["remove", "dead"]).0);
    assert!(!hook(&shop, &["list"]).1.contains("dead  http"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_takes_nothing_for_three_days_is_off_and_keeps_nothing_until_it_is_switched_on() {
    let mails = tempfile::tempdir().expect("a directory");
    let directory = mails.path().to_str().expect("text").to_owned();
    let shop = shop_with(vec![("FAIRGATE_WITHOUT", "insight".to_owned()), ("FAIRGATE_MAIL_DIRECTORY", directory)]);
    let (system, sql) = (System::open("500 No"), shop.sql().await);
    let add = ["add", "accounting", &system.url, "--allow-private", "--contact"];
    assert!(!hook(&shop, &[&add[..], &["nobody"]].concat()).0, "an address has an @");
    assert!(hook(&shop, &[&add[..], &["ops@example.com"]].concat()).0);
    buy(&shop, 1).await;
    until("a failure", async || hook(&shop, &["list"]).1.contains("takes nothing since")).await;
    sql.batch_execute("update hook set failing_since = now() - interval '73 hours'").await.expect("it is long ago");
    buy(&shop, 2).await;
    until("that it is off", async || hook(&shop, &["list"]).1.contains("it has taken nothing for three days")).await;
    until("the mail", async || mails_in(mails.path()).len() == 1).await;
    let mail = mails_in(mails.path()).remove(0);
    assert!(mail.contains("To: ops@example.com") && mail.contains("it has taken nothing for three days"), "{mail}");
    let asked = system.told().len();
    sql.batch_execute("update sink set seen_at = now() - interval '1 minute'").await.expect("it is a while ago");
    let readers = "select count(*) from sink where name = 'hook-accounting'";
    until("no reader", async || sql.query_one(readers, &[]).await.expect("a count").get::<_, i64>(0) == 0).await;
    buy(&shop, 3).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(system.told().len(), asked, "it is not asked any more");

    // On again: what had waited is told, what happened meanwhile is not, and what happens now is.
    system.answers("200 OK");
    sql.batch_execute("update parked set due_at = now()").await.expect("due");
    let waiting: i64 =
        sql.query_one("select count(*) from parked where dead_at is null", &[]).await.expect("a count").get(0);
    assert!(hook(&shop, &["on", "accounting"]).0);
    assert!(!hook(&shop, &["on", "accounting"]).0, "once");
    let expected = asked + usize::try_from(waiting).expect("a count");
    until("what had waited", async || system.told().len() >= expected).await;
    until("its reader", async || sql.query_one(readers, &[]).await.expect("a count").get::<_, i64>(0) == 1).await;
    buy(&shop, 4).await;
    until("what is new", async || system.told().len() == expected + 1).await;

    // One that says that it is gone is off at once.
    system.answers("410 Gone");
    buy(&shop, 5).await;
    until("that it is off", async || hook(&shop, &["list"]).1.contains("it answered 410 Gone")).await;
    until("another mail", async || mails_in(mails.path()).iter().any(|mail| mail.contains("410 Gone"))).await;
    assert_eq!(mails_in(mails.path()).len(), 2, "each is told once");
    assert!(hook(&shop, &["on", "accounting"]).0 && hook(&shop, &["off", "accounting"]).0);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(mails_in(mails.path()).len(), 2, "nobody is told what a person did");
}

/// The mails in a directory, whole ones.
fn mails_in(directory: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    let whole = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
    whole.map(|path| std::fs::read_to_string(path).expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_led_into_the_house_nor_anywhere_else() {
    let (shop, inside) = (shop(), System::open("200 OK"));
    for url in
        ["http://shop.example.com/", "https://127.0.0.1/", "https://169.254.169.254/", "https://u:p@shop.example.com/"]
    {
        let (is_done, said) = hook(&shop, &["add", "inside", url]);
        assert!(!is_done && !said.contains("whsec_"), "{url}: {said}");
    }
    // A name is looked up when it is called.
    let port = inside.url.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port").to_owned();
    assert!(hook(&shop, &["add", "by-name", &format!("https://localhost:{port}/hooks")]).0);
    let elsewhere = System::open(&format!("302 Found\r\nLocation: {}", inside.url));
    assert!(hook(&shop, &["add", "redirecting", &elsewhere.url, "--allow-private"]).0);
    buy(&shop, 1).await;
    let sql = shop.sql().await;
    let reason = async |reader: &str| {
        let row = sql.query_opt("select reason from parked where reader = $1 and reason <> ''", &[&reader]).await;
        row.expect("rows").map_or_else(String::new, |row| row.get(0))
    };
    until("the first reason", async || reason("hook-by-name").await.contains("not public")).await;
    until("the second reason", async || reason("hook-redirecting").await.contains("302")).await;
    assert!(inside.told().is_empty(), "{:?}", inside.told());
}
