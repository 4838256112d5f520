//! The three things that can become of a fault: it is retried, it ends the run, or a row is kept
//! aside. Each is checked here whole, for all the tests that promise it.

use twsync::report::{Exit, Grade, Outcome};
use twsync::sandbox::{Action, On, Rule};

use crate::support::Copying;

/// A copy of a few customers on two pages.
pub(crate) async fn few() -> Copying {
    let mut copying = Copying::of(12).await;
    copying.config.api.page_size = 10;
    copying
}

/// The mirror as a whole, to be compared with itself.
pub(crate) fn kept(copying: &Copying) -> Vec<(String, serde_json::Value)> {
    copying.living()
}

/// A fault that passes, on the list and on details: asked again, and nothing is missing.
pub(crate) async fn is_retried(action: Action) {
    let copying = few().await;
    is_retried_by(&copying, action).await;
}

/// The same for a copy with settings of its own.
pub(crate) async fn is_retried_by(copying: &Copying, action: Action) {
    let page = copying.fault(Rule::on(On::Page(2)).times(2).does(action.clone()));
    let details = copying.fault(Rule::on(On::Detail).every(5).times(2).does(action));
    let ran = copying.run().await.ok();
    assert_eq!((page.struck(), details.struck()), (2, 2));
    assert_eq!(ran.report.counts.retries, 4);
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

/// A fault of the list that asking again can't help: one request, and a run that has failed loudly.
/// Returns what was said.
pub(crate) async fn ends_at_once(action: Action, exit: Exit) -> String {
    ends(action, exit, 1).await
}

/// A fault of the list that stays: as many retries as the settings say, and then the same.
pub(crate) async fn is_given_up(action: Action, exit: Exit) -> String {
    ends(action, exit, 6).await
}

async fn ends(action: Action, exit: Exit, requests: u64) -> String {
    let copying = few().await;
    copying.run().await.ok();
    let before = kept(&copying);
    let fault = copying.fault(Rule::on(On::List).does(action));
    let ran = copying.run().await;
    assert_eq!((ran.lists, ran.details), (requests, 0));
    assert_eq!(ran.report.outcome, Some(Outcome::Failed));
    assert_ne!(ran.report.grade, Some(Grade::Complete));
    assert_eq!(kept(&copying), before, "the mirror stays as it was");
    let said = ran.failed(exit);
    fault.lift();
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
    said
}

/// A row of the list that can't be taken: kept aside as it came, and everybody else is copied.
/// Returns why it was not taken.
pub(crate) async fn is_kept_aside(row: &str) -> String {
    let copying = few().await;
    copying.fault(Rule::on(On::Page(1)).does(Action::inject_row(row)));
    let ran = copying.run().await.ok();
    assert!(ran.report.counts.rejected > 0);
    ran.warned("kept aside");
    copying.assert_mirror_equals_world();
    let (kept, why, run) = only_rejected(&copying);
    assert_eq!(kept, row);
    assert_eq!(run, ran.report.id.to_string());
    why
}

/// The details of one customer that can't be taken: kept aside as they came, the customer kept as the
/// list shows it and asked for again. Returns why they were not taken.
pub(crate) async fn are_kept_aside(details: impl Fn(&str) -> String) -> String {
    let copying = few().await;
    let id = copying.world().listed_ids()[4];
    let body = details(&id.to_string());
    let answer = Action::raw(200, "application/json", body.clone());
    let fault = copying.fault(Rule::on(On::Customer(id)).does(answer));
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.rejected, ran.report.counts.pending),
        (1, 1)
    );
    assert_eq!(copying.living().len(), 12);
    let (kept, why, _) = only_rejected(&copying);
    assert_eq!(kept, body);
    fault.lift();
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
    why
}

/// The one row in `rejected`: as it came, why, and in which run.
pub(crate) fn only_rejected(copying: &Copying) -> (String, String, String) {
    assert_eq!(copying.number("SELECT count(*) FROM rejected"), 1);
    let one = |column: &str| {
        copying
            .text(&format!("SELECT {column} FROM rejected"))
            .unwrap()
    };
    (one("raw"), one("why"), one("run_id"))
}

/// One fault of the list for each way in which the API can end a run.
pub(crate) fn run_enders() -> [(Action, Exit); 3] {
    [
        (Action::html(), Exit::NotThisApi),
        (Action::filler_headers(10_000), Exit::Unavailable),
        (Action::status(403), Exit::Refused),
    ]
}
