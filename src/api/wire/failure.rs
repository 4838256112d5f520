//! The JSON that may come with an error: `{"error": …}`, a text or an object.

use super::members::{Members, text};

/// What the body of an error says; as it came, unescaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::api) struct Failure {
    pub(in crate::api) message: Option<String>,
    pub(in crate::api) id: Option<String>,
}

/// Reads the body of an error. None where it is not in the API's own form.
pub(in crate::api) fn failure(body: &[u8]) -> Option<Failure> {
    let json = super::text(body).ok()?;
    let error = Members::of(json).ok()?.get("error")?;
    if let Ok(message) = text(error) {
        return message.value().cloned().map(|message| Failure {
            message: Some(message),
            id: None,
        });
    }
    let error = Members::of(error).ok()?;
    let said = |key| {
        error
            .get(key)
            .map(|raw| text(raw).map(|it| it.value().cloned()))
    };
    let plain = |key| said(key).and_then(Result::ok).flatten();
    Some(Failure {
        message: plain("message").or_else(|| plain("type")).or_else(|| {
            // The code is a text here and a number there.
            error.get("code").map(str::to_owned)
        }),
        id: plain("error_id"),
    })
}
