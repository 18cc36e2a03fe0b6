//! `/responses`, whole and streamed.

use std::sync::Arc;

use futures_core::stream::BoxStream;
use reqwest::Method;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::client::answer::{Answer, Misread};
use crate::client::call::Call;
use crate::client::frames::{
    Read, Reader, is_noise, is_plain_error, is_stream, read_all, read_json,
};
use crate::client::list::List;
use crate::client::{Client, error_body, json};
use crate::error::{Error, Result};
use crate::mend::{self, without_bom};
use crate::response::{
    CompactedResponse, InputTokens, Response, ResponseAccumulator, ResponseDeleted, ResponseEvent,
    ResponseId, ResponseItem, ResponseProgress, ResponseRequest, ResponseStatus,
};
use crate::sse::Event;
use crate::wire::Field as _;

/// A response that comes in events; dropping it frees the connection.
pub type ResponseStream = BoxStream<'static, Result<ResponseEvent>>;

impl Client {
    /// Asks for a response and waits for all of it.
    ///
    /// One that failed is [`Error::Api`]; one that was cut off by a limit or a filter is a response
    /// whose [`status`](Response::status) says so. Of a
    /// [background](ResponseRequest::with_background) response the server tells at once that it is
    /// queued.
    ///
    /// ```
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use openai_api::{Client, ResponseRequest};
    /// use serde_json::json;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let message = json!({"type": "message", "content": [{"type": "output_text", "text": "Blue."}]});
    /// let reply = Reply::json(200, json!({"id": "resp_1", "status": "completed", "output": [message]}));
    /// let server = ScriptedServer::start([reply]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// let response = client.create_response(ResponseRequest::new("m", "What colour is it?")).await?;
    /// assert_eq!(response.text(), "Blue.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn create_response(&self, mut request: ResponseRequest) -> Call<Response> {
        request.stream = None;
        self.response_call(request).sent_by(|request, _| Box::pin(request.read(read_created)))
    }

    /// Asks for a response and gives its events as they come.
    ///
    /// Awaiting the call waits for the first event.
    /// The last is [`Completed`](ResponseEvent::Completed) or
    /// [`Incomplete`](ResponseEvent::Incomplete). Until the first has come the request is sent again
    /// as the client's [`RetryPolicy`](crate::RetryPolicy) says, and never after that. A server that
    /// answers with plain JSON gives a stream of one event, and of an error if the response in it is
    /// not over.
    ///
    /// Once the stream has begun, errors come as an item, after which it ends: [`Error::Api`] in the
    /// place of an `error` or `response.failed` event, and [`Error::Truncated`] if the stream ends
    /// before the response does.
    pub fn stream_response(&self, mut request: ResponseRequest) -> Call<ResponseStream> {
        request.stream = Some(true);
        stream(self.response_call(request))
    }

    /// Takes up the stream of a response that the server makes in the background, after the event
    /// with this `sequence_number`, or from the first event on.
    ///
    /// It is the stream that [`stream_response`](Self::stream_response) gives.
    pub fn resume_response(&self, id: &ResponseId, after: Option<u64>) -> Call<ResponseStream> {
        let call = self.call(Method::GET, &["responses", id.as_str()], RESPONSE);
        stream(call.query("stream", true).maybe_query("starting_after", after))
    }

    /// Tells one response, whatever became of it.
    pub fn response(&self, id: &ResponseId) -> Call<Response> {
        let call = self.call::<Value>(Method::GET, &["responses", id.as_str()], RESPONSE);
        call.sent_by(|request, _| Box::pin(request.read(read_known)))
    }

    /// Deletes a response.
    pub fn delete_response(&self, id: &ResponseId) -> Call<ResponseDeleted> {
        self.call(Method::DELETE, &["responses", id.as_str()], "deletion").or_silence()
    }

    /// Cancels a response that the server makes in the background; tells how far it came.
    pub fn cancel_response(&self, id: &ResponseId) -> Call<Response> {
        let path = ["responses", id.as_str(), "cancel"];
        let call = self.call::<Value>(Method::POST, &path, RESPONSE);
        call.sent_by(|request, _| Box::pin(request.read(read_known)))
    }

    /// Lists what a response was asked with, newest first.
    pub fn response_input_items(&self, id: &ResponseId) -> List<ResponseItem> {
        self.list(&["responses", id.as_str(), "input_items"], "list of items")
    }

    /// Counts the tokens that a request's input would take.
    pub fn count_input_tokens(&self, mut request: ResponseRequest) -> Call<InputTokens> {
        request.stream = None;
        self.call(Method::POST, &["responses", "input_tokens"], "count of tokens")
            .with_json(json::response_body(&mut request))
    }

    /// Makes a long conversation shorter, to go on with in its place.
    pub fn compact_response(&self, mut request: ResponseRequest) -> Call<CompactedResponse> {
        request.stream = None;
        self.call(Method::POST, &["responses", "compact"], "compacted conversation")
            .with_json(json::response_body(&mut request))
    }

    fn response_call(&self, mut request: ResponseRequest) -> Call {
        let body = json::response_body(&mut request);
        self.call(Method::POST, RESPONSES, RESPONSE).with_json(body)
    }
}

fn stream(call: Call) -> Call<ResponseStream> {
    call.accept("text/event-stream").sent_by(|request, _| Box::pin(request.stream::<Events>()))
}

/// Reads a response that was just asked for.
fn read_created(body: &[u8], answer: &Answer) -> Result<Response> {
    if is_stream(body) {
        let mut whole = ResponseAccumulator::default();
        for event in read_all(body, answer, Events) {
            whole.push(event?);
        }
        return whole.finish();
    }
    let has_failed = |response: &Response| {
        response.status == Some(ResponseStatus::Failed) || says_error(response)
    };
    read_response(body, answer, has_failed)
}

/// Reads a response that has been there before; that it failed is what was asked.
fn read_known(body: &[u8], answer: &Answer) -> Result<Response> {
    let is_none = |response: &Response| response.id.as_str().is_empty() && says_error(response);
    read_response(body, answer, is_none)
}

fn read_response(
    body: &[u8],
    answer: &Answer,
    is_error: impl Fn(&Response) -> bool,
) -> Result<Response> {
    let mut response = answer.parse(body, RESPONSE, is_error)?;
    let says_status =
        response.status.as_ref().is_some_and(|it| !matches!(it, ResponseStatus::Other(_)));
    if response.output.is_empty() && !says_status && !is_response(body) {
        // An answer to some other question would else pass for an empty one to this.
        return Err(answer.lacks(RESPONSE, "`output` is missing"));
    }
    response.meta = Some(Arc::clone(&answer.meta));
    Ok(response)
}

/// Whether JSON without any output is a response all the same.
fn is_response(body: &[u8]) -> bool {
    let fields: Map<String, Value> = mend::from_slice(without_bom(body)).unwrap_or_default();
    fields.get("output").is_some_and(Value::is_array)
        || fields.get("object").is_some_and(|object| object == "response")
}

fn says_error(response: &Response) -> bool {
    let is_told = response.error.as_ref().is_some_and(|error| !error.is_blank());
    is_told || error_body::is_error(&response.extra)
}

/// Reads the events of a response, which is not complete before its last.
#[derive(Default)]
struct Events;

impl Reader for Events {
    type Item = ResponseEvent;

    fn read(&mut self, event: &Event<'_>, answer: &Answer) -> Result<Read<ResponseEvent>> {
        let data = event.data.trim_ascii();
        // Some servers end with `[DONE]`, as chats do; that by itself completes no response.
        if data == b"[DONE]" || is_noise(event) {
            return Ok(Read::Nothing);
        }
        if event.kind == b"error" {
            return Err(error_event(data, answer));
        }
        let mut event: ResponseEvent = match read_json(data, EVENT) {
            Err(_) if is_plain_error(data) => return Err(answer.late_error(data)),
            read => named(read?, event)?,
        };
        match &mut event {
            ResponseEvent::Failed(_) => return Err(failure(data, answer)),
            ResponseEvent::Other(Value::Object(fields))
                if fields.get("type").is_some_and(|kind| kind == "error")
                    || !fields.contains_key("type") && error_body::is_error(fields) =>
            {
                return Err(error_event(data, answer));
            }
            ResponseEvent::Created(progress)
            | ResponseEvent::Queued(progress)
            | ResponseEvent::InProgress(progress)
            | ResponseEvent::Completed(progress)
            | ResponseEvent::Incomplete(progress) => {
                progress.response.meta = Some(Arc::clone(&answer.meta));
            }
            _ => {}
        }
        Ok(if event.is_terminal() { Read::Last(event) } else { Read::Item(event) })
    }

    fn read_whole(&mut self, body: &[u8], answer: &Answer) -> Result<Read<ResponseEvent>> {
        let event = as_event(read_created(body, answer)?);
        Ok(if event.is_terminal() { Read::Last(event) } else { Read::Item(event) })
    }

    fn is_complete(&self) -> bool {
        false
    }
}

/// The event, with the name that stands beside the data where they do not tell their type.
fn named(read: ResponseEvent, event: &Event<'_>) -> Result<ResponseEvent> {
    match read {
        ResponseEvent::Other(Value::Object(mut fields))
            if !event.kind.is_empty() && !fields.contains_key("type") =>
        {
            fields.insert("type".to_owned(), String::from_utf8_lossy(event.kind).into());
            ResponseEvent::deserialize(Value::Object(fields))
                .map_err(|error| Error::Decode { what: EVENT, source: Misread::new(&error).into() })
        }
        read => Ok(read),
    }
}

/// A whole response as the only event of a stream.
fn as_event(response: Response) -> ResponseEvent {
    // One that tells no status, or one of its own, has ended if there is something in it.
    let status = match response.status {
        Some(ResponseStatus::Other(_)) if response.output.is_empty() => ResponseStatus::InProgress,
        Some(ResponseStatus::Other(_)) | None => ResponseStatus::Completed,
        Some(ref status) => status.clone(),
    };
    let kind = format!("response.{status}");
    if status == ResponseStatus::Cancelled {
        return ResponseEvent::Other(json!({"type": kind, "response": response}));
    }
    let response = Box::new(response);
    let progress = ResponseProgress { kind, response, ..ResponseProgress::blank() };
    match status {
        ResponseStatus::Queued => ResponseEvent::Queued(progress),
        ResponseStatus::InProgress => ResponseEvent::InProgress(progress),
        ResponseStatus::Incomplete => ResponseEvent::Incomplete(progress),
        _ => ResponseEvent::Completed(progress),
    }
}

/// The error that an `error` event stands for; its `type` says no more than that it is one.
fn error_event(data: &[u8], answer: &Answer) -> Error {
    match serde_json::from_slice::<Map<String, Value>>(data) {
        Ok(mut fields) if fields.get("type").is_some_and(|kind| kind == "error") => {
            fields.remove("type");
            answer.late_error(json!(fields).to_string().as_bytes())
        }
        _ => answer.late_error(data),
    }
}

/// The error that a response failed with.
fn failure(event: &[u8], answer: &Answer) -> Error {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    match &event["response"]["error"] {
        error @ Value::Object(_) => {
            answer.late_error(json!({"error": error}).to_string().as_bytes())
        }
        _ => {
            answer.late_error(br#"{"message": "the response failed; the server does not say why"}"#)
        }
    }
}

const EVENT: &str = "event of the stream";
const RESPONSE: &str = "response";
const RESPONSES: &[&str] = &["responses"];
