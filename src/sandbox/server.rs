//! Sockets: takes connections on loopback and hands their requests to the site.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::action::Break;
use super::encoding::Encoding;
use super::reply::Reply;
use super::site::{Asked, Site};
use super::socket::{self, Fuse, Socket};
use super::strike::Strike;
use super::target::Target;

/// A listening socket and the tasks behind it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Binds and serves on the current runtime until it is stopped or dropped.
    pub(super) async fn start(port: u16, site: Arc<Site>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, site, stop.clone(), tasks.clone()));
        Ok(Self {
            address,
            stop,
            tasks,
        })
    }

    /// Closes the socket and every connection, and waits until they are closed.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    site: Arc<Site>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // A connection that was gone before it was taken is no reason to stop listening.
        let Ok((stream, _)) = accepted else { continue };
        let (site, stop) = (site.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = converse(stream, site) => {}
            }
        });
    }
}

/// Answers the requests of one connection, one after the other, until either side closes it.
async fn converse(stream: TcpStream, site: Arc<Site>) {
    // Without it, small answers wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let fuse = Fuse::default();
    let socket = TokioIo::new(Socket::new(stream, fuse.clone()));
    let service = service_fn(|request| answer(&site, request, &fuse));
    // How a connection ends is the client's business, or a fault that a test asked for.
    let _ = http1::Builder::new()
        .serve_connection(socket, service)
        .await;
}

/// One request from its head to its answer. An error closes the connection without one.
async fn answer(
    site: &Site,
    request: Request<Incoming>,
    fuse: &Fuse,
) -> io::Result<Response<Body>> {
    let (uri, headers, method) = (request.uri(), request.headers(), request.method());
    let target = Target::of(uri.path(), uri.query());
    let visit = site.requests.enter(method, uri, headers, target);
    let strike = Strike(site.faults.strike(target));
    site.options().latency.pass().await;
    strike.before(target).await;
    let options = site.options();
    let asked = Asked {
        method,
        uri,
        headers,
        target,
    };
    let mut reply = strike.rework(site.reply(&asked, &options, strike.rows_of()));
    if let Some(encoding) = Encoding::accepted(headers).filter(|_| options.compression) {
        encoding.apply(&mut reply);
    }
    strike.after(target);
    let broken = strike.breaks();
    if broken == Some(Break::Close) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    visit.answered(reply.status.as_u16());
    Ok(response(reply, broken, fuse))
}

fn response(reply: Reply, broken: Option<Break>, fuse: &Fuse) -> Response<Body> {
    let Reply {
        status,
        mut headers,
        body,
    } = reply;
    let mut promise = |length: usize| headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let body = match broken {
        None | Some(Break::Close) => Body::from(body),
        Some(Break::Endless) => socket::endless(body),
        Some(Break::Reset) => {
            promise(body.len());
            socket::reset_midway(body, fuse.clone())
        }
        Some(Break::Short) => {
            promise(body.len() + 1);
            socket::too_short(body)
        }
        Some(Break::Drip { bytes, every }) => {
            promise(body.len());
            socket::drip(body, bytes, every)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
