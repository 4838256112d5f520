//! What is asked of a quiet list, request by request. That nothing false is ever proved, and what it
//! costs in general, is shown on a model of the server elsewhere.

use super::*;
use crate::customer::Interval;
use crate::report::Grade;
use crate::sync::certificate::{Evidence, Totals};
use crate::sync::passes::{Rules, Taken};

/// A list that nobody changes, and what it says of itself.
struct List {
    pages: Vec<RoaringBitmap>,
    total: u64,
    totals: Totals,
    max_passes: u32,
    details_answer: bool,
}

impl List {
    /// So many customers in rows from 0, so many on a page.
    fn of(customers: u32, page_size: u32) -> Self {
        let all: Vec<u32> = (0..customers).collect();
        Self {
            pages: all
                .chunks(page_size as usize)
                .map(|page| page.iter().collect())
                .collect(),
            total: u64::from(customers),
            totals: Totals::Meant,
            max_passes: 4,
            details_answer: true,
        }
    }

    fn page_size(&self) -> u32 {
        u32::try_from(self.pages[0].len()).expect("a few rows")
    }

    /// Asks until it is over. The story: one word a step.
    fn ask(&self, known: &RoaringBitmap) -> (String, Grade) {
        let rules = Rules {
            max_passes: self.max_passes,
            pages_max: 20_000,
            page_size: self.page_size(),
            totals: self.totals,
        };
        let mut passes = Passes::new(rules, known.clone());
        let mut evidence = Evidence::new(known);
        let mut queued = RoaringBitmap::new();
        let (mut count, mut story) = (0, Vec::new());
        loop {
            let verdict = evidence.verdict(passes.totals());
            match next(&passes, &verdict, &queued) {
                Step::Alone { pass, page } => {
                    story.push(page.to_string());
                    self.answer(pass, page, &mut count, &mut passes, &mut evidence);
                }
                Step::Together { pass, pages } => {
                    story.push(format!("{}..{}", pages[0], pages[pages.len() - 1]));
                    for page in pages {
                        self.answer(pass, page, &mut count, &mut passes, &mut evidence);
                    }
                }
                Step::Details => {
                    story.push("details".to_owned());
                    passes.details_asked();
                    for row in queued.iter().filter(|_| self.details_answer) {
                        evidence.detailed(tick(&mut count), row);
                    }
                }
                Step::Done => return (story.join(" "), passes.grade(&verdict)),
            }
            queued = passes.known() - known;
        }
    }

    fn answer(
        &self,
        pass: u32,
        page: u32,
        count: &mut u64,
        passes: &mut Passes,
        evidence: &mut Evidence,
    ) {
        let rows = &self.pages[page as usize - 1];
        let taken = Taken {
            pass,
            page,
            pages: u32::try_from(self.pages.len()).expect("a few pages"),
            page_size: None,
            total: Some(self.total),
            has_next: None,
            rows,
            content: u64::from(page),
        };
        passes.taken(&taken).expect("an honest page");
        let interval = tick(count);
        match page {
            1 => evidence.probed(interval, self.total, rows),
            _ => evidence.listed(interval, rows),
        }
    }
}

fn tick(count: &mut u64) -> Interval {
    *count += 2;
    Interval {
        sent: *count - 1,
        received: *count,
    }
}

fn check(list: &List, known: impl IntoIterator<Item = u32>, story: &str, grade: Grade) {
    let known = known.into_iter().collect();
    assert_eq!(list.ask(&known), (story.to_owned(), grade));
}

#[test]
fn nothing_new() {
    check(&List::of(50, 10), 0..50, "1 5 2..4", Grade::Complete);
    check(&List::of(3, 10), 0..3, "1", Grade::Complete);
}

#[test]
fn departures_only() {
    check(&List::of(50, 10), 0..60, "1 5 2..4", Grade::Complete);
}

#[test]
fn all_arrivals_on_page_1() {
    check(&List::of(50, 10), 4..50, "1 5 2..4", Grade::Complete);
    check(&List::of(50, 10), 10..50, "1 2 5 3..4", Grade::Complete);
}

#[test]
fn nobody_known() {
    check(&List::of(50, 10), [], "1 2..5 1 details", Grade::Complete);
    check(&List::of(9, 10), [], "1", Grade::Complete);
}

#[test]
fn arrivals_at_the_tail() {
    check(&List::of(45, 10), 0..44, "1 5 1 5 2..4", Grade::Complete);
    check(&List::of(45, 10), 0..38, "1 5 4 1 5 2..4", Grade::Complete);
}

#[test]
fn arrivals_at_the_head_and_beyond_page_1() {
    check(&List::of(50, 10), 14..50, "1 2 1 5 2..4", Grade::Complete);
}

#[test]
fn arrivals_hidden_by_as_many_departures() {
    let known = (0..42).chain(100..110);
    check(&List::of(45, 10), known, "1 5 1 5 2..4", Grade::Complete);
}

#[test]
fn arrivals_anywhere() {
    let known = (0..50).filter(|row| row % 17 != 16);
    check(
        &List::of(50, 10),
        known,
        "1 5 2..4 1 5 2..4",
        Grade::Complete,
    );
}

#[test]
fn too_many_arrivals_to_look_for() {
    check(
        &List::of(200, 10),
        0..119,
        "1 2..20 1 20 2..19",
        Grade::Complete,
    );
}

#[test]
fn details_that_do_not_come_cost_another_pass() {
    let list = List {
        details_answer: false,
        ..List::of(50, 10)
    };
    check(&list, [], "1 2..5 1 details 1 2..5", Grade::Complete);
}

#[test]
fn one_pass_and_no_more() {
    let list = List {
        max_passes: 1,
        ..List::of(50, 10)
    };
    check(&list, [], "1 2..5 1 details", Grade::Complete);
    check(&list, 0..50, "1 2..5", Grade::Complete);
    check(&list, 0..49, "1 2..5", Grade::Partial);
}

#[test]
fn two_passes_prove_a_quiet_list_whatever_its_order() {
    let list = List {
        max_passes: 2,
        ..List::of(50, 10)
    };
    check(&list, (0..50).step_by(3), "1 2..5 1 2..5", Grade::Complete);
}

#[test]
fn a_total_that_is_capped_or_estimated_converges() {
    for total in [40, 58] {
        let list = List {
            total,
            ..List::of(50, 10)
        };
        let (_, grade) = list.ask(&(0..50).collect());
        assert_eq!(grade, Grade::Converged, "{total}");
    }
}

#[test]
fn a_total_that_is_none_converges_and_one_that_is_proved_completes() {
    let list = List {
        totals: Totals::Unproved,
        ..List::of(45, 10)
    };
    check(&list, 0..45, "1 2..5", Grade::Complete);
    check(&list, [], "1 2..5 1 details", Grade::Complete);
    let unknown = List { total: 10, ..list };
    check(&unknown, 0..45, "1 2..5 1 2..5", Grade::Converged);
}
