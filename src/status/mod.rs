//! How the copy stands: for `twsync status`, and for whoever looks by HTTP.

mod overview;

pub use overview::{Customers, Details, Overview, Pace};
