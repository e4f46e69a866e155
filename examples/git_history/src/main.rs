//! Imports a git repository as events, answers from the log, and checks that with git.

mod answers;
mod events;
mod import;

use std::{env, path::Path, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use git_source::Git;

const USAGE: &str = "git_history [PATH] [--store URL] [--top N] [--size-of FILE@COMMIT] [--once]";

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut url = format!("sqlite:{}", folder.path().join("log.db").display());
    let (mut path, mut top, mut questions, mut rounds) = (".".to_owned(), 10, Vec::new(), 2);
    let mut words = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = words.next() {
        let mut value = || words.next().context(USAGE);
        match word.as_str() {
            "--store" => url = value()?,
            "--top" => top = value()?.parse()?,
            "--size-of" => questions.push(value()?),
            "--once" => rounds = 1,
            flag if flag.starts_with('-') => bail!("{USAGE}, without {flag}"),
            _ => path = word,
        }
    }

    let git = Git::open(Path::new(&path))?;
    let (head, store) = (git.head()?, eventsource::open(&url).await?);
    for round in 1..=rounds {
        let (before, start) = (store.head().await?, Instant::now());
        let (events, commits, replayed) = import::import(&store, &git, &head).await?;
        let (time, speed) = (start.elapsed(), events as f64 / start.elapsed().as_secs_f64());
        println!(
            "import {round}: {events} new events in {time:.1?} ({speed:.0} a second); \
             {replayed} of {commits} commits replayed"
        );
        ensure!(round == 1 || store.head().await? == before, "importing again changed the log");
    }

    let totals = answers::totals(&store, &git.reached(&head)?).await?;
    print!("{}", totals.tables(top));
    for question in questions {
        let (file, commit) = question.rsplit_once('@').context(USAGE)?;
        let reached = git.reached(&git.commit(commit)?)?;
        let size = answers::size_at(&store, file, &reached).await?;
        let size = size.map_or("is not there".to_owned(), |size| format!("has {size} bytes"));
        println!("{file} {size} at {commit}");
    }

    totals.agree_with(&git.totals(&head)?)?;
    println!("agrees with git: {totals}");
    let sample = git.sample(&head)?;
    for commit in &sample {
        let (reached, tree) = (git.reached(commit)?, git.tree(commit)?);
        let step = (totals.files.len() + tree.len()) / 10 + 1;
        for path in totals.files.keys().chain(tree.keys()).step_by(step) {
            let size = answers::size_at(&store, path, &reached).await?;
            let theirs = tree.get(path).copied().flatten();
            ensure!(size == theirs, "{path} at {commit}: log {size:?}, git {theirs:?}");
        }
    }
    println!("agrees with git: the sizes of files at {} commits", sample.len());
    Ok(())
}
