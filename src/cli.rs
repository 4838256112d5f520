//! The command line, and nothing that acts.
