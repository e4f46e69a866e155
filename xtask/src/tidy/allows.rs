//! A lint that is switched off says why.

use super::Violation;
use super::tree::Tree;

/// In halves, so that the tests of this check do not find themselves.
const NEEDLES: [&str; 4] = [
    concat!("#[al", "low("),
    concat!("#![al", "low("),
    concat!("#[ex", "pect("),
    concat!("#![ex", "pect("),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust_files() {
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let start = NEEDLES.iter().find_map(|needle| line.find(needle));
            let is_code = !line.trim_start().starts_with("//");
            if let Some(start) = start.filter(|_| is_code)
                && !explains(&lines, at, start)
            {
                let fix = "add `reason = \"..\"`, or a comment on its line or the one above";
                let message = "a lint is switched off without a reason";
                violations.push(Violation::new(path, at + 1, message, fix));
            }
        }
    }
    violations
}

/// Whether the attribute at `lines[at][start..]` gives its reason.
fn explains(lines: &[&str], at: usize, start: usize) -> bool {
    let above = at.checked_sub(1).and_then(|above| lines.get(above));
    if above.is_some_and(|line| is_comment(line.trim_start())) {
        return true;
    }
    let rest = lines[at + 1..].iter().copied();
    for line in [&lines[at][start..]].into_iter().chain(rest) {
        // An attribute may span lines; a comment beside any of them is beside it.
        if line.contains("reason = \"") || line.find("//").is_some_and(|c| is_comment(&line[c..])) {
            return true;
        }
        if line.contains(")]") {
            return false;
        }
    }
    false
}

/// Documentation is for the reader of the item, not for the lint.
fn is_comment(text: &str) -> bool {
    text.starts_with("//") && !text.starts_with("///") && !text.starts_with("//!")
}

#[cfg(test)]
mod tests;
