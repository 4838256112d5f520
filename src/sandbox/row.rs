//! One customer in few bytes, and the JSON it is shown as.
//!
//! Written by hand and not through a serializer: a benchmark's server must be faster than what it
//! measures, and the order of the keys is that of the documentation.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::Value;
use uuid::Uuid;

use super::customer::{Customer, Field};
use super::names;
use super::vocabulary::{Vocabulary, Word};

/// Where a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In the list, and its details answer.
    Alive,
    /// Its details answer, but the list leaves it out.
    Unlisted,
    /// In the list, but its details answer 404.
    Ghost,
    /// Nowhere.
    Deleted,
}

/// A display name: made from a seed, or set by a test.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Made(u64),
    Hostile(u64),
    Given(Box<str>),
    Null,
    Absent,
}

/// A customer, packed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: Name,
    pub(super) created_at: i64,
    pub(super) owner: Field<Uuid>,
    pub(super) members: Field<u32>,
    pub(super) tier: Word,
    pub(super) tier_id: Word,
    pub(super) status: Word,
    pub(super) enabled: Field<bool>,
    pub(super) standing: Standing,
    pub(super) extra: Option<Box<str>>,
}

/// How the keys of an answer are cased: the platform's own clients do not agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Casing {
    /// `tierID`, `ownerUserID`, as documented.
    #[default]
    Documented,
    /// `tierId`, `ownerUserId`.
    Camel,
}

impl Name {
    fn field(&self) -> Field<String> {
        let mut text = String::new();
        match self {
            Self::Null => Field::Null,
            Self::Absent => Field::Absent,
            Self::Made(_) | Self::Hostile(_) | Self::Given(_) => {
                self.write(&mut text);
                Field::Value(text)
            }
        }
    }

    fn write(&self, into: &mut String) {
        match self {
            Self::Made(seed) => names::name(*seed, into),
            Self::Hostile(kind) => names::hostile(usize::try_from(*kind).unwrap_or_default(), into),
            Self::Given(text) => into.push_str(text),
            Self::Null | Self::Absent => {}
        }
    }
}

impl From<&Field<String>> for Name {
    fn from(field: &Field<String>) -> Self {
        match field {
            Field::Absent => Self::Absent,
            Field::Null => Self::Null,
            Field::Value(text) => Self::Given(text.as_str().into()),
        }
    }
}

impl Row {
    /// Packs a customer.
    pub(super) fn pack(customer: &Customer, standing: Standing, words: &mut Vocabulary) -> Self {
        Self {
            id: customer.id,
            name: Name::from(&customer.name),
            created_at: customer.created_at.as_microsecond(),
            owner: customer.owner_user_id,
            members: customer.member_count,
            tier: words.word(customer.tier_name.clone()),
            tier_id: words.word(customer.tier_id.clone()),
            status: words.word(customer.subscription_status.clone()),
            enabled: customer.subscription_enabled,
            standing,
            extra: (!customer.extra.is_empty())
                .then(|| Value::Object(customer.extra.clone()).to_string().into()),
        }
    }

    /// The customer as a test sees it.
    pub(super) fn unpack(&self, words: &Vocabulary) -> Customer {
        Customer {
            id: self.id,
            name: self.name.field(),
            tier_name: words.field(self.tier).clone(),
            tier_id: words.field(self.tier_id).clone(),
            subscription_status: words.field(self.status).clone(),
            subscription_enabled: self.enabled,
            member_count: self.members,
            created_at: self.created_at(),
            owner_user_id: self.owner,
            extra: self
                .extra
                .as_deref()
                .map_or_else(serde_json::Map::new, |extra| {
                    serde_json::from_str(extra).expect("packed from a JSON object")
                }),
        }
    }

    /// True where the list shows this customer.
    pub(super) fn listed(&self) -> bool {
        matches!(self.standing, Standing::Alive | Standing::Ghost)
    }

    /// True where the details of this customer answer.
    pub(super) fn alive(&self) -> bool {
        matches!(self.standing, Standing::Alive | Standing::Unlisted)
    }

    fn created_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.created_at).expect("packed from a timestamp")
    }
}

/// Writes customers as JSON objects; holds the buffer that names are made in.
#[derive(Default)]
pub(super) struct Pen {
    scratch: String,
}

impl Pen {
    /// Writes a row of the list.
    pub(super) fn summary(
        &mut self,
        row: &Row,
        words: &Vocabulary,
        owner: Option<Casing>,
        out: &mut Vec<u8>,
    ) {
        self.open(row, out);
        word(out, "tierName", words.json(row.tier));
        word(out, "subscriptionStatus", words.json(row.status));
        number(out, "memberCount", row.members);
        created(out, row);
        if let Some(casing) = owner {
            write_owner(out, row, casing);
        }
        close(row, out);
    }

    /// Writes the full record.
    pub(super) fn details(
        &mut self,
        row: &Row,
        words: &Vocabulary,
        casing: Casing,
        out: &mut Vec<u8>,
    ) {
        self.open(row, out);
        created(out, row);
        word(out, "tierName", words.json(row.tier));
        let tier_id = match casing {
            Casing::Documented => "tierID",
            Casing::Camel => "tierId",
        };
        word(out, tier_id, words.json(row.tier_id));
        word(out, "subscriptionStatus", words.json(row.status));
        let enabled = match row.enabled {
            Field::Absent => "",
            Field::Null => "null",
            Field::Value(true) => "true",
            Field::Value(false) => "false",
        };
        word(out, "subscriptionEnabled", enabled);
        number(out, "memberCount", row.members);
        write_owner(out, row, casing);
        close(row, out);
    }

    fn open(&mut self, row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        write_uuid(out, row.id);
        match &row.name {
            Name::Absent => {}
            Name::Null => word(out, "name", "null"),
            name => {
                self.scratch.clear();
                name.write(&mut self.scratch);
                key(out, "name");
                serde_json::to_writer(out, &self.scratch).expect("a buffer takes all");
            }
        }
    }
}

fn close(row: &Row, out: &mut Vec<u8>) {
    if let Some(extra) = &row.extra {
        let members = extra.strip_prefix('{').expect("packed from a JSON object");
        out.push(b',');
        out.extend_from_slice(members.as_bytes());
    } else {
        out.push(b'}');
    }
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A member whose value is JSON already; none where it is empty.
fn word(out: &mut Vec<u8>, name: &str, json: &str) {
    if !json.is_empty() {
        key(out, name);
        out.extend_from_slice(json.as_bytes());
    }
}

fn number(out: &mut Vec<u8>, name: &str, field: Field<u32>) {
    match field {
        Field::Absent => {}
        Field::Null => word(out, name, "null"),
        Field::Value(value) => {
            key(out, name);
            serde_json::to_writer(out, &value).expect("a buffer takes all");
        }
    }
}

fn created(out: &mut Vec<u8>, row: &Row) {
    key(out, "createdAt");
    out.push(b'"');
    DateTimePrinter::new()
        .print_timestamp(&row.created_at(), &mut *out)
        .expect("a buffer takes all");
    out.push(b'"');
}

fn write_owner(out: &mut Vec<u8>, row: &Row, casing: Casing) {
    let name = match casing {
        Casing::Documented => "ownerUserID",
        Casing::Camel => "ownerUserId",
    };
    match row.owner {
        Field::Absent => {}
        Field::Null => word(out, name, "null"),
        Field::Value(owner) => {
            key(out, name);
            write_uuid(out, owner);
        }
    }
}

fn write_uuid(out: &mut Vec<u8>, uuid: Uuid) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push(b'"');
    out.extend_from_slice(uuid.as_hyphenated().encode_lower(&mut text).as_bytes());
    out.push(b'"');
}
