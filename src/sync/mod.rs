//! One run.

pub mod certificate;
pub mod departures;
pub mod freshness;
pub mod passes;
pub mod strategy;
