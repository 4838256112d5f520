//! From a request to its reply: what the documented server does, in the order in which it does it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::faults::Faults;
use super::limit::Limiter;
use super::list::{self, Query};
use super::log::Requests;
use super::options::Options;
use super::refusal::Refusal;
use super::reply::Reply;
use super::row::Pen;
use super::target::Target;

/// Everything that answering needs.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) requests: Requests,
    pub(super) faults: Faults,
    options: RwLock<Arc<Options>>,
    limiter: Limiter,
    draws: AtomicU64,
}

impl Site {
    pub(super) fn new(options: Options) -> Self {
        Self {
            requests: Requests::new(options.log_capacity),
            faults: Faults::default(),
            options: RwLock::new(Arc::new(options)),
            limiter: Limiter::default(),
            draws: AtomicU64::default(),
        }
    }

    /// The options in force now.
    pub(super) fn options(&self) -> Arc<Options> {
        self.options
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the options for all requests that come from now on.
    pub(super) fn change(&self, change: impl FnOnce(&mut Options)) {
        let mut options = self.options.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut options));
    }

    /// What the server says. `rows_of`: the page whose rows a faulty list shows.
    pub(super) fn reply(
        &self,
        asked: &Asked<'_>,
        options: &Options,
        rows_of: Option<u64>,
    ) -> Reply {
        let reply = match asked.target {
            Target::Elsewhere => Ok(elsewhere()),
            Target::KeyPair if !options.key_pair_route => Ok(elsewhere()),
            _ if asked.method != Method::GET => Err(Refusal::method()),
            _ => self
                .limiter
                .admit(options.rate_limit)
                .and_then(|()| match asked.target {
                    Target::List { .. } => self.list(asked, options, rows_of),
                    Target::Detail { .. } => details(asked, options),
                    Target::KeyPair | Target::Elsewhere => key_pair(asked, options),
                }),
        };
        reply.unwrap_or_else(|refusal| refusal.reply(options.error_body))
    }

    fn list(
        &self,
        asked: &Asked<'_>,
        options: &Options,
        rows_of: Option<u64>,
    ) -> Result<Reply, Refusal> {
        options.access.admit(asked.headers)?;
        let query = Query::parse(asked.uri.query().unwrap_or_default(), options)?;
        let draw = self.draws.fetch_add(1, Relaxed);
        let body = list::page(&options.world, &query, options, draw, rows_of);
        Ok(Reply::json(StatusCode::OK, body))
    }
}

/// A request, as far as answering it needs to look.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) target: Target,
}

/// *Get customer details.*
fn details(asked: &Asked<'_>, options: &Options) -> Result<Reply, Refusal> {
    options.access.admit(asked.headers)?;
    let Target::Detail { id: Some(id) } = asked.target else {
        return Err(Refusal::bad_request("invalid customerID format"));
    };
    let state = options.world.read();
    let row = state
        .slot(id)
        .map(|slot| state.row(slot))
        .filter(|row| row.alive());
    let row = row.ok_or_else(|| Refusal::not_found("customer not found"))?;
    let mut body = Vec::with_capacity(512);
    Pen::default().details(row, &state.words, options.casing, &mut body);
    Ok(Reply::json(StatusCode::OK, body))
}

/// The page that a key pair has for itself; outside the contract.
fn key_pair(asked: &Asked<'_>, options: &Options) -> Result<Reply, Refusal> {
    let said = options.access.key_pair(asked.headers)?;
    Ok(Reply::value(StatusCode::OK, &said))
}

fn elsewhere() -> Reply {
    Reply::plain(StatusCode::NOT_FOUND, "404 page not found\n")
}
