//! A machine's network cable that does not carry everything well: an HTTP proxy between agent and
//! service that loses heartbeats and damages images. Only machines with such a fault have one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, Uri, header};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Inner;
use super::fault::RamdiskFault;

/// Shorter pieces are left alone: an agent looks at the head of an image to learn its format.
const SHORT: usize = 4096;

type Body = BoxBody<Bytes, hyper::Error>;

/// A running proxy; it ends when this is dropped.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    _guard: DropGuard,
}

impl Wire {
    /// Starts it for this machine.
    pub(super) async fn start(machine: Arc<Inner>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let cancel = CancellationToken::new();
        tokio::spawn(serve(listener, machine, cancel.clone()));
        Ok(Self {
            address,
            _guard: cancel.drop_guard(),
        })
    }
}

async fn serve(listener: TcpListener, machine: Arc<Inner>, cancel: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (machine, cancel) = (Arc::clone(&machine), cancel.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| carry(Arc::clone(&machine), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = cancel.cancelled() => {}
                // A connection that breaks is what this is for.
                _ = connection => {}
            }
        });
    }
}

async fn carry(machine: Arc<Inner>, mut request: Request<Incoming>) -> io::Result<Response<Body>> {
    let fault = machine.faults.of_ramdisk();
    let path = request.uri().path().to_owned();
    let is_heartbeat = request.method() == Method::POST && path.starts_with("/v1/heartbeat/");
    if fault == Some(RamdiskFault::HeartbeatsLost) && is_heartbeat {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let bad = || io::Error::from(io::ErrorKind::InvalidInput);
    let host = request.uri().authority().ok_or_else(bad)?.to_string();
    let stream = TcpStream::connect(&host).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let local = request.uri().path_and_query().cloned().ok_or_else(bad)?;
    *request.uri_mut() = Uri::from(local);
    let host = host.parse().map_err(io::Error::other)?;
    request.headers_mut().insert(header::HOST, host);
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let damages = fault == Some(RamdiskFault::DamagesDownloads) && path.starts_with("/images/");
    Ok(response.map(|body| {
        if damages {
            body.map_frame(damaged).boxed()
        } else {
            body.boxed()
        }
    }))
}

fn damaged(frame: Frame<Bytes>) -> Frame<Bytes> {
    frame.map_data(|data| {
        if data.len() < SHORT {
            return data;
        }
        let mut data = BytesMut::from(data);
        let middle = data.len() / 2;
        if let Some(byte) = data.get_mut(middle) {
            *byte ^= 1;
        }
        data.freeze()
    })
}
