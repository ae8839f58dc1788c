//! The console in a real browser, in front of two edges that share a Redis: a sale is steered from a phone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivateRedis, free_port, node};
use fairgate_token::create_key;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::chromium::{Browser, DESKTOP, Habits, PHONE, Screen};

const SOON: Duration = Duration::from_secs(60);
const ORGANIZER: &str = "an organizer's token for tests";
const SRE: &str = "an SRE's token for the tests";
const NARROW: Screen = Screen { name: "narrow", width: 320, height: 640, dark: false };

/// Two edges and their Redis; all of it ends with the test.
struct Fleet {
    edges: Vec<ChildProcess>,
    gates: [u16; 2],
    admins: [u16; 2],
    client: reqwest::Client,
    _redis: PrivateRedis,
    _files: TempDir,
}

impl Fleet {
    async fn start() -> Self {
        let redis = tokio::task::spawn_blocking(PrivateRedis::start).await.expect("a thread").expect("Redis starts");
        let files = tempfile::Builder::new().prefix("fairgate-console-").tempdir().expect("a place for files");
        create_key(&files.path().join("keys"), SystemClock.now_ms(), &entropy::system()).expect("a signing key");
        let port = || free_port().expect("a free port");
        let (gates, admins) = ([port(), port()], [port(), port()]);
        let begun_ms = i64::try_from(SystemClock.now_ms()).expect("a time") - 60_000;
        let begun = Timestamp::from_millisecond(begun_ms).expect("a time").to_string();
        let mut fleet =
            Self { edges: Vec::new(), gates, admins, client: reqwest::Client::new(), _redis: redis, _files: files };
        for number in 0..2 {
            let path = fleet._files.path().join(format!("edge-{number}.toml"));
            std::fs::write(&path, fleet.config(number, &begun)).expect("a configuration");
            fleet.edges.push(fleet.edge(number, &path));
        }
        for number in 0..2 {
            fleet.wait_for(number, "the edge serves the room", |status| status["phase"] == "serving").await;
        }
        fleet
    }

    fn config(&self, number: usize, begun: &str) -> String {
        let (gate, admin, redis) = (self.gates[number], self.admins[number], self._redis.address());
        let files = self._files.path();
        let (keys, data) = (files.join("keys"), files.join(format!("data-{number}")));
        format!(
            "[edge]\nlisten = [\"127.0.0.1:{gate}\"]\nkeys = {keys:?}\n\
             [store]\nredis = \"redis://{redis}/0\"\npath = {data:?}\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [[admin.tokens]]\nname = \"ana\"\nrole = \"organizer\"\ntoken_env = \"TOKEN_ANA\"\n\
             [[admin.tokens]]\nname = \"sam\"\nrole = \"sre\"\ntoken_env = \"TOKEN_SAM\"\n\
             [[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:9\"\n\
             [[room]]\nname = \"final\"\ntitle = \"Mariza at the Coliseu\"\nhosts = [\"127.0.0.1\"]\nupstream = \"shop\"\n\
             opens_at = \"{begun}\"\nstarts_at = \"{begun}\"\n\
             [room.admission]\nrate_per_minute = 60\nburst = 1\nmax_active = 5\n\
             [room.poll]\nfloor = \"500ms\"\nceiling = \"2s\"\n"
        )
    }

    fn edge(&self, number: usize, config: &Path) -> ChildProcess {
        let log = std::fs::File::create(self._files.path().join(format!("edge-{number}.log"))).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.args(["edge", "--exit-with-stdin", "--config"]).arg(config).stderr(log);
        command.envs([("TOKEN_ANA", ORGANIZER), ("TOKEN_SAM", SRE)]);
        ChildProcess::spawn("edge", command).expect("the edge starts")
    }

    /// Waits until an edge shows its fans what is wished.
    async fn wait_for(&self, edge: usize, what: &str, wish: impl Fn(&Value) -> bool) {
        let until = Instant::now() + SOON;
        let url = format!("http://127.0.0.1:{}/.fairgate/final/status", self.gates[edge]);
        loop {
            let status: Value = match self.client.get(&url).send().await {
                Ok(answer) => answer.json().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            if wish(&status) {
                return;
            }
            assert!(Instant::now() < until, "{what}: edge {edge} shows {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn everywhere(&self, what: &str, wish: impl Fn(&Value) -> bool) {
        for edge in 0..self.gates.len() {
            self.wait_for(edge, what, &wish).await;
        }
    }

    async fn fan_joins(&self, edge: usize, fan: u8) {
        let nonce = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, [fan; 16]);
        let url = format!("http://127.0.0.1:{}/.fairgate/final/join", self.gates[edge]);
        let answer = self.client.post(url).json(&json!({"nonce": nonce})).send().await.expect("the gate answers");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    async fn metric(&self, name: &str) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.admins[0]);
        let text = self.client.get(url).send().await.expect("metrics").text().await.expect("text");
        let line = text.lines().find(|line| line.starts_with(&format!("fairgate_{name} "))).expect("a metric");
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    /// Has the first edge stop in the middle of whatever it does, or go on.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.edges[0].id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admins[0])
    }
}

async fn log_in(browser: &Browser, fleet: &Fleet, token: &str) {
    browser.goto(&fleet.url("/console/")).await;
    browser.wait_for("h1", "Log in", SOON).await;
    fill(browser, "#token", token).await;
    browser.click("main button").await;
    browser.wait_for("h1", "Rooms", SOON).await;
}

async fn fill(browser: &Browser, selector: &str, text: &str) {
    let field = browser.driver.find(By::Css(selector)).await.expect("a field");
    field.clear().await.expect("it is empty");
    field.send_keys(text).await.expect("it can be typed into");
}

/// Sets the value of a field that is typed into part by part.
async fn set(browser: &Browser, selector: &str, value: &str) {
    let value = serde_json::to_string(value).expect("a text");
    browser.eval(&format!("document.querySelector('{selector}').value = {value}")).await;
}

/// What a page must be in each state: clean by axe, in its width on the narrowest phone, with targets for a thumb, quiet.
async fn judge(browser: &Browser, name: &str) {
    let axe = node::packages(Path::new(env!("CARGO_TARGET_TMPDIR"))).join("axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).expect("axe");
    for screen in [NARROW, PHONE, DESKTOP, Screen { dark: true, ..PHONE }] {
        browser.look_on(screen).await;
        let wide = browser.eval("document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide.as_i64().unwrap_or(1) <= 0, "{name}, {screen:?}: {wide} px too wide");
        let small = browser.eval(SMALL).await;
        assert_eq!(small, json!([]), "{name}, {screen:?}: targets below 44 px");
        let poor = browser.eval(include_str!("contrast.js")).await;
        assert_eq!(poor, json!([]), "{name}, {screen:?}: text below WCAG AA");
        browser.driver.execute(&axe, vec![]).await.expect("axe is loaded");
        let found = browser.driver.execute_async(AXE, vec![]).await.expect("axe runs").json().clone();
        assert_eq!(found, json!([]), "{name}, {screen:?}: axe");
        let scheme = if screen.dark { "dark" } else { "light" };
        browser.screenshot(&format!("console-{name}-{}-{scheme}", screen.name)).await;
    }
    browser.look_on(PHONE).await;
}

/// Buttons, links and fields that a thumb would miss, but for links within a sentence.
const SMALL: &str = "[...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, a')] \
    .filter(it => it.checkVisibility() && !it.closest('.skip, p:not(:has(> .button))')) \
    .map(it => [it.getBoundingClientRect(), it]) \
    .filter(([box]) => box.width < 43.5 || box.height < 43.5) \
    .map(([box, it]) => `${it.outerHTML.slice(0, 60)} ${box.width}x${box.height}`)";

const AXE: &str = "const done = arguments[arguments.length - 1]; \
    axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
    .then(found => done(found.violations.map(it => `${it.id}: ${it.nodes.map(node => node.html).join(' ')}`)), \
    error => done([String(error)]));";

#[tokio::test]
async fn a_sale_is_paused_from_a_phone_and_every_edge_follows() {
    let browser = Browser::open(Habits::default()).await;
    let fleet = Fleet::start().await;
    browser.goto(&fleet.url("/console/")).await;
    browser.wait_for("h1", "Log in", SOON).await;
    judge(&browser, "login").await;
    log_in(&browser, &fleet, ORGANIZER).await;
    judge(&browser, "rooms").await;
    browser.click(".rooms a").await;
    browser.wait_for("h1", "Mariza at the Coliseu", SOON).await;
    assert_eq!(browser.text("[data-live=edges]").await, "2");
    // Numbers move by themselves, whichever edge the fans are at.
    for fan in 0..30 {
        fleet.fan_joins(usize::from(fan % 2), fan).await;
    }
    let until = Instant::now() + SOON;
    while browser.text("[data-live=waiting]").await == "0" {
        assert!(Instant::now() < until, "the numbers do not move");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    judge(&browser, "room").await;

    browser.click("#pause").await;
    browser.wait_for(".done", "2 of 2 edges follow", SOON).await;
    fleet.everywhere("paused", |status| status["paused"] == true).await;
    browser.wait_for(".sentence", "Paused: nobody is let in", SOON).await;
    // The charts learn of it without being loaded anew.
    browser.wait_for("#chart-marks", "Paused no → yes", SOON).await;
    judge(&browser, "paused").await;
    browser.click(".done button").await;
    browser.wait_for(".sentence", "holds the line back", SOON).await;
    fleet.everywhere("resumed by undoing it", |status| status["paused"] == false).await;

    // What an organizer writes is looked at first.
    fill(&browser, "#message", "Two more gates open at nine.").await;
    browser.wait_for("output[for=message]", "who wait read it", SOON).await;
    browser.click("form:has(#message) button").await;
    browser.wait_for("h1", "Is this what you want?", SOON).await;
    judge(&browser, "confirm").await;
    browser.click("button.main").await;
    browser.wait_for(".done", "Message", SOON).await;
    fleet.everywhere("told", |status| status["message"] == "Two more gates open at nine.").await;
    browser.goto(&fleet.url("/console/audit")).await;
    browser.wait_for(".log", "undoes an earlier change", SOON).await;
    judge(&browser, "audit").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "the console of the browser");
}

#[tokio::test]
async fn a_view_says_how_old_its_numbers_are_and_a_closed_one_leaves_nothing_behind() {
    let browser = Browser::open(Habits::default()).await;
    let fleet = Fleet::start().await;
    log_in(&browser, &fleet, SRE).await;
    browser.goto(&fleet.url("/console/rooms/final")).await;
    let until = Instant::now() + SOON;
    while fleet.metric("console_streams").await != "1" {
        assert!(Instant::now() < until, "no view is open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fleet.metric("console_feeds").await, "1");
    // Somebody else changes something.
    let url = fleet.url("/api/v1/rooms/final").replace(&fleet.admins[0].to_string(), &fleet.admins[1].to_string());
    let change = fleet.client.patch(url).bearer_auth(SRE).json(&json!({"rate_per_minute": 90}));
    assert!(change.send().await.expect("an answer").status().is_success());
    browser.wait_for("#changed", "Somebody has changed the controls", SOON).await;
    browser.wait_for("[data-live=rate]", "90", SOON).await;
    fleet.signal(Signal::STOP);
    browser.wait_for("#age", "s old", SOON).await;
    fleet.signal(Signal::CONT);
    browser.wait_until_gone("#age", SOON).await;
    browser.goto("about:blank").await;
    let until = Instant::now() + SOON;
    while (fleet.metric("console_streams").await, fleet.metric("console_feeds").await) != ("0".into(), "0".into()) {
        assert!(Instant::now() < until, "something is left of a closed view");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_sale_is_made_in_the_browser_and_is_on_sale_at_every_edge() {
    let browser = Browser::open(Habits::default()).await;
    let fleet = Fleet::start().await;
    log_in(&browser, &fleet, ORGANIZER).await;
    browser.goto(&fleet.url("/console/sales/new")).await;
    fill(&browser, "#title", "Fado at the \"Coliseu\"").await;
    fill(&browser, "#name", "fado").await;
    fill(&browser, "#host", "127.0.0.1").await;
    fill(&browser, "#zone", "Europe/Lisbon").await;
    set(&browser, "#opens_at", "2026-10-25T01:30").await;
    browser.click("main button.main").await;
    // What is wrong stands at its field: the time comes twice, and then the host is another room's.
    browser.wait_for("#opens_at-wrong-1", "is not one point in time", SOON).await;
    browser.wait_for("fieldset legend", "this time comes twice", SOON).await;
    assert_eq!(browser.driver.find_all(By::Css("input[name=opens_at_choice]")).await.expect("choices").len(), 2);
    judge(&browser, "sale-mistakes").await;
    browser.click("input[value*='+00:00']").await;
    browser.click("main button.main").await;
    browser.wait_for("#path-wrong-1", "overlaps \"/\" of room \"final\"", SOON).await;
    judge(&browser, "sale-overlap").await;
    fill(&browser, "#host", "fado.example").await;
    browser.click("main button.main").await;
    browser.wait_for("h1", "fado", SOON).await;
    browser.wait_for(".kicker", "Draft: fans do not see it", SOON).await;
    judge(&browser, "sale-draft").await;
    browser.click("#publish").await;
    browser.wait_for(".done", "It is published.", SOON).await;
    browser.wait_for(".done", "edges follow", SOON).await;
    for gate in fleet.gates {
        let (url, until) = (format!("http://127.0.0.1:{gate}/.fairgate/fado/status"), Instant::now() + SOON);
        loop {
            let answer = fleet.client.get(&url).header("host", "fado.example").send().await.expect("an answer");
            let status: Value = answer.json().await.unwrap_or_default();
            if (&status["title"], &status["phase"]) == (&json!("Fado at the \"Coliseu\""), &json!("serving")) {
                break;
            }
            assert!(Instant::now() < until, "{status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    browser.goto(&fleet.url("/console/sales")).await;
    browser.wait_for(".rooms", "Managed by the edge's file", SOON).await;
    judge(&browser, "sales").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "the console of the browser");
}

#[tokio::test]
async fn every_form_works_without_scripts() {
    let browser = Browser::open(Habits { scripts: false, ..Habits::default() }).await;
    let fleet = Fleet::start().await;
    log_in(&browser, &fleet, SRE).await;
    browser.click(".rooms a").await;
    browser.click("#pause").await;
    browser.wait_for(".done", "2 of 2 edges follow", SOON).await;
    fleet.everywhere("paused", |status| status["paused"] == true).await;
    browser.click("#resume").await;
    fleet.everywhere("resumed", |status| status["paused"] == false).await;
    fill(&browser, "#rate", "90").await;
    browser.click("form:has(#rate) button").await;
    browser.wait_for("main", "60 → 90 a minute", SOON).await;
    browser.click("button.main").await;
    browser.wait_for(".done", "Rate a minute", SOON).await;
    browser.click(".done button").await;
    browser.wait_for(".done", "60", SOON).await;
    browser.click("header button").await;
    browser.wait_for("h1", "Log in", SOON).await;
}
