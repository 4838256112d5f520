//! The server's own words, made safe to print: secrets masked, controls escaped, cut.

use std::fmt::Write;

use reqwest::header::HeaderMap;

use crate::report::steers;

use super::credentials::Shown;
use super::wire;

/// Most characters of the server's that are passed on.
const CHARACTERS_MAX: usize = 300;

/// The text on one line, without anything that could move a cursor, change a colour or reverse
/// the reading order, and no longer than 300 characters.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(CHARACTERS_MAX));
    for (count, character) in text.chars().enumerate() {
        if count == CHARACTERS_MAX {
            safe.push('…');
            break;
        }
        if steers(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// What an answer that is an error says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    error: Option<String>,
    error_id: Option<String>,
}

impl Words {
    /// From `x-error` and `x-error-id`, or else from a JSON body `{"error": …}`.
    pub(super) fn of(headers: &HeaderMap, body: &[u8], shown: &Shown) -> Self {
        let header = |name| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let in_body = wire::failure(body);
        let in_api_form = headers.contains_key("x-error") || in_body.is_some();
        let in_body = in_body.unwrap_or_default();
        let safe = |text: String| printable(&shown.mask(&text));
        let error = header("x-error").filter(|text| !text.is_empty());
        Self {
            error: in_api_form.then(|| safe(error.or(in_body.message).unwrap_or_default())),
            error_id: header("x-error-id").or(in_body.id).map(safe),
        }
    }

    /// True where the answer is an error in the API's own form, and not a proxy's or a web
    /// server's.
    pub(super) fn in_api_form(&self) -> bool {
        self.error.is_some()
    }

    /// The status and whatever was said with it.
    pub(super) fn with(&self, status: u16) -> String {
        let mut text = format!("status {status}");
        if let Some(error) = self.error.as_deref().filter(|error| !error.is_empty()) {
            let _ = write!(text, ", “{error}”");
        }
        if let Some(id) = &self.error_id {
            let _ = write!(text, " (error id {id})");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(headers: &[(&'static str, &[u8])], body: &str) -> Words {
        let headers = headers.iter().map(|(name, value)| {
            let value = reqwest::header::HeaderValue::from_bytes(value).expect("a value");
            (reqwest::header::HeaderName::from_static(name), value)
        });
        let shown = Shown::of_bearer("s3cret-token");
        Words::of(&headers.collect(), body.as_bytes(), &shown)
    }

    #[test]
    fn the_headers_are_what_counts_and_the_body_stands_in() {
        let headers: &[(_, &[u8])] = &[("x-error", b"no such thing"), ("x-error-id", b"0af3")];
        let said = words(headers, r#"{"error":"other"}"#).with(400);
        assert_eq!(said, "status 400, “no such thing” (error id 0af3)");
        let said = words(&[], r#"{"error":"in the body"}"#).with(400);
        assert_eq!(said, "status 400, “in the body”");
        let body = r#"{"error":{"message":"deep","type":"t","code":7,"error_id":"9b"}}"#;
        assert_eq!(
            words(&[], body).with(500),
            "status 500, “deep” (error id 9b)"
        );
    }

    #[test]
    fn only_the_apis_own_form_counts_as_such() {
        assert!(words(&[("x-error", b"")], "").in_api_form());
        assert!(words(&[], r#"{"error":{"code":404}}"#).in_api_form());
        for foreign in [
            "",
            "<html>404</html>",
            "{}",
            "[]",
            r#"{"error":null}"#,
            "null",
        ] {
            assert!(!words(&[], foreign).in_api_form(), "taken: {foreign}");
        }
    }

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_the_text_gets_through() {
        let body = r#"{"error":"a\u001b[31mred\r\n\u0000\u009b2J\u202etxt\u2028"}"#;
        assert_eq!(
            words(&[], body).with(403),
            r"status 403, “a\u{1b}[31mred\u{d}\u{a}\u{0}\u{9b}2J\u{202e}txt\u{2028}”"
        );
        let said = words(&[("x-error", b"\xc2\x9b31mred\xff")], "").with(403);
        assert_eq!(said, "status 403, “\\u{9b}31mred\u{fffd}”");
    }

    #[test]
    fn long_words_are_cut() {
        let said = printable(&"x".repeat(100_000));
        assert_eq!(said.chars().count(), CHARACTERS_MAX + 1);
        assert!(said.ends_with('…'));
    }

    #[test]
    fn an_echoed_secret_is_masked_even_where_the_cut_would_split_it() {
        let said = words(&[("x-error", b"bad token s3cret-token!")], "").with(401);
        assert_eq!(said, "status 401, “bad token [secret]!”");
        let body = format!(
            r#"{{"error":"{}s3cret-token"}}"#,
            "x".repeat(CHARACTERS_MAX - 6)
        );
        assert!(!words(&[], &body).with(401).contains("s3c"));
        let said = words(&[("x-error-id", b"s3cret-token")], "").with(401);
        assert!(!said.contains("s3cret"), "{said}");
    }
}
