//! What goes wrong with a request: the server's own lies and mistakes, and calls into a test.
//!
//! A few kinds carry all of it: a moment, an answer in place of the real one, a body rewritten, a
//! header, a connection broken. The constructors name what they are used for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::encoding::Encoding;
use super::tamper;
use super::target::Target;

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Action(pub(super) Kind);

type Call = Arc<dyn Fn(Target) + Send + Sync>;
type Rewrite = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

#[derive(Clone)]
pub(super) enum Kind {
    Before(Call),
    After(Call),
    Wait(Duration),
    Hold(CancellationToken),
    Hang,
    Answer(Canned),
    RowsOf(u64),
    Rewrite(Rewrite),
    AddHeader(String, String),
    SetHeader(String, String),
    FillerHeaders(usize),
    Break(Break),
}

/// An answer in place of the real one.
#[derive(Clone, Debug)]
pub(super) struct Canned {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    Close,
    Reset,
    Short,
    Drip { bytes: usize, every: Duration },
    Endless,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(_) => f.write_str("Before"),
            Self::After(_) => f.write_str("After"),
            Self::Wait(wait) => write!(f, "Wait({wait:?})"),
            Self::Hold(_) => f.write_str("Hold"),
            Self::Hang => f.write_str("Hang"),
            Self::Answer(canned) => write!(f, "Answer({})", canned.status),
            Self::RowsOf(page) => write!(f, "RowsOf({page})"),
            Self::Rewrite(_) => f.write_str("Rewrite"),
            Self::AddHeader(name, _) => write!(f, "AddHeader({name})"),
            Self::SetHeader(name, _) => write!(f, "SetHeader({name})"),
            Self::FillerHeaders(count) => write!(f, "FillerHeaders({count})"),
            Self::Break(how) => write!(f, "Break({how:?})"),
        }
    }
}

/// Moments.
impl Action {
    /// Calls the test before the answer is made: what it changes shows in the answer.
    pub fn before(call: impl Fn(Target) + Send + Sync + 'static) -> Self {
        Self(Kind::Before(Arc::new(call)))
    }

    /// Calls the test after the answer was made and before any of it leaves: what it changes
    /// shows in the next answer, and no later request can have been sent for this answer's sake.
    pub fn after(call: impl Fn(Target) + Send + Sync + 'static) -> Self {
        Self(Kind::After(Arc::new(call)))
    }

    /// Waits before the answer is made.
    pub fn wait(wait: Duration) -> Self {
        Self(Kind::Wait(wait))
    }

    /// Holds each request until the token is cancelled, which it may have been before.
    pub fn hold(until: CancellationToken) -> Self {
        Self(Kind::Hold(until))
    }

    /// Never answers.
    pub fn hang() -> Self {
        Self(Kind::Hang)
    }
}

/// Answers in place of the real one.
impl Action {
    /// This status in the API's error form; a 204 has no body.
    pub fn status(status: u16) -> Self {
        if status == 204 {
            return Self::raw(204, "application/json", "");
        }
        Self::refusal(status, Vec::new())
    }

    /// 429 with this `Retry-After`, whatever it says, or none.
    pub fn throttled(retry_after: Option<&str>) -> Self {
        let wait = retry_after.map(|text| ("retry-after", text.to_owned()));
        Self::refusal(429, Vec::from_iter(wait))
    }

    /// This status, content type and body.
    pub fn raw(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::answer(
            status,
            vec![("content-type", content_type.to_owned())],
            body,
        )
    }

    /// 200 with a page for people, as a captive portal or a proxy shows it.
    pub fn html() -> Self {
        Self::raw(
            200,
            "text/html; charset=utf-8",
            "<!doctype html><title>Sign in</title><p>Hello",
        )
    }

    /// 200 with JSON's content type and no body at all.
    pub fn empty() -> Self {
        Self::raw(200, "application/json; charset=utf-8", "")
    }

    /// 307 to another place.
    pub fn redirect(to: &str) -> Self {
        Self::answer(307, vec![("location", to.to_owned())], "")
    }

    /// 200 with a small compressed body that is this many bytes once it is decompressed.
    pub fn bomb(encoding: Encoding, bytes: usize) -> Self {
        let mut plain = b"{\"customers\":[".to_vec();
        plain.resize(bytes.max(plain.len()), b' ');
        let headers = vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("content-encoding", encoding.name().to_owned()),
        ];
        Self::answer(200, headers, encoding.pack(&plain))
    }

    fn refusal(status: u16, mut headers: Vec<(&'static str, String)>) -> Self {
        let said = format!("sandbox fault {status}");
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
        headers.push(("x-error", said.clone()));
        headers.push(("x-error-id", "0123456789abcdef0123456789abcdef".to_owned()));
        Self::answer(status, headers, json!({ "error": said }).to_string())
    }

    fn answer(status: u16, headers: Vec<(&'static str, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Answer(Canned {
            status,
            headers,
            body: body.into(),
        }))
    }
}

/// Lies in an answer that is otherwise real.
impl Action {
    /// The list shows the rows of this page under the envelope of the one that was asked for.
    pub fn rows_of(page: u64) -> Self {
        Self(Kind::RowsOf(page))
    }

    /// Rewrites the body's bytes.
    pub fn rewrite(rewrite: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(Kind::Rewrite(Arc::new(rewrite)))
    }

    /// Edits the body as JSON; a body that is no JSON object stays as it is.
    pub fn edit(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::rewrite(move |body| tamper::edit(body, &edit))
    }

    /// The list echoes another page number; in the `page-size` dialect, which echoes one.
    pub fn echo_page(page: u64) -> Self {
        Self::edit(move |json| json["pagination"]["page"] = json!(page))
    }

    /// The list gives this as its total, in either dialect.
    pub fn total(total: Value) -> Self {
        Self::edit(move |json| *tamper::total(json) = total.clone())
    }

    /// The list's total is off by this much.
    pub fn total_off_by(offset: i64) -> Self {
        Self::edit(move |json| {
            let total = tamper::total(json);
            *total = json!(total.as_i64().unwrap_or_default() + offset);
        })
    }

    /// The list gives this as its number of pages, in either dialect.
    pub fn pages(pages: Value) -> Self {
        Self::edit(move |json| *tamper::pages(json) = pages.clone())
    }

    /// The list says that there is, or is not, a next page; in the `page-size` dialect.
    pub fn has_next(has_next: bool) -> Self {
        Self::edit(move |json| json["pagination"]["hasNext"] = json!(has_next))
    }

    /// `"customers": null`
    pub fn customers_null() -> Self {
        Self::edit(|json| json["customers"] = Value::Null)
    }

    /// The body lacks this member.
    pub fn without(member: &'static str) -> Self {
        Self::edit(move |json| {
            if let Value::Object(object) = json {
                object.remove(member);
            }
        })
    }

    /// The details name another customer than the one asked for.
    pub fn wrong_id(id: Uuid) -> Self {
        Self::edit(move |json| json["id"] = json!(id.to_string()))
    }

    /// The list's first row is this text, valid or not; the totals do not count it.
    pub fn inject_row(row: impl Into<String>) -> Self {
        let row = row.into();
        Self::rewrite(move |body| tamper::inject_row(body, &row))
    }

    /// The list shows this text, valid or not, in place of a customer's row, wherever it stands.
    pub fn replace_row(id: Uuid, row: impl Into<String>) -> Self {
        let (id, row) = (id.to_string(), row.into());
        Self::rewrite(move |body| tamper::replace_row(body, &id, &row))
    }

    /// A byte-order mark before the body.
    pub fn byte_order_mark() -> Self {
        Self::rewrite(|body| [b"\xef\xbb\xbf".to_vec(), body].concat())
    }

    /// The body ends after this many bytes, and its length says so.
    pub fn cut(bytes: usize) -> Self {
        Self::rewrite(move |mut body| {
            body.truncate(bytes);
            body
        })
    }

    /// Another header, beside any of the same name.
    pub fn add_header(name: &str, value: &str) -> Self {
        Self(Kind::AddHeader(name.to_owned(), value.to_owned()))
    }

    /// A header in place of any of the same name; `date` too.
    pub fn set_header(name: &str, value: &str) -> Self {
        Self(Kind::SetHeader(name.to_owned(), value.to_owned()))
    }

    /// This many meaningless headers, 20,000 at most.
    pub fn filler_headers(count: usize) -> Self {
        Self(Kind::FillerHeaders(count.min(20_000)))
    }
}

/// What goes wrong on the wire.
impl Action {
    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self(Kind::Break(Break::Close))
    }

    /// Resets the connection in the middle of the body.
    pub fn reset() -> Self {
        Self(Kind::Break(Break::Reset))
    }

    /// Promises a longer body than it sends, and closes the connection in an orderly way.
    pub fn short_body() -> Self {
        Self(Kind::Break(Break::Short))
    }

    /// Sends the body a few bytes at a time.
    pub fn drip(bytes: usize, every: Duration) -> Self {
        Self(Kind::Break(Break::Drip {
            bytes: bytes.max(1),
            every,
        }))
    }

    /// Sends the body, and blanks after it, without end.
    pub fn endless() -> Self {
        Self(Kind::Break(Break::Endless))
    }
}
