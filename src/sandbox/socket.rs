//! A connection that can be reset, and bodies that do not go over the wire as they should.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Long enough for a client on the same machine to have read what was sent: a reset discards what
/// it has not.
const READ: Duration = Duration::from_millis(10);

/// What an endless body goes on with.
static BLANKS: [u8; 65_536] = [b' '; 65_536];

/// A connection. Once its [`Fuse`] is lit it is reset, not closed, when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    fuse: Fuse,
}

/// Decides how a connection ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Fuse(Arc<AtomicBool>);

impl Socket {
    pub(super) fn new(stream: TcpStream, fuse: Fuse) -> Self {
        Self { stream, fuse }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.fuse.0.load(Relaxed) {
            // Where it fails the connection is gone already.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The first half of the body, and then a reset. The length promises all of it.
pub(super) fn reset_midway(body: Vec<u8>, fuse: Fuse) -> Body {
    let mut body = Bytes::from(body);
    body.truncate(body.len() / 2);
    let broken = stream::once(async move {
        // The server can not see what its client has read; a reset sent at once would discard it.
        tokio::time::sleep(READ).await;
        fuse.0.store(true, Relaxed);
        Err(io::ErrorKind::ConnectionReset.into())
    });
    Body::from_stream(one(body).chain(broken))
}

/// The whole body, and then an orderly end that comes before what the length promises.
pub(super) fn too_short(body: Vec<u8>) -> Body {
    // So that the client has the body before the end of it: the same wait as before a reset.
    let end = stream::once(tokio::time::sleep(READ)).filter_map(async |()| None);
    Body::from_stream(one(body.into()).chain(end))
}

/// The body, a few bytes at a time.
pub(super) fn drip(body: Vec<u8>, bytes: usize, every: Duration) -> Body {
    let drops = stream::unfold(Bytes::from(body), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        // The pause between two drops is the fault that was asked for.
        tokio::time::sleep(every).await;
        let drop = rest.split_to(bytes.min(rest.len()));
        Some((io::Result::Ok(drop), rest))
    });
    Body::from_stream(drops)
}

/// The body, and blanks for as long as the client reads.
pub(super) fn endless(body: Vec<u8>) -> Body {
    Body::from_stream(
        one(body.into()).chain(stream::repeat_with(|| Ok(Bytes::from_static(&BLANKS)))),
    )
}

fn one(bytes: Bytes) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(bytes)])
}
