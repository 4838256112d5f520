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
mod sheet;

use serde_json::value::RawValue;

use crate::customer::{Customer, Rejected, Summary};

pub(super) use envelope::Envelope;
pub(super) use failure::failure;
pub(super) use key_pair::key_pair;
use record::{Record, Taken};
use sheet::Sheet;

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
    let json = text(body)?;
    let Sheet { rows, around } = match Sheet::of(json) {
        Ok(sheet) => sheet,
        Err(why) => {
            valid(json)?;
            return Err(Unfit::Alien(format!("the page {why}")));
        }
    };
    let envelope = Envelope::of(&around).map_err(Unfit::Alien)?;
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
    let json = text(body)?;
    Ok(match Record::of_details(json) {
        Ok(taken) => DetailBody {
            record: Ok(taken.record),
            notes: taken.notes,
        },
        Err(rejected) => {
            valid(json)?;
            DetailBody {
                record: Err(rejected),
                notes: 0,
            }
        }
    })
}

/// The body as text, without the whitespace that JSON may stand between. Whether it is JSON shows
/// when it is read, and where that fails it is for [`valid`] to say: so that each is read once.
fn text(body: &[u8]) -> Result<&str, Unfit> {
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
    Ok(text.trim_matches([' ', '\t', '\r', '\n']))
}

/// An error where this is not one whole JSON value.
fn valid(json: &str) -> Result<(), Unfit> {
    serde_json::from_str::<&RawValue>(json)
        .map(|_| ())
        .map_err(|error| Unfit::Garbled(format!("the body is not valid JSON: {error}")))
}

#[cfg(test)]
mod tests;
