//! What a request asks for, read from its path alone.

use uuid::Uuid;

/// The part of the URL that belongs to the billing API.
pub(super) const BASE: &str = "/api/billing/v1";
const LIST: &str = "/api/billing/v1/admin/customers";
const DETAIL: &str = "/api/billing/v1/admin/customer/";
const KEY_PAIR: &str = "/api/auth/v2/keypair";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A page of the list.
    List {
        /// The page asked for; `None` where the request names none or no number.
        page: Option<u64>,
    },
    /// One customer's details.
    Detail {
        /// The customer; `None` where the path holds no UUID.
        id: Option<Uuid>,
    },
    /// The key pair's own page.
    KeyPair,
    /// Nothing that there is.
    Elsewhere,
}

impl Target {
    /// Reads a request's path and query.
    pub(super) fn of(path: &str, query: Option<&str>) -> Self {
        if path == LIST {
            let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            let page = pairs.into_iter().find(|(key, _)| key == "page");
            return Self::List {
                page: page.and_then(|(_, value)| value.parse().ok()),
            };
        }
        if path == KEY_PAIR {
            return Self::KeyPair;
        }
        match path.strip_prefix(DETAIL) {
            Some(id) if !id.is_empty() && !id.contains('/') => Self::Detail { id: uuid(id) },
            _ => Self::Elsewhere,
        }
    }
}

/// A UUID in its hyphenated form, in any case. The other forms that programs write are no valid
/// customer ids.
fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == uuid::fmt::Hyphenated::LENGTH)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}
