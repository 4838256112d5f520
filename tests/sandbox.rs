//! The sandbox keeps the documented contract, sentence by sentence, over real HTTP.

#[path = "sandbox/contract.rs"]
mod contract;
#[path = "sandbox/errors.rs"]
mod errors;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/front.rs"]
mod front;
#[path = "sandbox/serving.rs"]
mod serving;
#[path = "sandbox/world.rs"]
mod world;
