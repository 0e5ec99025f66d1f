//! Logs of ramdisks: the list of a node, one as the archive that it is, one as lines. They are with
//! the conductor that collected them; here they only pass through, never as a whole.

use axum::body::Body;
use bytes::Bytes;
use cupola_api::cupola::AgentLogs;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::policy::Rule;
use cupola_api::serial::RECORDING;
use futures_util::stream::{Stream, try_unfold};
use http::{HeaderValue, Response, header};
use std::sync::Arc;

use super::super::answer::{Answer, Failure, ok};
use super::super::call::Call;
use super::number;
use crate::policy::Target;
use crate::rpc::Rpc;

/// How many lines are given unless asked otherwise, and at most.
const LINES: usize = 1000;

/// `GET /cupola/v1/nodes/{node}/logs`.
pub(in super::super) async fn list(call: &mut Call, node: &str) -> Answer {
    let node = known(call, node).await?;
    let logs = call.state.rpc.agent_logs(node).await?;
    ok(&AgentLogs { logs })
}

/// `GET /cupola/v1/nodes/{node}/logs/{name}`.
pub(in super::super) async fn archive(call: &mut Call, node: &str, name: &str) -> Answer {
    let node = readable(call, node, name).await?;
    // Read before the answer begins, so that what is not there is still a 404.
    let first = call.state.rpc.agent_log_bytes(node, name, 0).await?;
    let rest = rest(Arc::clone(&call.state.rpc), node, name.to_owned(), first);
    let mut response = Response::new(Body::from_stream(rest));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(if name.ends_with(RECORDING) {
            "application/octet-stream"
        } else {
            "application/gzip"
        }),
    );
    Ok(response)
}

/// The archive, chunk after chunk, each fetched when the one before has been taken.
fn rest(
    rpc: Arc<dyn Rpc>,
    node: NodeId,
    name: String,
    first: Bytes,
) -> impl Stream<Item = Result<Bytes, ApiFault>> + Send {
    let start = (rpc, name, 0, Some(first));
    try_unfold(start, move |(rpc, name, offset, ready)| async move {
        let chunk = match ready {
            Some(chunk) => chunk,
            None => rpc.agent_log_bytes(node, &name, offset).await?,
        };
        if chunk.is_empty() {
            return Ok(None);
        }
        let next = offset + chunk.len() as u64;
        Ok(Some((chunk, (rpc, name, next, None))))
    })
}

/// `GET /cupola/v1/nodes/{node}/logs/{name}/lines?from=N&count=N`.
pub(in super::super) async fn lines(call: &mut Call, node: &str, name: &str) -> Answer {
    let from = number(call, "from")?.unwrap_or(0);
    let count = number(call, "count")?;
    let count = count.map_or(LINES, |n| {
        usize::try_from(n).unwrap_or(LINES).clamp(1, LINES)
    });
    let node = readable(call, node, name).await?;
    let from = u64::try_from(from).unwrap_or(0);
    let page = call
        .state
        .rpc
        .agent_log_lines(node, name, from, count)
        .await?;
    ok(&page)
}

/// The same of a node whose log is read: a recorded serial console is for who may see consoles.
async fn readable(call: &Call, node: &str, name: &str) -> Result<NodeId, Failure> {
    let id = known(call, node).await?;
    if name.ends_with(RECORDING)
        && let Ok(stored) = call.target(&node.into()).await
        && !call.may_on(Rule::NodeGetConsole, &stored)
    {
        let text = format!(
            "Access was denied to the following resource: {}",
            Rule::NodeGetConsole.name()
        );
        return Err(ApiFault::new(403, text).into());
    }
    Ok(id)
}

/// The identifier of a node; one that is gone may have left logs, and is known by its identifier.
async fn known(call: &Call, node: &str) -> Result<NodeId, Failure> {
    match (call.target(&node.into()).await, node.parse::<NodeId>()) {
        (Ok(node), _) => Ok(node.uuid),
        // Whose it was is not known any more.
        (Err(Failure::Fault(fault)), Ok(id)) if fault.status == 404 => {
            let what = format_args!("logs of node {id}");
            let asked = call.must(Rule::NodeListAll, Target::default(), what);
            asked.map(|()| id).map_err(|_| fault.into())
        }
        (Err(failure), _) => Err(failure),
    }
}
