//! The only JSON of the wire: bodies in, parsed values out.
//!
//! A body is first cut into raw values, and each row is then read by itself, so that one bad row
//! never costs the page. Nothing is guessed: what is not as documented is either kept aside as a
//! [`Rejected`] row or makes the whole body [`Unfit`]. This folder knows no URL, status or header.

mod envelope;
mod failure;
mod instant;
mod key_pair;
mod members;
mod record;

use serde_json::value::RawValue;

use crate::customer::{Customer, Rejected, Summary};

pub(super) use envelope::Envelope;
pub(super) use failure::failure;
pub(super) use key_pair::key_pair;
use members::Members;
use record::{Record, Taken};

/// The page, as the list's body has it.
#[derive(Debug)]
pub(super) struct ListBody {
    pub(super) envelope: Envelope,
    pub(super) rows: Vec<Summary>,
    pub(super) rejected: Vec<Rejected>,
    pub(super) notes: u32,
    pub(super) unknown_fields: Vec<String>,
}

/// The record, as the body of the details has it, and how many of its values were taken as null.
#[derive(Debug)]
pub(super) struct DetailBody {
    pub(super) record: Result<Customer, Rejected>,
    pub(super) notes: u32,
}

/// Why a body is not what was asked for. The texts hold no value of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Cut or damaged on its way, as far as one can tell: worth asking again.
    Garbled(String),
    /// Whole, and not of this API: asking again will not help.
    Alien(String),
}

/// Reads a page of the list, in whichever dialect it is.
pub(super) fn list(body: &[u8]) -> Result<ListBody, Unfit> {
    let whole = whole(body)?;
    let members = Members::of(whole).map_err(|why| Unfit::Alien(format!("the page {why}")))?;
    let rows = members
        .get("customers")
        .and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok())
        .ok_or_else(|| Unfit::Alien("the page has no array `customers`".to_owned()))?;
    let envelope = Envelope::of(&members).map_err(Unfit::Alien)?;
    let mut page = ListBody {
        envelope,
        rows: Vec::with_capacity(rows.len()),
        rejected: Vec::new(),
        notes: 0,
        unknown_fields: Vec::new(),
    };
    for row in rows {
        match Record::of_summary(row.get()) {
            Ok(taken) => page.take(taken),
            Err(rejected) => page.rejected.push(rejected),
        }
    }
    page.unknown_fields.sort_unstable();
    page.unknown_fields.dedup();
    Ok(page)
}

impl ListBody {
    /// Puts what a person will be told of the body, the names of fields among it, in other words.
    /// What is kept stays as it came.
    pub(super) fn retell(&mut self, retold: impl Fn(&str) -> String) {
        let names = self.unknown_fields.iter_mut();
        let reasons = self.rejected.iter_mut().map(|rejected| &mut rejected.why);
        for text in names.chain(reasons) {
            *text = retold(text);
        }
    }

    fn take(&mut self, taken: Taken<Summary>) {
        self.rows.push(taken.record);
        self.notes = self.notes.saturating_add(taken.notes);
        for name in taken.unknown_fields {
            if !self.unknown_fields.contains(&name) && self.unknown_fields.len() < UNKNOWN_MAX {
                self.unknown_fields.push(name);
            }
        }
    }
}

impl DetailBody {
    /// As [`ListBody::retell`].
    pub(super) fn retell(&mut self, retold: impl Fn(&str) -> String) {
        if let Err(rejected) = &mut self.record {
            rejected.why = retold(&rejected.why);
        }
    }
}

/// Names of unknown fields that a page reports, at most. All their values are kept all the same.
const UNKNOWN_MAX: usize = 64;

/// Reads one customer's details.
pub(super) fn details(body: &[u8]) -> Result<DetailBody, Unfit> {
    Ok(match Record::of_details(whole(body)?) {
        Ok(taken) => DetailBody {
            record: Ok(taken.record),
            notes: taken.notes,
        },
        Err(rejected) => DetailBody {
            record: Err(rejected),
            notes: 0,
        },
    })
}

/// The body as one whole JSON value, and nothing around it.
fn whole(body: &[u8]) -> Result<&str, Unfit> {
    if body.is_empty() {
        return Err(Unfit::Alien("the body is empty".to_owned()));
    }
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(Unfit::Alien(
            "the body begins with a byte-order mark".to_owned(),
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| match error.error_len() {
        None => Unfit::Garbled("the body ends within a character".to_owned()),
        Some(_) => Unfit::Alien("the body is not UTF-8".to_owned()),
    })?;
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|error| Unfit::Garbled(format!("the body is not valid JSON: {error}")))
}

#[cfg(test)]
mod tests;
