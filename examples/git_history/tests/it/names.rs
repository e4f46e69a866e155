//! Names that git allows: of files and of authors.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use crate::{
    program::{answers, row},
    repository::Repository,
};

/// Names as git has them, and as the program prints them.
const NAMES: [(&[u8], &str); 22] = [
    (b"plain.txt", "plain.txt"),
    (b"with inner space", "with inner space"),
    (b" space before", "%20space before"),
    (b"space behind ", "space behind%20"),
    (b" ", "%20"),
    (b"\"quoted\" and 'quoted'", "\"quoted\" and 'quoted'"),
    (b"tab\there", "tab%09here"),
    (b"line\nbreak", "line%0Abreak"),
    (b"\nbreak first", "%0Abreak first"),
    (b"\n:100644 looks raw", "%0A:100644 looks raw"),
    (b"carriage\rreturn", "carriage%0Dreturn"),
    (b"bell\x07", "bell%07"),
    (b"back\\slash", "back\\slash"),
    (b"100%", "100%25"),
    (b"a%20b", "a%2520b"),
    (b":100644 100644 a b M", ":100644 100644 a b M"),
    (b"1\t2\tthree", "1%092%09three"),
    (b"a => b", "a => b"),
    ("größe 日本.txt".as_bytes(), "größe 日本.txt"),
    ("no\u{a0}break\u{2028}".as_bytes(), "no%C2%A0break%E2%80%A8"),
    (b"latin \xfc", "latin %FC"),
    (b"-dash@{at}*?[x]", "-dash@{at}*?[x]"),
];

#[test]
fn any_file_name() {
    let mut repository = Repository::new();
    for (name, _) in NAMES {
        fs::write(repository.path().join(OsStr::from_bytes(name)), "one\ntwo\n").unwrap();
    }
    repository.commit("Ann");
    for (name, _) in NAMES {
        fs::write(repository.path().join(OsStr::from_bytes(name)), "one\n3\n4\n").unwrap();
    }
    let second = repository.commit("Ann");
    // And renamed, so that both names stand in one line.
    fs::create_dir(repository.path().join("moved")).unwrap();
    for (name, _) in NAMES {
        let name = OsStr::from_bytes(name);
        let to = repository.path().join("moved").join(name);
        fs::rename(repository.path().join(name), to).unwrap();
    }
    repository.commit("Ann");

    let questions: Vec<_> = NAMES.iter().map(|(_, name)| format!("{name}@{second}")).collect();
    let questions = questions.iter().flat_map(|question| ["--size-of", question]);
    let arguments: Vec<_> = ["--top", "100"].into_iter().chain(questions).collect();
    let answers = answers(&repository, &arguments);
    for (_, name) in NAMES {
        assert_eq!(row(&answers, name), Some([2, 4, 1]), "{name}\n{answers}");
        let size = format!("\n{name} has 8 bytes at {second}\n");
        assert!(answers.contains(&size), "{size}\n{answers}");
    }
    // All contents are equal, so git pairs the names as it likes; the sum is the same.
    let moved = answers.lines().filter(|line| line.contains("  moved/")).count();
    assert_eq!(moved, NAMES.len(), "{answers}");
}

#[test]
fn very_long_paths() {
    let repository = Repository::new();
    let folder = "a".repeat(250) + "/";
    let folders = folder.repeat(16);
    let umlauts = "ü".repeat(120) + "/";
    let umlauts = umlauts.repeat(16);
    let paths = [
        format!("{folders}one"),
        format!("{folders}two"),
        format!("{umlauts}drei"),
        // Just what a key can hold, and one byte more.
        format!("{}b", "b/".repeat(255)),
        format!("{}bb", "b/".repeat(255)),
        format!("{}bbb", "b/".repeat(255)),
    ];
    let mut stream = String::new();
    for content in ["1\n", "1\n2\n"] {
        stream += "commit refs/heads/main\n\
                   committer Ann <ann@example.org> 1600000000 +0000\ndata 0\n";
        for path in &paths {
            stream += &format!("M 100644 inline {path}\ndata {}\n{content}", content.len());
        }
    }
    repository.fast_import(stream.as_bytes());

    let head = repository.head();
    let question = format!("{}@{head}", paths[2]);
    let answers = answers(&repository, &["--size-of", &question]);
    for path in &paths {
        assert_eq!(row(&answers, path), Some([2, 2, 0]), "{answers}");
    }
    assert!(answers.contains(&format!("drei has 4 bytes at {head}")), "{answers}");
}

#[test]
fn any_author_and_any_date() {
    let repository = Repository::new();
    let long = "x".repeat(20_000);
    let authors: [&[u8]; 7] = [
        b"O'Brien \"Bob\" <bob@example.org> 1600000000 +0000",
        b" <> 1600000000 +0000",
        b"L\xf6we <l@example.org> 1600000000 +0000",
        "Löwe/日本 \u{1b}[31m <l@example.org> 1600000000 +0000".as_bytes(),
        b"/ <1\t2\tthree> 1600000000 +0000",
        b"Past <p@example.org> -1 +0000",
        b"Ann <ann@example.org> 99999999999999 +0000",
    ];
    let authors = authors.into_iter().map(<[u8]>::to_vec);
    let long = format!("{long} <long@example.org> 1600000000 +0000").into_bytes();
    let tree = repository.git(["mktree"]);
    let mut parent = String::new();
    for author in authors.chain([long]) {
        let mut commit = format!("tree {tree}{parent}author ").into_bytes();
        commit.extend(author);
        commit.extend(b"\ncommitter Ann <ann@example.org> 1600000000 +0000\n\nmessage\n");
        let file = repository.beside("commit");
        fs::write(&file, commit).unwrap();
        let hash = ["hash-object", "-t", "commit", "-w", "--literally"];
        let id = repository.git(hash.iter().map(OsStr::new).chain([file.as_os_str()]));
        parent = format!("parent {id}");
        repository.git(["update-ref", "refs/heads/main", id.trim()]);
    }
    let answers = answers(&repository, &["--top", "100"]);
    assert!(answers.contains("8 commits of "), "{answers}");
    assert!(answers.contains("  O'Brien \"Bob\" <bob@example.org>\n"), "{answers}");
    assert!(answers.contains("  L\u{fffd}we <l@example.org>\n"), "{answers}");
    assert!(answers.contains("  Löwe/日本 [31m <l@example.org>\n"), "{answers}");
}
