//! The server: who lives, in which order they are listed, and which of its promises it breaks.

use roaring::RoaringBitmap;

use super::script::Script;

/// In which order the list shows customers. Nothing documents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
    /// As good as any: by a random id.
    ById,
    /// Another one for each answer.
    None,
}

/// What the server does against its documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// H1: the total is of an earlier state than the page.
    LateTotal,
    /// H2: now and then an answer is of an earlier state.
    StaleAnswers,
    /// H3: the dead come back.
    Revivals,
    /// H4: some who answer 200 are neither listed nor counted.
    UnlistedCustomers,
}

/// A page of the list.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) rows: RoaringBitmap,
    pub(crate) pages: u32,
    pub(crate) total: u64,
    pub(crate) has_next: bool,
    /// The state that it was made from, in the server's own history.
    pub(crate) state: usize,
}

/// A server with everything that ever was.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    order: Order,
    page_size: usize,
    flaw: Flaw,
    /// In the order of their birth, or of their last revival.
    living: Vec<u32>,
    unlisted: Vec<u32>,
    dead: Vec<u32>,
    born: u32,
    history: Vec<Vec<u32>>,
}

impl Server {
    /// Customers 0 to `born - 1`, of whom these have died.
    pub(crate) fn new(
        order: Order,
        page_size: usize,
        flaw: Flaw,
        born: u32,
        dead: Vec<u32>,
    ) -> Self {
        let living: Vec<u32> = (0..born).filter(|id| !dead.contains(id)).collect();
        Self {
            order,
            page_size,
            flaw,
            history: vec![living.clone()],
            living,
            unlisted: Vec::new(),
            dead,
            born,
        }
    }

    /// How many ids were ever given out.
    pub(crate) fn born(&self) -> u32 {
        self.born
    }

    /// Who is listed now.
    pub(crate) fn living(&self) -> RoaringBitmap {
        self.living.iter().collect()
    }

    /// Who was listed in a state of the past.
    pub(crate) fn living_in(&self, state: usize) -> RoaringBitmap {
        self.history[state].iter().collect()
    }

    /// How many pages there are now.
    pub(crate) fn pages(&self) -> usize {
        self.living.len().div_ceil(self.page_size)
    }

    /// Customers come, go, and do what the server's flaw allows.
    pub(crate) fn change(&mut self, script: &mut Script) {
        match script.choose(5) {
            0 | 1 => self.arrive(),
            2 | 3 => self.depart(script),
            _ => self.misbehave(script),
        }
        self.history.push(self.living.clone());
    }

    /// Answers a list request.
    pub(crate) fn list(&self, page: u32, script: &mut Script) -> Page {
        let mut state = self.history.len() - 1;
        if self.flaw == Flaw::StaleAnswers && script.happens(4) {
            state -= script.choose(4).min(state);
        }
        let mut counted = state;
        if self.flaw == Flaw::LateTotal && script.happens(4) {
            counted -= script.choose(4).min(state);
        }
        self.page_of(state, counted, page, script)
    }

    /// Answers a detail request: whether with 200.
    pub(crate) fn detail(&self, id: u32, script: &mut Script) -> bool {
        let mut state = self.history.len() - 1;
        if self.flaw == Flaw::StaleAnswers && script.happens(4) {
            state -= script.choose(4).min(state);
        }
        self.history[state].contains(&id) || self.unlisted.contains(&id)
    }

    fn page_of(&self, state: usize, counted: usize, page: u32, script: &mut Script) -> Page {
        let listed = self.in_order(&self.history[state], script);
        let total = self.history[counted].len();
        let start = (page as usize - 1) * self.page_size;
        let rows = listed.iter().skip(start).take(self.page_size).collect();
        let pages = total.div_ceil(self.page_size);
        Page {
            rows,
            pages: u32::try_from(pages).expect("a few pages"),
            total: total as u64,
            has_next: (page as usize) < pages,
            state,
        }
    }

    fn in_order(&self, living: &[u32], script: &mut Script) -> Vec<u32> {
        let mut listed = living.to_vec();
        match self.order {
            Order::OldestFirst => {}
            Order::NewestFirst => listed.reverse(),
            Order::ById => listed.sort_by_key(|id| random_id(*id)),
            Order::None => {
                let turn = script.choose(listed.len().max(1));
                listed.rotate_left(turn);
                if script.choose(2) == 1 {
                    listed.sort_by_key(|id| random_id(*id));
                }
            }
        }
        listed
    }

    fn arrive(&mut self) {
        self.living.push(self.born);
        self.born += 1;
    }

    fn depart(&mut self, script: &mut Script) {
        if !self.living.is_empty() {
            let gone = self.living.remove(script.choose(self.living.len()));
            self.dead.push(gone);
        }
    }

    fn misbehave(&mut self, script: &mut Script) {
        match self.flaw {
            Flaw::Revivals if !self.dead.is_empty() => {
                let back = self.dead.remove(script.choose(self.dead.len()));
                self.living.push(back);
            }
            Flaw::UnlistedCustomers if !self.living.is_empty() => {
                let hidden = self.living.remove(script.choose(self.living.len()));
                self.unlisted.push(hidden);
            }
            _ => {}
        }
    }
}

fn random_id(id: u32) -> u32 {
    id.wrapping_add(1).wrapping_mul(0x9E37_79B1).rotate_left(13)
}
