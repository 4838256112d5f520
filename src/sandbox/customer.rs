//! A customer as the sandbox knows it: what a test writes into the world and compares a mirror with.
//!
//! These nouns are the sandbox's own reading of the documentation. They share nothing with the
//! client's, so that a misreading on either side shows as a disagreement.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the object says under one key. Null, empty and absent are three things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// The key is not in the object.
    Absent,
    /// The key is there, its value `null`.
    Null,
    /// The key is there with this value.
    Value(T),
}

impl Field<String> {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Value(text.into())
    }
}

/// The full record of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// Customer UUID.
    pub id: Uuid,
    /// Display name.
    pub name: Field<String>,
    /// Name of the subscription tier.
    pub tier_name: Field<String>,
    /// UUID of the subscription tier, as text. Only the details show it.
    pub tier_id: Field<String>,
    /// Stripe's subscription status.
    pub subscription_status: Field<String>,
    /// Whether the subscription is active and in good standing. Only the details show it.
    pub subscription_enabled: Field<bool>,
    /// Team members on the account.
    pub member_count: Field<u32>,
    /// When the customer was created; kept to the microsecond.
    pub created_at: Timestamp,
    /// UUID of the account's owner. The details show it, and the list of the `limit` dialect.
    pub owner_user_id: Field<Uuid>,
    /// Members of the object that nobody documents; list and details show them alike.
    pub extra: Map<String, Value>,
}

impl Customer {
    /// The object that *Get customer details* answers with.
    pub fn details(&self) -> Value {
        let mut object = self.extra.clone();
        put(&mut object, "id", &Field::Value(self.id.to_string()));
        put(&mut object, "name", &self.name);
        put(
            &mut object,
            "createdAt",
            &Field::Value(self.created_at.to_string()),
        );
        put(&mut object, "tierName", &self.tier_name);
        put(&mut object, "tierID", &self.tier_id);
        put(&mut object, "subscriptionStatus", &self.subscription_status);
        put(
            &mut object,
            "subscriptionEnabled",
            &self.subscription_enabled,
        );
        put(&mut object, "memberCount", &self.member_count);
        put(&mut object, "ownerUserID", &self.owner_text());
        Value::Object(object)
    }

    /// The row of the list in the `page-size` dialect; the `limit` dialect adds `ownerUserID`.
    pub fn summary(&self) -> Value {
        let mut row = self.details();
        if let Value::Object(object) = &mut row {
            for hidden in ["tierID", "subscriptionEnabled", "ownerUserID"] {
                object.remove(hidden);
            }
        }
        row
    }

    fn owner_text(&self) -> Field<String> {
        match self.owner_user_id {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Value(owner) => Field::Value(owner.to_string()),
        }
    }
}

fn put<T: Clone + Into<Value>>(object: &mut Map<String, Value>, key: &str, field: &Field<T>) {
    match field {
        Field::Absent => {}
        Field::Null => {
            object.insert(key.to_owned(), Value::Null);
        }
        Field::Value(value) => {
            object.insert(key.to_owned(), value.clone().into());
        }
    }
}
