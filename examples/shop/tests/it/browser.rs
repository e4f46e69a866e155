//! The page in a real browser, by its driver: an order is placed with the form, paid by its
//! button, an order of somebody else appears by itself, and so do the mails that the bus brings
//! about, where there is a Redis.
//!
//! It runs where `chromedriver` is installed (on Debian: `apt-get install chromium-driver`),
//! and says so on the terminal where it is not, under CI too: a browser is too much to ask of
//! everybody's gate, which installs none.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use shop_service::client::send;

use crate::opened::open_with_bus;

struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    /// A browser without a window; none where there is no driver.
    async fn open() -> Option<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let started = lines.find(|line| line.contains("started successfully on port")).unwrap();
        let port = started.rsplit_once("port ").unwrap().1.trim_end_matches('.').parse().unwrap();
        std::thread::spawn(move || lines.count());
        let mut browser =
            Self { driver, address: ([127, 0, 0, 1], port).into(), session: String::new() };
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--disable-gpu"] });
        let wanted = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        let session = browser.ask("POST", "/session", json!({ "capabilities": wanted })).await;
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("{}{path}", self.session);
        let body = (method == "POST").then_some(&body);
        let answer = send(self.address, method, &path, &[], body).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["value"].clone()
    }

    async fn go(&self, url: &str) {
        self.ask("POST", "/url", json!({ "url": url })).await;
    }

    async fn find(&self, selector: &str) -> String {
        let by = json!({ "using": "css selector", "value": selector });
        let element = self.ask("POST", "/element", by).await;
        element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask("POST", &format!("/element/{element}/click"), json!({})).await;
    }

    async fn type_in(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask("POST", &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Waits until the text of an element holds `wanted`.
    async fn shows(&self, selector: &str, wanted: &str) {
        let start = Instant::now();
        loop {
            let element = self.find(selector).await;
            let text = self.ask("GET", &format!("/element/{element}/text"), json!({})).await;
            let text = text.as_str().unwrap_or_default();
            if text.contains(wanted) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{selector} shows: {text}");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to end, and not killed: it takes the browser with it.
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

#[tokio::test]
async fn the_page_works() {
    let Some(browser) = Browser::open().await else {
        // `eprintln!` would be captured, and a skip that nobody sees looks like a pass.
        let said = "SKIPPED browser::the_page_works: chromedriver is not installed";
        writeln!(std::io::stderr(), "{said}").unwrap();
        return;
    };
    let (shop, has_bus) = open_with_bus().await;
    browser.go(&format!("http://{}/", shop.address)).await;

    browser.type_in("input[name=customer]", "Ada").await;
    browser.click("#place button").await;
    browser.shows("#orders", "Ada 1200 placed").await;
    browser.shows("#said", "version 1").await;

    browser.click("#orders button").await; // Pay
    browser.shows("#orders", "Ada 1200 paid").await;

    // What somebody else does is shown without asking.
    shop.placed("Grace").await;
    browser.shows("#orders", "Grace 2400 placed").await;
    browser.shows("#feed", "is paid (version 2)").await;

    if has_bus {
        browser.shows("#mails", "to Ada: thank you for your order: 1 book").await;
        browser.shows("#mails", "to Ada: your order is paid by till: 1 book").await;
        browser.shows("#mails", "to Grace: thank you for your order: 2 book").await;
    } else {
        browser.shows("#mails", "none yet").await;
    }
    browser.ask("DELETE", "", json!({})).await; // the window is closed

    // What the page shows is what the service says.
    let said = shop.get("/mails", &[]).await.json();
    assert_eq!(said.as_array().unwrap().len(), if has_bus { 3 } else { 0 }, "{said}");
    shop.close().await;
}
