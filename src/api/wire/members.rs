//! A JSON object as its keys and raw values, in their order; and the plain values that stand there.
//!
//! A key that stands twice is refused: two readers of such an object may disagree on what it says.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::customer::Field;

/// An object's members, each value still as it came.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// The members of the object that this JSON value is. The error completes "the page …".
    pub(super) fn of(json: &'a str) -> Result<Self, &'static str> {
        if !json.starts_with('{') {
            return Err("is not an object");
        }
        let members: Self =
            serde_json::from_str(json).map_err(|_| "has a key that is not Unicode text")?;
        if members.has_a_key_twice() {
            return Err("has a key that stands twice");
        }
        Ok(members)
    }

    pub(super) fn none() -> Self {
        Self(Vec::with_capacity(12))
    }

    pub(super) fn push(&mut self, key: Cow<'a, str>, value: &'a RawValue) {
        self.0.push((key, value.get()));
    }

    /// The raw value of a key. A `null` is a value.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| *raw)
    }

    pub(super) fn has_a_key_twice(&self) -> bool {
        // Rows have about ten keys: comparing them all is faster than sorting. A hostile object
        // has a million, and must not cost a million million comparisons.
        if self.0.len() <= 16 {
            return (1..self.0.len()).any(|at| self.0[..at].iter().any(|m| m.0 == self.0[at].0));
        }
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| key.as_ref()).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::none();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push(key, value);
        }
        Ok(members)
    }
}

/// A key, borrowed where it stands there without escapes.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Most bytes that one field may hold, after unescaping.
pub(super) const FIELD_MAX_BYTES: usize = 64 << 10;

/// A text, or null. The error completes "`name` …".
pub(super) fn text(raw: &str) -> Result<Field<String>, &'static str> {
    if raw == "null" {
        return Ok(Field::Null);
    }
    let inside = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or("is not text")?;
    let text = if inside.as_bytes().contains(&b'\\') {
        // Half of a surrogate pair has no place in a Rust string, and so ends here.
        serde_json::from_str(raw).map_err(|_| "is not Unicode text")?
    } else {
        inside.to_owned()
    };
    if text.len() > FIELD_MAX_BYTES {
        return Err("is longer than 64 KiB");
    }
    Ok(Field::Value(text))
}

/// A whole number, or null. The error completes "`memberCount` …".
pub(super) fn number(raw: &str) -> Result<Field<i64>, &'static str> {
    if raw == "null" {
        return Ok(Field::Null);
    }
    raw.parse()
        .map(Field::Value)
        .map_err(|_| "is not a whole number of 64 bits")
}

/// True, false or null. The error completes "`subscriptionEnabled` …".
pub(super) fn truth(raw: &str) -> Result<Field<bool>, &'static str> {
    match raw {
        "null" => Ok(Field::Null),
        "true" => Ok(Field::Value(true)),
        "false" => Ok(Field::Value(false)),
        _ => Err("is neither true nor false"),
    }
}
