//! What to do about an answer, or about none: take it, ask again, or give up.
//!
//! Pure. The two routes agree on most statuses; where they differ, a whole list depends on one and
//! a single customer on the other.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AGE, CONTENT_TYPE, HeaderMap, LOCATION};

use super::answer::Answer;
use super::credentials::Shown;
use super::error::{Cause, Error};
use super::retry_after;
use super::transport::{Failure, Reply};
use super::wire::{self, DetailBody, ListBody, Unfit};
use super::words::{Words, printable};
use crate::customer::CustomerId;

/// What to do.
pub(super) enum Verdict<T> {
    /// It is an answer.
    Taken(T),
    /// It may be one the next time.
    Again(Again),
    /// 401: the credentials may have been renewed since they were looked up.
    Unauthorized(Error),
    /// No answer of this API, and asking again will not help: for the list that is the end, for one
    /// customer's details it is a matter of theirs.
    Alien(Error),
    /// Asking again will not help, nor will asking for anything else.
    Ended(Error),
}

/// Why to ask again, and when.
#[derive(Default)]
pub(super) struct Again {
    /// What happened, for a person.
    pub(super) what: String,
    /// What lies below.
    pub(super) cause: Option<Cause>,
    /// The answer came, and was no JSON.
    pub(super) garbled: bool,
    /// Nothing is wrong but the connection: the first retry need not wait.
    pub(super) at_once: bool,
    /// The server asks everyone to wait this long.
    pub(super) wait: Option<Duration>,
    /// The server says that it is asked too often.
    pub(super) throttled: bool,
}

impl Again {
    /// The error where no retry is left; `spent` says of what.
    pub(super) fn given_up(self, spent: &str) -> Error {
        let what = format!("{}, {spent}", self.what);
        if self.garbled {
            return Error::not_this_api(what);
        }
        Error::Unavailable {
            what,
            source: self.cause,
        }
    }
}

/// What the list said.
pub(super) enum ListReply {
    /// A page.
    Page(Box<ListBody>),
    /// 400, with the error to end with if no other way of asking is left.
    BadRequest(Error),
}

/// What the details said.
pub(super) struct DetailReply {
    pub(super) answer: Answer,
    pub(super) notes: u32,
}

/// An answer, with what is needed to judge it.
pub(super) struct Judged<'a> {
    pub(super) reply: &'a Reply,
    shown: &'a Shown,
}

impl Judged<'_> {
    /// What it says of itself, where it is an error. Most are none, and are not read for it.
    fn words(&self) -> Words {
        Words::of(&self.reply.headers, &self.reply.body, self.shown)
    }

    fn said(&self) -> String {
        self.words().with(self.reply.status)
    }

    fn refused(&self) -> Error {
        Error::Refused {
            status: self.reply.status,
            said: self.said(),
        }
    }
}

/// Judges what both routes have in common, and leaves the rest to `particular`.
pub(super) fn of<T>(
    received: Result<Reply, Failure>,
    received_at: Timestamp,
    shown: &Shown,
    particular: impl FnOnce(&Judged<'_>) -> Verdict<T>,
) -> Verdict<T> {
    let reply = match received {
        Ok(reply) => reply,
        Err(failure) => return of_failure(failure),
    };
    let judged = Judged {
        reply: &reply,
        shown,
    };
    match reply.status {
        200 => match unlike_json(&reply, shown) {
            None => particular(&judged),
            Some(what) => Verdict::Alien(Error::not_this_api(what)),
        },
        300..=399 => Verdict::Alien(redirected(&reply, shown)),
        401 => Verdict::Unauthorized(judged.refused()),
        408 | 429 | 500 | 502..=504 => Verdict::Again(Again {
            what: judged.said(),
            wait: retry_after::wait(&reply.headers, received_at),
            throttled: reply.status == 429,
            ..Again::default()
        }),
        _ => particular(&judged),
    }
}

fn of_failure<T>(failure: Failure) -> Verdict<T> {
    let what = failure.to_string();
    match failure {
        Failure::TooLarge { .. } => Verdict::Alien(Error::not_this_api(what)),
        Failure::Certificate(_) => Verdict::Ended(Error::Unavailable {
            what,
            source: failure.into_cause(),
        }),
        _ => Verdict::Again(Again {
            what,
            at_once: matches!(failure, Failure::Closed(_)),
            cause: failure.into_cause(),
            ..Again::default()
        }),
    }
}

/// Judges what only the list can say.
pub(super) fn of_list(judged: &Judged<'_>, page: u32) -> Verdict<ListReply> {
    let status = judged.reply.status;
    match status {
        200 => match wire::list(&judged.reply.body) {
            Ok(mut body) => {
                body.retell(|text| judged.shown.mask(text));
                of_page(body, page)
            }
            Err(unfit) => of_unfit(unfit),
        },
        204 | 404 => Verdict::Ended(Error::NoContent { status }),
        400 => Verdict::Taken(ListReply::BadRequest(Error::not_this_api(judged.said()))),
        403 => Verdict::Ended(judged.refused()),
        500.. => Verdict::Ended(Error::Unavailable {
            what: judged.said(),
            source: None,
        }),
        _ => Verdict::Ended(Error::not_this_api(judged.said())),
    }
}

fn of_page(body: ListBody, asked: u32) -> Verdict<ListReply> {
    match body.envelope.page {
        Some(answered) if answered != asked => Verdict::Ended(Error::not_this_api(format!(
            "asked for page {asked}, it answered page {answered}"
        ))),
        _ => Verdict::Taken(ListReply::Page(Box::new(body))),
    }
}

/// Judges what only a customer's details can say.
pub(super) fn of_details(judged: &Judged<'_>, id: CustomerId) -> Verdict<DetailReply> {
    let answer = match judged.reply.status {
        200 => {
            return match wire::details(&judged.reply.body) {
                Ok(mut body) => {
                    body.retell(|text| judged.shown.mask(text));
                    of_record(body, id)
                }
                Err(unfit) => of_unfit(unfit),
            };
        }
        403 => Answer::Inaccessible(judged.said()),
        404 if judged.words().in_api_form() => Answer::NotFound,
        404 => Answer::Failed("status 404, but not in the API's own form".to_owned()),
        _ => Answer::Failed(judged.said()),
    };
    Verdict::Taken(DetailReply { answer, notes: 0 })
}

fn of_record(body: DetailBody, asked: CustomerId) -> Verdict<DetailReply> {
    let answer = match body.record {
        Ok(customer) if customer.id != asked => {
            return Verdict::Ended(Error::not_this_api(
                "asked for one customer's details, it answered with another's",
            ));
        }
        Ok(customer) => Answer::Found(Box::new(customer)),
        Err(rejected) => Answer::Rejected(rejected),
    };
    Verdict::Taken(DetailReply {
        answer,
        notes: body.notes,
    })
}

fn of_unfit<T>(unfit: Unfit) -> Verdict<T> {
    match unfit {
        Unfit::Alien(what) => Verdict::Alien(Error::not_this_api(what)),
        Unfit::Garbled(what) => Verdict::Again(Again {
            what,
            garbled: true,
            ..Again::default()
        }),
    }
}

fn redirected(reply: &Reply, shown: &Shown) -> Error {
    let status = reply.status;
    let Some(target) = reply.headers.get(LOCATION) else {
        return Error::not_this_api(format!("status {status}, a redirect that names no target"));
    };
    let target = String::from_utf8_lossy(target.as_bytes());
    Error::not_this_api(format!(
        "status {status}, a redirect to “{}”, which is never followed",
        printable(&shown.mask(&target))
    ))
}

/// What is wrong with a 200 before its body is read. A server that names no type may still speak
/// JSON.
fn unlike_json(reply: &Reply, shown: &Shown) -> Option<String> {
    if reply.body.is_empty() {
        return Some("status 200, and the body is empty".to_owned());
    }
    let content_type = reply.headers.get(CONTENT_TYPE)?.to_str().unwrap_or("");
    let content_type = shown.mask(content_type);
    let essence = content_type.split(';').next().unwrap_or("").trim();
    let essence = essence.to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    (!is_json).then(|| {
        format!(
            "status 200, and the body is “{}”, not JSON",
            printable(&essence)
        )
    })
}

/// True where a cache says that it made the answer earlier (RFC 9111, section 5.1). An age that
/// can't be read counts as one.
pub(super) fn is_from_cache(headers: &HeaderMap) -> bool {
    headers.get_all(AGE).iter().any(|age| age != "0")
}
