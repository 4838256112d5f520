//! One customer as JSON has it, in a row of the list or in full.
//!
//! A record is taken whole or not at all, with one exception: a timestamp that makes no sense
//! becomes null and is noted, because the rest of the record is still true.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::customer::{Customer, CustomerId, Field, Rejected, Summary};

use super::super::words::printable;
use super::instant::instant;
use super::members::{FIELD_MAX_BYTES, Members, number, text, truth};

/// A record that was taken, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Taken<T> {
    pub(super) record: T,
    /// Values taken as null.
    pub(super) notes: u32,
    /// Names of fields that nobody declared; safe to print.
    pub(super) unknown_fields: Vec<String>,
}

/// A record on its way from members to a customer.
#[derive(Default)]
pub(super) struct Record<'a> {
    /// The two fields that only the full record declares are read as such.
    in_full: bool,
    id: Field<String>,
    name: Field<String>,
    tier_name: Field<String>,
    tier_id: Field<String>,
    subscription_status: Field<String>,
    subscription_enabled: Field<bool>,
    member_count: Field<i64>,
    created_at: Field<Timestamp>,
    owner_user_id: Field<String>,
    extra: BTreeMap<Cow<'a, str>, &'a str>,
    notes: u32,
}

/// Completes "this record was not taken because …" and holds no value of it.
type Why = String;

impl<'a> Record<'a> {
    /// A row of the list.
    pub(super) fn of_summary(json: &'a str) -> Result<Taken<Summary>, Rejected> {
        let record = Self::default();
        record
            .read(json)
            .and_then(Self::into_summary)
            .map_err(|why| rejected(json, why))
    }

    /// A customer's details.
    pub(super) fn of_details(json: &'a str) -> Result<Taken<Customer>, Rejected> {
        let record = Self {
            in_full: true,
            ..Self::default()
        };
        record
            .read(json)
            .and_then(Self::into_customer)
            .map_err(|why| rejected(json, why))
    }

    fn read(mut self, json: &'a str) -> Result<Self, Why> {
        let members = Members::of(json).map_err(|why| format!("the record {why}"))?;
        for (key, raw) in members {
            self.put(key, raw)?;
        }
        Ok(self)
    }

    fn put(&mut self, key: Cow<'a, str>, raw: &'a str) -> Result<(), Why> {
        let done = match key.as_ref() {
            "id" => put(&mut self.id, text(raw)),
            "name" => put(&mut self.name, text(raw)),
            "tierName" => put(&mut self.tier_name, text(raw)),
            "subscriptionStatus" => put(&mut self.subscription_status, text(raw)),
            "memberCount" => put(&mut self.member_count, number(raw)),
            "createdAt" => {
                let created_at = timestamp(raw, &mut self.notes);
                put(&mut self.created_at, created_at)
            }
            // The platform's own clients differ in the case of these two.
            "ownerUserID" | "ownerUserId" => put(&mut self.owner_user_id, text(raw)),
            "tierID" | "tierId" if self.in_full => put(&mut self.tier_id, text(raw)),
            "subscriptionEnabled" if self.in_full => {
                put(&mut self.subscription_enabled, truth(raw))
            }
            _ => return self.put_extra(key, raw),
        };
        done.map_err(|why| format!("`{key}` {why}"))
    }

    /// Kept as the very text that came, so that no number loses a digit.
    fn put_extra(&mut self, key: Cow<'a, str>, raw: &'a str) -> Result<(), Why> {
        if key.len() > FIELD_MAX_BYTES || raw.len() > FIELD_MAX_BYTES {
            return Err(format!("`{}` is longer than 64 KiB", printable(&key)));
        }
        if serde_json::from_str::<Sound>(raw).is_err() {
            return Err(format!(
                "`{}` has a key twice, nests too deep, or is not Unicode text",
                printable(&key)
            ));
        }
        self.extra.insert(key, raw);
        Ok(())
    }

    fn id(&self) -> Result<CustomerId, Why> {
        match &self.id {
            Field::Absent | Field::Null => Err("`id` is missing".to_owned()),
            Field::Value(text) => text.parse().map_err(|_| "`id` is not a UUID".to_owned()),
        }
    }

    fn into_customer(self) -> Result<Taken<Customer>, Why> {
        Ok(Taken {
            notes: self.notes,
            unknown_fields: self.extra.keys().map(|name| printable(name)).collect(),
            record: Customer {
                id: self.id()?,
                extra: extra(&self.extra),
                name: self.name,
                tier_name: self.tier_name,
                tier_id: self.tier_id,
                subscription_status: self.subscription_status,
                subscription_enabled: self.subscription_enabled,
                member_count: self.member_count,
                created_at: self.created_at,
                owner_user_id: self.owner_user_id,
            },
        })
    }

    fn into_summary(self) -> Result<Taken<Summary>, Why> {
        Ok(Taken {
            notes: self.notes,
            unknown_fields: self.extra.keys().map(|name| printable(name)).collect(),
            record: Summary {
                id: self.id()?,
                extra: extra(&self.extra),
                name: self.name,
                tier_name: self.tier_name,
                subscription_status: self.subscription_status,
                member_count: self.member_count,
                created_at: self.created_at,
                owner_user_id: self.owner_user_id,
            },
        })
    }
}

/// The same field may stand under two spellings of its key, as long as they agree.
fn put<T: PartialEq>(
    slot: &mut Field<T>,
    value: Result<Field<T>, &'static str>,
) -> Result<(), &'static str> {
    let value = value?;
    if !slot.is_absent() && *slot != value {
        return Err("says something else under another spelling of its key");
    }
    *slot = value;
    Ok(())
}

fn timestamp(raw: &str, notes: &mut u32) -> Result<Field<Timestamp>, &'static str> {
    Ok(match text(raw)? {
        Field::Value(written) => instant(&written).map_or_else(
            || {
                *notes += 1;
                Field::Null
            },
            Field::Value,
        ),
        Field::Absent | Field::Null => Field::Null,
    })
}

fn extra(members: &BTreeMap<Cow<'_, str>, &str>) -> Option<String> {
    if members.is_empty() {
        return None;
    }
    let mut object = String::from("{");
    for (key, raw) in members {
        if object.len() > 1 {
            object.push(',');
        }
        object.push_str(&serde_json::to_string(key).expect("a string is always JSON"));
        object.push(':');
        object.push_str(raw);
    }
    object.push('}');
    Some(object)
}

/// Most bytes of a rejected record that are kept.
const RAW_MAX_BYTES: usize = 64 << 10;

fn rejected(json: &str, why: Why) -> Rejected {
    let raw = if json.len() <= RAW_MAX_BYTES {
        json.to_owned()
    } else {
        // What is cut is valid JSON no more, so its beginning is kept as a JSON string; escaping
        // doubles it at worst.
        let beginning = &json[..json.floor_char_boundary(RAW_MAX_BYTES / 2 - 2)];
        serde_json::to_string(beginning).expect("a string is always JSON")
    };
    Rejected { raw, why }
}

/// A JSON value without a key that stands twice and without half a surrogate pair, nested no deeper
/// than `serde_json` goes (128 levels). It carries nothing: the text it was read from is kept.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SoundVisitor)
    }
}

struct SoundVisitor;

impl<'de> Visitor<'de> for SoundVisitor {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Sound, A::Error> {
        while values.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Sound, A::Error> {
        let mut keys = std::collections::HashSet::new();
        while let Some((key, Sound)) = members.next_entry::<String, Sound>()? {
            if !keys.insert(key) {
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        Ok(Sound)
    }
}
