//! The only client of the API: it asks for pages and details, and hands back parsed values.
//!
//! A request's way: the gate lets it pass (stop, budget, pace), the transport sends it with the
//! credentials as they are now, the verdict says whether to take the answer, ask again or give up,
//! and the wire turns the body into values. Whatever is sent is a GET.
//!
//! Past this module an id is a [`CustomerId`] and a time is a timestamp. It knows nothing of
//! mirrors, walks or proofs; it only says of each answer between which two counts it was made.

mod answer;
mod credentials;
mod dialect;
mod error;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
mod mask;
mod pace;
mod retry;
mod retry_after;
mod routes;
mod transport;
mod verdict;
mod wire;
mod words;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::customer::CustomerId;
use crate::report::Live;
use credentials::Credentials;
use dialect::Spoken;
use exchange::{Arrival, Counted, Exchange, Route};
use gate::Gate;
use retry::Tokens;
use routes::Routes;
use transport::Transport;
use verdict::{DetailReply, ListReply};
use wire::ListBody;

pub use answer::{Answer, Details, KeyPair, Limits, Page, Tally, Total};
pub use error::Error;

/// What the pacing remembers from one run to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PaceMemory {
    /// The rate in force, where it is below the ceiling.
    pub requests_per_second: Option<f64>,
    /// The instant before which the server wants no request.
    pub not_before: Option<Timestamp>,
}

/// Speaks to the API. Cheap to clone; all clones share one pace, one budget and one tally.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    routes: Routes,
    spoken: Spoken,
    /// What came first in place of somebody's details, and is none.
    alien: OnceLock<String>,
}

impl Client {
    /// A client that has sent nothing yet. The credentials are looked up once, so that settings
    /// that can't work are an error here and not in mid-walk.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another module's noun; a struct of them would be one more"
    )]
    pub fn new(
        api: &config::Api,
        pace: &config::Pace,
        memory: PaceMemory,
        limits: Limits,
        clock: Clock,
        live: Arc<Live>,
        stop: CancellationToken,
    ) -> Result<Client, Error> {
        let exchange = Exchange {
            transport: Transport::new(api, pace.in_flight_max)?,
            credentials: Credentials::new(api.credentials.as_ref())?,
            gate: Gate::new(pace, memory, limits.requests_max, clock.clone(), stop),
            tokens: Tokens::full(),
            counted: Counted::from(limits.count_from),
            retries_max: pace.retries_max,
            clock,
            live,
        };
        Ok(Client(Arc::new(Inner {
            exchange,
            routes: Routes::new(&api.base_url),
            spoken: Spoken::new(api.dialect),
            alien: OnceLock::new(),
        })))
    }

    /// One page of the list, from 1. While the dialect is unknown both size parameters are sent,
    /// and a server that refuses that as a bad request is asked with each alone.
    pub async fn list_page(&self, page: u32, page_size: u32) -> Result<Page, Error> {
        let Inner {
            exchange,
            routes,
            spoken,
            ..
        } = &*self.0;
        loop {
            let asking = spoken.asking();
            let url = routes.list(page, page_size, asking);
            let arrived = exchange
                .ask(Route::List, &url, |judged| verdict::of_list(judged, page))
                .await?;
            match arrived.answer? {
                ListReply::BadRequest(_) if spoken.refused(asking) => {}
                ListReply::BadRequest(error) => return Err(error),
                ListReply::Page(body) if spoken.heard(body.envelope.dialect) => {
                    return Ok(into_page(page, *body, arrived.at));
                }
                ListReply::Page(_) => {
                    return Err(Error::not_this_api(
                        "it answers in another dialect than `api.dialect` says",
                    ));
                }
            }
        }
    }

    /// One customer's details. What concerns this customer alone is an [`Answer`]; an error ends
    /// the run.
    pub async fn customer(&self, id: CustomerId) -> Result<Details, Error> {
        let url = self.0.routes.details(id);
        let arrived = self
            .0
            .exchange
            .ask(Route::Details, &url, |judged| {
                verdict::of_details(judged, id)
            })
            .await?;
        let DetailReply { answer, notes } = arrived.answer.unwrap_or_else(|error| DetailReply {
            answer: match error {
                Error::Refused { said, .. } => Answer::Refused(said),
                Error::NotThisApi { what } => {
                    self.0.alien.get_or_init(|| what.clone());
                    Answer::Failed(what)
                }
                other => Answer::Failed(other.to_string()),
            },
            notes: 0,
        });
        Ok(Details {
            id,
            interval: arrived.at.interval,
            received_at: arrived.at.received_at,
            from_cache: arrived.at.from_cache,
            notes,
            answer,
        })
    }

    /// What the platform says of the key pair in use. Advice only: asked once, and None where
    /// anything is amiss or the credentials are no key pair.
    pub async fn key_pair(&self) -> Option<KeyPair> {
        if !self.0.exchange.credentials.are_a_key_pair() {
            return None;
        }
        let url = self.0.routes.key_pair();
        let (reply, shown) = self.0.exchange.ask_once(&url).await?;
        (reply.status == 200).then(|| wire::key_pair(&reply.body, |text| shown.mask(text)))?
    }

    /// What came first in place of somebody's details and is no answer of this API: a page for people, a
    /// redirect, a body without end. To that customer it is a failure like any other.
    pub fn alien(&self) -> Option<&str> {
        self.0.alien.get().map(String::as_str)
    }

    /// What has gone over the wire so far.
    pub fn tally(&self) -> Tally {
        self.0.exchange.counted.tally()
    }

    /// How many requests the budget leaves; `u64::MAX` where there is none.
    pub fn requests_left(&self) -> u64 {
        self.0.exchange.gate.left()
    }

    /// What the next run's pacing is to start from.
    pub fn pace_memory(&self) -> PaceMemory {
        self.0.exchange.gate.memory()
    }

    /// The counter of intervals: the next number it gives out.
    pub fn count(&self) -> u64 {
        self.0.exchange.counted.count()
    }

    /// The rate in force, for all requests together.
    pub fn requests_per_second(&self) -> f64 {
        self.0.exchange.gate.rate()
    }
}

fn into_page(number: u32, body: ListBody, at: Arrival) -> Page {
    let envelope = body.envelope;
    Page {
        number,
        page_size: envelope.page_size,
        total: envelope.total,
        pages: envelope.pages,
        has_next: envelope.has_next,
        rows: body.rows,
        rejected: body.rejected,
        notes: body.notes,
        unknown_fields: body.unknown_fields,
        interval: at.interval,
        received_at: at.received_at,
        from_cache: at.from_cache,
        server_time: at.server_time,
        dialect: envelope.dialect,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;

    /// Where one request, no more, is answered with an empty page.
    fn one_page() -> config::BaseUrl {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 4096]).expect("a request");
            let body = r#"{"customers":[],"items":0,"pages":0}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream
                .write_all((head + body).as_bytes())
                .expect("an answer");
        });
        format!("http://{address}/").parse().expect("a URL")
    }

    #[tokio::test]
    async fn answers_regain_the_rate() {
        let token = config::SecretSource::Inline("token".into());
        let api = config::Api {
            base_url: one_page(),
            credentials: Some(config::Credentials::Bearer(token)),
            ..config::Api::default()
        };
        let memory = PaceMemory {
            requests_per_second: Some(5.0),
            not_before: None,
        };
        let (clock, hands) = Clock::still(Timestamp::UNIX_EPOCH);
        let client = Client::new(
            &api,
            &config::Pace::default(),
            memory,
            Limits::default(),
            clock,
            Arc::default(),
            CancellationToken::new(),
        )
        .expect("a client");
        hands.pass(Duration::from_secs(11));
        let page = client.list_page(1, 100).await;
        page.expect("a page");
        assert!((client.requests_per_second() - 5.5).abs() < 1e-9);
    }
}
