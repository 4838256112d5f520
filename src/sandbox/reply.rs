//! An answer before it goes over the wire: complete in memory, so that faults can work on it.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

/// Status, headers and the whole body.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Self {
        Self::of_type(status, "application/json; charset=utf-8", body)
    }

    /// A JSON answer of a value.
    pub(super) fn value(status: StatusCode, body: &Value) -> Self {
        Self::json(status, body.to_string().into_bytes())
    }

    /// A text that is no part of the API.
    pub(super) fn plain(status: StatusCode, text: &str) -> Self {
        Self::of_type(
            status,
            "text/plain; charset=utf-8",
            text.as_bytes().to_vec(),
        )
    }

    fn of_type(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body,
        }
    }
}
