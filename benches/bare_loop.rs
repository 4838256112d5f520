//! The least that a client can do: asks for the same URLs as a backfill, as many at a time, parses
//! the JSON, and keeps nothing. What is measured against it is what everything else costs.
//!
//!     bare_loop BASE_URL TOKEN PAGES CONNECTIONS

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, token, pages, connections] = &arguments[..] else {
        return Err("BASE_URL TOKEN PAGES CONNECTIONS".into());
    };
    let (pages, connections): (u32, usize) = (pages.parse()?, connections.parse()?);
    // Fails only where there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let bearer: Arc<str> = format!("Bearer {token}").into();

    let began = Instant::now();
    let lists = (1..=pages).map(|page| format!("{base}/admin/customers?page={page}&pageSize=100"));
    let lists = ask_all(&client, &bearer, lists, connections).await?;
    let seconds_of_lists = began.elapsed().as_secs_f64();
    let ids: Vec<String> = lists
        .iter()
        .flat_map(|page| page["customers"].as_array().into_iter().flatten())
        .filter_map(|customer| Some(customer["id"].as_str()?.to_owned()))
        .collect();
    let details = ids.iter().map(|id| format!("{base}/admin/customer/{id}"));
    let details = ask_all(&client, &bearer, details, connections).await?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        r#"{{"requests_per_second": {}, "pages_per_second": {}}}"#,
        (lists.len() + details.len()) as f64 / seconds,
        lists.len() as f64 / seconds_of_lists,
    );
    Ok(())
}

async fn ask_all(
    client: &reqwest::Client,
    bearer: &Arc<str>,
    urls: impl Iterator<Item = String>,
    connections: usize,
) -> Result<Vec<Value>, Failed> {
    let asked = urls.map(|url| {
        let (client, bearer) = (client.clone(), Arc::clone(bearer));
        async move {
            let task = tokio::spawn(async move {
                let request = client.get(url).header("authorization", &*bearer);
                let body = request.send().await?.error_for_status()?.bytes().await?;
                Ok::<Value, Failed>(serde_json::from_slice(&body)?)
            });
            task.await?
        }
    });
    stream::iter(asked)
        .buffer_unordered(connections)
        .try_collect()
        .await
}
