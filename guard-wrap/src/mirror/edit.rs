//! Editing the list of overrides in the text of a policy file: everything else stays as it is, to the byte.
//!
//! The text was parsed before, so it is an object of JSON; here it is only found out where things are.

use std::ops::Range;

/// The key of the list.
const KEY: &str = "temporary_overrides";

/// Where the list is.
struct List {
    /// What is between the brackets.
    inside: Range<usize>,
    elements: Vec<Range<usize>>,
}

/// The elements of the list, as text.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let list = list(text).map(|list| list.elements).unwrap_or_default();
    list.into_iter().map(|range| &text[range]).collect()
}

/// The text without the elements that `goes` says so of.
pub(super) fn without(text: &str, goes: impl Fn(&str) -> bool) -> String {
    let mut text = text.to_owned();
    while let Some(List { inside, elements }) = list(&text) {
        let Some(at) = elements.iter().position(|range| goes(&text[range.clone()])) else { break };
        let cut = match (elements.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => elements[at].start..next.start,
            (None, Some(before)) => elements[before].end..elements[at].end,
            (None, None) => inside,
        };
        text.replace_range(cut, "");
    }
    text
}

/// The text with one more element at the end of the list.
pub(super) fn with(text: &str, element: &str) -> String {
    let mut text = text.to_owned();
    let (at, new) = match list(&text) {
        Some(List { elements, inside }) => match elements.last() {
            // As the last one is set off from what is before it.
            Some(last) => {
                let before = &text[inside.start..last.start];
                let space = before.rfind([',', ']', '}', '"']).map_or(before, |at| &before[at + 1..]);
                let space = if space.is_empty() { " " } else { space };
                (last.end, format!(",{space}{element}"))
            }
            None => (inside.start, element.to_owned()),
        },
        None => {
            let end = text.rfind('}').unwrap_or(text.len());
            let body = text[..end].trim_end();
            let comma = if body.ends_with('{') { "" } else { "," };
            let (at, line) = (body.len(), if text[body.len()..end].contains('\n') { "\n  " } else { " " });
            let line = if comma.is_empty() && line == " " { "" } else { line };
            (at, format!("{comma}{line}\"{KEY}\": [{element}]"))
        }
    };
    text.insert_str(at, &new);
    text
}

fn list(text: &str) -> Option<List> {
    let mut at = space(text, text.find('{')? + 1);
    while text[at..].starts_with('"') {
        let key = at..value(text, at);
        let colon = space(text, key.end);
        let start = space(text, colon + 1);
        let end = value(text, start);
        // However it is written.
        if serde_json::from_str::<String>(&text[key]).is_ok_and(|key| key == KEY) {
            return Some(List { inside: start + 1..end - 1, elements: items(text, start + 1) });
        }
        at = space(text, end);
        if !text[at..].starts_with(',') {
            return None;
        }
        at = space(text, at + 1);
    }
    None
}

fn items(text: &str, inside: usize) -> Vec<Range<usize>> {
    let (mut items, mut at) = (Vec::new(), space(text, inside));
    while !text[at..].starts_with(']') && at < text.len() {
        let end = value(text, at);
        items.push(at..end);
        at = space(text, end);
        if text[at..].starts_with(',') {
            at = space(text, at + 1);
        }
    }
    items
}

/// Where what is not space begins.
fn space(text: &str, from: usize) -> usize {
    text[from..].find(|c: char| !c.is_ascii_whitespace()).map_or(text.len(), |at| from + at)
}

/// Where the value that begins here ends.
fn value(text: &str, from: usize) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                if !quoted && depth == 0 {
                    return at + 1;
                }
            }
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return at + 1,
            b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
  "protected_zones": ["/a", {"path": "/b]"}],
  "temporary_overrides": ["/a/\"x",
                          {"path": "/b/y", "expires_at": 9}],
  "exempt_names": []
}
"#;

    #[test]
    fn an_element_is_added_as_the_others_are_and_goes_without_a_trace() {
        assert_eq!(elements(FILE), [r#""/a/\"x""#, r#"{"path": "/b/y", "expires_at": 9}"#]);
        let more = with(FILE, "{\"path\":\"/c\"}");
        assert!(
            more.contains("\"expires_at\": 9},\n                          {\"path\":\"/c\"}],\n"),
            "{more}"
        );
        assert_eq!(without(&more, |element| element.contains("/c")), FILE);
        assert_eq!(elements(&without(FILE, |element| element.contains("/a/"))).len(), 1);
        assert!(without(FILE, |_| true).contains("\"temporary_overrides\": [],\n"));
    }

    #[test]
    fn a_list_that_is_empty_or_missing_begins() {
        for (text, expected) in [
            ("{}", r#"{"temporary_overrides": [1]}"#),
            ("{\n}\n", "{\n  \"temporary_overrides\": [1]\n}\n"),
            (
                r#"{"a": {"temporary_overrides": []}}"#,
                r#"{"a": {"temporary_overrides": []}, "temporary_overrides": [1]}"#,
            ),
            ("{\n  \"a\": [1, 2]\n}", "{\n  \"a\": [1, 2],\n  \"temporary_overrides\": [1]\n}"),
            (r#"{"temporary_overrides": [ ], "a": true}"#, r#"{"temporary_overrides": [1 ], "a": true}"#),
            (r#"{"temporary\u005foverrides":["x"]}"#, r#"{"temporary\u005foverrides":["x", 1]}"#),
        ] {
            let found = with(text, "1");
            assert_eq!(found, expected);
            assert!(serde_json::from_str::<serde_json::Value>(&found).is_ok(), "{found}");
            let back = without(&found, |element| element == "1");
            assert!(serde_json::from_str::<serde_json::Value>(&back).is_ok(), "{back}");
        }
    }
}
