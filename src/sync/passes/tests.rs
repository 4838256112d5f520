//! The rules by which pages are believed, one by one.

use super::*;

const PAGE_SIZE: u32 = 3;

fn passes() -> Passes {
    begin(Totals::Meant)
}

fn begin(totals: Totals) -> Passes {
    let rules = Rules {
        max_passes: 4,
        pages_max: 50,
        page_size: PAGE_SIZE,
        totals,
    };
    Passes::new(rules, RoaringBitmap::new())
}

/// An answer as a server gives it that says nothing strange: to be changed where it does.
fn answer(page: u32, pages: u32, rows: &RoaringBitmap) -> Taken<'_> {
    Taken {
        pass: 1,
        page,
        pages,
        page_size: Some(PAGE_SIZE),
        total: Some(6),
        has_next: Some(page < pages),
        alone: false,
        rows,
        is_empty: rows.is_empty(),
        content: rows.iter().fold(0, |all, row| all * 31 + u64::from(row)),
    }
}

fn rows<const N: usize>(rows: [u32; N]) -> RoaringBitmap {
    rows.into()
}

fn pass_over(passes: &mut Passes, pass: u32, pages: &[RoaringBitmap]) {
    let all = u32::try_from(pages.len()).expect("a few pages");
    for (page, rows) in (1..).zip(pages) {
        let taken = Taken {
            pass,
            ..answer(page, all, rows)
        };
        passes.taken(&taken).expect("an honest page");
    }
}

#[test]
fn a_pass_ends_at_its_last_page_and_never_at_a_short_one() {
    let mut passes = passes();
    passes
        .taken(&answer(1, 3, &rows([1, 2, 3])))
        .expect("page 1");
    passes
        .taken(&answer(2, 3, &rows([4])))
        .expect("a short page");
    assert!(!passes.current().is_complete());
    assert_eq!(passes.current().remaining(), [3]);
    passes.taken(&answer(3, 3, &rows([5, 6]))).expect("page 3");
    assert!(passes.current().is_complete());
}

#[test]
fn the_newest_answer_says_how_many_pages_there_are() {
    let mut passes = passes();
    passes
        .taken(&answer(1, 2, &rows([1, 2, 3])))
        .expect("page 1");
    passes
        .taken(&answer(2, 4, &rows([4, 5, 6])))
        .expect("page 2");
    assert_eq!(passes.current().remaining(), [3, 4]);
    passes.taken(&answer(3, 3, &rows([7]))).expect("page 3");
    assert!(passes.current().is_complete());
}

#[test]
fn an_empty_list_is_a_pass() {
    let mut passes = passes();
    passes.taken(&answer(1, 0, &rows([]))).expect("nothing");
    assert!(passes.current().is_complete());
}

#[test]
fn a_last_page_that_promises_more_is_looked_past_once() {
    let mut passes = passes();
    let (first, past) = (rows([1, 2, 3]), rows([]));
    for (page, past_the_end) in [(1, Some(2)), (2, None)] {
        let rows = if page == 1 { &first } else { &past };
        let taken = Taken {
            has_next: Some(true),
            ..answer(page, 1, rows)
        };
        passes
            .taken(&taken)
            .expect("a page that says there is more");
        assert_eq!(passes.current().past_the_end(), past_the_end);
    }
    assert!(passes.current().is_complete());
}

#[test]
fn a_page_that_denies_the_next_does_not_end_the_list() {
    let mut passes = passes();
    let first = rows([1, 2, 3]);
    let taken = Taken {
        has_next: Some(false),
        ..answer(1, 2, &first)
    };
    passes.taken(&taken).expect("page 1");
    assert_eq!(passes.current().remaining(), [2]);
}

#[test]
fn the_same_customers_on_two_pages_are_a_fault() {
    let mut passes = passes();
    passes
        .taken(&answer(1, 2, &rows([1, 2, 3])))
        .expect("page 1");
    let again = passes.taken(&answer(2, 2, &rows([1, 2, 3])));
    assert_eq!(again, Err(Fault::RepeatedPage { first: 1, again: 2 }));
}

#[test]
fn a_page_pushed_back_whole_by_arrivals_is_not() {
    let mut passes = passes();
    passes
        .taken(&answer(1, 2, &rows([1, 2, 3])))
        .expect("page 1");
    let pushed = rows([1, 2, 3]);
    let taken = Taken {
        total: Some(9),
        ..answer(2, 3, &pushed)
    };
    assert_eq!(passes.taken(&taken), Ok(false));
    assert_eq!(passes.drift(), 3);
}

#[test]
fn neither_are_empty_pages_nor_the_same_page_in_another_pass() {
    let mut passes = passes();
    pass_over(&mut passes, 1, &[rows([1, 2, 3]), rows([]), rows([])]);
    pass_over(&mut passes, 2, &[rows([1, 2, 3]), rows([]), rows([])]);
    assert_eq!(passes.drift(), 0);
}

#[test]
fn page_after_page_without_anybody_is_a_fault() {
    let (mut passes, nobody) = (passes(), rows([]));
    for page in 1..=EMPTY_PAGES_MAX {
        passes.taken(&answer(page, 50, &nobody)).expect("a mistake");
    }
    let rejected_only = Taken {
        is_empty: false,
        ..answer(40, 50, &nobody)
    };
    passes.taken(&rejected_only).expect("rows, of a kind");
    passes.taken(&answer(50, 50, &nobody)).expect("the end");
    let fault = passes.taken(&answer(41, 50, &nobody));
    assert_eq!(fault, Err(Fault::EmptyPages { pages: 21 }));
}

#[test]
fn somebody_past_the_end_makes_the_counts_worthless() {
    let (mut passes, somebody) = (passes(), rows([1, 2, 3]));
    passes.taken(&answer(1, 1, &somebody)).expect("page 1");
    passes.taken(&answer(2, 1, &rows([]))).expect("nobody");
    assert_eq!(passes.totals(), Totals::Meant);
    passes
        .taken(&answer(3, 1, &rows([9])))
        .expect("page 3 of 1");
    assert_eq!(passes.totals(), Totals::Unproved);
}

#[test]
fn pages_without_end_are_a_fault() {
    let endless = passes().taken(&answer(1, 51, &rows([1, 2, 3])));
    assert_eq!(
        endless,
        Err(Fault::TooManyPages {
            pages: 51,
            most: 50
        })
    );
}

#[test]
fn another_page_size_is_adopted_and_the_pass_begins_anew() {
    let mut passes = passes();
    let smaller = rows([1, 2]);
    let taken = Taken {
        page_size: Some(2),
        ..answer(1, 3, &smaller)
    };
    passes.taken(&taken).expect("page 1 of pages of two");
    assert_eq!(passes.page_size(), 2);
    assert_eq!(passes.current().remaining(), [2, 3], "page 1 is what it is");

    let larger = rows([4, 5, 6]);
    passes
        .taken(&answer(2, 2, &larger))
        .expect("page 2 of pages of three");
    assert_eq!(passes.page_size(), 3);
    assert!(
        !passes.current().has_begun(),
        "page 1 is to be asked for again"
    );
    passes
        .taken(&answer(1, 2, &rows([1, 2, 3])))
        .expect("page 1 of pages of three");
    assert_eq!(passes.current().remaining(), [2], "and page 2 after it");
}

#[test]
fn a_page_size_that_will_not_settle_is_a_fault() {
    let mut passes = passes();
    let page = rows([1, 2, 3]);
    let of_size = |page_size| Taken {
        page_size: Some(page_size),
        ..answer(1, 2, &page)
    };
    for page_size in [2, 3, 2] {
        passes.taken(&of_size(page_size)).expect("not yet");
    }
    let restless = Fault::RestlessPageSize { page_size: 3 };
    assert_eq!(passes.taken(&of_size(3)), Err(restless));
}

#[test]
fn a_late_answer_of_an_earlier_pass_disturbs_nothing() {
    let mut passes = passes();
    pass_over(&mut passes, 2, &[rows([1, 2, 3])]);
    passes.taken(&answer(1, 9, &rows([7]))).expect("late");
    assert!(passes.current().is_complete());
    assert!(passes.known().contains(7), "but whom it showed is known");
}

#[test]
fn passes_that_agree_converge_and_others_do_not() {
    let open = Verdict::Open(None);
    let mut passes = passes();
    pass_over(&mut passes, 1, &[rows([1, 2, 3]), rows([4])]);
    assert_eq!(passes.grade(&open), Grade::Partial, "one alone");
    pass_over(&mut passes, 2, &[rows([1, 2, 4]), rows([3])]);
    assert_eq!(passes.grade(&open), Grade::Converged, "as sets");
    pass_over(&mut passes, 3, &[rows([1, 2, 3]), rows([5])]);
    assert_eq!(passes.grade(&open), Grade::Partial, "no more");
}

#[test]
fn a_pass_that_was_left_is_not_compared() {
    let mut passes = passes();
    pass_over(&mut passes, 1, &[rows([1, 2, 3]), rows([4])]);
    passes
        .taken(&Taken {
            pass: 2,
            ..answer(1, 2, &rows([1, 2, 3]))
        })
        .expect("page 1 of a pass that ends there");
    pass_over(&mut passes, 3, &[rows([1, 2, 3]), rows([4])]);
    assert!(passes.agree());
}

#[test]
fn items_count_all_only_where_a_pass_proves_it() {
    for (pages, distinct, counts_all) in [
        (&[(5, 3), (5, 2)][..], 5, true),
        (&[(3, 3), (2, 2)], 5, false),
        (&[(3, 3), (3, 3)], 6, false),
        (&[(3, 3), (3, 3)], 3, false),
        (&[(6, 3), (6, 2)], 5, false),
        (&[(5, 3), (6, 3)], 6, false),
        (&[(3, 3)], 3, false),
        (&[], 0, false),
    ] {
        assert_eq!(items_count_all(pages, distinct), counts_all, "{pages:?}");
    }
}

#[test]
fn totals_of_the_limit_dialect_are_believed_once_a_pass_has_proved_them() {
    let mut passes = begin(Totals::Unproved);
    passes
        .taken(&answer(1, 3, &rows([1, 2, 3, 4])))
        .expect("page 1");
    passes.taken(&answer(2, 3, &rows([5, 6]))).expect("page 2");
    assert_eq!(passes.totals(), Totals::Unproved, "not a whole pass");
    pass_over(&mut passes, 2, &[rows([1, 2, 3])]);
    assert_eq!((passes.totals(), passes.total()), (Totals::Unproved, None));
    pass_over(&mut passes, 3, &[rows([1, 2, 3]), rows([4]), rows([5, 6])]);
    assert_eq!((passes.totals(), passes.total()), (Totals::Meant, Some(6)));
}
