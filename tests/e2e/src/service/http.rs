//! HTTP for the played services: one thread, any number of connections, one request at a time.

use super::Desk;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, header, server::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until it is told to end, or nobody is there to tell it.
pub(super) fn serve(desk: Desk, mut ended: oneshot::Receiver<()>) -> (SocketAddr, JoinHandle<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = listener.local_addr().expect("its number");
    let desk = Arc::new(Mutex::new(desk));
    let serving = async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut ended => return,
            };
            let (stream, _) = accepted.expect("a connection");
            let desk = Arc::clone(&desk);
            let answer = service_fn(move |request| answer(Arc::clone(&desk), request));
            // A client that hangs up has its reasons.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    };
    let thread = std::thread::spawn(move || {
        runtime.block_on(serving);
        // A model that still thinks is not waited for.
        runtime.shutdown_background();
    });
    (address, thread)
}

async fn answer(
    desk: Arc<Mutex<Desk>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    // The model may take its time, as it acts for a person, too.
    let thinking = tokio::task::spawn_blocking(move || {
        desk.lock().unwrap_or_else(PoisonError::into_inner).answer(&path, &body)
    });
    let (status, kind, content) = thinking
        .await
        .unwrap_or_else(|_| (500, "application/json", r#"{"error":{"message":"the model is lost"}}"#.into()));
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    Ok(response.body(Full::new(content.into())).expect("a response"))
}
