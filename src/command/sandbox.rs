//! `twsync sandbox`: the API as documented, on loopback, until ^C.

use serde::Serialize;

use super::words::{BOLD, DIM, counted};
use super::{Failure, Terminal};
use crate::daemon::signals;
use crate::report::Exit;
use crate::sandbox::{KEY, Options, SECRET, Sandbox, TOKEN, World};

/// The customers of the sandbox are the same each time.
pub(super) const SEED: u64 = 1;

#[derive(Serialize)]
struct Serving {
    base_url: String,
    customers: u32,
    token: &'static str,
    key: &'static str,
    secret: &'static str,
}

pub(super) async fn run(port: u16, customers: u32, terminal: &Terminal) -> Result<Exit, Failure> {
    let stop = signals::stop()?;
    let options = Options {
        port,
        world: World::new(SEED, customers as usize),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(|error| {
        let hint = "choose another with --port; 0 takes any that is free".to_owned();
        let cause = format!("can't serve on 127.0.0.1:{port}: {error}");
        Failure::new(Exit::Usage, cause, hint)
    })?;
    let serving = Serving {
        base_url: sandbox.url(),
        customers,
        token: TOKEN,
        key: KEY,
        secret: SECRET,
    };
    terminal.answer(&serving, text)?;
    stop.cancelled().await;
    sandbox.shutdown().await;
    Ok(Exit::Done)
}

/// The secrets shown here are the sandbox's own and open nothing else.
fn text(serving: &Serving) -> String {
    let Serving {
        base_url,
        token,
        key,
        secret,
        ..
    } = serving;
    let customers = counted(serving.customers.into(), "customer");
    format!(
        "Serving {customers} at {BOLD}{base_url}{BOLD:#}, until ^C\n\n\
         Sync from it, in another terminal:\n\n  \
         TWSYNC_API__BASE_URL={base_url} TWSYNC_API__TOKEN={token} \\\n    \
         twsync --once --set mirror.path=rehearsal/mirror.db --set lake.path=rehearsal/lake\n\n\
         Ask it yourself:\n\n  \
         curl -H 'Authorization: Bearer {token}' '{base_url}/admin/customers?page=1'\n\n\
         {DIM}It also takes the pair api-key: {key}, api-secret: {secret}{DIM:#}\n"
    )
}
