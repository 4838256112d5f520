//! `twsync history ID`: one customer's versions, field by field, each with the interval in which
//! the change happened.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::words::{BOLD, DIM, instant, tame};
use super::{Failure, Terminal};
use crate::config::Config;
use crate::customer::{Customer, CustomerId, Field};
use crate::mirror::{Reader, Version};
use crate::report::Exit;

#[derive(Serialize)]
struct History {
    id: String,
    versions: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    op: &'static str,
    valid_from: Timestamp,
    valid_to: Option<Timestamp>,
    /// The change happened between this and `valid_from`.
    not_before: Option<Timestamp>,
    run_id: String,
    /// The fields that differ from the version before, or all of the first.
    changes: Vec<Change>,
    /// All fields as they were then; an absent one is left out.
    fields: Map<String, Value>,
}

#[derive(Serialize)]
struct Change {
    field: &'static str,
    before: Value,
    after: Value,
}

pub(super) fn run(id: CustomerId, config: &Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let reader = Reader::open_without_trace(&config.mirror.path)?;
    let versions = reader.snapshot()?.history(id)?;
    if versions.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("no customer {id} in {}", config.mirror.path.display()),
            "a sync takes in customers that are new: twsync --once",
        ));
    }
    terminal.answer(
        &History {
            id: id.to_string(),
            versions: shown(&versions),
        },
        text,
    )?;
    Ok(Exit::Done)
}

fn shown(versions: &[Version]) -> Vec<Shown> {
    let mut before = Vec::new();
    let mut all = Vec::with_capacity(versions.len());
    for version in versions {
        let fields = fields(&version.customer);
        all.push(Shown {
            op: version.op.as_str(),
            valid_from: version.valid_from,
            valid_to: version.valid_to,
            not_before: version.not_before,
            run_id: version.run.to_string(),
            changes: changes(&before, &fields),
            fields: present(&fields),
        });
        before = fields;
    }
    all
}

/// A field's name in the mirror, and its value; none where it is absent.
type Named = (&'static str, Option<Value>);

fn fields(customer: &Customer) -> Vec<Named> {
    vec![
        ("name", value(&customer.name)),
        ("tier_name", value(&customer.tier_name)),
        ("tier_id", value(&customer.tier_id)),
        ("subscription_status", value(&customer.subscription_status)),
        (
            "subscription_enabled",
            value(&customer.subscription_enabled),
        ),
        ("member_count", value(&customer.member_count)),
        ("created_at", value(&customer.created_at)),
        ("owner_user_id", value(&customer.owner_user_id)),
    ]
}

fn value<T: Serialize>(field: &Field<T>) -> Option<Value> {
    match field {
        Field::Absent => None,
        Field::Null => Some(Value::Null),
        Field::Value(value) => Some(json!(value)),
    }
}

fn changes(before: &[Named], after: &[Named]) -> Vec<Change> {
    let old = |at: usize| before.get(at).and_then(|(_, value)| value.clone());
    after
        .iter()
        .enumerate()
        .filter(|(at, (_, value))| *value != old(*at))
        .map(|(at, (field, value))| Change {
            field,
            before: old(at).unwrap_or_default(),
            after: value.clone().unwrap_or_default(),
        })
        .collect()
}

fn present(fields: &[Named]) -> Map<String, Value> {
    let there = fields
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    there.collect()
}

fn text(history: &History) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n", history.id);
    for version in &history.versions {
        text += &format!("\n{BOLD}{}{BOLD:#}  {}\n", version.op, when(version));
        for Change {
            field,
            before,
            after,
        } in &version.changes
        {
            let (before, after) = (tame(&before.to_string()), tame(&after.to_string()));
            text += &match version.op {
                "update" | "undelete" => format!("  {field}: {before} → {after}\n"),
                _ => format!("  {field}: {after}\n"),
            };
        }
    }
    text
}

fn when(version: &Shown) -> String {
    let seen = instant(version.valid_from);
    match version.not_before {
        Some(earliest) => format!("between {} and {seen}", instant(earliest)),
        None => format!("{DIM}seen{DIM:#} {seen}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Op;
    use crate::report::RunId;

    fn customer(tier: &str) -> Customer {
        Customer {
            id: "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e"
                .parse()
                .expect("an id"),
            name: Field::Value("Acme\u{1b}[31m".to_owned()),
            tier_name: Field::Value(tier.to_owned()),
            tier_id: Field::Absent,
            subscription_status: Field::Null,
            subscription_enabled: Field::Value(true),
            member_count: Field::Value(12),
            created_at: Field::Absent,
            owner_user_id: Field::Absent,
            extra: None,
        }
    }

    #[test]
    fn versions_are_told_field_by_field_with_their_intervals() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let version = |op, tier, from, not_before: Option<&str>| Version {
            customer: customer(tier),
            op,
            valid_from: at(from),
            valid_to: None,
            not_before: not_before.map(at),
            run: RunId::new(),
        };
        let versions = [
            version(Op::Baseline, "pro", "2026-02-03T09:14:22Z", None),
            version(
                Op::Update,
                "Free",
                "2026-03-03T09:14:22Z",
                Some("2026-03-01T00:00:00Z"),
            ),
            version(
                Op::Delete,
                "Free",
                "2026-04-03T09:14:22Z",
                Some("2026-04-03T08:00:00Z"),
            ),
        ];
        let history = History {
            id: versions[0].customer.id.to_string(),
            versions: shown(&versions),
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&history)).to_string());
    }
}
