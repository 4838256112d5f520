//! The server's own words, made safe to print: secrets masked, controls escaped, cut.

use std::fmt::Write;

use reqwest::header::HeaderMap;

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
        if character.is_control() || turns_the_line(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Line and paragraph separators, and the marks that steer the direction of text.
fn turns_the_line(character: char) -> bool {
    matches!(
        character,
        '\u{2028}' | '\u{2029}' | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'
            ..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
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
