//! Whatever comes in whatever order, the mirror equals a model of it that is a page long.

mod mirror_world;

use std::collections::BTreeMap;

use mirror_world::{World, at, summary};
use proptest::prelude::*;
use twsync::customer::{Customer, Field};
use twsync::mirror::{Op, Settlement, State, Verdict};

/// What may happen to one of five customers.
#[derive(Clone, Copy, Debug)]
enum Event {
    Listed(u32, i64),
    Found(u32, i64),
    Unlisted(u32, i64),
    Failed(u32),
    Deleted(u32),
    BaselineDone,
    Reopened,
    ClockSet(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let number = 1..6u32;
    let members = 0..3i64;
    prop_oneof![
        4 => (number.clone(), members.clone()).prop_map(|(number, members)| Event::Listed(number, members)),
        4 => (number.clone(), members.clone()).prop_map(|(number, members)| Event::Found(number, members)),
        1 => (number.clone(), members).prop_map(|(number, members)| Event::Unlisted(number, members)),
        1 => number.clone().prop_map(Event::Failed),
        2 => number.prop_map(Event::Deleted),
        1 => Just(Event::BaselineDone),
        1 => Just(Event::Reopened),
        1 => (-500..500i64).prop_map(Event::ClockSet),
    ]
}

/// What ought to be kept of a customer.
#[derive(Default)]
struct Model {
    row: Option<u32>,
    /// The list row that waits for its details.
    queued: Option<Customer>,
    kept: Option<Customer>,
    deleted: bool,
    history: Vec<(Op, Customer)>,
}

impl Model {
    /// It is alive, with these fields.
    fn lives(&mut self, customer: Customer, first: Op) {
        let op = match &self.kept {
            None => Some(first),
            Some(_) if self.deleted => Some(Op::Undelete),
            Some(kept) if *kept != customer => Some(Op::Update),
            Some(_) => None,
        };
        self.history.extend(op.map(|op| (op, customer.clone())));
        self.kept = Some(customer);
        self.deleted = false;
    }

    fn goes(&mut self, first: Op) {
        if let (None, Some(listed)) = (&self.kept, self.queued.take()) {
            self.lives(listed, first);
        }
        self.queued = None;
        if let (Some(kept), false) = (&self.kept, self.deleted) {
            self.history.push((Op::Delete, kept.clone()));
            self.deleted = true;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_equals_its_model(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        let mut models: BTreeMap<u32, Model> = BTreeMap::new();
        let mut first = Op::Baseline;
        for event in events {
            apply(&mut world, &mut models, &mut first, event);
        }
        for (number, model) in &models {
            same(&world, *number, model);
        }
        world.is_whole();
    }
}

fn apply(world: &mut World, models: &mut BTreeMap<u32, Model>, first: &mut Op, event: Event) {
    match event {
        Event::Listed(number, members) => {
            let mut listed = summary(number);
            listed.member_count = Field::Value(members);
            let verdict = match world.known(number) {
                None => Verdict::New,
                Some(known) if known.state == State::Deleted => {
                    Verdict::Returned { row: known.row }
                }
                Some(known) => Verdict::Changed { row: known.row },
            };
            let model = models.entry(number).or_default();
            let row = world.list(&[(listed.clone(), verdict)]).min();
            assert!(
                model.row.is_none_or(|before| Some(before) == row),
                "{number} keeps its row"
            );
            model.row = row;
            model.queued = Some(listed.into());
        }
        Event::Found(number, members) => {
            answer(world, models, *first, (number, members), Settlement::Found);
        }
        Event::Unlisted(number, members) => answer(
            world,
            models,
            *first,
            (number, members),
            Settlement::Unlisted,
        ),
        Event::Failed(number) => {
            let Some(model) = models.get_mut(&number) else {
                return;
            };
            world.settle(
                number,
                Settlement::FromSummary {
                    why: "500".to_owned(),
                },
            );
            // What a list says brings nobody back.
            if let (Some(mut listed), false) = (model.queued.clone(), model.deleted) {
                if let Some(kept) = &model.kept {
                    listed.tier_id = kept.tier_id.clone();
                }
                model.lives(listed, *first);
            }
        }
        Event::Deleted(number) => {
            let Some(model) = models.get_mut(&number) else {
                return;
            };
            world.settle(
                number,
                Settlement::Deleted {
                    not_before: Some(at(world.time - 5)),
                },
            );
            model.goes(*first);
        }
        Event::BaselineDone => {
            world.remember(|memory| memory.baseline_done = true);
            *first = Op::Insert;
        }
        Event::Reopened => world.reopen(),
        Event::ClockSet(seconds) => world.time += seconds,
    }
}

fn answer(
    world: &mut World,
    models: &mut BTreeMap<u32, Model>,
    first: Op,
    (number, members): (u32, i64),
    outcome: impl FnOnce(Box<Customer>) -> Settlement,
) {
    let Some(model) = models.get_mut(&number) else {
        return;
    };
    let mut details = Customer::from(summary(number));
    details.member_count = Field::Value(members);
    details.tier_id = Field::Value(format!("tier {}", members / 2));
    let effect = world.settle(number, outcome(Box::new(details.clone())));
    let versions = model.history.len();
    model.lives(details, first);
    assert_eq!(effect.version.is_some(), model.history.len() > versions);
    assert_eq!(effect.was_queued.is_some(), model.queued.take().is_some());
}

/// The mirror keeps of this customer what the model does.
fn same(world: &World, number: u32, model: &Model) {
    let known = world.known(number).expect("it has been listed");
    assert_eq!(Some(known.row), model.row);
    let Some(customer) = &model.kept else {
        assert_eq!(known.state, State::Queued);
        return;
    };
    let kept = world.kept(number);
    assert_eq!(&kept.customer, customer);
    assert_eq!(kept.deleted_at.is_some(), model.deleted);
    let history = world.history(number);
    let said: Vec<_> = history
        .iter()
        .map(|version| (version.op, version.customer.clone()))
        .collect();
    assert_eq!(said, model.history);
    for pair in history.windows(2) {
        assert_eq!(pair[0].valid_to, Some(pair[1].valid_from));
        assert!(pair[0].valid_from < pair[1].valid_from);
        let not_before = pair[1]
            .not_before
            .expect("the state before was verified once");
        assert!(pair[0].valid_from <= not_before && not_before <= pair[1].valid_from);
    }
    assert_eq!(history.last().unwrap().valid_to, None);
}
