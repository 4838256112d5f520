//! The client against servers that misbehave, over real connections.

mod agreement;
mod answers;
mod credentials;
mod pacing;
mod server;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use twsync::api::{Client, Error, Limits, PaceMemory, Page};
use twsync::clock::Clock;
use twsync::config::{self, SecretSource};
use twsync::customer::CustomerId;
use twsync::report::Live;

use server::Server;

/// Everything a client is made of, ready to be changed by a test.
struct Setup {
    api: config::Api,
    pace: config::Pace,
    memory: PaceMemory,
    limits: Limits,
    stop: CancellationToken,
}

impl Setup {
    /// Without a limit to the rate, with a token.
    fn with(server: &Server) -> Self {
        let base = format!("{}/api/billing/v1", server.origin());
        Self {
            api: config::Api {
                base_url: base.parse().expect("a URL"),
                credentials: Some(config::Credentials::Bearer(inline("tok3n"))),
                ..config::Api::default()
            },
            pace: config::Pace {
                requests_per_second: f64::INFINITY,
                ..config::Pace::default()
            },
            memory: PaceMemory::default(),
            limits: Limits::default(),
            stop: CancellationToken::new(),
        }
    }

    fn client(&self) -> Client {
        self.try_client().expect("a client")
    }

    fn try_client(&self) -> Result<Client, Error> {
        Client::new(
            &self.api,
            &self.pace,
            self.memory,
            self.limits,
            Clock::telling(noon),
            Arc::new(Live::default()),
            self.stop.clone(),
        )
    }
}

/// The wall clock stands still in these tests.
fn noon() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000).expect("a timestamp")
}

fn inline(secret: &str) -> SecretSource {
    SecretSource::Inline(SecretString::from(secret))
}

fn key_pair() -> config::Credentials {
    config::Credentials::KeyPair {
        key: inline("k3y"),
        secret: inline("s3cret"),
    }
}

fn id(nth: u8) -> CustomerId {
    CustomerId::from_bytes([nth; 16])
}

async fn first_page(client: &Client) -> Result<Page, Error> {
    client.list_page(1, 100).await
}

/// Waits that are to end at once, and would otherwise end the test run instead.
async fn within<T>(limit: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, what).await.expect("in time")
}
