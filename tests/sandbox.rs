//! The sandbox keeps the documented contract, sentence by sentence, over real HTTP.

#[path = "sandbox/contract.rs"]
mod contract;
#[path = "sandbox/errors.rs"]
mod errors;
#[path = "sandbox/front.rs"]
mod front;
