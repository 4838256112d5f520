//! Requests in the air: at most so many at a time, each counted from when it is asked until what
//! it answered is committed.
//!
//! This file does not know what a page or a customer is for. It keeps the bound, hands over answers
//! in the groups in which they arrive (so that a transaction holds many when answers are quick and
//! one when they are slow), and when something ends the run it asks nothing more but still hands
//! over what was in the air.

use tokio::task::JoinSet;

use super::Error;
use crate::api::{self, Answer, Client, Details, Page};
use crate::customer::CustomerId;

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A page of the list.
    Page(u32),
    /// One customer's details. A 401 means that the credentials are refused, and ends the run.
    Customer(u32, CustomerId),
    /// The details of one who is missing from the list. A 401 may mean this one alone.
    Missing(u32, CustomerId),
}

/// What came back.
#[derive(Debug)]
pub(super) enum Answered {
    Page(Page),
    /// The customer's row number, and what its details answered.
    Customer(u32, Details),
}

/// What hands out questions and takes in answers.
pub(super) trait Errand {
    /// The next question. None: there is none now, and none unless an answer brings one.
    async fn next(&mut self) -> Result<Option<Ask>, Error>;

    /// Takes in a group of answers: after it returns they are committed.
    async fn settle(&mut self, answers: Vec<Answered>) -> Result<(), Error>;

    /// Nothing more will be asked; what is in the air may yet take its time.
    async fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// How requests fly.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) client: Client,
    /// Rows to ask for on a page.
    pub(super) page_size: u32,
    /// Questions asked and not yet committed, at most.
    pub(super) in_flight_max: usize,
}

impl Flight {
    /// Asks all that `errand` has to ask. On the first failure nothing more is asked; what is in
    /// the air is taken in, then the failure is returned.
    pub(super) async fn run(&self, errand: &mut impl Errand) -> Result<(), Error> {
        let mut air = JoinSet::new();
        let mut failed = None;
        loop {
            while failed.is_none() && air.len() < self.in_flight_max {
                let Some(ask) = errand.next().await? else {
                    break;
                };
                air.spawn(send(self.client.clone(), self.page_size, ask));
            }
            let mut landed = air.join_next().await;
            if landed.is_none() {
                return failed.map_or(Ok(()), Err);
            }
            let was_well = failed.is_none();
            let mut answers = Vec::with_capacity(air.len() + 1);
            while let Some(joined) = landed {
                match joined.expect("a panic ends the process before it gets here") {
                    Ok(answer) => answers.push(answer),
                    Err(error) => failed = Some(worse(failed, error)),
                }
                landed = air.try_join_next();
            }
            if !answers.is_empty() {
                fail::fail_point!("sync::answered");
                errand.settle(answers).await?;
            }
            if was_well && failed.is_some() {
                errand.end().await?;
            }
        }
    }
}

async fn send(client: Client, page_size: u32, ask: Ask) -> Result<Answered, Error> {
    Ok(match ask {
        Ask::Page(page) => Answered::Page(client.list_page(page, page_size).await?),
        Ask::Customer(row, id) => {
            Answered::Customer(row, unless_refused(client.customer(id).await?)?)
        }
        Ask::Missing(row, id) => Answered::Customer(row, client.customer(id).await?),
    })
}

fn unless_refused(details: Details) -> Result<Details, Error> {
    match details.answer {
        Answer::Refused(said) => Err(api::Error::Refused { status: 401, said }.into()),
        _ => Ok(details),
    }
}

/// Of two failures the one that says why: being stopped is what the others do to a request.
fn worse(one: Option<Error>, other: Error) -> Error {
    match one {
        Some(one) if !one.is_interruption() || other.is_interruption() => one,
        _ => other,
    }
}
