//! A page of the list, cut in one go into its rows and what stands around them.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::members::{Key, Members};

/// A page whose parts are still as they came.
pub(super) struct Sheet<'a> {
    pub(super) rows: Vec<&'a RawValue>,
    /// All other members.
    pub(super) around: Members<'a>,
}

const ROWS: &str = "customers";

impl<'a> Sheet<'a> {
    /// The page that this JSON is. The error completes "the page …".
    pub(super) fn of(json: &'a str) -> Result<Self, &'static str> {
        // Most pages are as they should be; only of the others it is asked what is wrong with them.
        serde_json::from_str(json).map_err(|_| {
            Members::of(json)
                .err()
                .unwrap_or("has no array `customers`")
        })
    }
}

impl<'de> Deserialize<'de> for Sheet<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SheetVisitor)
    }
}

struct SheetVisitor;

impl<'de> Visitor<'de> for SheetVisitor {
    type Value = Sheet<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = None;
        let mut around = Members::none();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if rows.is_none() && key == ROWS {
                rows = Some(map.next_value()?);
            } else {
                around.push(key, map.next_value()?);
            }
        }
        if around.has_a_key_twice() || around.get(ROWS).is_some() {
            return Err(de::Error::custom("a key stands twice"));
        }
        let rows = rows.ok_or_else(|| de::Error::missing_field(ROWS))?;
        Ok(Sheet { rows, around })
    }
}
