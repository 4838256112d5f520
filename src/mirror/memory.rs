//! What one run leaves to the next, apart from customers.

use jiff::Timestamp;

/// What is remembered from run to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The rate that the server last bore, requests per second.
    pub requests_per_second: Option<f64>,
    /// No request may leave before this: the server asked for it.
    pub not_before: Option<Timestamp>,
    /// When a deleted id was first seen to come back.
    pub h3_broken_at: Option<Timestamp>,
    /// When a customer was first seen to live although a proved list does not show it.
    pub h4_broken_at: Option<Timestamp>,
    /// The first look at all customers is over: from now on a new one is an insert.
    pub baseline_done: bool,
    /// The instant of the newest complete walk.
    pub last_complete_as_of: Option<Timestamp>,
    /// No interval ever used reaches this count. Pages and details move it along by themselves.
    pub count: u64,
}
