//! Which bugs the machine finds, and in how short a history.
//! The mutants are those that the cases are proved with.

use std::{fs, path::Path, sync::Arc, time::Duration};

use es_core::Store;
use es_testkit::machine::{Failure, Histories, Tally, check};

use crate::{
    mutants::bugs::{Broken, Bug},
    naive::Naive,
};

/// One test per line: its name, the bug, and how many operations it takes at most to show
/// it.
macro_rules! found {
    ($($name:ident: $bug:ident in $operations:literal;)+) => {$(
        #[test]
        fn $name() {
            let failure = run(Bug::$bug).expect_err("the machine does not find the bug");
            println!("{failure}");
            assert!(failure.operations() <= $operations, "it takes {}", failure.operations());
        }
    )+};
}

found! {
    half_of_a_batch: PublishesHalfOfABatch in 2;
    stream_by_stream: CommitsStreamByStream in 2;
    no_conflict_check: DropsTheConflictCheck in 1;
    check_then_write: ChecksThenWrites in 2;
    wrong_version: NamesTheWrongVersion in 2;
    any_that_conflicts: ConflictsOnAny in 1;
    required_streams: IgnoresRequiredStreams in 1;
    doubled_retry: DoublesARetry in 2;
    check_before_replay: ChecksBeforeItReplays in 2;
    content: IgnoresTheContent in 2;
    conditions: DropsConditions in 3;
    check_conditions_then_write: ChecksConditionsThenWrites in 2;
    boundary: CountsTheBoundary in 2;
    tenants_in_conditions: MixesTenantsInConditions in 2;
    lost_connection: LosesItsConnection in 1;
    skipped_positions: SkipsPositions in 5;
    undecodable_events: DropsUndecodableEvents in 2;
    endless_read: ChasesTheHead in 2;
    limit_before_order: LimitsBeforeItTurns in 2;
    limit_before_filter: LimitsBeforeItFilters in 3;
    bound: StartsAtTheBound in 2;
    json: ReformatsJson in 1;
    empty_query: TakesNothingForEverything in 2;
    merged_tenants: MergesTenants in 2;
    fold: FoldsTheWrongBytes in 2;
    lost_wake_ups: LosesWakeUps in 1;
    one_wake_up: WakesOnlyOne in 1;
    stale_head: HasAStaleHead in 1;
}

/// Whoever plants a bug says who notices it: here, and on the page that lists all of them.
/// What that page says of cases and of operations is so.
#[test]
fn the_page_of_all_bugs_is_right() {
    let page = text("../../docs/adr/0012-promises-cases-mutants.md");
    let (here, cases) = (text("tests/it/machine/mutants.rs"), text("src/cases.rs"));
    let mut planted = planted_in("tests/it/mutants/bugs.rs", "Bug");
    let of_the_log = planted.len();
    for port in ["progress", "read_model", "shared"] {
        planted.extend(planted_in(&format!("tests/it/mutants/{port}.rs"), "Bug"));
    }
    let buses = "../es-bus/tests/it/contract/broken.rs";
    let tried_buses = text(buses);
    planted.extend(planted_in(buses, "Fault"));
    let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split('|').collect()).collect();
    let rows = rows.iter().filter(|row| row.len() == 6 && row[3].contains("::"));
    let mut listed = Vec::new();
    for row in rows {
        let bug = row[2].split('`').nth(1).unwrap();
        listed.push(bug.to_owned());
        for case in row[3].split('`').skip(1).step_by(2) {
            let (_, name) = case.rsplit_once("::").unwrap();
            assert!(cases.lines().any(|line| line.trim() == name), "there is no case {case}");
            let is_of_a_bus = row[1].trim().starts_with('B');
            let tries = |test: &str| test.contains(&format!(" {bug}")) && test.contains(name);
            assert!(!is_of_a_bus || tried_buses.split(';').any(tries), "{bug} by {case}");
        }
        if let Ok(operations) = row[4].trim().parse::<u32>() {
            assert!(here.contains(&format!(": {bug} in {operations};")), "{bug} in {operations}");
        }
    }
    listed.sort_unstable();
    let tried = |bug: &String| {
        here.contains(&format!("{bug} in ")) || here.contains(&format!("run(Bug::{bug})"))
    };
    let not_tried: Vec<_> = planted[..of_the_log].iter().filter(|bug| !tried(bug)).collect();
    assert!(not_tried.is_empty(), "the machine does not look for {not_tried:?}");
    planted.sort_unstable();
    assert_eq!(listed, planted, "on the page, and planted");
}

/// The variants of the enum of that name in that file.
fn planted_in(path: &str, name: &str) -> Vec<String> {
    let source = text(path);
    let (_, variants) = source.split_once(&format!("enum {name} {{")).unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let names = variants.lines().filter_map(|line| line.trim().strip_suffix(','));
    names.filter(|name| *name != "None").map(str::to_owned).collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The control: what is found is the bug, not the wrapper.
#[test]
fn no_bug() {
    println!("{}", run(Bug::None).unwrap());
}

/// It gives the right answers and takes more memory than it may: that is for the case
/// `l8_pages::a_large_stream_comes_in_bounded_pages`.
#[test]
fn what_only_costs_memory_is_left_to_the_cases() {
    assert!(run(Bug::ReadsEverythingAtOnce).is_ok());
}

fn run(bug: Bug) -> Result<Tally, Box<Failure>> {
    let mut histories = Histories::new(1_000);
    if matches!(bug, Bug::LosesWakeUps | Bug::WakesOnlyOne | Bug::LosesItsConnection) {
        // They hang, and what is lost is lost for good: no need to wait for it at each step
        // of the shrinking.
        histories = histories.with_patience(Duration::from_millis(25));
    }
    let store = || async move { Store::new(Broken::new(Arc::new(Naive::new()), bug)) };
    check(store, &histories)
}
