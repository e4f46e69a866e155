//! Histories with branches and merges, and the sizes of files all over them.

use crate::{
    program::{answers, assert_sizes, row},
    repository::Repository,
};

fn everything(repository: &Repository) -> Vec<String> {
    let commits = repository.git(["rev-list", "HEAD"]);
    commits.lines().map(str::to_owned).collect()
}

#[test]
fn merges_count_no_lines_but_know_their_files() {
    let mut repository = Repository::new();
    repository.write("main.txt", "1\n");
    repository.write("both.txt", "a\nb\nc\nd\ne\n");
    repository.commit("Ann");
    repository.git(["checkout", "--quiet", "-b", "side"]);
    repository.write("side.txt", "1\n2\n");
    repository.write("both.txt", "a\nb\nc\nd\ne\nside\n");
    repository.commit("Bob");
    repository.git(["checkout", "--quiet", "main"]);
    repository.write("both.txt", "main\na\nb\nc\nd\ne\n");
    repository.commit("Ann");
    repository.dated(["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "both.txt"), Some([3, 7, 0]));
    assert_eq!(row(&answers, "side.txt"), Some([1, 2, 0]));
    assert!(answers.contains("        3  Ann"), "{answers}");
    let files = ["main.txt", "both.txt", "side.txt"];
    assert_sizes(&repository, &files, &everything(&repository));
}

#[test]
fn evil_merges_add_remove_and_rename() {
    let mut repository = Repository::new();
    let text: String = (0..50).map(|line| format!("line {line}\n")).collect();
    repository.write("renamed.txt", &text);
    repository.write("removed.txt", "gone soon\n");
    repository.write("changed.txt", "as it was\n");
    repository.commit("Ann");
    repository.git(["checkout", "--quiet", "-b", "side"]);
    repository.write("side.txt", "side\n");
    repository.commit("Bob");
    repository.git(["checkout", "--quiet", "main"]);
    repository.write("main.txt", "main\n");
    repository.commit("Ann");
    repository.git(["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    repository.write("added.txt", "by the merge itself\n");
    repository.write("changed.txt", "by the merge itself, and longer\n");
    repository.git(["mv", "renamed.txt", "new name.txt"]);
    repository.remove("removed.txt");
    repository.commit("Ann");
    repository.write("changed.txt", "later\n");
    repository.commit("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "added.txt"), None, "{answers}");
    assert_eq!(row(&answers, "changed.txt"), Some([2, 2, 1]));
    let files = [
        "renamed.txt",
        "new name.txt",
        "removed.txt",
        "changed.txt",
        "added.txt",
        "side.txt",
        "main.txt",
    ];
    assert_sizes(&repository, &files, &everything(&repository));
}

#[test]
fn octopus_and_unrelated_histories() {
    let mut repository = Repository::new();
    repository.write("base.txt", "base\n");
    repository.commit("Ann");
    for branch in ["one", "two", "three"] {
        repository.git(["checkout", "--quiet", "-b", branch, "main"]);
        repository.write(&format!("{branch}.txt"), branch);
        repository.commit("Bob");
    }
    repository.git(["checkout", "--quiet", "main"]);
    repository.dated(["merge", "--quiet", "--no-ff", "-m", "octopus", "one", "two", "three"]);
    repository.git(["checkout", "--quiet", "--orphan", "other"]);
    repository.git(["rm", "--quiet", "-r", "-f", "."]);
    repository.write("other.txt", "another root\n");
    repository.commit("Carl");
    let merge = ["merge", "--quiet", "--allow-unrelated-histories", "-m", "join", "main"];
    repository.dated(merge);

    let answers = answers(&repository, &[]);
    assert!(answers.contains("7 commits of "), "{answers}");
    let files = ["base.txt", "one.txt", "two.txt", "three.txt", "other.txt"];
    assert_sizes(&repository, &files, &everything(&repository));
}

/// Commits that take any content from any parents: what git's own merges never do too.
#[test]
fn sizes_hold_in_any_history() {
    for seed in 1..=3_u64 {
        let repository = Repository::new();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut below = |limit: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % limit
        };
        let mut stream = String::new();
        for commit in 1..=60_u64 {
            stream += &format!(
                "commit refs/heads/main\nmark :{commit}\n\
                 committer Ann <ann@example.org> {} +0000\ndata 0\n",
                1_600_000_000 + below(1_000_000) // clocks that go wrong
            );
            if commit > 1 {
                stream += &format!("from :{}\n", commit - 1);
                for _ in 0..below(4).saturating_sub(1) {
                    stream += &format!("merge :{}\n", 1 + below(commit - 1));
                }
            }
            for _ in 0..below(4) {
                let (file, lines) = (below(8), below(30));
                if lines < 6 {
                    stream += &format!("D f{file}\n");
                } else {
                    let content = "line\n".repeat(usize::try_from(lines).unwrap());
                    let len = content.len();
                    stream += &format!("M 100644 inline f{file}\ndata {len}\n{content}\n");
                }
            }
        }
        repository.fast_import(stream.as_bytes());
        let files = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"];
        assert_sizes(&repository, &files, &everything(&repository));
    }
}

#[test]
fn a_shallow_clone() {
    let mut repository = Repository::new();
    for round in 0..6 {
        repository.write("a.txt", format!("{round}\n").repeat(round + 1));
        repository.write("b.txt", "stays\n");
        repository.commit("Ann");
    }
    let origin = format!("file://{}", repository.path().display());
    let clone = repository.beside("clone");
    repository.git(["clone", "--quiet", "--depth", "3", &origin, clone.to_str().unwrap()]);
    let mut command = crate::program::command(&repository);
    command.arg(clone);
    let answers = crate::program::agreed(crate::program::run(command));
    assert!(answers.contains("3 commits of 1 authors, 4 changes to 2 files"), "{answers}");
}
