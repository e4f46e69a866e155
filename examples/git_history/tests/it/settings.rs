//! Where the program runs, and what the user has configured, change nothing.

use std::fs;

use crate::{
    program::{agreed, answers, command, run},
    repository::Repository,
};

fn sample() -> Repository {
    let mut repository = Repository::new();
    let text: String = (0..50).map(|line| format!("  line {line}\n")).collect();
    repository.write("folder/a.txt", &text);
    repository.write("b.txt", "b\n");
    repository.commit("Ann");
    repository.git(["mv", "folder/a.txt", "folder/c.txt"]);
    repository.write("copy.txt", text.clone() + "and more\n");
    let submodule = format!("160000,{},submodule", "1".repeat(40));
    repository.git(["update-index", "--add", "--cacheinfo", &submodule]);
    repository.git(["add", "copy.txt"]);
    repository.commit_index("Ann");
    repository.git(["checkout", "--quiet", "-b", "side"]);
    repository.write("b.txt", "b\n   \n\nb\n");
    repository.git(["commit", "--quiet", "-a", "-m", "side"]);
    repository.git(["checkout", "--quiet", "main"]);
    repository.write("folder/c.txt", text.replace("line 7", "LINE 7"));
    repository.git(["commit", "--quiet", "-a", "-m", "main"]);
    repository.git(["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    repository
}

/// All but how long it took.
fn timeless(answers: &str) -> String {
    let lines = answers.lines().filter(|line| !line.starts_with("import"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_configuration_of_the_user_changes_nothing() {
    let repository = sample();
    let plain = timeless(&answers(&repository, &[]));
    for setting in [
        "color.ui=always",
        "core.abbrev=5",
        "core.attributesFile=attributes",
        "core.quotePath=false",
        "diff.algorithm=patience",
        "diff.colorMoved=zebra",
        "diff.external=false",
        "diff.ignoreSubmodules=all",
        "diff.mnemonicPrefix=true",
        "diff.orderFile=missing",
        "diff.relative=true",
        "diff.renameLimit=1",
        "diff.renames=copies",
        "diff.submodule=log",
        "diff.wsErrorHighlight=all",
        "format.pretty=oneline",
        "i18n.logOutputEncoding=ISO-8859-1",
        "log.abbrevCommit=true",
        "log.date=relative",
        "log.decorate=full",
        "log.diffMerges=first-parent",
        "log.follow=true",
        "log.mailmap=true",
        "log.showRoot=false",
        "log.showSignature=true",
        "submodule.submodule.ignore=all",
    ] {
        let (name, value) = setting.split_once('=').unwrap();
        repository.git(["config", name, value]);
    }
    let attributes = repository.path().join("attributes");
    fs::write(attributes, "*.txt -diff\n").unwrap();
    fs::write(repository.path().join(".mailmap"), "Zed <z@z> <ann@example.org>\n").unwrap();
    assert_eq!(timeless(&answers(&repository, &[])), plain);
}

#[test]
fn a_folder_inside_and_the_current_one() {
    let repository = sample();
    let plain = timeless(&answers(&repository, &[]));
    let mut inside = command(&repository);
    inside.current_dir(repository.path().join("folder"));
    assert_eq!(timeless(&agreed(run(inside))), plain);
}

#[test]
fn a_bare_repository_even_inside_a_hook() {
    let repository = sample();
    let plain = timeless(&answers(&repository, &[]));
    let bare = repository.beside("bare");
    let path = repository.path();
    repository.git(["clone", "--quiet", "--bare", path.to_str().unwrap(), bare.to_str().unwrap()]);
    let mut hook = command(&repository);
    hook.arg(bare).env("GIT_DIR", "elsewhere").env("GIT_WORK_TREE", "elsewhere");
    assert_eq!(timeless(&agreed(run(hook))), plain);
}

#[test]
fn fewer_rows() {
    let repository = sample();
    let answers = answers(&repository, &["--store", "memory:", "--top", "1"]);
    assert_eq!(answers.lines().filter(|line| line.contains(".txt")).count(), 1, "{answers}");
}
