//! A server that can be told everything, and walks over it: what the proofs of `sync` are held
//! against.
//!
//! The server is a few numbers in a list; requests to it are sent, answered and received in any
//! order that a [`script::Script`] says, while customers come and go in between. Everything that
//! happens is decided by a scenario, so that a failure shrinks to a short story. [`walk`] drives the
//! real strategy; [`wander`] asks for anything at any time. Both can be told to believe in another
//! rule than the real one ([`proof`]): a check that such a rule does not trip proves nothing.

pub(crate) mod broken;
pub(crate) mod proof;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod traffic;
pub(crate) mod walk;
pub(crate) mod wander;
