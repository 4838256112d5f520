//! The API as documented, in-process.
