//! The promises that a walk can break.

use std::fmt;

/// What was promised, and is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A walk was proved complete, and at its instant other customers lived.
    FalseCertificate,
    /// Somebody was nominated as departed who lives and is listed.
    FalseNomination,
    /// The server was accused although it is as good as its documentation.
    FalseAlarm,
    /// Nothing happened on the server, and yet nothing was proved.
    QuietUnproved,
    /// It took other requests than promised.
    Cost {
        /// What it took.
        sent: Cost,
        /// What was promised.
        promised: Cost,
    },
}

/// What a walk takes, not counting what was lost with a killed process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// List requests.
    pub(crate) lists: usize,
    /// Details that were needed for the proof.
    pub(crate) details: usize,
    /// Passes begun.
    pub(crate) passes: u32,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
