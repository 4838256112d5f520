//! The daemon: what runs when, and how it is told to stop.

pub mod schedule;
pub mod signals;
