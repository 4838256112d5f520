//! Binding and reading fields.
