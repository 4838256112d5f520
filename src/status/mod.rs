//! Read-only page, health, metrics.
