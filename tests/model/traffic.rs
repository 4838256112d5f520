//! Requests on their way: when each was sent, answered and received, and the counter that orders it.

use twsync::customer::Interval;

use super::script::Script;
use super::server::{Page, Server};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    List { pass: u32, page: u32, weighed: bool },
    Detail { id: u32 },
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Listed(Page),
    Detailed { found: bool },
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) interval: Interval,
    pub(crate) answer: Answer,
}

/// The counter that orders all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// Each moment has a number of its own.
    Unique,
    /// Only receiving counts on: what is sent after an answer was received, and before the next
    /// one is, is sent at that answer's number.
    Shared,
}

/// What is in flight.
#[derive(Debug)]
pub(crate) struct Traffic {
    ticks: Ticks,
    count: u64,
    in_flight: Vec<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    request: Request,
    sent: u64,
    answer: Option<Answer>,
}

impl Traffic {
    pub(crate) fn new(ticks: Ticks) -> Self {
        Self {
            ticks,
            count: 0,
            in_flight: Vec::new(),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many list requests are in flight.
    pub(crate) fn lists_in_flight(&self) -> usize {
        let requests = self.in_flight.iter().map(|it| it.request);
        requests
            .filter(|it| matches!(it, Request::List { .. }))
            .count()
    }

    /// A request leaves.
    pub(crate) fn send(&mut self, request: Request) {
        if self.ticks == Ticks::Unique {
            self.count += 1;
        }
        self.in_flight.push(InFlight {
            request,
            sent: self.count,
            answer: None,
        });
    }

    /// One of the requests in flight goes a step further: the server answers it, or its answer
    /// arrives.
    pub(crate) fn advance(
        &mut self,
        which: usize,
        server: &Server,
        script: &mut Script,
    ) -> Option<Exchange> {
        let flying = &mut self.in_flight[which];
        if flying.answer.is_none() {
            flying.answer = Some(answer(flying.request, server, script));
            return None;
        }
        let arrived = self.in_flight.remove(which);
        self.count += 1;
        Some(Exchange {
            request: arrived.request,
            interval: Interval {
                sent: arrived.sent,
                received: self.count,
            },
            answer: arrived.answer?,
        })
    }

    /// The process is killed: answers that were on their way reach nobody.
    pub(crate) fn lose_all(&mut self) {
        self.in_flight.clear();
    }
}

fn answer(request: Request, server: &Server, script: &mut Script) -> Answer {
    match request {
        Request::List { page, .. } => Answer::Listed(server.list(page, script)),
        Request::Detail { id } => Answer::Detailed {
            found: server.detail(id, script),
        },
    }
}
