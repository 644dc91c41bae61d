//! `es-guard mcp`: a server of tools for an agent, over standard input and output.
//!
//! | room | what it does |
//! |---|---|
//! | [`tools`] | what there is, as a model is told it |
//! | [`answers`] | what each says |
//!
//! It is a child of the agent, inside its tree, and so may ask and grant nothing: what it says a person has granted,
//! a person has. The protocol is the official SDK's, which only this program has in it: what judges as root
//! (`es-guard-helper`) does without.

mod answers;
mod tools;

use crate::asking::target::places;
use crate::asking::{AskError, target::TargetError};
use crate::cli::McpArgs;
use crate::render;
use answers::{Access, Answer, Denial, Override};
use helper_daemon::client::live::{self, Live, Places};
use helper_daemon::protocol::{AccessRequest, RequestState};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often a client is told that somebody is still waited for.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Serves until the agent hangs up.
pub(crate) fn run(args: &McpArgs) -> ExitCode {
    let served = places(args.helper.as_deref()).map_err(|error| error.to_string()).and_then(serve);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            render::note(&format!("failed to serve an agent: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(places: Places) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let done = runtime.block_on(async {
        let serving = Server { places }.serve(rmcp::transport::stdio()).await;
        let serving = serving.map_err(|error| error.to_string())?;
        serving.waiting().await.map(drop).map_err(|error| error.to_string())
    });
    // Nobody is left who would read what a thread still waits for.
    runtime.shutdown_background();
    done
}

/// The server.
#[derive(Clone, Debug)]
struct Server {
    places: Places,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("es-guard", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = Value::Object(call.arguments.unwrap_or_default());
        let answer = match &*call.name {
            tools::EXPLAIN => self.answer(given, |live, asked: Denial| answers::explain(live, &asked)).await,
            tools::CHECK => self.answer(given, |live, asked: Access| answers::access(live, &asked)).await,
            tools::REQUEST => self.request(given, &context).await,
            other => return Err(ErrorData::invalid_params(format!("there is no tool {other}"), None)),
        };
        // What went wrong is for the model to read, too.
        let (text, is_error) = answer.map_or_else(|error| (error, true), |text| (text, false));
        let text = vec![ContentBlock::text(text)];
        let result = if is_error { CallToolResult::error(text) } else { CallToolResult::success(text) };
        Ok(result.into())
    }
}

impl Server {
    /// Asks the session that this process is inside.
    async fn answer<A, T>(
        &self,
        given: Value,
        ask: impl FnOnce(&Live, A) -> Answer<T> + Send + 'static,
    ) -> Result<T, String>
    where
        A: DeserializeOwned + Send + 'static,
        T: Send + 'static,
    {
        let places = self.places.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let asked = serde_json::from_value(given).map_err(|error| error.to_string())?;
            let live = live::inside(&places).ok_or_else(|| AskError::from(TargetError::None).to_string())?;
            ask(&live, asked).map_err(|error| format!("failed to {error}"))
        });
        asking.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Asks a person, and waits for what they say, as long as the agent does.
    async fn request(&self, given: Value, context: &RequestContext<RoleServer>) -> Result<String, String> {
        let began = Instant::now();
        let (wait, asked) = self
            .answer(given, |live, asked: Override| Ok((asked.wait(), answers::request(live, &asked)?)))
            .await?;
        let mut request = match asked {
            Err(why) => return Ok(why),
            Ok(request) => request,
        };
        while request.state == RequestState::Pending && !context.ct.is_cancelled() {
            let left = wait.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            tell_progress(context, began.elapsed(), &request).await;
            let (number, time) = (request.number, left.min(PROGRESS_EVERY));
            request = self.answer(Value::Null, move |live, (): ()| answers::wait(live, number, time)).await?;
        }
        self.answer(Value::Null, move |live, (): ()| Ok(answers::told(live, &request))).await
    }
}

/// Says that a person is waited for, if the client wants to know.
async fn tell_progress(context: &RequestContext<RoleServer>, time: Duration, request: &AccessRequest) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let mut progress = ProgressNotificationParam::new(token, time.as_secs_f64());
    progress.message = Some(format!("request {} waits for a person's answer", request.number));
    // A client that is gone needs no progress.
    let _ = context.peer.notify_progress(progress).await;
}
