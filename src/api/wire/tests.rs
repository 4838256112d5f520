//! What is taken from a body, what is kept aside, and what ends the run.

use proptest::prelude::*;

use super::*;
use crate::api::answer::{KeyPair, Total};
use crate::config::Dialect;
use crate::customer::Field;

const ID: &str = "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e";

/// A page with these rows, in the `page-size` dialect.
fn page(rows: &str) -> ListBody {
    list(page_text(rows).as_bytes()).expect("a page")
}

fn page_text(rows: &str) -> String {
    format!(
        r#"{{"customers":[{rows}],"pagination":{{"page":1,"pageSize":20,"totalCount":2,"totalPages":1}}}}"#
    )
}

/// The only row of a page, with these members beside its id.
fn row(members: &str) -> Summary {
    let page = page(&format!(r#"{{"id":"{ID}"{members}}}"#));
    assert_eq!(page.rejected, []);
    page.rows.into_iter().next().expect("a row")
}

/// Why a row with these members beside its id is kept aside.
fn why_not(members: &str) -> String {
    let json = format!(r#"{{"id":"{ID}"{members}}}"#);
    let page = page(&json);
    assert_eq!(page.rows, [], "taken: {json}");
    let rejected = page.rejected.into_iter().next().expect("a rejected row");
    assert_eq!(rejected.raw, json);
    rejected.why
}

fn text(value: &str) -> Field<String> {
    Field::Value(value.to_owned())
}

#[test]
fn the_documented_page_is_read() {
    let body = br#"{
  "customers": [
    {
      "id": "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e",
      "name": "Acme Corp",
      "tierName": "pro",
      "subscriptionStatus": "active",
      "memberCount": 12,
      "createdAt": "2026-02-03T09:14:22Z"
    }
  ],
  "pagination": { "page": 1, "pageSize": 20, "totalCount": 342, "totalPages": 18, "hasNext": true, "hasPrev": false }
}"#;
    let page = list(body).expect("a page");
    assert_eq!(page.envelope.total, Total::Exact(342));
    let expected = Summary {
        id: ID.parse().expect("an id"),
        name: text("Acme Corp"),
        tier_name: text("pro"),
        subscription_status: text("active"),
        member_count: Field::Value(12),
        created_at: Field::Value("2026-02-03T09:14:22Z".parse().expect("a timestamp")),
        owner_user_id: Field::Absent,
        extra: None,
    };
    assert_eq!(page.rows, [expected]);
    assert!(page.rejected.is_empty() && page.unknown_fields.is_empty() && page.notes == 0);
}

#[test]
fn the_limit_dialect_brings_the_owner() {
    let body = format!(
        r#"{{"customers":[{{"id":"{ID}","ownerUserID":"5f35d2c4-5633-4b16-bbf0-5ca22ef8ea2e"}}],"items":1,"pages":1}}"#
    );
    let page = list(body.as_bytes()).expect("a page");
    assert_eq!(page.envelope.dialect, Dialect::Limit);
    assert_eq!(
        page.rows[0].owner_user_id,
        text("5f35d2c4-5633-4b16-bbf0-5ca22ef8ea2e")
    );
}

#[test]
fn the_documented_details_are_read_in_either_case_of_their_keys() {
    for (tier, owner) in [("tierID", "ownerUserID"), ("tierId", "ownerUserId")] {
        let body = format!(
            r#"{{"id":"{ID}","{tier}":"t","subscriptionEnabled":true,"memberCount":0,"{owner}":"o"}}"#
        );
        let read = details(body.as_bytes()).expect("details");
        let customer = read.record.expect("a customer");
        assert_eq!(customer.tier_id, text("t"));
        assert_eq!(customer.owner_user_id, text("o"));
        assert_eq!(customer.subscription_enabled, Field::Value(true));
        assert_eq!(customer.member_count, Field::Value(0));
        assert_eq!(customer.extra, None);
    }
}

#[test]
fn null_empty_and_absent_are_three_things() {
    assert_eq!(row("").name, Field::Absent);
    assert_eq!(row(r#","name":null"#).name, Field::Null);
    assert_eq!(row(r#","name":"""#).name, text(""));
    assert_eq!(row(r#","memberCount":null"#).member_count, Field::Null);
}

#[test]
fn text_is_kept_byte_for_byte() {
    let name =
        r#","name":"a\u0000b 👩‍👩‍👧 \u202ertl e\u0301 \"q\" \\ \/ \ud83d\ude00 =cmd() '; DROP TABLE""#;
    assert_eq!(
        row(name).name,
        text("a\0b 👩‍👩‍👧 \u{202e}rtl e\u{301} \"q\" \\ / 😀 =cmd() '; DROP TABLE")
    );
}

#[test]
fn an_id_in_another_case_is_the_same_customer() {
    let page = page(&format!(r#"{{"id":"{}"}}"#, ID.to_uppercase()));
    assert_eq!(page.rows[0].id.to_string(), ID);
}

#[test]
fn a_bad_row_costs_itself_and_nothing_else() {
    let good = format!(r#"{{"id":"{ID}"}}"#);
    for (bad, why) in [
        ("{}", "`id` is missing"),
        (r#"{"id":null}"#, "`id` is missing"),
        (r#"{"id":7}"#, "`id` is not text"),
        (r#"{"id":"../../etc/passwd"}"#, "`id` is not a UUID"),
        ("null", "the record is not an object"),
        ("[]", "the record is not an object"),
        (r#""row""#, "the record is not an object"),
    ] {
        let page = page(&format!("{bad},{good}"));
        assert_eq!(page.rows.len(), 1);
        let expected = Rejected {
            raw: bad.to_owned(),
            why: why.to_owned(),
        };
        assert_eq!(page.rejected, [expected]);
    }
}

#[test]
fn a_wrong_type_is_kept_aside_and_its_value_not_told() {
    assert_eq!(why_not(r#","name":5"#), "`name` is not text");
    assert_eq!(why_not(r#","tierName":{"a":1}"#), "`tierName` is not text");
    assert_eq!(
        why_not(r#","createdAt":1770000000"#),
        "`createdAt` is not text"
    );
    for count in [r#""12""#, "12.0", "1e2", "9223372036854775808", "true"] {
        assert_eq!(
            why_not(&format!(r#","memberCount":{count}"#)),
            "`memberCount` is not a whole number of 64 bits"
        );
    }
}

#[test]
fn large_numbers_are_exact() {
    assert_eq!(
        row(r#","memberCount":9007199254740993"#).member_count,
        Field::Value(9_007_199_254_740_993)
    );
    assert_eq!(
        row(r#","credit":12345678901234567890.123456789"#)
            .extra
            .as_deref(),
        Some(r#"{"credit":12345678901234567890.123456789}"#)
    );
}

#[test]
fn a_key_that_stands_twice_is_kept_aside() {
    assert_eq!(
        why_not(r#","name":"a","name":"a""#),
        "the record has a key that stands twice"
    );
    assert_eq!(
        why_not(r#","name":"a","n\u0061me":"b""#),
        "the record has a key that stands twice"
    );
    let many: Vec<String> = (0..20).map(|nth| format!(r#","f{nth}":1"#)).collect();
    assert!(why_not(&format!(r#"{},"f7":1"#, many.concat())).contains("twice"));
    assert!(why_not(r#","gcid":{"a":[{"b":1,"b":2}]}"#).contains("twice"));
}

#[test]
fn two_spellings_of_a_key_must_agree() {
    assert_eq!(
        row(r#","ownerUserID":"o","ownerUserId":"o""#).owner_user_id,
        text("o")
    );
    assert!(why_not(r#","ownerUserID":"o","ownerUserId":"p""#).contains("another spelling"));
}

#[test]
fn half_a_surrogate_pair_is_kept_aside() {
    assert_eq!(why_not(r#","name":"\ud83d""#), "`name` is not Unicode text");
    assert_eq!(
        why_not(r#","name":"\ude00\ud83d""#),
        "`name` is not Unicode text"
    );
    assert!(why_not(r#","\ud83d":1"#).contains("not Unicode"));
    assert!(why_not(r#","gcid":["\udc00"]"#).contains("not Unicode"));
}

#[test]
fn a_field_over_64_kib_is_kept_aside() {
    let longest = "x".repeat(64 << 10);
    assert_eq!(row(&format!(r#","name":"{longest}""#)).name, text(&longest));
    let page = page(&format!(r#"{{"id":"{ID}","name":"{longest}y"}}"#));
    assert_eq!(page.rejected[0].why, "`name` is longer than 64 KiB");
    let raw = &page.rejected[0].raw;
    assert!(raw.len() <= 64 << 10);
    assert!(serde_json::from_str::<String>(raw).is_ok_and(|it| it.starts_with(r#"{"id""#)));
}

#[test]
fn unknown_fields_are_kept_sorted_and_named_once() {
    let rows =
        format!(r#"{{"id":"{ID}","zip":1,"gcid":{{"b":1,"a":[]}}}},{{"id":"{ID}","zip":2}}"#);
    let page = page(&rows);
    assert_eq!(
        page.rows[0].extra.as_deref(),
        Some(r#"{"gcid":{"b":1,"a":[]},"zip":1}"#)
    );
    assert_eq!(page.unknown_fields, ["gcid", "zip"]);
    let hostile = self::page(&format!(r#"{{"id":"{ID}","\u001b[2J":1}}"#));
    assert_eq!(hostile.unknown_fields, [r"\u{1b}[2J"]);
}

#[test]
fn a_list_row_does_not_declare_what_only_details_do() {
    let row = row(r#","tierID":"t","subscriptionEnabled":true"#);
    assert_eq!(
        row.extra.as_deref(),
        Some(r#"{"subscriptionEnabled":true,"tierID":"t"}"#)
    );
}

#[test]
fn a_timestamp_without_sense_is_null_and_noted() {
    let page = page(&format!(
        r#"{{"id":"{ID}","createdAt":"0000-00-00T00:00:00Z"}},{{"id":"{ID}","createdAt":""}}"#
    ));
    assert_eq!(page.notes, 2);
    assert!(page.rows.iter().all(|row| row.created_at == Field::Null));
}

#[test]
fn nesting_without_end_is_kept_aside_and_overflows_no_stack() {
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(why_not(&format!(r#","gcid":{deep}"#)).contains("nests too deep"));
    let page = format!(r#"{{"customers":{}"#, "[".repeat(1_000_000));
    assert!(matches!(list(page.as_bytes()), Err(Unfit::Garbled(_))));
}

#[test]
fn what_is_no_page_is_never_an_empty_one() {
    let envelope = r#""pagination":{"page":1,"pageSize":20,"totalCount":0,"totalPages":0}"#;
    for alien in [
        format!("{{{envelope}}}"),
        format!(r#"{{"customers":null,{envelope}}}"#),
        format!(r#"{{"customers":{{}},{envelope}}}"#),
        format!(r#"{{"customers":[],"customers":[],{envelope}}}"#),
        r#"{"customers":[]}"#.to_owned(),
        r#"{"customers":[],"pagination":null}"#.to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        String::new(),
        format!("\u{feff}{{\"customers\":[],{envelope}}}"),
    ] {
        let read = list(alien.as_bytes());
        assert!(matches!(read, Err(Unfit::Alien(_))), "taken: {alien}");
    }
    let empty = format!(r#"{{"customers":[],{envelope}}}"#);
    assert!(list(empty.as_bytes()).is_ok_and(|page| page.rows.is_empty()));
}

#[test]
fn bad_utf8_is_alien_and_a_cut_is_garbled() {
    let whole = page_text(&format!(r#"{{"id":"{ID}","name":"é"}}"#)).into_bytes();
    for cut in 1..whole.len() {
        let read = list(&whole[..cut]);
        assert!(matches!(read, Err(Unfit::Garbled(_))), "cut at {cut}");
    }
    let mut bad = whole.clone();
    let at = bad.iter().position(|byte| *byte == 0xC3).expect("the é");
    bad[at] = 0xFF;
    assert!(matches!(list(&bad), Err(Unfit::Alien(_))));
    let mut more = whole;
    more.extend_from_slice(b"{}");
    assert!(matches!(list(&more), Err(Unfit::Garbled(_))));
}

#[test]
fn that_a_body_was_cut_is_said_before_what_else_is_strange_in_it() {
    for cut in [
        r#"{"customers":[],"customers":["#,
        r#"{"customers":{},"#,
        r#"{"customers":[]"#,
        "[",
    ] {
        let read = list(cut.as_bytes());
        assert!(matches!(read, Err(Unfit::Garbled(_))), "taken: {cut}");
    }
    for cut in [r#"{"id":7"#, r#"{"id":7,"id":7"#, "[", " "] {
        let read = details(cut.as_bytes());
        assert!(matches!(read, Err(Unfit::Garbled(_))), "taken: {cut}");
    }
}

#[test]
fn whitespace_around_a_body_is_no_part_of_it() {
    let read = details(b" \r\n{}\t\n").expect("a record");
    let rejected = read.record.expect_err("it has no id");
    assert_eq!(rejected.raw, "{}");
    let page = format!("\n{} ", page_text("{}"));
    assert!(list(page.as_bytes()).is_ok_and(|page| page.rejected.len() == 1));
}

#[test]
fn a_key_pair_is_read_as_far_as_it_can_be() {
    for expiry in ["1767225600", r#""2026-01-01T00:00:00Z""#] {
        let body = format!(
            r#"{{"keyName":"export","verified":true,"roles":["billing_admin",3],"expireAt":{expiry}}}"#
        );
        let read = key_pair(body.as_bytes(), str::to_owned).expect("a key pair");
        assert_eq!(read.name.as_deref(), Some("export"));
        assert_eq!(read.verified, Some(true));
        assert_eq!(read.roles, ["billing_admin"]);
        assert_eq!(read.expires_at, "2026-01-01T00:00:00Z".parse().ok());
    }
    assert_eq!(key_pair(b"{}", str::to_owned), Some(KeyPair::default()));
    assert_eq!(key_pair(b"<html>", str::to_owned), None);
}

/// Any JSON value, a few levels deep.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-zA-Z]{1,12}|id|name|customers|pagination", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_row_is_either_taken_or_kept_aside_as_it_came(value in json()) {
        let raw = value.to_string();
        let page = page(&raw);
        prop_assert_eq!(page.rows.len() + page.rejected.len(), 1);
        if let Some(rejected) = page.rejected.first() {
            prop_assert_eq!(&rejected.raw, &raw);
        }
    }

    #[test]
    fn whatever_was_unknown_comes_back_as_it_was(
        fields in prop::collection::btree_map("[b-z\u{e9}\"\\\\]{1,6}", json(), 1..6)
    ) {
        let mut object: serde_json::Map<_, _> = fields.into_iter().collect();
        object.retain(|key, _| key != "id" && key != "name");
        let expected = serde_json::Value::Object(object.clone());
        object.insert("id".to_owned(), ID.into());
        let page = page(&serde_json::Value::Object(object).to_string());
        let extra = page.rows[0].extra.as_deref().unwrap_or("{}");
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(extra).ok(), Some(expected));
    }

    #[test]
    fn any_text_survives(name in any::<String>()) {
        let member = serde_json::json!({ "name": &name }).to_string();
        let row = row(&format!(",{}", &member[1..member.len() - 1]));
        prop_assert_eq!(row.name, Field::Value(name));
    }

    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), value in json()) {
        let _ = (list(&body), details(&body), key_pair(&body, str::to_owned), failure(&body));
        let body = value.to_string();
        let body = body.as_bytes();
        let _ = (list(body), details(body), key_pair(body, str::to_owned), failure(body));
    }
}
