//! What the platform says of a key pair. Nobody documents it here, so everything is optional.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::super::answer::KeyPair;
use super::super::words::printable;
use super::instant::instant;
use super::members::{Members, text, truth};

/// Reads the answer as far as it can be read. None where it is no object.
pub(in crate::api) fn key_pair(body: &[u8], mask: impl Fn(&str) -> String) -> Option<KeyPair> {
    let members = Members::of(super::text(body).ok()?).ok()?;
    let plain = |raw| {
        text(raw)
            .ok()
            .and_then(|it| it.text().map(|it| printable(&mask(it))))
    };
    let roles = members
        .get("roles")
        .and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok())
        .unwrap_or_default();
    Some(KeyPair {
        name: members.get("keyName").and_then(plain),
        verified: members
            .get("verified")
            .and_then(|raw| truth(raw).ok()?.value().copied()),
        roles: roles.iter().filter_map(|raw| plain(raw.get())).collect(),
        expires_at: members.get("expireAt").and_then(expiry),
    })
}

/// Seconds since 1970, or RFC 3339 text: the platform's own clients disagree.
fn expiry(raw: &str) -> Option<Timestamp> {
    match raw.parse() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => instant(text(raw).ok()?.text()?),
    }
}
