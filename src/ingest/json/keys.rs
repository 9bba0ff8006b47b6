//! The keys at the beginning of a JSON file, which may be cut anywhere.

use std::collections::BTreeSet;

/// How deep keys are looked for.
const DEPTH: usize = 5;

/// The keys of all objects in `start`, each after those it stands under, with
/// dots between: `user.id`. Arrays add nothing.
pub(crate) fn of(start: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut path: Vec<Option<String>> = Vec::new();
    let mut last: Option<String> = None;
    let mut rest = start;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let Some((text, after)) = string(rest) else { break };
                last = Some(text);
                rest = after;
            }
            b':' => {
                if let Some(slot) = path.last_mut() {
                    slot.clone_from(&last);
                }
                let keys: Vec<&str> = path.iter().flatten().map(String::as_str).collect();
                if keys.len() <= DEPTH && !keys.is_empty() {
                    found.insert(keys.join("."));
                }
            }
            b'{' => path.push(None),
            b'[' => path.push(None),
            b'}' | b']' => {
                path.pop();
            }
            b',' => {
                if let Some(slot) = path.last_mut() {
                    *slot = None;
                }
            }
            _ => {}
        }
    }
    found
}

/// The string that begins after an opening quote, and what follows it.
fn string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let mut end = 0;
    loop {
        end += memchr::memchr2(b'"', b'\\', bytes.get(end..)?)?;
        if bytes[end] == b'"' {
            return Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]));
        }
        end += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn keys_are_found_through_arrays_and_in_what_is_cut_short() {
        let keys = of(br#"[{"id":1,"user":{"id":2,"tags":[{"name":"a:\"b"}]},"te"#);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(keys, ["id", "user", "user.id", "user.tags", "user.tags.name"]);
    }

    #[test]
    fn nonsense_has_no_keys() {
        for text in ["", ":", "\"", "]]]}}:", "{{{{", "\"\\", ",:,:"] {
            assert!(of(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
