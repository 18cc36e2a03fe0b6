//! Runs over threads, whole and streamed, and their steps.

use futures_core::stream::BoxStream;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::answer::{Answer, Misread};
use crate::client::call::Call;
use crate::client::frames::{Read, Reader, is_noise, read_json};
use crate::client::list::List;
use crate::client::{Client, error_body};
use crate::error::{Error, Result};
use crate::run::{CreateRun, Run, RunEvent, RunStep, ToolOutput};
use crate::sse::Event;

/// A run that comes in events; dropping it frees the connection.
pub type RunStream = BoxStream<'static, Result<RunEvent>>;

impl Client {
    /// Begins a run over a thread; [`run`](Self::run) tells how far it is.
    ///
    /// OpenAI removed runs on 2026-08-26; compatible servers still have them.
    pub fn create_run(&self, thread: &str, mut run: CreateRun) -> Call<Run> {
        run.stream = None;
        self.beta(Method::POST, &["threads", thread, "runs"], RUN).json(&run)
    }

    /// Begins a run over a thread and gives its events as they come.
    ///
    /// Until the first has come the request is sent again as the client's
    /// [`RetryPolicy`](crate::RetryPolicy) says, and never after that. A run that fails says so in
    /// its last event. A stream that ends before [the last](RunEvent::is_last) ends in
    /// [`Error::Truncated`], as does one that a server gives as plain JSON before it has ended, and
    /// the place of an `error` event takes [`Error::Api`].
    pub fn stream_run(&self, thread: &str, mut run: CreateRun) -> Call<RunStream> {
        run.stream = Some(true);
        stream(self.beta(Method::POST, &["threads", thread, "runs"], RUN).json(&run))
    }

    /// Begins a thread and a run over it.
    pub fn create_thread_and_run(&self, mut run: CreateRun) -> Call<Run> {
        run.stream = None;
        self.beta(Method::POST, &["threads", "runs"], RUN).json(&run)
    }

    /// Begins a thread and a run over it; gives the run's events as [`stream_run`](Self::stream_run)
    /// does.
    pub fn stream_thread_and_run(&self, mut run: CreateRun) -> Call<RunStream> {
        run.stream = Some(true);
        stream(self.beta(Method::POST, &["threads", "runs"], RUN).json(&run))
    }

    /// Tells how far a run is.
    pub fn run(&self, thread: &str, id: &str) -> Call<Run> {
        self.beta(Method::GET, &["threads", thread, "runs", id], RUN)
    }

    /// Lists the runs over a thread, newest first.
    pub fn runs(&self, thread: &str) -> List<Run> {
        self.beta_list(&["threads", thread, "runs"], "list of runs")
    }

    /// Changes what is noted of a run.
    pub fn update_run(&self, thread: &str, id: &str, metadata: &Map<String, Value>) -> Call<Run> {
        self.beta(Method::POST, &["threads", thread, "runs", id], RUN)
            .json(&json!({"metadata": metadata}))
    }

    /// Cancels a run.
    pub fn cancel_run(&self, thread: &str, id: &str) -> Call<Run> {
        self.beta(Method::POST, &["threads", thread, "runs", id, "cancel"], RUN)
    }

    /// Tells a run what its [tools](Run::tool_calls) answer, all at once; it goes on.
    pub fn submit_tool_outputs(&self, thread: &str, id: &str, outputs: &[ToolOutput]) -> Call<Run> {
        self.tool_outputs(thread, id).json(&json!({"tool_outputs": outputs}))
    }

    /// Tells a run what its tools answer; gives its further events as
    /// [`stream_run`](Self::stream_run) does.
    pub fn stream_tool_outputs(
        &self,
        thread: &str,
        id: &str,
        outputs: &[ToolOutput],
    ) -> Call<RunStream> {
        let body = json!({"tool_outputs": outputs, "stream": true});
        stream(self.tool_outputs(thread, id).json(&body))
    }

    fn tool_outputs(&self, thread: &str, id: &str) -> Call<Run> {
        self.beta(Method::POST, &["threads", thread, "runs", id, "submit_tool_outputs"], RUN)
    }

    /// Lists the steps of a run, newest first.
    pub fn run_steps(&self, thread: &str, run: &str) -> List<RunStep> {
        self.beta_list(&["threads", thread, "runs", run, "steps"], "list of steps")
    }

    /// Tells one step of a run.
    pub fn run_step(&self, thread: &str, run: &str, id: &str) -> Call<RunStep> {
        self.beta(Method::GET, &["threads", thread, "runs", run, "steps", id], "step of a run")
    }
}

fn stream(call: Call<Run>) -> Call<RunStream> {
    call.accept("text/event-stream").sent_by(|request, _| Box::pin(request.stream::<Events>()))
}

/// Reads the events of a run, which go on to `done`.
#[derive(Default)]
struct Events {
    /// Whether the run was seen to go no further.
    is_complete: bool,
}

impl Reader for Events {
    type Item = RunEvent;

    fn read(&mut self, event: &Event<'_>, answer: &Answer) -> Result<Read<RunEvent>> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" || event.kind == b"done" {
            return Ok(Read::Done);
        }
        if is_noise(event) {
            return Ok(Read::Nothing);
        }
        if event.kind == b"error" {
            return Err(answer.late_error(data));
        }
        let name = String::from_utf8_lossy(event.kind);
        let value: Value = read_json(data, EVENT)?;
        let has_object = value.get("object").is_some();
        if !has_object && value.as_object().is_some_and(error_body::is_error) {
            return Err(answer.late_error(data));
        }
        let event = RunEvent::read(&name, value)
            .map_err(|error| Error::Decode { what: EVENT, source: Misread::new(&error).into() })?;
        self.is_complete |= event.is_last();
        Ok(Read::Item(event))
    }

    fn read_whole(&mut self, body: &[u8], answer: &Answer) -> Result<Read<RunEvent>> {
        let is_error = |run: &Run| error_body::is_error(&run.extra);
        let event = RunEvent::Run(Box::new(answer.parse(body, RUN, is_error)?));
        Ok(if event.is_last() { Read::Last(event) } else { Read::Item(event) })
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }
}

const RUN: &str = "run";
const EVENT: &str = "event of the stream";
