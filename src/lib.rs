//! twsync keeps a faithful local copy of every customer in the `ThreatWinds` billing system.
//!
//! The modules, in the order in which to read them.

#![warn(unreachable_pub, clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod customer;
pub mod report;

pub mod clock;
pub mod config;

pub mod api;
pub mod mirror;
pub mod sync;

pub mod lake;

pub mod daemon;
pub mod status;

pub mod chronicle;

pub mod sandbox;

pub mod cli;
pub mod command;
