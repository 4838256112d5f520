//! What must hold of an answer, whatever bytes it is made of: the fuzzer's way in.
//!
//! Compiled for tests, and under `--cfg fuzzing`, which `cargo fuzz` sets (`fuzz/`). What was taken is
//! held against a second reading of the same bytes that knows none of our rules (`serde_json::Value`).

use jiff::tz::TimeZone;
use reqwest::header::{AGE, RETRY_AFTER};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde_json::{Value, json};

use super::*;
use crate::customer::CustomerId;
use crate::customer::{Customer, Field, Rejected, Summary};
use verdict::Verdict;

/// What the server was shown, and may echo.
const SECRET: &str = "S3cret-token";

const ID: &str = "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e";

/// The fields of a row that are texts.
const TEXTS: [&str; 4] = ["id", "name", "tierName", "subscriptionStatus"];

/// The body of a page: no panic; what is taken is what stands there.
pub fn page(body: &[u8]) {
    let Ok(page) = wire::list(body) else { return };
    let kept: usize = page.rejected.iter().map(size_of_rejected).sum::<usize>()
        + page.rows.iter().map(size_of_row).sum::<usize>()
        + page.unknown_fields.iter().map(String::len).sum::<usize>();
    assert!(kept <= explained(body.len()), "{kept} of {}", body.len());
    page.unknown_fields
        .iter()
        .for_each(|name| is_printable(name));
    page.rejected.iter().for_each(is_kept_aside);
    let Ok(whole) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let there = whole["customers"].as_array().expect("an array was taken");
    assert_eq!(there.len(), page.rows.len() + page.rejected.len());
    let mut there = there.iter();
    for row in page.rows {
        let customer = Customer::from(row);
        assert!(there.any(|row| says(row, &customer, false)), "{customer:?}");
    }
}

/// The body of one customer's details: the same.
pub fn details(body: &[u8]) {
    let Ok(details) = wire::details(body) else {
        return;
    };
    match details.record {
        Err(rejected) => is_kept_aside(&rejected),
        Ok(customer) => {
            if let Ok(whole) = serde_json::from_slice::<Value>(body) {
                assert!(says(&whole, &customer, true), "{customer:?}");
            }
        }
    }
}

/// A whole answer, of either route: what is said of it moves no cursor, is short, and does not hold
/// what the server was shown. The first byte is the status, the first lines are headers.
pub fn answer(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first() else {
        return;
    };
    let mut parts = rest.splitn(6, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    let names = [
        HeaderName::from_static("x-error"),
        HeaderName::from_static("x-error-id"),
        LOCATION,
        CONTENT_TYPE,
        RETRY_AFTER,
    ];
    for name in names {
        let value = parts.next().unwrap_or_default();
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            headers.insert(name, value);
        }
    }
    let status = 200 + 2 * u16::from(*status);
    let body = parts.next().unwrap_or_default().to_vec();
    let shown = credentials::Shown::of_bearer(SECRET);
    let reply = || {
        Ok(transport::Reply {
            status,
            headers: headers.clone(),
            body: body.clone(),
        })
    };
    let id = ID.parse().expect("a UUID");
    let now = Timestamp::UNIX_EPOCH;
    let list = verdict::of(reply(), now, &shown, |judged| verdict::of_list(judged, 1));
    let said = match list {
        Verdict::Taken(ListReply::Page(_)) => String::new(),
        Verdict::Taken(ListReply::BadRequest(error)) => said_by(&error),
        other => said_of(other),
    };
    is_fit_to_print(&said);
    let details = verdict::of(reply(), now, &shown, |judged| {
        verdict::of_details(judged, id)
    });
    let said = match details {
        Verdict::Taken(DetailReply { answer, .. }) => match answer {
            Answer::Inaccessible(said) | Answer::Refused(said) | Answer::Failed(said) => said,
            Answer::Rejected(rejected) => rejected.why,
            Answer::Found(_) | Answer::NotFound => String::new(),
        },
        other => said_of(other),
    };
    is_fit_to_print(&said);
    if let Some(pair) = wire::key_pair(&body, |text| shown.mask(text)) {
        pair.name
            .iter()
            .chain(&pair.roles)
            .for_each(|name| is_fit_to_print(name));
    }
}

/// The lines of `bytes` as `Retry-After`, and the first of them as `Date` and `Age` too: a wait of at
/// most a month, or none.
pub fn retry_after(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            if headers.is_empty() {
                headers.insert(DATE, value.clone());
                headers.insert(AGE, value.clone());
            }
            headers.append(RETRY_AFTER, value);
        }
    }
    let _ = verdict::is_from_cache(&headers);
    let _ = retry_after::made_at(&headers);
    let now = "1994-11-06T08:49:37Z".parse().expect("a timestamp");
    if let Some(wait) = retry_after::wait(&headers, now) {
        assert!(!wait.is_zero() && wait <= retry_after::WAIT_MAX);
    }
}

/// Any text as a time: whole microseconds of the years 1 to 9999, or null with a note; and what was
/// read, written again, is the same.
pub fn time(text: &str) {
    let (read, notes) = created(text);
    match read {
        Field::Absent => panic!("it was there"),
        Field::Null => assert_eq!(notes, 1),
        Field::Value(at) => {
            assert_eq!((notes, at.as_nanosecond() % 1000), (0, 0));
            let year = at.to_zoned(TimeZone::UTC).year();
            assert!((1..=9999).contains(&year), "{year}");
            assert_eq!(created(&at.to_string()), (Field::Value(at), 0));
        }
    }
}

fn created(text: &str) -> (Field<Timestamp>, u32) {
    let body = json!({"id": ID, "createdAt": text}).to_string();
    let details = wire::details(body.as_bytes()).expect("whole JSON");
    let record = match details.record {
        Ok(record) => record.created_at,
        Err(rejected) => {
            assert!(text.len() > 64 << 10, "{}", rejected.why);
            Field::Null
        }
    };
    (record, details.notes.max(u32::from(text.len() > 64 << 10)))
}

/// What a body of this length can explain to be kept, in bytes.
const fn explained(body: usize) -> usize {
    8 * body + (64 << 10)
}

fn size_of_rejected(rejected: &Rejected) -> usize {
    rejected.raw.len() + rejected.why.len()
}

fn size_of_row(row: &Summary) -> usize {
    let text = |field: &Field<String>| field.text().map_or(0, str::len);
    text(&row.name)
        + text(&row.tier_name)
        + text(&row.subscription_status)
        + text(&row.owner_user_id)
        + row.extra.as_ref().map_or(0, String::len)
}

/// The row as it came, valid JSON, and a reason that can be shown.
fn is_kept_aside(rejected: &Rejected) {
    assert!(rejected.raw.len() <= 64 << 10);
    is_printable(&rejected.why);
    let raw = serde_json::from_str::<&serde_json::value::RawValue>(&rejected.raw);
    assert!(raw.is_ok(), "{}", rejected.raw);
}

fn is_printable(text: &str) {
    assert!(text.chars().count() < 4_000, "{text}");
    let moves = |letter: char| letter.is_control() || "\u{202E}\u{2066}\u{2028}".contains(letter);
    assert!(!text.contains(moves), "{text:?}");
}

fn is_fit_to_print(said: &str) {
    is_printable(said);
    assert!(!said.contains(SECRET), "{said}");
}

fn said_of<T>(verdict: Verdict<T>) -> String {
    match verdict {
        Verdict::Taken(_) => String::new(),
        Verdict::Again(again) => said_by(&again.given_up("tried")),
        Verdict::Unauthorized(error) | Verdict::Alien(error) | Verdict::Ended(error) => {
            said_by(&error)
        }
    }
}

fn said_by(error: &Error) -> String {
    format!("{error} {}", error.hint())
}

/// True where this JSON says of the customer what was taken of it.
fn says(json: &Value, customer: &Customer, in_full: bool) -> bool {
    let id: Option<CustomerId> = json["id"].as_str().and_then(|id| id.parse().ok());
    if id != Some(customer.id) {
        return false;
    }
    let texts = [
        &customer.name,
        &customer.tier_name,
        &customer.subscription_status,
    ];
    let mut same = TEXTS[1..]
        .iter()
        .zip(texts)
        .all(|(key, field)| is_text(json.get(key), field));
    same &= is_value(
        json.get("memberCount"),
        &customer.member_count,
        |value, count| {
            // What is no whole number to this reader may be one all the same: -0.
            value.as_i64().is_none_or(|value| value == *count)
        },
    );
    if in_full {
        same &= is_value(
            json.get("subscriptionEnabled"),
            &customer.subscription_enabled,
            |value, it| value.as_bool() == Some(*it),
        );
    }
    same && has_the_rest(json, customer.extra.as_deref(), in_full)
}

fn is_text(value: Option<&Value>, field: &Field<String>) -> bool {
    is_value(value, field, |value, text| {
        value.as_str() == Some(text.as_str())
    })
}

fn is_value<T>(value: Option<&Value>, field: &Field<T>, same: impl Fn(&Value, &T) -> bool) -> bool {
    match (value, field) {
        (None, Field::Absent) | (Some(Value::Null), Field::Null) => true,
        (Some(value), Field::Value(field)) => same(value, field),
        _ => false,
    }
}

/// What nobody declared is kept, and nothing else.
fn has_the_rest(json: &Value, extra: Option<&str>, in_full: bool) -> bool {
    let mut rest = json.as_object().cloned().expect("an object was taken");
    let mut declared = TEXTS.to_vec();
    declared.extend(["memberCount", "createdAt", "ownerUserID", "ownerUserId"]);
    if in_full {
        declared.extend(["tierID", "tierId", "subscriptionEnabled"]);
    }
    rest.retain(|key, _| !declared.contains(&key.as_str()));
    let kept = extra.map_or(json!({}), |extra| {
        serde_json::from_str(extra).expect("extra is JSON")
    });
    Value::Object(rest) == kept && extra.is_some() == (kept != json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(corpus: &str) -> Vec<Vec<u8>> {
        let folder = format!("{}/tests/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(folder).expect("a corpus");
        files
            .map(|file| std::fs::read(file.expect("a file").path()).expect("bytes"))
            .collect()
    }

    /// What the fuzzer and people have found worth keeping, each as what it was found for.
    #[test]
    fn what_is_kept_of_each_target_holds() {
        for bytes in kept("answers") {
            answer(&bytes);
        }
        for bytes in kept("retry_after") {
            retry_after(&bytes);
        }
        for bytes in kept("times") {
            time(&String::from_utf8_lossy(&bytes));
        }
    }

    /// The bodies that are kept, as they are and as what an answer ends with.
    #[test]
    fn what_is_kept_of_earlier_findings_holds() {
        for body in kept("bodies") {
            page(&body);
            details(&body);
            retry_after(&body);
            time(&String::from_utf8_lossy(&body));
            for status in [0, 50, 100, 101, 114, 150] {
                let head = [&[status], &b"no\n1\n/\napplication/json\n7\n"[..]].concat();
                answer(&[&head, &body[..]].concat());
            }
        }
    }

    #[test]
    fn what_the_server_was_shown_is_in_nothing_that_is_said() {
        for status in [0, 50, 100, 101, 114, 150] {
            let text =
                "no S3cret-token\nS3cret-token\n/S3cret-token\nS3cret-token/x\nS3cret-token\n";
            answer(&[&[status], text.as_bytes(), b"{}"].concat());
            let body = r#"{"error":{"message":"S3cret-token","error_id":"S3cret-token"}}"#;
            answer(
                &[
                    &[status],
                    &b"\n\n\napplication/json\n\n"[..],
                    body.as_bytes(),
                ]
                .concat(),
            );
        }
    }
}
