//! A walk as it is made: the real strategy and bookkeeping, some proof, and a world around them that
//! does not wait.

use roaring::RoaringBitmap;
use twsync::customer::Interval;
use twsync::sync::certificate::{Complete, Totals, Verdict, alone};
use twsync::sync::passes::{Passes, Rules, Taken};
use twsync::sync::strategy::{Step, next};

use super::broken::Broken;
use super::proof::Proof;
use super::script::Script;
use super::server::{Flaw, Order, Page, Server};
use super::traffic::{Answer, Exchange, Request, Ticks, Traffic};

/// Changes and cuts in one walk, at most: a script without end must not make a walk without end.
const CHANGES_MAX: usize = 80;
const CUTS_MAX: usize = 3;

/// Everything that decides how a walk goes.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Customers that were ever born before the walk.
    pub(crate) born: u32,
    /// How many of the last born no earlier run has seen.
    pub(crate) new: u32,
    /// Who had died before the walk; earlier runs may have seen them.
    pub(crate) dead: Vec<u32>,
    pub(crate) order: Order,
    pub(crate) flaw: Flaw,
    pub(crate) page_size: u32,
    pub(crate) max_passes: u32,
    pub(crate) in_flight_max: usize,
    pub(crate) ticks: Ticks,
    /// Customers come and go once in so many moments; 0: never.
    pub(crate) change_once_in: usize,
    /// The process is killed once in so many moments, and the walk resumed; 0: never.
    pub(crate) cut_once_in: usize,
    /// Everybody's details are to be fetched anyway.
    pub(crate) full: bool,
    pub(crate) choices: Vec<u8>,
    /// Whether the choices begin again when they are used up.
    pub(crate) endless: bool,
}

impl Scenario {
    pub(crate) fn known(&self) -> RoaringBitmap {
        (0..self.born - self.new).collect()
    }

    pub(crate) fn server(&self) -> Server {
        let page_size = self.page_size as usize;
        Server::new(
            self.order,
            page_size,
            self.flaw,
            self.born,
            self.dead.clone(),
        )
    }
}

/// A walk that has ended.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) verdict: Verdict,
    /// Passes begun.
    pub(crate) passes: u32,
    /// List requests sent.
    pub(crate) lists: usize,
    /// Of these, how many were lost when the process was killed.
    pub(crate) lists_lost: usize,
    /// Details that the proof asked for, and that were there.
    pub(crate) details: usize,
    /// How often customers came or went while it lasted.
    pub(crate) changes: usize,
    pub(crate) server: Server,
    ledger: Vec<Exchange>,
}

impl Walked {
    /// Holds a proved walk against what the server knows of itself.
    pub(crate) fn check(&self) -> Result<(), Broken> {
        match &self.verdict {
            Verdict::Complete(proved) => check_claim(proved, &self.ledger, &self.server),
            Verdict::Contradiction { .. } => Err(Broken::FalseAlarm),
            Verdict::Open(_) => Ok(()),
        }
    }
}

/// Holds a claim against the server's own history: true to the customer at the instant of the answer
/// that it names, or, where it names no single answer, at some instant within.
pub(crate) fn check_claim(
    claim: &Complete,
    ledger: &[Exchange],
    server: &Server,
) -> Result<(), Broken> {
    let mut states = states(claim.as_of, ledger);
    if !states.any(|state| server.living_in(state) == claim.living) {
        return Err(Broken::FalseCertificate);
    }
    if claim.departed.is_disjoint(&server.living()) {
        Ok(())
    } else {
        Err(Broken::FalseNomination)
    }
}

fn states(as_of: Interval, ledger: &[Exchange]) -> std::ops::RangeInclusive<usize> {
    let listed = ledger.iter().filter_map(|exchange| match &exchange.answer {
        Answer::Listed(page) => Some((exchange.interval, page.state)),
        Answer::Detailed { .. } => None,
    });
    let within = listed.filter(|(it, _)| it.sent >= as_of.sent && it.received <= as_of.received);
    let within: Vec<_> = within.collect();
    if let Some((_, state)) = within.iter().find(|(interval, _)| *interval == as_of) {
        return *state..=*state;
    }
    let states = || within.iter().map(|(_, state)| *state);
    states().min().unwrap_or(0)..=states().max().unwrap_or(0)
}

/// Walks through a scenario to its end, believing in `P`.
pub(crate) fn walk<P: Proof>(scenario: &Scenario) -> Walked {
    Walk::<P>::begin(scenario).run()
}

struct Walk<'a, P> {
    scenario: &'a Scenario,
    script: Script,
    server: Server,
    traffic: Traffic,
    ledger: Vec<Exchange>,
    known: RoaringBitmap,
    passes: Passes,
    proof: P,
    queued: RoaringBitmap,
    lists: usize,
    lists_lost: usize,
    details: usize,
    changes: usize,
    cuts: usize,
}

impl<'a, P: Proof> Walk<'a, P> {
    fn begin(scenario: &'a Scenario) -> Self {
        let known = scenario.known();
        Self {
            scenario,
            script: Script::new(scenario.choices.clone(), scenario.endless),
            server: scenario.server(),
            traffic: Traffic::new(scenario.ticks),
            ledger: Vec::new(),
            passes: begin_passes(scenario),
            proof: P::new(&known),
            queued: if scenario.full {
                known.clone()
            } else {
                RoaringBitmap::new()
            },
            known,
            lists: 0,
            lists_lost: 0,
            details: 0,
            changes: 0,
            cuts: 0,
        }
    }

    fn run(mut self) -> Walked {
        while let Some(requests) = self.decide() {
            if self.carry_out(requests).is_err() {
                break;
            }
        }
        Walked {
            verdict: self.proof.verdict(),
            passes: self.passes.number(),
            lists: self.lists,
            lists_lost: self.lists_lost,
            details: self.details,
            changes: self.changes,
            server: self.server,
            ledger: self.ledger,
        }
    }

    /// The next requests. None: the walk is over.
    fn decide(&mut self) -> Option<Vec<Request>> {
        match next(&self.passes, &self.proof.verdict(), &self.queued) {
            Step::Alone { pass, page } => Some(vec![list(pass, page, true)]),
            Step::Together { pass, pages } => {
                let pages = pages.into_iter();
                Some(pages.map(|page| list(pass, page, false)).collect())
            }
            Step::Details => {
                self.passes.details_asked();
                let queued = self.queued.iter();
                Some(queued.map(|id| Request::Detail { id }).collect())
            }
            Step::Done => None,
        }
    }

    /// Sends these, some at a time, and takes all answers, while the world goes on. If the process
    /// is killed meanwhile, what was not taken by then is gone. An error is the end of the walk.
    fn carry_out(&mut self, mut waiting: Vec<Request>) -> Result<(), ()> {
        waiting.reverse();
        while !waiting.is_empty() || self.traffic.in_flight() > 0 {
            self.let_the_world_go_on();
            if self.cuts < CUTS_MAX && self.script.happens(self.scenario.cut_once_in) {
                return self.be_killed_and_resume();
            }
            let may_send =
                !waiting.is_empty() && self.traffic.in_flight() < self.scenario.in_flight_max;
            let moves = self.traffic.in_flight() + usize::from(may_send);
            let which = self.script.choose(moves);
            if which == self.traffic.in_flight() {
                waiting.pop().into_iter().for_each(|it| self.send(it));
            } else {
                let arrived = self.traffic.advance(which, &self.server, &mut self.script);
                arrived.map_or(Ok(()), |exchange| self.take(exchange))?;
            }
        }
        Ok(())
    }

    fn let_the_world_go_on(&mut self) {
        let once_in = self.scenario.change_once_in;
        if self.changes < CHANGES_MAX && self.script.happens(once_in) {
            self.server.change(&mut self.script);
            self.changes += 1;
        }
    }

    fn send(&mut self, request: Request) {
        self.lists += usize::from(matches!(request, Request::List { .. }));
        self.traffic.send(request);
    }

    fn take(&mut self, mut exchange: Exchange) -> Result<(), ()> {
        let taken = match (&exchange.answer, exchange.request) {
            (Answer::Listed(page), Request::List { weighed: alone, .. }) => {
                self.queued |= &page.rows - &self.known;
                self.known |= &page.rows;
                book(&mut self.passes, &mut exchange, alone)
            }
            (Answer::Detailed { found: true }, Request::Detail { id }) => {
                self.queued.remove(id);
                self.details += 1;
                Ok(())
            }
            _ => Ok(()),
        };
        self.proof.record(&exchange);
        self.ledger.push(exchange);
        taken
    }

    /// The ledger does not say which answers were alone in flight; its intervals do.
    fn be_killed_and_resume(&mut self) -> Result<(), ()> {
        self.lists_lost += self.traffic.lists_in_flight();
        self.traffic.lose_all();
        self.cuts += 1;
        self.passes = begin_passes(self.scenario);
        let intervals: Vec<Interval> = self.ledger.iter().map(|it| it.interval).collect();
        for (exchange, alone) in self.ledger.iter_mut().zip(alone(&intervals)) {
            book(&mut self.passes, exchange, alone)?;
        }
        self.proof = P::resume(&self.scenario.known(), &self.known, &self.ledger);
        Ok(())
    }
}

/// A list request; until its answer is taken in, `weighed` says whether it is alone in flight.
fn list(pass: u32, page: u32, weighed: bool) -> Request {
    Request::List {
        pass,
        page,
        weighed,
    }
}

fn begin_passes(scenario: &Scenario) -> Passes {
    let rules = Rules {
        max_passes: scenario.max_passes,
        pages_max: 1000,
        page_size: scenario.page_size,
        totals: Totals::Meant,
    };
    Passes::new(rules, scenario.known())
}

/// Takes a page into the passes, and notes whether they want it weighed.
fn book(passes: &mut Passes, exchange: &mut Exchange, alone: bool) -> Result<(), ()> {
    let (
        Answer::Listed(listed),
        Request::List {
            pass,
            page,
            weighed,
        },
    ) = (&exchange.answer, &mut exchange.request)
    else {
        return Ok(());
    };
    let taken = Taken {
        pass: *pass,
        page: *page,
        pages: listed.pages,
        page_size: None,
        total: Some(listed.total),
        has_next: Some(listed.has_next),
        alone,
        rows: &listed.rows,
        is_empty: listed.rows.is_empty(),
        content: content(listed),
    };
    *weighed = passes.taken(&taken).map_err(|_| ())?;
    Ok(())
}

/// Another number for each set of rows, or nearly.
fn content(page: &Page) -> u64 {
    let rows = page.rows.iter().map(u64::from);
    rows.fold(7, |hash, row| hash.wrapping_mul(1_000_003) ^ row)
}
