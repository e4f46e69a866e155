//! What can happen to files, and how it is counted.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::{
    program::{answers, assert_sizes, row},
    repository::Repository,
};

#[test]
fn lines_are_counted_like_git_counts_them() {
    let mut repository = Repository::new();
    repository.write("a.txt", "one\ntwo\nthree\n");
    repository.write("folder/b.txt", "no newline at the end");
    repository.commit("Ann");
    repository.write("a.txt", "one\n2\nthree\nfour\n");
    repository.commit("Bob");
    repository.remove("folder/b.txt");
    repository.commit("Ann");
    repository.commit("Ann"); // empty

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "a.txt"), Some([2, 5, 1]));
    assert_eq!(row(&answers, "folder/b.txt"), Some([2, 1, 1]));
    assert!(answers.contains("        3  Ann <ann@example.org>"), "{answers}");
    assert!(answers.contains("        1  Bob <bob@example.org>"), "{answers}");
    assert!(
        answers.contains("4 commits of 2 authors, 4 changes to 2 files, 6 lines more and 2 less")
    );
    assert!(answers.contains("import 1: 8 new events"), "{answers}");
}

#[test]
fn importing_again_replays_every_commit() {
    let mut repository = Repository::new();
    for round in 0..20 {
        repository.write("a.txt", format!("{round}\n"));
        repository.commit("Ann");
    }
    let twice = answers(&repository, &[]);
    assert!(twice.contains("import 1: 40 new events"), "{twice}");
    assert!(twice.contains("0 of 20 commits replayed"), "{twice}");
    assert!(twice.contains("import 2: 0 new events"), "{twice}");
    assert!(twice.contains("20 of 20 commits replayed"), "{twice}");
    assert!(!answers(&repository, &["--once"]).contains("import 2"));
}

#[test]
fn renames_are_followed() {
    let mut repository = Repository::new();
    let text: String = (0..50).map(|line| format!("line {line}\n")).collect();
    repository.write("old.txt", &text);
    let first = repository.commit("Ann");
    repository.git(["mv", "old.txt", "new.txt"]);
    repository.write("new.txt", text.clone() + "one more\n");
    let second = repository.commit("Ann");
    repository.write("old.txt", "another one\n");
    let third = repository.commit("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "new.txt"), Some([1, 1, 0]));
    assert_eq!(row(&answers, "old.txt"), Some([2, 51, 0]));
    assert_sizes(&repository, &["old.txt", "new.txt"], &[first, second, third]);
}

#[test]
fn a_file_that_becomes_two_is_renamed_once() {
    let mut repository = Repository::new();
    let text: String = (0..50).map(|line| format!("line {line}\n")).collect();
    repository.write("whole.txt", &text);
    let first = repository.commit("Ann");
    repository.remove("whole.txt");
    repository.write("copy1.txt", text.clone() + "1\n");
    repository.write("copy2.txt", text + "2\n");
    let second = repository.commit("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "copy1.txt"), Some([1, 1, 0]));
    assert_eq!(row(&answers, "copy2.txt"), Some([1, 51, 0]));
    assert_sizes(&repository, &["whole.txt", "copy1.txt", "copy2.txt"], &[first, second]);
}

#[test]
fn binary_files_change_without_lines() {
    let mut repository = Repository::new();
    repository.write("image", [0, 1, 2, 3]);
    let first = repository.commit("Ann");
    repository.write("image", [0; 1000]);
    let second = repository.commit("Ann");
    repository.write("image", "text now\n");
    let third = repository.commit("Ann");
    repository.write("empty", "");
    let fourth = repository.commit("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "image"), Some([3, 0, 0]));
    assert_eq!(row(&answers, "empty"), Some([1, 0, 0]));
    assert_sizes(&repository, &["image", "empty"], &[first, second, third, fourth]);
}

#[test]
fn modes_types_and_links() {
    let mut repository = Repository::new();
    repository.write("script", "echo\n");
    repository.write("becomes a link", "content\n");
    repository.write("becomes a folder", "content\n");
    let first = repository.commit("Ann");
    let script = repository.path().join("script");
    std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).unwrap();
    repository.remove("becomes a link");
    symlink("somewhere/else", repository.path().join("becomes a link")).unwrap();
    repository.remove("becomes a folder");
    repository.write("becomes a folder/file", "more\n");
    let second = repository.commit("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "script"), Some([2, 1, 0]));
    assert_eq!(row(&answers, "becomes a link"), Some([2, 2, 1]));
    let files = ["script", "becomes a link", "becomes a folder", "becomes a folder/file"];
    assert_sizes(&repository, &files, &[first, second]);
}

#[test]
fn submodules_have_no_size() {
    let mut repository = Repository::new();
    repository.write("a.txt", "a\n");
    let first = repository.commit("Ann");
    // One whose commit is elsewhere, and one whose commit happens to be here.
    let elsewhere = format!("160000,{},elsewhere", "1".repeat(40));
    let here = format!("160000,{first},here");
    repository.git(["update-index", "--add", "--cacheinfo", &elsewhere]);
    repository.git(["update-index", "--add", "--cacheinfo", &here]);
    let second = repository.commit_index("Ann");
    let moved = format!("160000,{second},here");
    repository.git(["update-index", "--cacheinfo", &moved]);
    let third = repository.commit_index("Ann");
    repository.git(["rm", "--quiet", "--cached", "here"]);
    repository.write("here", "a file now\n");
    repository.git(["add", "here"]);
    let fourth = repository.commit_index("Ann");

    let answers = answers(&repository, &[]);
    assert_eq!(row(&answers, "elsewhere"), Some([1, 1, 0]));
    assert_eq!(row(&answers, "here"), Some([3, 3, 2]));
    assert_sizes(&repository, &["elsewhere", "here"], &[first, second, third, fourth]);
}

#[test]
fn a_commit_may_touch_more_files_than_an_append_takes() {
    let mut repository = Repository::new();
    for file in 0..700 {
        repository.write(&format!("files/{file}.txt"), "one\n");
    }
    repository.commit("Ann");
    for file in 0..700 {
        repository.write(&format!("files/{file}.txt"), "two\n");
    }
    repository.commit("Ann");
    let answers = answers(&repository, &["--top", "1000"]);
    assert_eq!(row(&answers, "files/699.txt"), Some([2, 2, 1]));
    assert!(answers.contains("import 1: 1402 new events"), "{answers}");
}
