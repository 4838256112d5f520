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
}

/// A walk over it, with as much of a run around as the strategy needs.
struct Walk<'a> {
    list: &'a List,
    known: &'a RoaringBitmap,
    passes: Passes,
    evidence: Evidence,
    count: u64,
}

impl<'a> Walk<'a> {
    fn begin(list: &'a List, known: &'a RoaringBitmap) -> Self {
        let rules = Rules {
            max_passes: list.max_passes,
            pages_max: 100,
            page_size: list.page_size(),
            totals: list.totals,
        };
        Self {
            list,
            known,
            passes: Passes::new(rules, known.clone()),
            evidence: Evidence::new(known),
            count: 0,
        }
    }

    fn verdict(&self) -> Verdict {
        self.evidence.verdict(self.passes.totals())
    }

    /// Whoever is new is queued.
    fn queued(&self) -> RoaringBitmap {
        self.passes.known() - self.known
    }

    fn next(&self) -> Step {
        next(&self.passes, &self.verdict(), &self.queued())
    }

    /// Asks until it is over. The story: one word a step.
    fn ask(mut self) -> (String, Grade) {
        let mut story = Vec::new();
        loop {
            match self.next() {
                Step::Alone { pass, page } => {
                    story.push(page.to_string());
                    self.answer(pass, page, true);
                }
                Step::Together { pass, pages } => {
                    story.push(stretch(&pages));
                    for page in pages {
                        self.answer(pass, page, false);
                    }
                }
                Step::Details => {
                    story.push("details".to_owned());
                    self.answer_details();
                }
                Step::Done => return (story.join(" "), self.passes.grade(&self.verdict())),
            }
        }
    }

    fn answer(&mut self, pass: u32, page: u32, alone: bool) {
        let is_weighed = self.book(pass, page, alone);
        let (interval, list) = (self.tick(), self.list);
        let rows = &list.pages[page as usize - 1];
        if is_weighed {
            self.evidence.probed(interval, list.total, rows);
        } else {
            self.evidence.listed(interval, rows);
        }
    }

    fn book(&mut self, pass: u32, page: u32, alone: bool) -> bool {
        let taken = Taken {
            pass,
            page,
            pages: u32::try_from(self.list.pages.len()).expect("a few pages"),
            page_size: None,
            total: Some(self.list.total),
            has_next: None,
            alone,
            rows: &self.list.pages[page as usize - 1],
            is_empty: false,
            content: u64::from(page),
        };
        self.passes.taken(&taken).expect("an honest page")
    }

    fn answer_details(&mut self) {
        self.passes.details_asked();
        for row in self.queued().iter().filter(|_| self.list.details_answer) {
            let interval = self.tick();
            self.evidence.detailed(interval, row);
        }
    }

    fn tick(&mut self) -> Interval {
        self.count += 2;
        Interval {
            sent: self.count - 1,
            received: self.count,
        }
    }
}

/// Pages that are asked for together: `2..4`, or `2+5..7` where some in between are not.
fn stretch(pages: &[u32]) -> String {
    let runs = pages.chunk_by(|one, next| one + 1 == *next);
    let runs = runs.map(|run| match run {
        [one] => format!("+{one}"),
        _ => format!("{}..{}", run[0], run[run.len() - 1]),
    });
    runs.collect::<Vec<_>>().join("+").replace("++", "+")
}

fn check(list: &List, known: impl IntoIterator<Item = u32>, story: &str, grade: Grade) {
    let known = known.into_iter().collect();
    let walk = Walk::begin(list, &known);
    assert_eq!(walk.ask(), (story.to_owned(), grade));
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
    let list = List::of(45, 10);
    check(&list, 0..44, "1 5 2..4 1", Grade::Complete);
    check(&list, 0..38, "1 5 4 2..3 1 +5", Grade::Complete);
}

#[test]
fn arrivals_at_the_tail_up_to_the_end_of_a_page() {
    let list = List::of(45, 10);
    check(&list, 0..40, "1 5 4 2..3 1", Grade::Complete);
    check(&list, 0..30, "1 5 4 3 +2 1 +5", Grade::Complete);
}

#[test]
fn arrivals_at_the_head_and_beyond_page_1() {
    check(&List::of(50, 10), 14..50, "1 2 5 3..4 1", Grade::Complete);
    check(&List::of(50, 10), 20..50, "1 2 3 5 +4 1", Grade::Complete);
}

#[test]
fn arrivals_hidden_by_departures() {
    let gone = 100..110;
    for (known, story) in [
        (0..42, "1 5 2..4 1"),
        (0..40, "1 5 4 2..3 1"),
        (0..38, "1 5 4 2..3 1 +5"),
        (14..45, "1 2 5 3..4 1"),
        (20..45, "1 2 3 5 +4 1"),
    ] {
        let known = known.chain(gone.clone());
        check(&List::of(45, 10), known, story, Grade::Complete);
    }
}

#[test]
fn arrivals_of_whom_departures_hide_a_part() {
    let known = (0..38).chain(100..103);
    let story = "1 5 4 2..3 1 +5";
    check(&List::of(45, 10), known, story, Grade::Complete);
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
fn as_many_arrivals_as_are_worth_looking_for() {
    let list = List::of(195, 10);
    let tail = "20 19 18 17 16 15 14 13 12";
    let story = format!("1 {tail} 2..11 1 13..20");
    check(&list, 0..116, &story, Grade::Complete);
    let story = format!("1 2 {tail} 3..11 1 +2+13..20");
    check(&list, 10..116, &story, Grade::Complete);
}

#[test]
fn arrivals_among_the_last_pages() {
    let known = (0..50).filter(|row| ![38, 45].contains(row));
    let story = "1 5 4 2..3 1 +5";
    check(&List::of(50, 10), known, story, Grade::Complete);
}

#[test]
fn a_pass_that_went_far_is_ended_at_once_even_if_it_was_cut_short_where_somebody_new_was() {
    let list = List::of(200, 10);
    let known = (0..111).chain(112..200).chain([200]).collect();
    let mut walk = Walk::begin(&list, &known);
    for page in [1, 20].into_iter().chain(2..=12) {
        walk.answer(1, page, page == 1);
    }
    let pages = (13..=19).collect();
    assert_eq!(walk.next(), Step::Together { pass: 1, pages });
}

#[test]
fn details_are_not_asked_to_prove_what_they_cannot() {
    let (list, nobody) = (List::of(50, 10), RoaringBitmap::new());
    let mut walk = Walk::begin(&list, &nobody);
    for page in 1..=5 {
        walk.answer(1, page, page == 1);
    }
    let one_more = List {
        total: 51,
        ..List::of(50, 10)
    };
    walk.list = &one_more;
    walk.answer(2, 1, true);
    let pages = vec![2, 3, 4, 5];
    assert_eq!(walk.next(), Step::Together { pass: 2, pages });
}

#[test]
fn passes_that_agree_end_the_walk_only_if_no_count_could_prove_them() {
    let (list, nobody) = (List::of(50, 10), RoaringBitmap::new());
    let mut walk = Walk::begin(&list, &nobody);
    for (pass, page) in [1, 2]
        .into_iter()
        .flat_map(|pass| (1..=5).map(move |page| (pass, page)))
    {
        walk.book(pass, page, page == 1);
    }
    let after = |verdict| next(&walk.passes, &verdict, &nobody);
    assert_eq!(after(Verdict::Open(None)), Step::Alone { pass: 3, page: 1 });
    let as_of = Interval {
        sent: 1,
        received: 2,
    };
    let void = Verdict::Contradiction {
        as_of,
        proved: 51,
        total: 50,
    };
    assert_eq!(after(void), Step::Done);
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
    check(&list, 0..50, "1 5 2..4", Grade::Complete);
    check(&list, 0..49, "1 5 2..4", Grade::Partial);
}

#[test]
fn two_passes_prove_a_quiet_list_whatever_its_order() {
    let list = List {
        max_passes: 2,
        ..List::of(50, 10)
    };
    let known = (0..50).step_by(3);
    check(&list, known, "1 5 4 3 2 1 3..5", Grade::Complete);
}

#[test]
fn a_total_that_is_capped_or_estimated_converges() {
    for total in [40, 58] {
        let list = List {
            total,
            ..List::of(50, 10)
        };
        let known = (0..50).collect();
        let (_, grade) = Walk::begin(&list, &known).ask();
        assert_eq!(grade, Grade::Converged, "{total}");
    }
}

#[test]
fn a_total_that_is_none_converges_and_one_that_is_proved_completes() {
    let list = List {
        totals: Totals::Unproved,
        ..List::of(45, 10)
    };
    check(&list, 0..45, "1 5 2..4", Grade::Complete);
    check(&list, 0..38, "1 5 4 2..3 1 +5", Grade::Complete);
    check(&list, 14..45, "1 2 5 3..4 1", Grade::Complete);
    check(&list, [], "1 2..5 1 details", Grade::Complete);
    let unknown = List { total: 10, ..list };
    check(&unknown, 0..45, "1 5 2..4 1 5 2..4", Grade::Converged);
}
