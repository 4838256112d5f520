//! Who may ask: a bearer token or a key pair, never both, and the `billing_admin` role.

use hyper::HeaderMap;
use serde_json::{Value, json};

use super::refusal::Refusal;

/// The token that is taken unless the options say otherwise.
pub const TOKEN: &str = "sandbox-token";
/// The key that is taken unless the options say otherwise.
pub const KEY: &str = "sandbox-key";
/// The secret that goes with [`KEY`].
pub const SECRET: &str = "sandbox-secret";

/// The role without which nothing is shown.
const ROLE: &str = "billing_admin";

/// Which credentials are taken, and what they may do.
#[derive(Clone, Debug)]
pub struct Access {
    /// Bearer tokens.
    pub tokens: Vec<String>,
    /// Keys, each with its secret.
    pub key_pairs: Vec<(String, String)>,
    /// The roles of whoever comes with one of them; without `billing_admin`: 403.
    pub roles: Vec<String>,
    /// What the key pair's own page says of its expiry: Unix seconds, as the platform has it, or
    /// RFC 3339 text, as one of its clients expects it.
    pub expire_at: Value,
    /// Whether the key pair's own page calls it verified.
    pub verified: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            tokens: vec![TOKEN.to_owned()],
            key_pairs: vec![(KEY.to_owned(), SECRET.to_owned())],
            roles: vec![ROLE.to_owned()],
            // 2100-01-01
            expire_at: json!(4_102_444_800_u64),
            verified: true,
        }
    }
}

impl Access {
    /// Lets a request to the two documented endpoints in, or says why not.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = headers.get("authorization");
        let (key, secret) = (headers.get("api-key"), headers.get("api-secret"));
        let known = match (bearer, key, secret) {
            (Some(bearer), None, None) => {
                token(bearer.as_bytes()).is_some_and(|token| self.knows_token(token))
            }
            (None, Some(key), Some(secret)) => self.knows_pair(key.as_bytes(), secret.as_bytes()),
            (None, None, None) => return Err(Refusal::unauthorized("missing credentials")),
            (Some(_), _, _) => {
                return Err(Refusal::unauthorized(
                    "use either Authorization or api-key, not both",
                ));
            }
            (None, _, _) => {
                return Err(Refusal::unauthorized("api-key and api-secret go together"));
            }
        };
        if !known {
            return Err(Refusal::unauthorized("invalid credentials"));
        }
        if !self.roles.iter().any(|role| role == ROLE) {
            return Err(Refusal::forbidden("billing_admin role required"));
        }
        Ok(())
    }

    /// What the platform says of the key pair that asks: its page takes nothing but the pair.
    pub(super) fn key_pair(&self, headers: &HeaderMap) -> Result<Value, Refusal> {
        let pair = headers.get("api-key").zip(headers.get("api-secret"));
        match pair {
            Some((key, secret)) if self.knows_pair(key.as_bytes(), secret.as_bytes()) => {
                Ok(json!({
                    "keyName": String::from_utf8_lossy(key.as_bytes()),
                    "verified": self.verified,
                    "roles": self.roles,
                    "expireAt": self.expire_at,
                }))
            }
            _ => Err(Refusal::unauthorized("invalid key pair")),
        }
    }

    fn knows_token(&self, token: &[u8]) -> bool {
        self.tokens.iter().any(|known| known.as_bytes() == token)
    }

    fn knows_pair(&self, key: &[u8], secret: &[u8]) -> bool {
        let mut pairs = self.key_pairs.iter();
        pairs.any(|pair| pair.0.as_bytes() == key && pair.1.as_bytes() == secret)
    }
}

/// The token of a `Bearer` header; the scheme is case-insensitive (RFC 9110, section 11.1).
fn token(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}
