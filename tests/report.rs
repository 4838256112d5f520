//! What the chronicle promises: figures that are those of the world, on a page that needs nothing
//! but itself and names nobody.

mod support;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use support::Copying;
use twsync::chronicle::{self, Error};
use twsync::mirror::{self, Mirror, Reader};
use twsync::report::{Exit, Mode, Outcome, Report, RunId};
use twsync::sandbox::{Event, Field, Options, World};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn page(copying: &Copying) -> String {
    let reader = Reader::open(&copying.mirror_path()).unwrap();
    chronicle::render(&reader, &copying.config, copying.clock().now()).unwrap()
}

/// The numbers in the table of a figure, by the day of their row; the newest first.
fn numbers(page: &str, figure: &str) -> Vec<(String, Vec<u64>)> {
    let from = format!("<figure aria-labelledby=\"{figure}\">");
    let figure = page.split(&from).nth(1).expect("the figure is there");
    let figure = figure.split("</figure>").next().unwrap();
    let table = figure.split("<details>").nth(1).expect("it has a table");
    let cell = |text: &str| text.split('<').next().unwrap().to_owned();
    let rows = table.split("<tr><th scope=\"row\">").skip(1);
    rows.map(|row| {
        let day = row.split("Z\">").nth(1).map(cell).unwrap();
        let cells = row.split("<td class=\"n\">").skip(1);
        let number = |it: &str| cell(it).replace(',', "").parse().unwrap();
        (day, cells.map(number).collect())
    })
    .collect()
}

/// What is counted of some changes: arrived, left.
fn flow(events: &BTreeMap<Event, u64>) -> Vec<u64> {
    [Event::Arrived, Event::Left]
        .map(|event| events.get(&event).copied().unwrap_or(0))
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_each_week_are_what_happened_in_it() {
    let copying = Copying::of(300).await;
    copying.run().await.ok();
    // The clock stands on a Sunday at noon; a day later the next week has begun.
    copying.later(DAY);
    let mut happened = Vec::new();
    for week in 0..5 {
        let mut events = BTreeMap::new();
        for day in 0..2 {
            for change in copying.world().churn(week * 10 + day, 12) {
                *events.entry(change.event).or_default() += 1;
            }
            copying.run().await.ok();
            copying.later(DAY);
        }
        copying.later(DAY * 5);
        happened.push(events);
    }
    copying.run().await.ok();
    let page = page(&copying);
    let told = numbers(&page, "flow");
    assert_eq!(
        told.len(),
        7,
        "the week of the first look, five, and this one"
    );
    assert_eq!(told[0].1, [0, 0]);
    for ((day, told), events) in told[1..].iter().zip(happened.iter().rev()) {
        assert_eq!(*told, flow(events), "the week of {day}");
    }
    assert_eq!(told[6].0, "26 Oct 2026");
    let runs = numbers(&page, "runs");
    assert_eq!(runs[1].1, [2, 0, 0, 0]);
    let now = numbers(&page, "tiers").swap_remove(0);
    assert_eq!(now.1.last(), Some(&(copying.world().len() as u64)));
    assert_eq!(
        page.matches("<title id=").count(),
        6,
        "every plot was drawn"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_moves_and_losses_are_those_of_the_world() {
    let copying = Copying::of(200).await;
    let world = copying.world();
    let of = |status: &str| -> Vec<_> {
        let all = world.customers().into_iter();
        all.filter(|it| it.subscription_status == Field::text(status))
            .map(|it| it.id)
            .collect()
    };
    let (trials, active) = (of("trialing"), of("active"));
    copying.run().await.ok();
    copying.later(DAY * 8);
    let status = |id, status: &str| {
        world.change(id, |it| {
            it.subscription_status = Field::text(status);
        });
    };
    status(trials[0], "active");
    status(trials[1], "active");
    status(trials[2], "canceled");
    status(active[0], "canceled");
    world.delete(active[1]);
    world.set_tier(active[2], "Adversary Pro");
    copying.run().await.ok();
    let page = page(&copying);
    assert_eq!(numbers(&page, "trials")[0].1, [2, 1]);
    assert_eq!(numbers(&page, "churn")[0].1, [1, 1]);
    assert!(page.contains("1 move between tiers in 3 weeks"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_and_names_nobody() {
    let copying = Copying::of(200).await;
    copying.run().await.ok();
    copying.later(DAY * 30);
    copying.world().churn(3, 30);
    copying.run().await.ok();
    let page = page(&copying);
    let policy = "content=\"default-src 'none'; style-src 'unsafe-inline'";
    assert!(page.contains(policy));
    for forbidden in [
        "<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "href=",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let outside = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!outside.contains("://"), "it points elsewhere");
    for (id, fields) in copying.living() {
        assert!(!page.contains(&id));
        let name = fields["name"].as_str().unwrap_or_default();
        assert!(name.len() < 8 || !page.contains(name), "{name}");
    }
    for part in ["<title id=", "<desc id=", "<details>"] {
        assert_eq!(page.matches(part).count(), 6, "{part} of every plot");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_words_are_shown_and_never_run() {
    let copying = Copying::from(Options {
        world: World::hostile(3, 60),
        ..Options::default()
    })
    .await;
    let ids = copying.world().listed_ids();
    let hostile = "\"><script>alert(1)</script>&amp;";
    for id in &ids[..30] {
        copying.world().set_tier(*id, hostile);
    }
    copying.run().await.ok();
    copying.later(DAY * 3);
    copying.world().set_tier(ids[0], "Free");
    copying.run().await.ok();
    let page = page(&copying);
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(!page.contains("<script"));
    assert!(
        page.contains("&#38;amp;"),
        "what was escaped by them stays so"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formula_as_a_name_is_escaped() {
    let copying = Copying::of(12).await;
    let formula = "=cmd|' /C calc'!A0";
    for id in copying.world().listed_ids() {
        copying.world().set_tier(id, formula);
    }
    copying.run().await.ok();
    let page = page(&copying);
    assert!(page.contains("=cmd|&#39; /C calc&#39;!A0"), "{page}");
    assert!(!page.contains(formula));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_one_run_is_told_without_curves() {
    let copying = Copying::of(20).await;
    copying.run().await.ok();
    let page = page(&copying);
    assert!(page.contains("Proved complete as of 1 Nov 2026, 12:00 UTC."));
    assert!(page.contains("20 customers on 1 Nov 2026"));
    assert!(page.contains("There is too little history to draw yet."));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_everybody_was_seen_there_is_nothing_to_tell() {
    let copying = Copying::of(20).await;
    let reader = Reader::open(&copying.mirror_path());
    assert!(matches!(reader, Err(mirror::Error::NoMirror { .. })));
    let mut mirror = Mirror::open(&copying.mirror_path()).unwrap();
    let mut run = Report::begin(RunId::new(), Mode::Sync, copying.clock().now());
    run.outcome = Some(Outcome::Partial);
    run.finished_at = Some(copying.clock().now());
    mirror.begin_run(&run).unwrap();
    drop(mirror);
    assert!(page(&copying).contains("Nothing to tell yet"));
}

#[test]
fn an_unreadable_mirror_keeps_its_own_exit_and_hint() {
    let inner = || mirror::Error::NoMirror {
        path: "nowhere".into(),
    };
    let error = Error::from(inner());
    assert_eq!(error.exit(), Exit::Config);
    assert_eq!(error.hint(), inner().hint());
}
