//! Runs ours and its floor alternately in one process and compares the two.
//!
//! Only the ratio means something beyond this machine and this minute: disks and clocks of
//! shared machines change speed by a factor of two within minutes, so the two sides take
//! turns, several rounds, and the medians are compared.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// What one side did in one round.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) units: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds of each call.
    pub(crate) calls: Vec<u64>,
}

impl Run {
    /// Adds a call that did `units` units. The run of a task; the time of the whole is that
    /// of [`together`].
    pub(crate) fn called(&mut self, elapsed: Duration, units: u64) {
        self.units += units;
        self.calls.push(nanos(elapsed));
    }

    fn per_s(&self) -> f64 {
        as_f64(self.units) / self.elapsed.as_secs_f64()
    }
}

/// One line of the report.
pub(crate) struct Row {
    pub(crate) area: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) params: Value,
    pub(crate) ours: Side,
    pub(crate) floor: Side,
    pub(crate) durability: String,
}

/// One side of a comparison: medians over the rounds, percentiles over all calls.
#[derive(Clone, Copy)]
pub(crate) struct Side {
    pub(crate) per_s: f64,
    pub(crate) slowest: f64,
    pub(crate) fastest: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Row {
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.per_s / self.floor.per_s
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "area": self.area, "workload": self.workload, "params": self.params,
            "ours_per_s": self.ours.per_s, "floor_per_s": self.floor.per_s,
            "ratio": self.ratio(),
            "p50_us": self.ours.p50_us, "p99_us": self.ours.p99_us,
            "floor_p50_us": self.floor.p50_us, "floor_p99_us": self.floor.p99_us,
            "ours_spread": [self.ours.slowest, self.ours.fastest],
            "floor_spread": [self.floor.slowest, self.floor.fastest],
            "durability": self.durability,
        })
    }
}

/// Lets the two sides take turns, `rounds` times after one that does not count.
pub(crate) async fn alternate<O, F>(
    rounds: usize,
    mut ours: impl FnMut() -> O,
    mut floor: impl FnMut() -> F,
) -> anyhow::Result<(Side, Side)>
where
    O: Future<Output = anyhow::Result<Run>>,
    F: Future<Output = anyhow::Result<Run>>,
{
    let (mut our_runs, mut floor_runs) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let pair = if round % 2 == 0 {
            let ours = ours().await?;
            (ours, floor().await?)
        } else {
            let floor = floor().await?;
            (ours().await?, floor)
        };
        if round > 0 {
            our_runs.push(pair.0);
            floor_runs.push(pair.1);
        }
    }
    Ok((summarise(our_runs), summarise(floor_runs)))
}

/// Times one call after the other, each of which does `units` units.
pub(crate) async fn time_calls<F, E>(
    calls: u64,
    units: u64,
    mut call: impl FnMut(u64) -> F,
) -> Result<Run, E>
where
    F: Future<Output = Result<(), E>>,
{
    let mut run = Run { units: calls * units, ..Run::default() };
    run.calls.reserve(usize::try_from(calls).unwrap_or(0));
    let begin = Instant::now();
    for number in 0..calls {
        let called = Instant::now();
        call(number).await?;
        run.calls.push(nanos(called.elapsed()));
    }
    run.elapsed = begin.elapsed();
    Ok(run)
}

/// Puts the runs of tasks that ran at the same time together.
pub(crate) fn together(runs: Vec<Run>, elapsed: Duration) -> Run {
    let units = runs.iter().map(|run| run.units).sum();
    let calls = runs.into_iter().flat_map(|run| run.calls).collect();
    Run { units, elapsed, calls }
}

fn summarise(runs: Vec<Run>) -> Side {
    let mut rates: Vec<f64> = runs.iter().map(Run::per_s).collect();
    rates.sort_by(f64::total_cmp);
    let mut calls: Vec<u64> = runs.into_iter().flat_map(|run| run.calls).collect();
    calls.sort_unstable();
    Side {
        per_s: rates.get(rates.len() / 2).copied().unwrap_or(0.0),
        slowest: rates.first().copied().unwrap_or(0.0),
        fastest: rates.last().copied().unwrap_or(0.0),
        p50_us: percentile(&calls, 50),
        p99_us: percentile(&calls, 99),
    }
}

pub(crate) fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |nanos| as_f64(*nanos) / 1_000.0)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds stay far below 2^53")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}
