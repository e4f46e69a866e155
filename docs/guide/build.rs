//! Makes modules of the programs in the documents that doctests compile and do not run,
//! because they need a server or a file: the tests run them.
//!
//! A program is taken as it stands. Only its URLs are led to the servers of the tests: each is
//! handed to the function `here` of the module around.

use std::{env, fmt::Write as _, fs, path::Path};

/// The documents with such programs, and the modules that become of them.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("README.md", &["readme"]),
    ("crates/es-store-postgres/README.md", &["postgres_readme"]),
    ("docs/guide/src/bus.md", &["bus"]),
    ("docs/guide/src/operating-postgresql.md", &["operating_postgresql"]),
    ("docs/guide/src/operating-redis.md", &["operating_redis", "redis_partitions"]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut modules = String::new();
    for (document, names) in PROGRAMS {
        println!("cargo::rerun-if-changed=../../{document}");
        let text = fs::read_to_string(root.join(document))?;
        let programs: Vec<&str> = text.split("\n```rust,no_run\n").skip(1).collect();
        if programs.len() != names.len() {
            let count = programs.len();
            return Err(format!("{document} has {count} programs: give each a module").into());
        }
        for (module, rest) in names.iter().zip(programs) {
            let (program, _) = rest.split_once("\n```").ok_or(document)?;
            let program = program.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
            let program = program.collect::<Vec<_>>().join("\n");
            writeln!(modules, "pub(super) mod {module} {{\n{}\n", led(&program))?;
            writeln!(modules, "pub(in super::super) fn run() {{ main().unwrap(); }}\n}}")?;
        }
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("programs.rs"), modules)?;
    Ok(())
}

/// The program with its URLs handed to `here`.
fn led(program: &str) -> String {
    let mut parts = program.split('"');
    let mut led = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        let is_inside = at % 2 == 0;
        match is_inside {
            true if part.starts_with("sqlite:") || part.contains("://") => {
                led.push_str("super::super::here(\"");
                led.push_str(part);
                led.push_str("\")");
            }
            true => {
                led.push('"');
                led.push_str(part);
                led.push('"');
            }
            false => led.push_str(part),
        }
    }
    led
}
