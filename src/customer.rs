//! The nouns: what a customer is, apart from how it is asked for, kept or published.
//!
//! Everything here is a value that has been parsed: an id is a UUID, a time is a timestamp.
//! This file knows no JSON key, no SQL column and no Parquet type.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A customer's UUID. Written in canonical lower case, whatever case the server used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(Uuid);

impl CustomerId {
    /// The id that these sixteen bytes are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, in the order in which the text shows them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// The text is not a UUID in its hyphenated form (RFC 9562, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct NotAnId;

impl FromStr for CustomerId {
    type Err = NotAnId;

    /// Takes the 36-character form only: braces, URNs and bare hex are not what the API sends, and
    /// whatever is taken here may stand in a URL.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(NotAnId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an API field holds: missing from the object, present as `null`, or a value. An empty
/// string is a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// The key was not there.
    #[default]
    Absent,
    /// The key was there, its value `null` (or one that could not be taken and was noted).
    Null,
    /// The key was there with this value.
    Value(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// True where the key was missing from the object.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Field<String> {
    /// The text, if there is one.
    pub fn text(&self) -> Option<&str> {
        self.value().map(String::as_str)
    }
}

/// What one row of the list says of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The customer's UUID.
    pub id: CustomerId,
    /// Display name.
    pub name: Field<String>,
    /// Name of the subscription tier.
    pub tier_name: Field<String>,
    /// Stripe's subscription status.
    pub subscription_status: Field<String>,
    /// Team members on the account.
    pub member_count: Field<i64>,
    /// When the customer was created.
    pub created_at: Field<Timestamp>,
    /// UUID of the account's owner; only the `limit` dialect sends it in the list.
    pub owner_user_id: Field<String>,
    /// Fields that nobody declared, as one JSON object with sorted keys.
    pub extra: Option<String>,
}

/// The full record of a customer, as its details say it, or, with `tier_id` and
/// `subscription_enabled` absent, as far as the list knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The customer's UUID.
    pub id: CustomerId,
    /// Display name.
    pub name: Field<String>,
    /// Name of the subscription tier.
    pub tier_name: Field<String>,
    /// UUID of the subscription tier.
    pub tier_id: Field<String>,
    /// Stripe's subscription status.
    pub subscription_status: Field<String>,
    /// Whether the subscription is active and in good standing.
    pub subscription_enabled: Field<bool>,
    /// Team members on the account.
    pub member_count: Field<i64>,
    /// When the customer was created.
    pub created_at: Field<Timestamp>,
    /// UUID of the account's owner.
    pub owner_user_id: Field<String>,
    /// Fields that nobody declared, as one JSON object with sorted keys.
    pub extra: Option<String>,
}

impl From<Summary> for Customer {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.id,
            name: summary.name,
            tier_name: summary.tier_name,
            tier_id: Field::Absent,
            subscription_status: summary.subscription_status,
            subscription_enabled: Field::Absent,
            member_count: summary.member_count,
            created_at: summary.created_at,
            owner_user_id: summary.owner_user_id,
            extra: summary.extra,
        }
    }
}

/// Sixty-four bits that stand for what the list says of a customer. Two summaries with the same
/// fingerprint say the same in every field that both dialects of the list declare.
///
/// `extra` is left out, so that a field which nobody declared cannot make rows flicker, and so is
/// the owner, which only one dialect sends: a change of dialect must not look like a change of
/// every customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub i64);

impl Fingerprint {
    /// The version of the canonical form; raised when the form changes, so that a mirror written
    /// with another form is recomputed from its rows and not fetched anew.
    pub const VERSION: u8 = 1;

    /// The first eight bytes of the SHA-256 of the canonical form.
    pub fn of(summary: &Summary) -> Self {
        let mut hash = Sha256::new();
        hash.update([Self::VERSION]);
        for text in [
            &summary.name,
            &summary.tier_name,
            &summary.subscription_status,
        ] {
            hash_field(&mut hash, text, |hash, text| {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            });
        }
        hash_field(&mut hash, &summary.member_count, |hash, count| {
            hash.update(count.to_le_bytes());
        });
        hash_field(&mut hash, &summary.created_at, |hash, at| {
            hash.update(at.as_microsecond().to_le_bytes());
        });
        let digest: [u8; 32] = hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(i64::from_le_bytes(first))
    }
}

/// One tag byte keeps absent, null and a value apart; the value itself follows it.
fn hash_field<T>(hash: &mut Sha256, field: &Field<T>, value: impl FnOnce(&mut Sha256, &T)) {
    match field {
        Field::Absent => hash.update([0]),
        Field::Null => hash.update([1]),
        Field::Value(it) => {
            hash.update([2]);
            value(hash, it);
        }
    }
}

/// When an answer was made, on the one counter that orders all requests of a mirror: somewhere
/// between `sent` (taken before the first byte left) and `received` (taken after the last came).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The count when the request was sent.
    pub sent: u64,
    /// The count when the whole answer was there. Always greater than `sent`.
    pub received: u64,
}

/// A row that could not be taken: kept aside with what the server sent, never guessed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The row as it came: valid JSON, cut to 64 KiB.
    pub raw: String,
    /// What was wrong with it, for a person; holds no value of the row.
    pub why: String,
}
