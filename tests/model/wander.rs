//! Requests without any plan: whatever page or customer, at any time, as many at once as may be.
//!
//! The certificate claims to be sound whatever is asked for. A walk that is made well never has
//! anything in flight beside *j*; here everything is.

use roaring::RoaringBitmap;
use twsync::sync::certificate::{CANDIDATES_MAX, Verdict};

use super::broken::Broken;
use super::proof::Proof;
use super::script::Script;
use super::server::{Flaw, Server};
use super::traffic::{Answer, Exchange, Request, Traffic};
use super::walk::{Scenario, check_claim};

/// Requests in flight, at most.
const IN_FLIGHT_MAX: usize = 4;

/// Wanders until the choices are used up, and holds every claim of `P` against the server as soon as
/// it is made. Says how many claims there were.
pub(crate) fn wander<P: Proof>(scenario: &Scenario) -> Result<usize, Broken> {
    let mut claims = 0;
    wander_with(scenario, usize::MAX, |server, ledger, known| {
        // Resuming is what makes a proof of a whole ledger; it may do so at any moment.
        let proof = P::resume(&scenario.known(), known, ledger);
        match proof.verdict() {
            Verdict::Complete(claim) => {
                claims += 1;
                check_claim(&claim, ledger, server)
            }
            Verdict::Contradiction { .. } if scenario.flaw == Flaw::None => Err(Broken::FalseAlarm),
            _ => Ok(()),
        }
    })?;
    Ok(claims)
}

/// All that such wandering brought home, in the order in which it was received; with no more answers
/// to be weighed than the certificate weighs at a time.
pub(crate) fn ledger(scenario: &Scenario) -> Vec<Exchange> {
    let mut all = Vec::new();
    let look = |_: &Server, ledger: &[Exchange], _: &RoaringBitmap| {
        all = ledger.to_vec();
        Ok(())
    };
    wander_with(scenario, CANDIDATES_MAX, look).expect("looking breaks nothing");
    all
}

fn wander_with(
    scenario: &Scenario,
    weighed_max: usize,
    mut look: impl FnMut(&Server, &[Exchange], &RoaringBitmap) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut script = Script::new(scenario.choices.clone(), false);
    let mut server = scenario.server();
    let mut traffic = Traffic::new(scenario.ticks);
    let mut known = scenario.known();
    let mut ledger: Vec<Exchange> = Vec::new();
    let mut weighed = 0;
    while !script.is_over() {
        if script.happens(scenario.change_once_in) {
            server.change(&mut script);
        }
        let in_flight = traffic.in_flight();
        let which = script.choose(IN_FLIGHT_MAX + 2);
        if which < in_flight {
            let Some(exchange) = traffic.advance(which, &server, &mut script) else {
                continue;
            };
            if let Answer::Listed(page) = &exchange.answer {
                known |= &page.rows;
            }
            ledger.push(exchange);
            look(&server, &ledger, &known)?;
        } else if in_flight < IN_FLIGHT_MAX {
            let request = any_request(&server, weighed < weighed_max, &mut script);
            weighed += usize::from(matches!(request, Request::List { weighed: true, .. }));
            traffic.send(request);
        }
    }
    Ok(())
}

fn any_request(server: &Server, may_weigh: bool, script: &mut Script) -> Request {
    if script.choose(6) == 5 {
        let id = script.choose(server.born() as usize + 1);
        let id = u32::try_from(id).expect("a few customers");
        return Request::Detail { id };
    }
    let page = 1 + script.choose(server.pages() + 1);
    Request::List {
        pass: 1,
        page: u32::try_from(page).expect("a few pages"),
        weighed: may_weigh && script.choose(2) == 0,
    }
}
