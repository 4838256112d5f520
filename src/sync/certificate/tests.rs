//! The certificate by example. That it is sound is shown on a model of the server elsewhere.

use super::*;

fn at(sent: u64, received: u64) -> Interval {
    Interval { sent, received }
}

fn rows<const N: usize>(rows: [u32; N]) -> RoaringBitmap {
    rows.into()
}

fn complete(evidence: &Evidence) -> Complete {
    match evidence.verdict(Totals::Meant) {
        Verdict::Complete(complete) => complete,
        other => panic!("not proved: {other:?}"),
    }
}

#[test]
fn known_before_on_the_page_or_seen_again_after() {
    let mut evidence = Evidence::new(&rows([1, 2, 3, 4]));
    evidence.probed(at(1, 2), 4, &rows([1, 7]));
    evidence.listed(at(3, 4), &rows([2, 3]));
    evidence.detailed(at(5, 6), 8);
    let proved = complete(&evidence);
    assert_eq!(proved.as_of, at(1, 2));
    assert_eq!(proved.living, rows([1, 2, 3, 7]));
    assert_eq!(proved.departed, rows([4]), "known before, and not there");
    assert_eq!(proved.seen_after, rows([2, 3, 8]), "8 came later");
}

#[test]
fn one_gone_behind_the_cursor_and_one_come_ahead_of_it_prove_nothing() {
    // 1 is deleted after page 1, 5 is born on page 1 and never seen: every count is right.
    let mut evidence = Evidence::new(&RoaringBitmap::new());
    evidence.probed(at(1, 2), 4, &rows([1, 2]));
    evidence.listed(at(3, 4), &rows([3, 4]));
    let Verdict::Open(Some(lacking)) = evidence.verdict(Totals::Meant) else {
        panic!("nothing to prove it by");
    };
    assert_eq!((lacking.proved, lacking.total), (2, 4));
    assert!(!lacking.is_within_reach());
}

#[test]
fn an_answer_received_at_the_very_tick_at_which_another_is_sent_came_before_it() {
    let mut evidence = Evidence::new(&RoaringBitmap::new());
    evidence.listed(at(0, 1), &rows([1]));
    evidence.probed(at(1, 2), 1, &rows([]));
    evidence.listed(at(2, 3), &rows([1]));
    assert_eq!(complete(&evidence).living, rows([1]));
}

#[test]
fn what_overlaps_is_neither_before_nor_after() {
    let mut evidence = Evidence::new(&RoaringBitmap::new());
    evidence.probed(at(2, 5), 1, &rows([]));
    evidence.listed(at(1, 3), &rows([1]));
    evidence.listed(at(4, 6), &rows([1]));
    assert!(matches!(evidence.verdict(Totals::Meant), Verdict::Open(_)));
}

#[test]
fn what_is_lacking_is_what_was_seen_before_only() {
    let mut evidence = Evidence::new(&rows([1, 2, 3]));
    evidence.probed(at(1, 2), 3, &rows([1]));
    evidence.listed(at(3, 4), &rows([2]));
    let lacking = Lacking {
        candidate: at(1, 2),
        proved: 2,
        total: 3,
        unseen_after: rows([3]),
    };
    assert!(lacking.is_within_reach());
    assert_eq!(
        evidence.verdict(Totals::Meant),
        Verdict::Open(Some(lacking))
    );
    evidence.detailed(at(5, 6), 3);
    assert_eq!(complete(&evidence).living, rows([1, 2, 3]));
}

#[test]
fn a_number_that_may_not_be_a_total_proves_nothing() {
    let mut evidence = Evidence::new(&RoaringBitmap::new());
    evidence.probed(at(1, 2), 1, &rows([1]));
    assert_eq!(evidence.verdict(Totals::Unproved), Verdict::Open(None));
    assert_eq!(complete(&evidence).living, rows([1]));
}

#[test]
fn more_alive_than_counted_voids_all_and_is_not_forgotten() {
    let mut evidence = Evidence::new(&rows([1, 2]));
    evidence.probed(at(1, 2), 1, &rows([1]));
    evidence.listed(at(3, 4), &rows([2]));
    for start in 1..20 {
        evidence.probed(at(4 * start + 1, 4 * start + 2), 2, &rows([]));
    }
    let contradiction = Verdict::Contradiction {
        as_of: at(1, 2),
        proved: 2,
        total: 1,
    };
    assert_eq!(evidence.candidates.len(), CANDIDATES_MAX);
    assert_eq!(evidence.verdict(Totals::Meant), contradiction);
}

#[test]
fn the_candidate_that_can_still_be_proved_is_kept() {
    let mut evidence = Evidence::new(&rows([1, 2]));
    evidence.probed(at(1, 2), 2, &rows([1]));
    for start in 1..20 {
        evidence.probed(at(4 * start + 1, 4 * start + 2), 9, &rows([]));
    }
    evidence.listed(at(200, 201), &rows([2]));
    assert_eq!(complete(&evidence).as_of, at(1, 2));
}

#[test]
fn of_many_candidates_the_one_that_is_proved_is_kept_and_one_out_of_reach_goes() {
    let twelve: RoaringBitmap = (1..=12).collect();
    let mut evidence = Evidence::new(&RoaringBitmap::new());
    // Nobody had been sighted before it: small as it is, all of it is out of reach.
    evidence.probed(at(1, 2), 5, &rows([]));
    evidence.listed(at(3, 4), &twelve);
    evidence.probed(at(5, 6), 12, &rows([]));
    evidence.listed(at(7, 8), &twelve);
    for start in 2..7 {
        evidence.probed(at(4 * start + 1, 4 * start + 2), 8, &rows([]));
    }
    assert_eq!(complete(&evidence).as_of, at(5, 6));
}

#[test]
fn alone_is_who_overlaps_with_nobody_before_or_behind_it() {
    assert!(alone(&[]).is_empty());
    assert_eq!(alone(&[at(0, 1), at(1, 2)]), [true, true], "one by one");
    let second_and_third_at_once = [at(1, 2), at(3, 6), at(4, 8), at(9, 10)];
    assert_eq!(alone(&second_and_third_at_once), [true, false, false, true]);
    let all_within_the_last = [at(2, 3), at(4, 5), at(1, 6)];
    assert_eq!(alone(&all_within_the_last), [false, false, false]);
}
