//! Vendor methods of a node (wire reference §15).

use cupola_api::fault::ApiFault;
use http::StatusCode;

use super::super::answer::{Answer, empty, ok};
use super::super::body::{self, Size};
use super::super::call::Call;

/// `GET /v1/nodes/{node}/vendor_passthru/methods`.
pub(in super::super) async fn methods(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    ok(&call.state.rpc.vendor_methods(node.uuid).await?)
}

/// Any method of `/v1/nodes/{node}/vendor_passthru/{method}`, or of its parent with `?method=`.
pub(in super::super) async fn run(call: &mut Call, node: &str, method: &str) -> Answer {
    let argument = call.arguments.text("method")?;
    let method = match argument {
        Some(argument) if method.is_empty() => argument,
        Some(_) | None => method.to_owned(),
    };
    if method.is_empty() {
        return Err(ApiFault::bad_request("Missing mandatory parameter: method").into());
    }
    let arguments = body::object(call.json(Size::Usual).await?, "vendor arguments")?;
    let node = call.node(node).await?;
    let http_method = call.method.as_str().to_owned();
    let rpc = &call.state.rpc;
    match rpc
        .call_vendor(node.uuid, &method, &http_method, arguments)
        .await?
    {
        Some(answer) => ok(&answer),
        None => empty(StatusCode::ACCEPTED),
    }
}
