//! One headless Chromium with a fresh profile, and the few things the tests do with it.
//!
//! Guarantees: only one browser runs at a time in this test binary, and nothing of it outlives its test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::ChromeCapabilities;
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;
use tokio::sync::{Mutex, MutexGuard};

/// Small machines run one browser well, and several badly. A test opens its browser before its site, whose times then count
/// from when all is up.
static TURN: Mutex<()> = Mutex::const_new(());

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The longest animation of the page, on a slow machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);

/// How a browser differs from the usual one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) scripts: bool,
    pub(crate) cookies: bool,
    pub(crate) language: &'static str,
}

impl Default for Habits {
    fn default() -> Self {
        Self { scripts: true, cookies: true, language: "en-GB" }
    }
}

/// A screen to look at the page on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

pub(crate) const PHONE: Screen = Screen { name: "phone", width: 390, height: 844, dark: false };
pub(crate) const DESKTOP: Screen = Screen { name: "desktop", width: 1280, height: 800, dark: false };

/// A browser; it and its driver are killed on drop.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    _process: Driver,
    _profile: TempDir,
    /// None for the second of two.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// The chromedriver and, in its process group, the browsers it started.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // Fails only where nothing is left of the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its session ends with its process: asking a browser in trouble to quit can take minutes.
        let _ = self.driver.clone().leak();
    }
}

impl Browser {
    pub(crate) async fn open(habits: Habits) -> Self {
        let turn = TURN.lock().await;
        Self::start(habits, Some(turn), &[]).await
    }

    /// The turn of a browser that is opened after its site, since what it is started with comes from there.
    pub(crate) async fn turn() -> MutexGuard<'static, ()> {
        TURN.lock().await
    }

    /// A browser that is started with more arguments.
    pub(crate) async fn open_with(habits: Habits, arguments: &[String], turn: MutexGuard<'static, ()>) -> Self {
        Self::start(habits, Some(turn), arguments).await
    }

    /// A second browser beside this one, with a profile of its own: another device of the same fan.
    pub(crate) async fn second(&self, habits: Habits) -> Self {
        Self::start(habits, None, &[]).await
    }

    async fn start(habits: Habits, turn: Option<MutexGuard<'static, ()>>, arguments: &[String]) -> Self {
        let profile = tempfile::Builder::new().prefix("fairgate-browser-").tempdir().expect("a profile");
        let (process, port) = start_chromedriver();
        let mut capabilities = capabilities(habits, &profile);
        for argument in arguments {
            capabilities.add_arg(argument).expect("an argument");
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.expect("Chromium starts");
        let browser = Self { driver, _process: process, _profile: profile, _turn: turn };
        browser.look_on(PHONE).await;
        if !habits.scripts {
            browser.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        }
        browser
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.driver.goto(url).await.expect("the page loads");
    }

    pub(crate) async fn look_on(&self, screen: Screen) {
        let Screen { width, height, dark, .. } = screen;
        let mobile = width < 600;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.cdp("Emulation.setEmulatedMedia", media).await;
    }

    pub(crate) async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(method, parameters).await.expect("a DevTools command")
    }

    /// The value of a JavaScript expression.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let done = self.driver.execute(format!("return ({expression});"), vec![]).await;
        done.expect("the expression runs").json().clone()
    }

    /// What an element shows; empty where it is hidden or missing.
    pub(crate) async fn text(&self, selector: &str) -> String {
        // What is not rendered has its whole text as its inner text.
        let shown = format!("(it => it?.checkVisibility() ? it.innerText : '')(document.querySelector({selector:?}))");
        let text = self.eval(&shown).await;
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.driver.find(By::Css(selector)).await.expect("the element is there");
        element.click().await.expect("the element can be clicked");
    }

    /// Waits until an element has any text.
    pub(crate) async fn wait_for_some(&self, selector: &str, patience: Duration) {
        let until = Instant::now() + patience;
        while self.text(selector).await.is_empty() {
            assert!(Instant::now() < until, "{selector} stays empty; the page says: {}", self.text("body").await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until an element shows this text (or one that contains it).
    pub(crate) async fn wait_for(&self, selector: &str, words: &str, patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            let seen = self.text(selector).await;
            if seen.contains(words) {
                return;
            }
            if Instant::now() > until {
                let shot = self.screenshot("failed").await;
                panic!("{selector} shows {seen:?}, not {words:?} (see {})", shot.display());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until an element shows nothing.
    pub(crate) async fn wait_until_gone(&self, selector: &str, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.text(selector).await.is_empty() {
            assert!(Instant::now() < until, "{selector} still shows {:?}", self.text(selector).await);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Chooses files in a file input.
    pub(crate) async fn upload(&self, selector: &str, files: &[PathBuf]) {
        let paths: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let input = self.driver.find(By::Css(selector)).await.expect("the input is there");
        input.send_keys(paths.join("\n")).await.expect("the files are chosen");
    }

    /// Presses a key by its name in the DOM.
    pub(crate) async fn press(&self, key: &str) {
        // A key that also types: only that activates what has the focus.
        let (code, text) = if key == "Tab" { (9, "") } else { (13, "\r") };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.cdp("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Takes the browser off the network, or back on it.
    pub(crate) async fn offline(&self, offline: bool) {
        let conditions = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.cdp("Network.enable", json!({})).await;
        self.cdp("Network.emulateNetworkConditions", conditions).await;
    }

    /// What the console has complained about since it was last asked: errors of scripts, and refusals of the policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("the console");
        let severe = log.into_iter().filter(|entry| entry.level == "SEVERE");
        severe.map(|entry| entry.message).collect()
    }

    /// Waits until nothing moves that comes to an end.
    async fn settle(&self) {
        const MOVES: &str = "document.getAnimations().some(moved => moved.playState === 'running' \
            && moved.effect.getComputedTiming().endTime !== Infinity)";
        let until = Instant::now() + SETTLED_WITHIN;
        while self.eval(MOVES).await == true && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Saves what the browser shows as `target/screenshots/<name>.png`.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        self.settle().await;
        let path = folder.join(format!("{name}.png"));
        let png = self.driver.screenshot_as_png().await.expect("a screenshot");
        std::fs::write(&path, png).expect("the screenshot is written");
        path
    }
}

/// Starts chromedriver on a port of its choice.
fn start_chromedriver() -> (Driver, u16) {
    let mut command = Command::new("chromedriver");
    let spawned = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn();
    let mut process = Driver(spawned.expect("chromedriver runs: make setup installs it"));
    let output = BufReader::new(process.0.stdout.take().expect("its output is piped"));
    let port = output.lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    (process, port.expect("chromedriver says its port"))
}

fn capabilities(habits: Habits, profile: &TempDir) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        &format!("--user-data-dir={}", profile.path().display()),
    ] {
        capabilities.add_arg(argument).expect("an argument");
    }
    const BLOCKED: u32 = 2;
    let mut preferences = json!({"intl.accept_languages": habits.language});
    if !habits.cookies {
        preferences["profile.managed_default_content_settings.cookies"] = BLOCKED.into();
    }
    capabilities.add_experimental_option("prefs", preferences).expect("preferences");
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a log of the console");
    capabilities
}
