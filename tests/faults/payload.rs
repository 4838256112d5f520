//! Bodies that are damaged, not of this API, or hold rows that can't be taken.

use serde_json::json;
use twsync::report::Exit;
use twsync::sandbox::{Action, On, Rule};

use crate::promise::{are_kept_aside, ends_at_once, is_given_up, is_kept_aside, is_retried};
use crate::support::Copying;

const ID: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_cut_is_retried_and_then_not_this_api() {
    is_retried(Action::cut(100)).await;
    is_given_up(Action::cut(100), Exit::NotThisApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_json_is_retried_and_then_not_this_api() {
    let invalid = Action::raw(200, "application/json", "{customers: []}");
    is_retried(invalid.clone()).await;
    is_given_up(invalid, Exit::NotThisApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_without_end_overflows_no_stack() {
    let depths = "[".repeat(1 << 20);
    let list = format!("{{\"customers\":{depths}");
    is_given_up(Action::raw(200, "application/json", list), Exit::NotThisApi).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let row = format!(r#"{{"id":"{ID}","more":{deep}}}"#);
    assert!(is_kept_aside(&row).await.contains("nests too deep"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_ends_the_run() {
    let said = ends_at_once(Action::byte_order_mark(), Exit::NotThisApi).await;
    assert!(said.contains("byte-order mark"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_utf8_ends_the_run() {
    let latin = Action::rewrite(|mut body| {
        let at = body.windows(7).position(|it| it == b"\"name\":").unwrap();
        body.splice(at + 8..at + 8, *b"Caf\xe9 ");
        body
    });
    let said = ends_at_once(latin, Exit::NotThisApi).await;
    assert!(said.contains("not UTF-8"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customers_array_is_never_no_customers() {
    for fault in [
        Action::customers_null(),
        Action::without("customers"),
        Action::edit(|json| json["customers"] = json!({})),
        Action::raw(200, "application/json", "[]"),
        Action::raw(200, "application/json", "null"),
    ] {
        ends_at_once(fault, Exit::NotThisApi).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_envelope_is_never_no_customers() {
    for fault in [
        Action::without("pagination"),
        Action::edit(|json| json["pagination"] = json!(null)),
        Action::raw(200, "application/json", r#"{"customers":[]}"#),
    ] {
        let said = ends_at_once(fault, Exit::NotThisApi).await;
        assert!(said.contains("pagination"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_cannot_be_end_the_run() {
    for fault in [
        Action::total(json!(-1)),
        Action::total(json!(1.5)),
        Action::total(json!("12")),
        Action::total(json!(null)),
        Action::total(serde_json::from_str("18446744073709551616").unwrap()),
        Action::pages(json!(-2)),
        Action::pages(json!(4_294_967_296_u64)),
        Action::pages(json!(null)),
        // Twelve customers do not fit on one page of ten, and do not leave two pages empty.
        Action::pages(json!(1)),
        Action::total(json!(0)),
    ] {
        ends_at_once(fault, Exit::NotThisApi).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_an_id_is_kept_aside() {
    assert!(
        is_kept_aside(r#"{"name":"Acme"}"#)
            .await
            .contains("`id` is missing")
    );
    assert!(
        is_kept_aside(r#"{"id":null}"#)
            .await
            .contains("`id` is missing")
    );
    assert!(
        are_kept_aside(|_| "{}".to_owned())
            .await
            .contains("`id` is missing")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_wrong_type_is_kept_aside() {
    for member in [
        r#""name":7"#,
        r#""tierName":["pro"]"#,
        r#""subscriptionStatus":true"#,
        r#""memberCount":"12""#,
        r#""memberCount":1.5"#,
        r#""createdAt":1770000000"#,
    ] {
        is_kept_aside(&format!(r#"{{"id":"{ID}",{member}}}"#)).await;
    }
    is_kept_aside(r#""a row""#).await;
    let why = are_kept_aside(|id| format!(r#"{{"id":"{id}","subscriptionEnabled":"yes"}}"#)).await;
    assert!(why.contains("neither true nor false"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stands_twice_is_kept_aside() {
    for members in [r#""name":"a","name":"b""#, r#""more":{"a":1,"a":2}"#] {
        let why = is_kept_aside(&format!(r#"{{"id":"{ID}",{members}}}"#)).await;
        assert!(why.contains("twice"), "{why}");
        are_kept_aside(|id| format!(r#"{{"id":"{id}",{members}}}"#)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_kept_and_said_once() {
    let copying = Copying::of(250).await;
    for id in copying.world().listed_ids() {
        copying.world().change(id, |customer| {
            customer
                .extra
                .insert("gcid".to_owned(), json!({"z": [1, null], "a": "ü"}));
        });
    }
    let ran = copying.run().await.ok();
    ran.warned("gcid");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_alone_makes_no_version() {
    let copying = Copying::of(20).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[3];
    copying.world().change(id, |customer| {
        customer.extra.insert("beta".to_owned(), json!(true));
    });
    let ran = copying.run().await.ok();
    assert_eq!((ran.details, ran.report.counts.changed), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_two_to_the_fifty_third_are_exact_or_kept_aside() {
    let copying = Copying::of(20).await;
    let id = copying.world().listed_ids()[3].to_string();
    let with = |members: &str| format!(r#"{{"id":"{id}",{members}}}"#);
    let exact = with(r#""memberCount":9007199254740993,"credit":12345678901234567890.000000001"#);
    let id = copying.world().listed_ids()[3];
    copying.fault(Rule::on(On::List).does(Action::replace_row(id, exact.clone())));
    copying.fault(Rule::on(On::Customer(id)).does(Action::raw(200, "application/json", exact)));
    copying.run().await.ok();
    let of = |column: &str| format!("SELECT {column} FROM customers WHERE id = '{id}'");
    assert_eq!(copying.number(&of("member_count")), 9_007_199_254_740_993);
    let extra = copying.text(&of("extra")).unwrap();
    assert_eq!(extra, r#"{"credit":12345678901234567890.000000001}"#);
    for count in ["9223372036854775808", "1e19"] {
        is_kept_aside(&format!(r#"{{"id":"{ID}","memberCount":{count}}}"#)).await;
    }
}
