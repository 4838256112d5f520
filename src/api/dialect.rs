//! Which dialect the list speaks, and how to ask while nobody knows.
//!
//! While it is unknown, both size parameters are sent: a server ignores the one it does not know,
//! so that already the first page has the size that was asked for. A server that refuses unknown
//! parameters is asked with each alone. The envelope of an answer settles it.

use std::sync::{Mutex, PoisonError};

use crate::config::Dialect;

/// Which size parameters to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Both, because the dialect is unknown.
    Both,
    /// `pageSize`
    PageSize,
    /// `limit`
    Limit,
}

impl Asking {
    /// The names of the parameters.
    pub(super) const fn size_parameters(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["pageSize", "limit"],
            Self::PageSize => &["pageSize"],
            Self::Limit => &["limit"],
        }
    }
}

/// What is known of the dialect so far.
pub(super) struct Spoken {
    /// None where it is to be found out.
    configured: Option<Dialect>,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
struct State {
    asking: Asking,
    known: bool,
}

impl Spoken {
    /// As the settings have it.
    pub(super) fn new(configured: Dialect) -> Self {
        Self {
            configured: (configured != Dialect::Auto).then_some(configured),
            state: Mutex::new(State {
                asking: asking(configured),
                known: configured != Dialect::Auto,
            }),
        }
    }

    /// How to ask now.
    pub(super) fn asking(&self) -> Asking {
        self.change(|state| state.asking)
    }

    /// A page was refused as a bad request, asked like this. True where it is worth asking
    /// again, in another way.
    pub(super) fn refused(&self, asked: Asking) -> bool {
        self.change(|state| {
            if asked != state.asking {
                return true;
            }
            let next = match asked {
                _ if state.known => return false,
                Asking::Both => Asking::PageSize,
                Asking::PageSize => Asking::Limit,
                Asking::Limit => return false,
            };
            state.asking = next;
            true
        })
    }

    /// A page was answered in this dialect. False where the settings say another.
    pub(super) fn heard(&self, dialect: Dialect) -> bool {
        if let Some(configured) = self.configured {
            return configured == dialect;
        }
        self.change(|state| {
            state.asking = asking(dialect);
            state.known = true;
        });
        true
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn asking(dialect: Dialect) -> Asking {
    match dialect {
        Dialect::Auto => Asking::Both,
        Dialect::PageSize => Asking::PageSize,
        Dialect::Limit => Asking::Limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parameters_are_sent_until_an_answer_settles_it() {
        let spoken = Spoken::new(Dialect::Auto);
        assert_eq!(spoken.asking(), Asking::Both);
        assert!(spoken.heard(Dialect::Limit));
        assert_eq!(spoken.asking(), Asking::Limit);
        assert!(spoken.heard(Dialect::PageSize), "a server may be upgraded");
        assert_eq!(spoken.asking(), Asking::PageSize);
    }

    #[test]
    fn a_server_that_refuses_unknown_parameters_is_asked_with_each_alone() {
        let spoken = Spoken::new(Dialect::Auto);
        assert!(spoken.refused(Asking::Both));
        assert_eq!(spoken.asking(), Asking::PageSize);
        assert!(spoken.refused(Asking::Both), "another request was first");
        assert_eq!(spoken.asking(), Asking::PageSize);
        assert!(spoken.refused(Asking::PageSize));
        assert_eq!(spoken.asking(), Asking::Limit);
        assert!(!spoken.refused(Asking::Limit));
    }

    #[test]
    fn once_it_is_known_a_bad_request_is_about_something_else() {
        let spoken = Spoken::new(Dialect::Auto);
        assert!(spoken.heard(Dialect::PageSize));
        assert!(!spoken.refused(Asking::PageSize));
        assert!(!Spoken::new(Dialect::PageSize).refused(Asking::PageSize));
    }

    #[test]
    fn what_the_settings_say_holds() {
        let spoken = Spoken::new(Dialect::Limit);
        assert_eq!(spoken.asking(), Asking::Limit);
        assert!(!spoken.heard(Dialect::PageSize));
        assert_eq!(spoken.asking(), Asking::Limit);
    }
}
