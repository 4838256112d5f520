//! A request that rules have struck: their actions, in the order in which answering meets them.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use super::action::{Action, Break, Canned, Kind};
use super::reply::Reply;
use super::target::Target;

/// The actions that happen to one request; mostly none.
#[derive(Debug)]
pub(super) struct Strike(pub(super) Vec<Action>);

impl Strike {
    /// What happens before an answer is made.
    pub(super) async fn before(&self, target: Target) {
        for Action(kind) in &self.0 {
            match kind {
                Kind::Before(call) => call(target),
                // The fault that was asked for: an answer that is late.
                Kind::Wait(wait) => tokio::time::sleep(*wait).await,
                Kind::Hold(until) => until.cancelled().await,
                Kind::Hang => std::future::pending().await,
                _ => {}
            }
        }
    }

    /// The page whose rows the list shows, where it is not the one that was asked for.
    pub(super) fn rows_of(&self) -> Option<u64> {
        self.0.iter().find_map(|Action(kind)| match kind {
            Kind::RowsOf(page) => Some(*page),
            _ => None,
        })
    }

    /// What is said in place of the real answer, and every change to it.
    pub(super) fn rework(&self, real: Reply) -> Reply {
        let canned = self.0.iter().find_map(|Action(kind)| match kind {
            Kind::Answer(canned) => Some(reply(canned)),
            _ => None,
        });
        let mut reply = canned.unwrap_or(real);
        for Action(kind) in &self.0 {
            match kind {
                Kind::Rewrite(rewrite) => reply.body = rewrite(std::mem::take(&mut reply.body)),
                Kind::AddHeader(name, value) => {
                    let (name, value) = header(name, value);
                    reply.headers.append(name, value);
                }
                Kind::SetHeader(name, value) => {
                    let (name, value) = header(name, value);
                    reply.headers.insert(name, value);
                }
                Kind::FillerHeaders(count) => {
                    for number in 0..*count {
                        let (name, value) = header(&format!("x-filler-{number}"), "filler");
                        reply.headers.append(name, value);
                    }
                }
                _ => {}
            }
        }
        reply
    }

    /// What happens once the answer is made.
    pub(super) fn after(&self, target: Target) {
        for Action(kind) in &self.0 {
            if let Kind::After(call) = kind {
                call(target);
            }
        }
    }

    /// How the connection breaks, if it does.
    pub(super) fn breaks(&self) -> Option<Break> {
        self.0.iter().find_map(|Action(kind)| match kind {
            Kind::Break(how) => Some(*how),
            _ => None,
        })
    }
}

fn reply(canned: &Canned) -> Reply {
    let status = StatusCode::from_u16(canned.status).expect("a status has three digits");
    let headers = canned
        .headers
        .iter()
        .map(|(name, value)| header(name, value))
        .collect();
    Reply {
        status,
        headers,
        body: canned.body.clone(),
    }
}

/// Tests write these: a header that cannot be one is their mistake.
fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
        HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"),
    )
}
