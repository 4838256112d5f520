//! Rewriting a body that is otherwise real: as JSON where that will do, as text where what is put
//! in need not be JSON.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Edits the body as JSON; a body that is no JSON object stays as it is.
pub(super) fn edit(body: Vec<u8>, edit: &dyn Fn(&mut Value)) -> Vec<u8> {
    let Ok(mut json) = serde_json::from_slice(&body) else {
        return body;
    };
    edit(&mut json);
    json.to_string().into_bytes()
}

/// Where the list's total stands, in either dialect.
pub(super) fn total(json: &mut Value) -> &mut Value {
    if json["pagination"].is_object() {
        &mut json["pagination"]["totalCount"]
    } else {
        &mut json["items"]
    }
}

/// Where the list's number of pages stands, in either dialect.
pub(super) fn pages(json: &mut Value) -> &mut Value {
    if json["pagination"].is_object() {
        &mut json["pagination"]["totalPages"]
    } else {
        &mut json["pages"]
    }
}

/// Puts a row, as it is, before the first one of the list.
pub(super) fn inject_row(body: Vec<u8>, row: &str) -> Vec<u8> {
    text(body, |text| {
        let first = text.find(ROWS)? + ROWS.len();
        let (before, rows) = text.split_at(first);
        let comma = if rows.starts_with(']') { "" } else { "," };
        Some(format!("{before}{row}{comma}{rows}"))
    })
}

/// Puts a text, as it is, in the place of the row of this id.
pub(super) fn replace_row(body: Vec<u8>, id: &str, replacement: &str) -> Vec<u8> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        customers: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Row<'a> {
        id: &'a str,
    }
    text(body, |text| {
        let list: List<'_> = serde_json::from_str(text).ok()?;
        let row = list
            .customers
            .iter()
            .find(|row| serde_json::from_str::<Row<'_>>(row.get()).is_ok_and(|row| row.id == id))?;
        Some(text.replacen(row.get(), replacement, 1))
    })
}

/// What stands before the first row.
const ROWS: &str = "\"customers\":[";

/// The body as it was, where it is no text or the change finds no place.
fn text(body: Vec<u8>, change: impl FnOnce(&str) -> Option<String>) -> Vec<u8> {
    let changed = std::str::from_utf8(&body).ok().and_then(change);
    changed.map_or(body, String::into_bytes)
}
