//! A row of the table, and what runs it.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use openai_api::testing::{Reply, ScriptedServer};
use openai_api::{
    ChatAccumulator, ChatBackend as _, ChatCompletion, ChatRequest, Client, CreateBatch,
    EmbeddingRequest, FileId, FilePurpose, Message, ModerationRequest, ResponseAccumulator,
    ResponseRequest, ResponseStream, Result, RetryPolicy,
};
use serde_json::Value;

use crate::outcome;
use crate::outcome::{failure, list};

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
    DeleteFile,
    Upload,
    Respond,
    RespondInEvents,
    Response,
    Embed,
    Moderate,
    CreateBatch,
    Batch,
    Batches,
    BatchAnswers,
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

/// A server that is asked to delete a file.
pub(crate) fn delete_file(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::DeleteFile, server, source)
}

/// A server that is asked for a response.
pub(crate) fn respond(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Respond, server, source)
}

/// A server that is asked for a response in events.
pub(crate) fn respond_in_events(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::RespondInEvents, server, source)
}

/// A server that is asked how far a response is.
pub(crate) fn look_at_response(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Response, server, source)
}

/// A server that is asked for the vectors of two texts.
pub(crate) fn embed(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Embed, server, source)
}

/// A server that is asked whether a text is harmful.
pub(crate) fn moderate(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Moderate, server, source)
}

/// A server that is asked to begin a batch.
pub(crate) fn create_batch(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::CreateBatch, server, source)
}

/// A server that is asked how far a batch is.
pub(crate) fn batch(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Batch, server, source)
}

/// A server that is asked for its batches.
pub(crate) fn batches(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::Batches, server, source)
}

/// A server that is asked for a batch's answers.
pub(crate) fn batch_answers(server: &'static str, source: &'static str) -> Quirk {
    Quirk::new(Ask::BatchAnswers, server, source)
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
            Self::Complete => {
                client.complete(request).await.map(|answer| outcome::completion(&answer))
            }
            Self::Stream => return streamed(client, request).await,
            Self::Models => client.models().await.map(|models| list(&models, outcome::model)),
            Self::Files => client.files().all().await.map(|files| list(&files, outcome::file_line)),
            Self::DeleteFile => client
                .delete_file(&FileId::new("file-1"))
                .await
                .map(|it| format!("{}{}", it.id, if it.deleted { " is gone" } else { "" })),
            Self::Upload => client
                .upload_bytes("a.jsonl", "{}\n", FilePurpose::FineTune)
                .await
                .map(|file| outcome::file_line(&file)),
            Self::FileContent => client
                .file_bytes(&FileId::new("file-1"))
                .await
                .map(|content| format!("{:?}", String::from_utf8_lossy(&content))),
            Self::Respond => {
                client.create_response(question()).await.map(|it| outcome::response(&it))
            }
            Self::RespondInEvents => match client.stream_response(question()).await {
                Ok(events) => return responded(events).await,
                Err(error) => Err(error),
            },
            Self::Response => {
                client.response(&"resp_1".into()).await.map(|it| outcome::response(&it))
            }
            Self::Embed => {
                let request = EmbeddingRequest::new("m", vec!["hi", "ho"]);
                client.embed(request).await.map(|vectors| outcome::embeddings(&vectors))
            }
            Self::Moderate => client
                .moderate(ModerationRequest::new("hi"))
                .await
                .map(|it| outcome::moderation(&it)),
            Self::CreateBatch => {
                let new = CreateBatch::new("file-1", "/v1/chat/completions");
                client.create_batch(&new).await.map(|it| outcome::batch(&it))
            }
            Self::Batch => client.batch("batch_1").await.map(|it| outcome::batch(&it)),
            Self::Batches => client.batches().await.map(|page| list(&page.data, outcome::batch)),
            Self::BatchAnswers => match client.batch("batch_1").await {
                Ok(batch) => client
                    .batch_answers(&batch)
                    .try_collect()
                    .await
                    .map(|answers: Vec<_>| list(&answers, outcome::batch_answer)),
                Err(error) => Err(error),
            },
            Self::Job => client.fine_tuning_job("ftjob-1").await.map(|job| outcome::job_line(&job)),
            Self::Jobs => {
                client.fine_tuning_jobs().await.map(|page| list(&page.data, outcome::job_line))
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

fn question() -> ResponseRequest {
    ResponseRequest::new("m", "hi")
}

async fn responded(mut events: ResponseStream) -> String {
    let (mut text, mut answer) = (String::new(), ResponseAccumulator::default());
    let outcome = loop {
        match events.next().await {
            Some(Ok(event)) => {
                text.push_str(event.text());
                answer.push(event);
            }
            Some(Err(error)) => break Err(error),
            None => break answer.finish(),
        }
    };
    assert!(events.next().await.is_none(), "a stream that has ended goes on");
    match outcome {
        Ok(answer) => outcome::response(&answer),
        Err(error) if text.is_empty() => failure(&error),
        Err(error) => format!("{text:?} then {}", failure(&error)),
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
        Ok(answer) => outcome::completion(&answer),
        Err(error) if text.is_empty() => failure(&error),
        Err(error) => format!("{text:?} then {}", failure(&error)),
    }
}

/// What must never be shown.
pub(crate) const KEY: &str = "sk-quirk-1234567890";

/// How long an answer may pause that comes to a halt.
const PAUSE: Duration = Duration::from_millis(300);
