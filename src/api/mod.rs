//! The only client of the API.
