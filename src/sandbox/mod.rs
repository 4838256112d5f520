//! The API as documented, on loopback: to try twsync without credentials, to test it, to measure it.
//!
//! It imports nothing of the crate. The client and the sandbox are two readings of the same
//! documentation, and a test that passes says that they agree.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use twsync::sandbox::{Options, Place, Sandbox, World};
//!
//! let sandbox = Sandbox::start(Options { world: World::new(7, 250), ..Options::default() }).await?;
//! let base_url = sandbox.url();                      // http://127.0.0.1:PORT/api/billing/v1
//! let arrived = sandbox.world().insert(Place::Tail); // while it serves
//! assert!(sandbox.world().get(arrived).is_some());
//! assert_eq!(sandbox.requests().list(), 0);
//! # drop(base_url); Ok(()) }
//! ```
//!
//! What goes wrong is a matter of rules, and a rule can also call the test: here the world changes
//! between two pages, and then the third page fails twice.
//!
//! ```no_run
//! # fn example(sandbox: &twsync::sandbox::Sandbox) {
//! use twsync::sandbox::{Action, On, Place, Rule};
//!
//! let world = sandbox.world();
//! let arrival = Action::after(move |_| {
//!     world.insert(Place::Head);
//! });
//! sandbox.faults().add(Rule::on(On::Page(1)).nth(1).does(arrival));
//! let fault = sandbox.faults().add(Rule::on(On::Page(3)).times(2).does(Action::status(503)));
//! assert_eq!(fault.struck(), 0);
//! # }
//! ```
//!
//! It takes the bearer token [`TOKEN`] and the pair [`KEY`], [`SECRET`], until
//! [`Sandbox::change`] says otherwise.

mod access;
mod action;
mod churn;
mod customer;
mod encoding;
mod faults;
mod limit;
mod list;
mod log;
mod names;
mod options;
mod population;
mod refusal;
mod reply;
mod row;
mod server;
mod site;
mod socket;
mod state;
mod strike;
mod tamper;
mod target;
mod vocabulary;
mod world;

use std::io;
use std::sync::Arc;

pub use access::{Access, KEY, SECRET, TOKEN};
pub use action::Action;
pub use churn::{Change, Event};
pub use customer::{Customer, Field};
pub use encoding::Encoding;
pub use faults::{Fault, Faults, On, Rule};
pub use limit::{RateLimit, RetryAfter};
pub use log::{Entry, Requests};
pub use options::{Dialect, ErrorBody, Items, Latency, Options, Oversize};
pub use row::Casing;
pub use state::{Order, Place};
pub use target::Target;
pub use world::World;

/// A running server. Clones are handles on the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Sandbox {
    site: Arc<site::Site>,
    server: Arc<server::Server>,
}

impl Sandbox {
    /// Binds to loopback and serves on the current runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let port = options.port;
        let site = Arc::new(site::Site::new(options));
        let server = Arc::new(server::Server::start(port, site.clone()).await?);
        Ok(Self { site, server })
    }

    /// The base URL: everything before `/admin/…`.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), target::BASE)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The customers, to look at and to change while they are served.
    pub fn world(&self) -> World {
        self.site.options().world.clone()
    }

    /// What was asked so far.
    pub fn requests(&self) -> Requests {
        self.site.requests.clone()
    }

    /// The rules by which requests go wrong.
    pub fn faults(&self) -> Faults {
        self.site.faults.clone()
    }

    /// Changes the options for all requests that come from now on: another dialect, other
    /// credentials. Port and log capacity stay as they were at the start.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        self.site.change(change);
    }

    /// Closes the socket and every connection, and waits until they are closed.
    pub async fn shutdown(&self) {
        self.server.stop().await;
    }
}
