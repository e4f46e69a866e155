//! The program: told to end, it finishes; started again, everything is there.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use shop_service::client::{Feed, send};

use crate::opened::order;

/// The chapter with the command that starts it.
const CHAPTER: &str = include_str!("../../../../docs/guide/src/shop.md");

struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// As the chapter says, but for the port, which may be in use.
    fn start(folder: &Path) -> Self {
        let (_, command) = CHAPTER.split_once("\ncargo run -p shop -- ").unwrap();
        let arguments = command.lines().next().unwrap().split_whitespace();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(arguments.map(|word| word.replace(":8080", ":0")))
            .current_dir(folder)
            .env_remove("ES_TEST_REDIS_URL")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let open = lines.find(|line| line.starts_with("the shop is open")).unwrap();
        let address = open.rsplit_once("http://").unwrap().1.trim_end_matches('/');
        let address = address.parse().unwrap();
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }

    /// As containers do it.
    fn end(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "it ends as it should");
    }
}

/// A test that fails leaves nothing running behind it.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn told_to_end_it_finishes_and_started_again_everything_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let key = [("idempotency-key", "k")];
    let placed = send(program.address, "POST", "/orders", &key, Some(&order("Ada"))).await.unwrap();
    assert_eq!(placed.status, 201);
    let mut feed = Feed::open(program.address, Some(0)).await.unwrap();
    assert_eq!(feed.next().await.unwrap().unwrap().id, 1);
    program.end();
    assert_eq!(feed.next().await.unwrap(), None, "the feed ends in order");

    let program = Program::start(folder.path());
    let position = [("shop-position", "1")];
    let list = send(program.address, "GET", "/orders", &position, None).await.unwrap();
    assert_eq!(list.json()[0]["customer"], "Ada");
    let again = send(program.address, "POST", "/orders", &key, Some(&order("Ada"))).await.unwrap();
    assert_eq!(again.header("location"), placed.header("location"));
    program.end();
}
