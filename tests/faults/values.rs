//! Values that careless programs trip over: kept as they came, or the row kept aside.

use serde_json::{Value, json};
use twsync::sandbox::{Action, Dialect, Field, On, Options, Rule, World};

use crate::promise::{are_kept_aside, is_kept_aside};
use crate::support::Copying;

const ID: &str = "00000000-0000-4000-8000-000000000000";

/// A copy in which one customer's list row and details were edited alike on their way.
async fn told(edit: impl Fn(&mut Value) + Clone + Send + Sync + 'static) -> (Copying, String) {
    let copying = Copying::of(20).await;
    let id = copying.world().listed_ids()[3];
    let (text, row_edit) = (id.to_string(), edit.clone());
    let in_list = Action::edit(move |json| {
        let rows = json["customers"].as_array_mut().unwrap();
        rows.iter_mut()
            .filter(|row| row["id"] == text.as_str())
            .for_each(&row_edit);
    });
    copying.fault(Rule::on(On::List).does(in_list));
    copying.fault(Rule::on(On::Customer(id)).does(Action::edit(edit)));
    (copying, id.to_string())
}

/// What the mirror keeps in this column where the API says this under this key.
async fn kept(key: &'static str, says: Value, column: &str) -> Option<String> {
    let (copying, id) = told(move |json| json[key] = says.clone()).await;
    copying.run().await.ok();
    let kept = format!("SELECT CAST({column} AS TEXT) FROM customers WHERE id = '{id}'");
    copying.text(&kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_kept_byte_for_byte() {
    for name in [
        "a\0b",
        "\0",
        "👩‍👩‍👧 😀",
        "\u{202e}txt.exe",
        "e\u{301} \u{e9}",
        "\u{feff}\u{ffff}\u{2028}",
        "line\r\nbreak\ttab",
        "=cmd()|' /C calc'!A0",
        "'; DROP TABLE customers; --",
        "",
    ] {
        let says = json!(name);
        assert_eq!(
            kept("name", says, "name").await.as_deref(),
            Some(name),
            "{name:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_world_of_hostile_names_is_copied() {
    let copying = Copying::from(Options {
        world: World::hostile(5, 250),
        ..Options::default()
    })
    .await;
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_surrogate_pair_is_kept_aside() {
    for name in [r"\ud83d", r"\ude00\ud83d"] {
        let why = is_kept_aside(&format!(r#"{{"id":"{ID}","name":"{name}"}}"#)).await;
        assert!(why.contains("not Unicode text"), "{why}");
        are_kept_aside(|id| format!(r#"{{"id":"{id}","name":"{name}"}}"#)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_over_64_kib_is_kept_aside() {
    let copying = Copying::of(20).await;
    let id = copying.world().listed_ids()[3];
    let longest = "x".repeat(64 << 10);
    copying
        .world()
        .change(id, |customer| customer.name = Field::text(&longest));
    copying.run().await.ok();
    copying.assert_mirror_equals_world();

    let row = format!(r#"{{"id":"{ID}","name":"{longest}y"}}"#);
    copying.fault(Rule::on(On::Page(1)).does(Action::inject_row(row)));
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
    let raw = copying.text("SELECT raw FROM rejected").unwrap();
    assert!(raw.len() <= 64 << 10, "even what is kept aside is bounded");
    let beginning: String = serde_json::from_str(&raw).unwrap();
    assert!(beginning.starts_with(&format!(r#"{{"id":"{ID}""#)));
}

#[tokio::test(flavor = "multi_thread")]
async fn null_empty_and_absent_are_three_things() {
    let copying = Copying::of(20).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[3];
    // Each is a change of its own, though SQL shows two of them alike.
    let fields = [Field::Null, Field::text(""), Field::Absent, Field::Null];
    for (nth, field) in (1..).zip(fields) {
        copying
            .world()
            .change(id, |customer| customer.name = field.clone());
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.counts.changed, 1, "change {nth}");
        copying.assert_mirror_equals_world();
    }
    let names = format!(
        "SELECT group_concat(quote(name) || ':' || (op = 'update'), ' ') FROM \
         (SELECT * FROM customer_versions WHERE customer_id = '{id}' AND op <> 'baseline' \
          ORDER BY valid_from)"
    );
    assert_eq!(copying.text(&names).unwrap(), "NULL:1 '':1 NULL:1 NULL:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_status_or_tier_is_kept_as_it_is() {
    let status = "incomplete_expired_v2";
    let says = kept("subscriptionStatus", json!(status), "subscription_status").await;
    assert_eq!(says.as_deref(), Some(status));
    let says = kept("tierName", json!("PLATİNUM"), "tier_name").await;
    assert_eq!(says.as_deref(), Some("PLATİNUM"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_another_case_is_one_customer() {
    let (copying, id) = told(|json| {
        let id = json["id"].as_str().unwrap().to_uppercase();
        json["id"] = json!(id);
    })
    .await;
    copying.run().await.ok();
    copying.sandbox.faults().clear();
    let ran = copying.run().await.ok();
    assert_eq!((ran.details, ran.report.counts.changed), (0, 0));
    assert_eq!(
        copying.number(&format!("SELECT count(*) FROM customers WHERE id = '{id}'")),
        1
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_uuid_is_kept_aside_and_never_in_a_url() {
    for id in [
        "7",
        "../../customers",
        "{00000000-0000-4000-8000-000000000000}",
        "%2e%2e",
        "",
    ] {
        let why = is_kept_aside(&json!({"id": id, "name": "Acme"}).to_string()).await;
        assert!(why.contains("not a UUID"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_become_utc_microseconds() {
    for (says, keeps) in [
        ("2026-02-03T09:14:22Z", "2026-02-03T09:14:22.000000Z"),
        ("2026-02-03T09:14:22.5Z", "2026-02-03T09:14:22.500000Z"),
        ("2026-02-03T09:14:22.123Z", "2026-02-03T09:14:22.123000Z"),
        (
            "2026-02-03T09:14:22.123456789Z",
            "2026-02-03T09:14:22.123456Z",
        ),
        ("2026-02-03T09:14:22+05:30", "2026-02-03T03:44:22.000000Z"),
        ("2026-02-03T23:14:22-08:00", "2026-02-04T07:14:22.000000Z"),
    ] {
        let kept = kept("createdAt", json!(says), "created_at").await;
        assert_eq!(kept.as_deref(), Some(keeps), "{says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_sixty_is_the_next_second() {
    let kept = kept("createdAt", json!("2016-12-31T23:59:60.25Z"), "created_at").await;
    assert_eq!(kept.as_deref(), Some("2017-01-01T00:00:00.250000Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_without_sense_is_null_with_a_note_and_the_row_is_kept() {
    for says in [
        "soon",
        "",
        "0000-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-02-03",
    ] {
        let (copying, id) = told(move |json| json["createdAt"] = json!(says)).await;
        let ran = copying.run().await.ok();
        ran.warned("taken as null");
        assert_eq!(ran.report.counts.rejected, 0);
        assert_eq!(copying.living().len(), 20);
        let of = |column: &str| format!("SELECT {column} FROM customers WHERE id = '{id}'");
        assert_eq!(copying.text(&of("created_at")), None);
        assert!(copying.text(&of("detail_verified_at")).is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_dialect_changes_no_customer() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying
        .sandbox
        .change(|options| options.dialect = Dialect::Limit);
    let ran = copying.run().await.ok();
    assert_eq!((ran.details, ran.report.counts.changed), (0, 0));
    copying.assert_mirror_equals_world();
}
