//! Where every choice of a scenario comes from.

/// Choices, one after the other. When they are used up, the world goes its quiet way: every choice
/// is then the first.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    choices: Vec<u8>,
    next: usize,
    endless: bool,
}

impl Script {
    /// These choices, once or over and over.
    pub(crate) fn new(choices: Vec<u8>, endless: bool) -> Self {
        Self {
            choices,
            next: 0,
            endless,
        }
    }

    /// One of so many: 0 to `of - 1`.
    pub(crate) fn choose(&mut self, of: usize) -> usize {
        if self.endless && self.next == self.choices.len() {
            self.next = 0;
        }
        let Some(choice) = self.choices.get(self.next) else {
            return 0;
        };
        self.next += 1;
        usize::from(*choice) % of
    }

    /// True once in so many times; never, where that is 0 or the script is used up.
    pub(crate) fn happens(&mut self, once_in: usize) -> bool {
        once_in > 1 && self.choose(once_in) == once_in - 1
    }

    /// Whether there is nothing more to choose.
    pub(crate) fn is_over(&self) -> bool {
        self.next == self.choices.len()
    }
}
