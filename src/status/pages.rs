//! Which path answers what.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::Setup;
use super::metrics::{self, Totals};
use super::overview::Overview;
use super::page::{NoMirror, Page};
use crate::mirror::{Error, Reader};
use crate::report::{RunId, in_one_line};

pub(super) fn router(setup: Setup) -> Router {
    let site = Arc::new(Site {
        setup,
        summed: Mutex::new(None),
    });
    Router::new()
        .route("/", get(status))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(numbers))
        .route("/api/status", get(document))
        .fallback(async || (StatusCode::NOT_FOUND, "There is no such page.\n"))
        .with_state(site)
}

struct Site {
    setup: Setup,
    /// The totals of all runs, and up to which run: summed up anew when another has ended.
    summed: Mutex<Option<(Newest, Arc<Totals>)>>,
}

/// The newest run, and whether it has ended.
type Newest = Option<(RunId, Option<Timestamp>)>;

impl Site {
    /// How the copy stands now.
    fn overview(&self) -> Result<Overview, Error> {
        Overview::read(&self.setup.config, self.setup.clock.now())
    }

    /// How the copy stands, and what all runs counted.
    fn numbers(&self) -> Result<(Overview, Arc<Totals>), Error> {
        let config = &self.setup.config;
        let reader = Reader::open(&config.mirror.path)?;
        let snapshot = reader.snapshot()?;
        let overview = Overview::of(&snapshot, config, self.setup.clock.now())?;
        let newest = snapshot.last_runs(1)?;
        let newest = newest.first().map(|run| (run.id, run.finished_at));
        let mut summed = self.summed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, totals)) = &*summed
            && *known == newest
        {
            return Ok((overview, Arc::clone(totals)));
        }
        let totals = Arc::new(Totals::of(&snapshot.runs()?));
        *summed = Some((newest, Arc::clone(&totals)));
        Ok((overview, totals))
    }
}

async fn status(State(site): State<Arc<Site>>) -> Response {
    let live = Arc::clone(&site.setup.live);
    match looked(move || site.overview()).await {
        Ok(overview) => html(StatusCode::OK, Page::of(&overview, &live).render()),
        Err(unreadable) => {
            let page = NoMirror {
                said: unreadable.said,
                hint: unreadable.hint,
            };
            html(StatusCode::SERVICE_UNAVAILABLE, page.render())
        }
    }
}

async fn readiness(State(site): State<Arc<Site>>) -> Response {
    let (status, said) = match looked(move || site.overview()).await {
        Ok(overview) if !overview.stale => (StatusCode::OK, "ready".to_owned()),
        Ok(overview) => {
            let why = overview.attention.into_iter().next().unwrap_or_default();
            (StatusCode::SERVICE_UNAVAILABLE, why)
        }
        Err(unreadable) => (StatusCode::SERVICE_UNAVAILABLE, unreadable.said),
    };
    (status, said + "\n").into_response()
}

async fn numbers(State(site): State<Arc<Site>>) -> Response {
    let live = Arc::clone(&site.setup.live);
    let looked = looked(move || site.numbers()).await.ok();
    let mirror = looked
        .as_ref()
        .map(|(overview, totals)| (overview, &**totals));
    match metrics::text(mirror, &live) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => fault(&error),
    }
}

async fn document(State(site): State<Arc<Site>>) -> Response {
    match looked(move || site.overview()).await {
        Ok(overview) => Json(overview).into_response(),
        Err(unreadable) => {
            let said = json!({ "error": unreadable.said, "hint": unreadable.hint });
            (StatusCode::SERVICE_UNAVAILABLE, Json(said)).into_response()
        }
    }
}

/// Why there is nothing to tell, and what to do about it.
struct Unreadable {
    said: String,
    hint: String,
}

/// Looks into the mirror on a thread that may wait for the disk.
async fn looked<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Unreadable> {
    match spawn_blocking(look).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Unreadable {
            said: in_one_line(&error),
            hint: error.hint(),
        }),
        Err(error) => {
            tracing::error!(%error, "a fault of twsync while it looked into the mirror");
            Err(Unreadable {
                said: "a fault of twsync itself; the log says more".to_owned(),
                hint: String::new(),
            })
        }
    }
}

fn html(status: StatusCode, rendered: Result<String, askama::Error>) -> Response {
    match rendered {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => fault(&error),
    }
}

fn fault(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a status page could not be written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
