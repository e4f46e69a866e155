//! How deeply JSON nests.
//!
//! serde_json writes any depth and reads 127 levels. What is written deeper would be in the log for
//! ever and be read by nobody, so it is refused at the door.

use memchr::memchr2_iter;

use crate::{Invalid, limits};

/// Refuses JSON that nests too deeply to be read.
pub(super) fn check(json: &[u8]) -> Result<(), Invalid> {
    const MAX: usize = limits::MAX_JSON_NESTING;
    // Each level takes a bracket; hardly any payload has as many in all.
    if json.len() < MAX || memchr2_iter(b'{', b'[', json).nth(MAX).is_none() {
        return Ok(());
    }
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' if depth == MAX => {
                let reason = format!("it nests deeper than {MAX} levels: make it flatter");
                return Err(Invalid::Payload { reason });
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::limits::MAX_JSON_NESTING as MAX;

    fn nested(levels: usize, inside: &str) -> String {
        format!("{}{inside}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn as_deep_as_the_limit_is_taken_and_one_more_is_not() {
        assert!(check(nested(MAX, "1").as_bytes()).is_ok());
        assert!(check(nested(MAX + 1, "1").as_bytes()).is_err());
        let object = format!("{}1{}", r#"{"a":"#.repeat(MAX + 1), "}".repeat(MAX + 1));
        assert!(check(object.as_bytes()).is_err());
    }

    #[test]
    fn brackets_beside_each_other_and_in_texts_are_no_depth() {
        let beside = format!("[{}]", vec!["[]"; 10 * MAX].join(","));
        assert!(check(beside.as_bytes()).is_ok());
        let text = format!(r#"["{}\"{}", 1]"#, "[".repeat(3 * MAX), "{".repeat(3 * MAX));
        assert!(check(text.as_bytes()).is_ok());
        let behind = format!(r#"["\\",{}]"#, nested(MAX, "1"));
        assert!(check(behind.as_bytes()).is_err());
    }
}
