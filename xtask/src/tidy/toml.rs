//! A manifest as a flat list of settings, with the lines and comments they stand on.
//!
//! Reads the part of TOML that manifests use. Cargo has already refused what is
//! malformed, so this never has to. Not here: what a setting should be.

/// `a.b = { c = 1 } # why` is the setting `a.b.c`, with value `1` and comment `why`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
    pub(super) value: String,
    pub(super) comment: String,
}

pub(super) fn settings(text: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut table = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let (code, comment) = split_comment(line);
        let (mut code, mut comment) = (code.trim().to_owned(), comment.to_owned());
        if code.starts_with('[') {
            table = segments(code.trim_matches(['[', ']']));
            continue;
        }
        while depth(&code) > 0 {
            let Some((_, more)) = lines.next() else { break };
            let (more, last) = split_comment(more);
            code.push_str(more);
            last.clone_into(&mut comment);
        }
        if let Some((key, value)) = code.split_once('=') {
            let path = [table.as_slice(), &segments(key)].concat();
            for (path, value) in flatten(path, value.trim()) {
                settings.push(Setting { line: at + 1, path, value, comment: comment.clone() });
            }
        }
    }
    settings
}

/// One setting, or one for each key of an inline table.
fn flatten(path: Vec<String>, value: &str) -> Vec<(Vec<String>, String)> {
    let inner = value.strip_prefix('{').and_then(|v| v.strip_suffix('}'));
    let Some(inner) = inner else {
        return vec![(path, value.to_owned())];
    };
    let pairs = split_outside(inner, ',').into_iter();
    pairs
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| {
            let path = [path.as_slice(), &segments(key)].concat();
            (path, value.trim().to_owned())
        })
        .collect()
}

/// The parts of a dotted key, without their quotes.
fn segments(key: &str) -> Vec<String> {
    split_outside(key, '.')
        .into_iter()
        .map(|part| part.trim().trim_matches(['"', '\'']).to_owned())
        .collect()
}

fn split_comment(line: &str) -> (&str, &str) {
    let parts = split_outside_strings(line, '#');
    let code = parts.first().copied().unwrap_or_default();
    let comment = line[code.len()..].trim_start_matches('#');
    (code, comment.trim())
}

/// How many brackets are still open at the end.
fn depth(code: &str) -> isize {
    let mut depth = 0;
    scan(code, |_, c, nesting| {
        depth = nesting;
        if matches!(c, '[' | '{') {
            depth += 1;
        } else if matches!(c, ']' | '}') {
            depth -= 1;
        }
    });
    depth
}

/// Splits at a separator that stands in no string and no bracket.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    split_where(text, |c, nesting| c == separator && nesting == 0)
}

fn split_outside_strings(text: &str, separator: char) -> Vec<&str> {
    split_where(text, |c, _| c == separator)
}

fn split_where(text: &str, is_separator: impl Fn(char, isize) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    scan(text, |at, c, nesting| {
        if is_separator(c, nesting) {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    });
    parts.push(&text[start..]);
    parts
}

/// Calls `see` with each character outside strings, and the brackets open before it.
fn scan(text: &str, mut see: impl FnMut(usize, char, isize)) {
    let mut quote = None;
    let mut nesting = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => {
                see(at, c, nesting);
                match c {
                    '"' | '\'' => quote = Some(c),
                    '[' | '{' => nesting += 1,
                    ']' | '}' => nesting -= 1,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
