//! A row of the table, and what runs it.
//!
//! Outcomes are written on one line, always whole, so that nothing a row does not mention can
//! change unseen:
//!
//! - `"Hello" -> stop (3+2)` is an answer, why it ended, and its tokens; a call of a tool stands
//!   before the arrow as `id:name(arguments)`, a refusal as `refused "…"`, further answers follow
//!   an `&`;
//! - `429 rate_limit_exceeded/requests "slow down" after 20s, again` is the server's error with
//!   code, kind and the field at fault, what else it is known to mean (`too long`, `no such model`), and whether
//!   asking again may help;
//! - `"Hel" then …` is an error that came after a part of the answer;
//! - anything else is the error as people read it, with its causes.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::time::Duration;

use futures_util::StreamExt as _;
use openai_api::testing::{Reply, ScriptedServer};
use openai_api::{
    ApiError, ChatAccumulator, ChatBackend as _, ChatCompletion, ChatRequest, Choice, Client,
    Error, File, FileId, FilePurpose, FineTuningJob, Message, Result, RetryPolicy,
};
use serde_json::Value;

/// Makes a test of each row, and a list of them.
macro_rules! quirks {
    ($($name:ident: $row:expr;)+) => {
        pub(crate) const ROWS: &[$crate::quirk::Row] = &[$((stringify!($name), || $row)),+];

        $(
            #[tokio::test]
            async fn $name() {
                let (_, row) = ROWS.iter().find(|(name, _)| *name == stringify!($name)).unwrap();
                row().check().await;
            }
        )+
    };
}

pub(crate) use quirks;

/// A name and what makes the row.
pub(crate) type Row = (&'static str, fn() -> Quirk);

/// A server's way of answering, and what the client must make of it.
#[derive(Debug)]
pub(crate) struct Quirk {
    /// Which server is known to do so.
    pub(crate) server: &'static str,
    /// Where it is known from.
    pub(crate) source: &'static str,
    ask: Ask,
    replies: Vec<Reply>,
    /// How often it is asked; once, unless the row is about asking again.
    retry: RetryPolicy,
    /// How long an answer may pause, if not as long as by default.
    pause: Option<Duration>,
    /// Whether it is asked twice over one client.
    twice: bool,
    /// Streams are sent a second time byte by byte.
    in_bytes: Option<Vec<u8>>,
    outcome: &'static str,
}

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Complete,
    Stream,
    Models,
    Files,
    FileContent,
    Upload,
    Job,
    Jobs,
    Events,
    Checkpoints,
}

/// A server that is asked for a whole answer.
pub(crate) fn complete(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Complete, server, source)
}

/// A server that is asked for a stream.
pub(crate) fn stream(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Stream, server, source)
}

/// A server that is asked for its models.
pub(crate) fn models(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Models, server, source)
}

/// A server that is asked for its files.
pub(crate) fn files(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Files, server, source)
}

/// A server that is asked for a file's content.
pub(crate) fn file_content(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::FileContent, server, source)
}

/// A server that is sent a file.
pub(crate) fn upload(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Upload, server, source)
}

/// A server that is asked for a fine-tuning job.
pub(crate) fn job(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Job, server, source)
}

/// A server that is asked for its fine-tuning jobs.
pub(crate) fn jobs(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Jobs, server, source)
}

/// A server that is asked what happened to a fine-tuning job.
pub(crate) fn events(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Events, server, source)
}

/// A server that is asked for the checkpoints of a fine-tuning job.
pub(crate) fn checkpoints(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Checkpoints, server, source)
}

impl Quirk {
    fn new(ask: Ask, server: &'static str, source: &'static str) -> Self {
        Self {
            server,
            source,
            ask,
            replies: Vec::new(),
            retry: RetryPolicy::never(),
            pause: None,
            twice: false,
            in_bytes: None,
            outcome: "",
        }
    }

    /// Gives this reply; the next time it is asked, the next one.
    pub(crate) fn replies(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
        self
    }

    /// Replies with a body of JSON and status 200.
    pub(crate) fn says(self, body: Value) -> Self {
        self.replies(Reply::json(200, body))
    }

    /// Replies with an error status and a body of JSON.
    pub(crate) fn refuses(self, status: u16, body: Value) -> Self {
        self.replies(Reply::json(status, body))
    }

    /// Replies with a stream; it must make no difference in which pieces it comes.
    pub(crate) fn streams<P: AsRef<[u8]>>(mut self, pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        self.in_bytes = Some(pieces.concat());
        self.replies(Reply::events(pieces))
    }

    /// Asks twice, the second time over the connection that is left of the first.
    pub(crate) fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Asks again as clients do by default, but hardly waits.
    pub(crate) fn patiently(mut self) -> Self {
        self.retry = RetryPolicy::default().with_base(Duration::from_millis(1));
        self
    }

    /// Waits for a further part of an answer no longer than a moment.
    pub(crate) fn briefly(mut self) -> Self {
        self.pause = Some(PAUSE);
        self
    }

    /// What must come back, after exactly one request for each reply.
    pub(crate) fn gives(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }

    pub(crate) async fn check(self) {
        self.check_with(self.replies.clone(), "").await;
        if let Some(bytes) = &self.in_bytes {
            let reply = Reply::events(bytes.chunks(1));
            self.check_with(vec![reply], ", byte by byte").await;
        }
    }

    async fn check_with(&self, replies: Vec<Reply>, how: &str) {
        let expected = replies.len();
        let server = ScriptedServer::start(replies).await.unwrap();
        let mut builder = Client::builder().key(KEY).base_url(server.url()).retry(self.retry);
        if let Some(pause) = self.pause {
            builder = builder.idle_timeout(pause);
        }
        let client = builder.build().unwrap();
        let (who, source) = (self.server, self.source);
        let mut outcome = self.ask.of(&client).await;
        if self.twice {
            outcome.push_str("; ");
            outcome.push_str(&self.ask.of(&client).await);
        }
        assert_eq!(outcome, self.outcome, "{who}{how}; see {source}");
        assert!(!outcome.contains(KEY), "{who}{how} gets the key shown; see {source}");
        let requests = server.requests();
        assert_eq!(requests.len(), expected, "requests to {who}{how}; see {source}");
        let keys: HashSet<_> = requests.iter().map(|it| it.header("idempotency-key")).collect();
        assert_eq!(keys.len(), 1, "all attempts at {who}{how} carry one key; see {source}");
    }
}

impl Ask {
    /// Asks, and writes the outcome on one line.
    async fn of(self, client: &Client) -> String {
        let request = ChatRequest::new("m", vec![Message::user("hi")]);
        let outcome = match self {
            Self::Complete => client.complete(request).await.map(|answer| completion(&answer)),
            Self::Stream => return streamed(client, request).await,
            Self::Models => client.models().await.map(|models| {
                list(&models, |model| match model.context_window() {
                    Some(window) => format!("{} ({window})", model.id),
                    None => model.id.to_string(),
                })
            }),
            Self::Files => client.files().all().await.map(|files| list(&files, file_line)),
            Self::Upload => client
                .upload_bytes("a.jsonl", "{}\n", FilePurpose::FineTune)
                .await
                .map(|file| file_line(&file)),
            Self::FileContent => client
                .file_bytes(&FileId::new("file-1"))
                .await
                .map(|content| format!("{:?}", String::from_utf8_lossy(&content))),
            Self::Job => client.fine_tuning_job("ftjob-1").await.map(|job| self::job_line(&job)),
            Self::Jobs => {
                client.fine_tuning_jobs().await.map(|page| list(&page.data, self::job_line))
            }
            Self::Events => client.fine_tuning_events("ftjob-1").await.map(|page| {
                list(&page.data, |event| format!("{} {}", event.created_at, event.message))
            }),
            Self::Checkpoints => client.fine_tuning_checkpoints("ftjob-1").await.map(|page| {
                list(&page.data, |it| {
                    format!("{} {}", it.step_number, it.fine_tuned_model_checkpoint)
                })
            }),
        };
        outcome.unwrap_or_else(|error| failure(&error))
    }
}

async fn streamed(client: &Client, request: ChatRequest) -> String {
    let mut chunks = match client.stream(request).await {
        Ok(chunks) => chunks,
        Err(error) => return failure(&error),
    };
    let (mut text, mut answer) = (String::new(), ChatAccumulator::default());
    let outcome: Result<ChatCompletion> = loop {
        match chunks.next().await {
            Some(Ok(chunk)) => {
                text.push_str(chunk.text());
                answer.push(chunk);
            }
            Some(Err(error)) => break Err(error),
            None => break answer.finish(),
        }
    };
    assert!(chunks.next().await.is_none(), "a stream that has ended goes on");
    match outcome {
        Ok(answer) => completion(&answer),
        Err(error) if text.is_empty() => failure(&error),
        Err(error) => format!("{text:?} then {}", failure(&error)),
    }
}

fn completion(answer: &ChatCompletion) -> String {
    let mut line = answer.choices.iter().map(choice).collect::<Vec<_>>().join(" & ");
    if let Some(usage) = &answer.usage {
        line.push_str(&format!(" ({}+{})", usage.prompt_tokens, usage.completion_tokens));
    }
    line
}

fn choice(choice: &Choice) -> String {
    let message = &choice.message;
    let mut line = format!("{:?}", message.text());
    if let Some(refusal) = &message.refusal {
        line.push_str(&format!(" refused {refusal:?}"));
    }
    for call in &message.tool_calls {
        let function = &call.function;
        line.push_str(&format!(" {}:{}({})", call.id, function.name, function.arguments));
    }
    let reason = choice.finish_reason.as_ref().map_or("nothing", |reason| reason.as_str());
    format!("{line} -> {reason}")
}

fn file_line(file: &File) -> String {
    let purpose = file.purpose.as_ref().map_or("-", |purpose| purpose.as_str());
    format!("{} {:?} {} {purpose}", file.id, file.filename, file.bytes)
}

fn job_line(job: &FineTuningJob) -> String {
    let mut line = format!("{} {}", job.id, job.status);
    for file in job.training_file.iter().chain(&job.training_files) {
        line.push_str(&format!(" of {file}"));
    }
    if let Some(epochs) = job.hyperparameters.as_ref().and_then(|it| it.n_epochs) {
        line.push_str(&format!(" x{epochs}"));
    }
    if let Some(model) = &job.fine_tuned_model {
        line.push_str(&format!(" -> {model}"));
    }
    if let Some(failure) = job.failure() {
        line.push_str(&format!(" failed {:?}", failure.message.as_deref().unwrap_or("-")));
    }
    line
}

fn list<T>(entries: &[T], line: impl Fn(&T) -> String) -> String {
    if entries.is_empty() {
        return "nothing".to_owned();
    }
    entries.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn failure(error: &Error) -> String {
    let again = if error.is_retryable() { "again" } else { "final" };
    match error {
        Error::Api(answer) => {
            let mut line = api(answer);
            for (holds, word) in [
                (error.is_context_length_exceeded(), "too long"),
                (error.is_model_not_found(), "no such model"),
            ] {
                if holds {
                    line.push_str(&format!(", {word}"));
                }
            }
            format!("{line}, {again}")
        }
        // How a connection breaks is told differently by each system.
        Error::Transport { .. } | Error::Connect { .. } => {
            let shown = error.to_string();
            format!("{}, {again}", shown.split(" to ").next().unwrap_or_default())
        }
        Error::Exhausted { attempts, source } => {
            format!("after {attempts} attempts: {}", failure(source))
        }
        error => {
            let first: Option<&dyn StdError> = Some(error);
            let causes = std::iter::successors(first, |&error| error.source());
            // Where exactly JSON stops making sense is not what a row is about.
            let causes = causes.map(|cause| {
                let text = cause.to_string();
                text.split(" at line ").next().unwrap_or_default().to_owned()
            });
            format!("{}, {again}", causes.collect::<Vec<_>>().join(": "))
        }
    }
}

fn api(error: &ApiError) -> String {
    let mut line = error.status.to_string();
    if let Some(code) = &error.code {
        line.push_str(&format!(" {code}"));
    }
    if let Some(kind) = &error.kind {
        let before = if error.code.is_some() { "" } else { " " };
        line.push_str(&format!("{before}/{kind}"));
    }
    if let Some(param) = &error.param {
        line.push_str(&format!(" of {param}"));
    }
    line.push_str(&format!(" {:?}", error.message));
    match error.retry_after {
        // Until a date, and so never twice the same.
        Some(wait) if wait > YEAR => line.push_str(" after years"),
        Some(wait) => line.push_str(&format!(" after {wait:?}")),
        None => {}
    }
    line
}

const YEAR: Duration = Duration::from_hours(365 * 24);

/// What must never be shown.
pub(crate) const KEY: &str = "sk-quirk-1234567890";

/// How long an answer may pause that comes to a halt.
const PAUSE: Duration = Duration::from_millis(300);
