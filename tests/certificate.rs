//! The promises of a proved walk, over many thousand walks on a server that nobody told how to
//! behave; and that the checks which hold them would notice if one were broken.
//!
//! `TWSYNC_WALKS=1000000` makes so many walks of each kind, `TWSYNC_WALKS_SEED` others than the usual.
//! `benches/README.md` has the command, and what came of it.

mod model;

use std::cell::Cell;

use model::broken::{Broken, Cost};
use model::proof::{
    AfterByReceived, BeforeBySent, ByDefinition, ForgetsAll, ForgetsWhen, Honest, Naive, Proof,
    Resumed, Strict, TakesSeenForKnown,
};
use model::script::Script;
use model::server::{Flaw, Order, Server};
use model::traffic::Ticks;
use model::walk::{Scenario, Walked, walk};
use model::wander::{ledger, wander};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use roaring::RoaringBitmap;
use twsync::sync::certificate::{Evidence, Verdict};

// --- No false certificate ---

#[test]
fn no_walk_is_certified_falsely_whatever_happens_meanwhile() {
    let (proved, restless) = (Cell::new(0), Cell::new(0));
    let walks = hold(8000, &busy(Flaw::None), |scenario| {
        let walked = walk::<Evidence>(scenario);
        let is_proved = matches!(walked.verdict, Verdict::Complete(_));
        proved.set(proved.get() + u32::from(is_proved));
        restless.set(restless.get() + u32::from(is_proved && walked.changes > 0));
        walked.check()
    });
    assert!(
        proved.get() > walks / 2,
        "an empty promise: {proved:?} of {walks} walks were proved"
    );
    assert!(
        restless.get() > walks / 5,
        "an empty promise: {restless:?} of {walks} were proved while customers came and went"
    );
}

#[test]
fn no_careless_order_of_requests_is_certified_falsely() {
    let claims = Cell::new(0);
    let walks = hold(8000, &careless(Flaw::None), |scenario| {
        claims.set(claims.get() + wander::<Evidence>(scenario)?);
        Ok(())
    });
    assert!(
        claims.get() > walks as usize,
        "an empty promise: {claims:?} claims in {walks} walks"
    );
}

#[test]
fn the_certificate_is_its_definition_in_whatever_order_answers_are_recorded() {
    hold(2000, &careless(Flaw::None), |scenario| {
        let known = scenario.known();
        let mut answers = ledger(scenario);
        let by_definition = ByDefinition::<Honest>::resume(&known, &known, &answers).verdict();
        for _ in 0..2 {
            let evidence = <Evidence as Proof>::resume(&known, &known, &answers);
            assert_eq!(Proof::verdict(&evidence), by_definition);
            answers.reverse();
        }
        Ok(())
    });
}

// --- What a quiet server costs ---

#[test]
fn a_quiet_server_is_certified_at_the_promised_cost() {
    hold(6000, &quiet(), |scenario| {
        check_quiet(scenario, &walk::<Evidence>(scenario))
    });
}

fn check_quiet(scenario: &Scenario, walked: &Walked) -> Result<(), Broken> {
    walked.check()?;
    if !matches!(walked.verdict, Verdict::Complete(_)) {
        return Err(Broken::QuietUnproved);
    }
    let sent = Cost {
        lists: walked.lists - walked.lists_lost,
        details: walked.details,
        passes: walked.passes,
    };
    let (promised, is_exact) = promised_cost(scenario);
    // A look at the last page may spare the details, and so may those that were there when the
    // process was killed.
    let are_wanted = scenario.full || scenario.known().is_empty();
    let is_kept = match (is_exact, are_wanted && scenario.cut_once_in == 0) {
        (true, true) => sent == promised,
        (true, false) => sent.lists == promised.lists,
        (false, _) => sent.lists <= promised.lists,
    };
    if is_kept && sent.details <= promised.details && sent.passes <= promised.passes {
        Ok(())
    } else {
        Err(Broken::Cost { sent, promised })
    }
}

/// The promise, by what is new on which page, whoever has left; and whether it is kept to the
/// request. (Where it is not, the list may be cheaper by luck.)
fn promised_cost(scenario: &Scenario) -> (Cost, bool) {
    let (server, known) = (scenario.server(), scenario.known());
    let rows = rows_by_page(&server);
    let pages = rows.len();
    let new: Vec<u64> = rows.iter().map(|it| it.difference_len(&known)).collect();
    let new_pages = new[1..].iter().filter(|new| **new > 0).count();
    let all_new: u64 = new.iter().sum();
    let lists = |lists| Cost {
        lists,
        details: 0,
        passes: 2,
    };
    if new_pages == 0 {
        return (
            Cost {
                passes: 1,
                ..lists(pages)
            },
            true,
        );
    }
    if scenario.full || known.is_subset(&rows[0]) {
        let wanted = if scenario.full {
            server.living().len()
        } else {
            all_new
        };
        let details = usize::try_from(wanted).expect("a few");
        return (
            Cost {
                details,
                ..lists(pages + 1)
            },
            true,
        );
    }
    let are_few = new[1..].iter().sum::<u64>() <= 8 * u64::from(scenario.page_size);
    if are_few && matches!(scenario.order, Order::OldestFirst | Order::NewestFirst) {
        return (lists(pages + new_pages), true);
    }
    (lists(2 * pages), false)
}

fn rows_by_page(server: &Server) -> Vec<RoaringBitmap> {
    let mut quiet = Script::new(Vec::new(), false);
    let pages = 1..=u32::try_from(server.pages().max(1)).expect("a few pages");
    pages
        .map(|page| server.list(page, &mut quiet).rows)
        .collect()
}

// --- What would be noticed ---

#[test]
fn the_naive_rule_is_caught() {
    assert_caught(is_false_certificate, &busy(Flaw::None), |scenario| {
        walk::<Naive>(scenario).check()
    });
}

/// It is sound, and proves too little: so a quiet server costs more than promised.
#[test]
fn less_than_in_place_of_at_most_is_caught() {
    assert_caught(is_too_little_proved, &quiet(), |scenario| {
        check_quiet(scenario, &walk::<ByDefinition<Strict>>(scenario))
    });
}

#[test]
fn a_sighting_counted_when_it_was_sent_is_caught() {
    assert_caught(is_false_certificate, &careless(Flaw::None), |scenario| {
        wander::<ByDefinition<BeforeBySent>>(scenario).map(drop)
    });
}

#[test]
fn a_sighting_counted_as_after_when_it_was_only_received_after_is_caught() {
    assert_caught(is_false_certificate, &careless(Flaw::None), |scenario| {
        wander::<ByDefinition<AfterByReceived>>(scenario).map(drop)
    });
}

/// It is sound, and asks again for what was already paid for.
#[test]
fn a_resumed_walk_that_forgets_what_it_had_seen_is_caught() {
    assert_caught(is_too_little_proved, &quiet(), |scenario| {
        check_quiet(scenario, &walk::<Resumed<ForgetsAll>>(scenario))
    });
}

#[test]
fn a_resumed_walk_that_takes_what_it_had_seen_for_known_before_is_caught() {
    assert_caught(is_false_certificate, &busy(Flaw::None), |scenario| {
        walk::<Resumed<TakesSeenForKnown>>(scenario).check()
    });
}

#[test]
fn a_resumed_walk_that_forgets_when_it_had_seen_something_is_caught() {
    assert_caught(is_false_certificate, &busy(Flaw::None), |scenario| {
        walk::<Resumed<ForgetsWhen>>(scenario).check()
    });
}

#[test]
fn without_any_one_of_its_assumptions_the_certificate_could_be_false() {
    for flaw in [
        Flaw::LateTotal,
        Flaw::StaleAnswers,
        Flaw::Revivals,
        Flaw::UnlistedCustomers,
    ] {
        assert_caught(is_false_certificate, &careless(flaw), |scenario| {
            wander::<Evidence>(scenario).map(drop)
        });
    }
}

fn is_false_certificate(broken: Broken) -> bool {
    broken == Broken::FalseCertificate
}

fn is_too_little_proved(broken: Broken) -> bool {
    matches!(broken, Broken::QuietUnproved | Broken::Cost { .. })
}

// --- Scenarios ---

/// Customers come and go all the time, and now and then the process is killed.
fn busy(flaw: Flaw) -> impl Strategy<Value = Scenario> {
    let changes = prop_oneof![Just(5), Just(12), Just(40)];
    let cuts = prop_oneof![Just(0), Just(60)];
    (any_scenario(0..60, 0..160), changes, cuts).prop_map(move |(scenario, changes, cuts)| {
        Scenario {
            change_once_in: changes,
            cut_once_in: cuts,
            flaw,
            ..scenario
        }
    })
}

/// Nobody comes or goes, in some order that stays; but the process may be killed.
fn quiet() -> impl Strategy<Value = Scenario> {
    let cuts = prop_oneof![Just(0), Just(60)];
    (any_scenario(0..60, 0..160), cuts).prop_map(|(scenario, cuts)| Scenario {
        order: match scenario.order {
            Order::None => Order::ById,
            order => order,
        },
        cut_once_in: cuts,
        ..scenario
    })
}

/// Few customers, so that much coincides, and requests without a plan.
fn careless(flaw: Flaw) -> impl Strategy<Value = Scenario> {
    any_scenario(0..6, 20..160).prop_map(move |scenario| Scenario {
        change_once_in: 6,
        flaw,
        ..scenario
    })
}

fn any_scenario(
    born: std::ops::Range<u32>,
    choices: std::ops::Range<usize>,
) -> impl Strategy<Value = Scenario> {
    let order = prop_oneof![
        Just(Order::OldestFirst),
        Just(Order::NewestFirst),
        Just(Order::ById),
        Just(Order::None),
    ];
    let ticks = prop_oneof![Just(Ticks::Unique), Just(Ticks::Shared)];
    let new = prop_oneof![Just(0), 0..10_u32, Just(u32::MAX)];
    let dead = prop_oneof![Just(Vec::new()), prop::collection::vec(0..60_u32, 0..6)];
    let choices = prop::collection::vec(any::<u8>(), choices);
    let world = (born, new, dead, order, 1..=7_u32);
    let way = (
        1..=4_usize,
        ticks,
        prop::bool::weighted(0.1),
        choices,
        any::<bool>(),
    );
    (world, way).prop_map(|(world, way)| {
        let (born, new, dead, order, page_size) = world;
        let (in_flight_max, ticks, full, choices, endless) = way;
        Scenario {
            born,
            new: new.min(born),
            dead,
            order,
            flaw: Flaw::None,
            page_size,
            max_passes: 4,
            in_flight_max,
            ticks,
            change_once_in: 0,
            cut_once_in: 0,
            full,
            choices,
            endless,
        }
    })
}

// --- Runs ---

/// Holds a promise over so many scenarios, or as many as the environment says. Says how many.
fn hold(
    usual: u32,
    scenarios: &impl Strategy<Value = Scenario>,
    promise: impl Fn(&Scenario) -> Result<(), Broken>,
) -> u32 {
    let walks = from_environment("TWSYNC_WALKS").unwrap_or(usual);
    if let Err(error) = run(walks, 4096, scenarios, promise) {
        panic!("{error}");
    }
    walks
}

/// The check must trip over what should not pass it, and for this reason.
fn assert_caught(
    reason: fn(Broken) -> bool,
    scenarios: &impl Strategy<Value = Scenario>,
    promise: impl Fn(&Scenario) -> Result<(), Broken>,
) {
    let caught = run(20_000, 0, scenarios, |scenario| match promise(scenario) {
        Err(broken) if reason(broken) => Err(broken),
        _ => Ok(()),
    });
    assert!(caught.is_err(), "nothing was noticed");
}

fn run(
    walks: u32,
    shrinks: u32,
    scenarios: &impl Strategy<Value = Scenario>,
    promise: impl Fn(&Scenario) -> Result<(), Broken>,
) -> Result<(), TestError<Scenario>> {
    let config = Config {
        cases: walks,
        max_shrink_iters: shrinks,
        failure_persistence: None,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(
        &from_environment("TWSYNC_WALKS_SEED")
            .unwrap_or(0)
            .to_le_bytes(),
    );
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    TestRunner::new_with_rng(config, random).run(scenarios, |scenario| {
        promise(&scenario).map_err(|broken| TestCaseError::fail(broken.to_string()))
    })
}

fn from_environment(name: &str) -> Option<u32> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
