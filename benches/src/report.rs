//! What a run shows: a table for people, JSON for programs, charts for documents.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::measure::Row;

/// The table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<8} {:<10} {:<42} {:>12} {:>12} {:>6} {:>17} {:>17}\n",
        "area",
        "workload",
        "params",
        "ours/s",
        "floor/s",
        "ratio",
        "ours p50/p99 us",
        "floor p50/p99 us"
    );
    for row in rows {
        let (ours, floor) = (&row.ours, &row.floor);
        let _ = writeln!(
            text,
            "{:<8} {:<10} {:<42} {:>12.0} {:>12.0} {:>6.2} {:>8.1}/{:>8.1} {:>8.1}/{:>8.1}",
            row.area,
            row.workload,
            params(&row.params),
            ours.per_s,
            floor.per_s,
            row.ratio(),
            ours.p50_us,
            ours.p99_us,
            floor.p50_us,
            floor.p99_us
        );
    }
    if let Some(row) = rows.first() {
        let _ = writeln!(text, "durability: {}", row.durability);
    }
    text.push_str("Only the ratios of one run compare: read docs/benchmarks.md.\n");
    text
}

/// The JSON: an array with an object per row, and whatever else was measured.
pub(crate) fn json(rows: &[Row], others: Vec<Value>) -> Value {
    Value::Array(rows.iter().map(Row::to_json).chain(others).collect())
}

/// One chart per workload, ours beside the floor.
pub(crate) fn plot(rows: &[Row], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut workloads: Vec<_> = rows.iter().map(|row| (row.area, row.workload)).collect();
    workloads.dedup();
    for (area, workload) in workloads {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| (row.area, row.workload) == (area, workload)).collect();
        fs::write(folder.join(format!("{area}-{workload}.svg")), chart(area, workload, &rows))?;
    }
    Ok(())
}

fn chart(area: &str, workload: &str, rows: &[&Row]) -> String {
    const BAR: usize = 16;
    const WIDTH: f64 = 420.0;
    let most = rows.iter().flat_map(|row| [row.ours.per_s, row.floor.per_s]).fold(1.0, f64::max);
    let height = 40 + rows.len() * (2 * BAR + 12);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">{area}: {workload}, per second \
         (dark: ours, light: floor)</text>\n"
    );
    for (at, row) in rows.iter().enumerate() {
        let top = 34 + at * (2 * BAR + 12);
        let label = params(&row.params);
        let _ = writeln!(svg, "<text x=\"8\" y=\"{}\">{label}</text>", top + BAR + 4);
        for (line, (side, colour)) in
            [(&row.ours, "#1f4e79"), (&row.floor, "#9dc3e6")].into_iter().enumerate()
        {
            let (y, width) = (top + line * BAR, side.per_s / most * WIDTH);
            let (text_x, text_y) = (width + 306.0, y + 12);
            let _ = writeln!(
                svg,
                "<rect x=\"300\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{text_x:.1}\" y=\"{text_y}\">{:.0}</text>",
                BAR - 2,
                side.per_s
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The parameters in one line: `tasks=8 events=1`.
fn params(params: &Value) -> String {
    let fields = params.as_object().into_iter().flatten();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(" ")
}
