//! Every documented way to say no: a status, `x-error`, `x-error-id`, and a JSON body.

use std::fmt::Write;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::options::ErrorBody;
use super::reply::Reply;

/// A request that gets no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    said: String,
    retry_after: Option<String>,
}

impl Refusal {
    /// 400
    pub(super) fn bad_request(said: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, said)
    }

    /// 401
    pub(super) fn unauthorized(said: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, said)
    }

    /// 403
    pub(super) fn forbidden(said: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, said)
    }

    /// 404 in the API's own form: there is no such customer.
    pub(super) fn not_found(said: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, said)
    }

    /// 405
    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
    }

    /// 429, with this `Retry-After` or none.
    pub(super) fn throttled(retry_after: Option<String>) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate limit exceeded");
        refusal.retry_after = retry_after;
        refusal
    }

    /// Any other status, in the same form.
    pub(super) fn new(status: StatusCode, said: impl Into<String>) -> Self {
        Self {
            status,
            said: said.into(),
            retry_after: None,
        }
    }

    /// The answer. The id is made of the error's words: as on the platform, the same error has
    /// the same id.
    pub(super) fn reply(&self, form: ErrorBody) -> Reply {
        let digest = Sha256::digest(self.said.as_bytes());
        let error_id = digest[..16].iter().fold(String::new(), |mut id, byte| {
            write!(id, "{byte:02x}").expect("a string takes all");
            id
        });
        let body = match form {
            ErrorBody::Text => json!({ "error": self.said }),
            ErrorBody::Object => json!({ "error": {
                "message": self.said,
                "type": self.status.canonical_reason().unwrap_or("Error"),
                "code": self.status.as_u16(),
                "error_id": error_id,
            }}),
        };
        let mut reply = Reply::value(self.status, &body);
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                reply.headers.append(HeaderName::from_static(name), value);
            }
        };
        put("x-error", &self.said);
        put("x-error-id", &error_id);
        if let Some(retry_after) = &self.retry_after {
            put("retry-after", retry_after);
        }
        reply
    }
}
