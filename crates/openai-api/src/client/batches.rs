//! `/batches`.

use std::borrow::Borrow;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde::Deserialize;

use crate::batch::{Batch, BatchAnswer, CreateBatch};
use crate::client::answer::{Answer, check_length};
use crate::client::call::Call;
use crate::client::events::ByteStream;
use crate::client::list::List;
use crate::client::{Client, error_body};
use crate::error::Result;
use crate::file::FileId;
use crate::mend::{self, without_bom};

impl Client {
    /// Creates a batch.
    ///
    /// Its input file is uploaded beforehand, with the purpose
    /// [`Batch`](crate::FilePurpose::Batch).
    pub fn create_batch(&self, batch: impl Borrow<CreateBatch>) -> Call<Batch> {
        let call = self.call::<Batch>(Method::POST, &["batches"], BATCH).json(batch.borrow());
        call.sent_by(|request, _| Box::pin(request.read(read_created)))
    }

    /// Tells how far a batch is.
    pub fn batch(&self, id: &str) -> Call<Batch> {
        self.call(Method::GET, &["batches", id], BATCH)
    }

    /// Lists the batches, newest first.
    pub fn batches(&self) -> List<Batch> {
        self.list(&["batches"], "list of batches")
    }

    /// Cancels a batch; what is answered until it stops is kept.
    pub fn cancel_batch(&self, id: &str) -> Call<Batch> {
        self.call(Method::POST, &["batches", id, "cancel"], BATCH)
    }

    /// Fetches a batch's answers one by one, first those of the output file and then those of the
    /// error file.
    ///
    /// No more than a line is held in memory. The order is the server's: go by
    /// [`custom_id`](BatchAnswer::custom_id). After an error the stream ends.
    #[must_use]
    pub fn batch_answers(&self, batch: &Batch) -> BoxStream<'static, Result<BatchAnswer>> {
        let files = [&batch.output_file_id, &batch.error_file_id];
        // Some servers write a file that there is not as an empty text.
        let files = files.into_iter().flatten().filter(|id| !id.as_str().is_empty());
        let files: Vec<FileId> = files.cloned().collect();
        let client = self.clone();
        let limit = self.inner.longest_answer;
        let answers = futures_util::stream::iter(files)
            .then(move |file| {
                let client = client.clone();
                async move { client.file_content(&file).await.map(|text| lines(text, limit)) }
            })
            .try_flatten()
            .try_filter(|line| std::future::ready(!line.is_empty()))
            .and_then(|line| std::future::ready(BatchAnswer::read(&line)))
            .boxed();
        // Which goes no further once there was an error.
        futures_util::stream::try_unfold(answers, |mut answers| async {
            Ok(answers.try_next().await?.map(|answer| (answer, answers)))
        })
        .boxed()
    }
}

/// Together puts a new batch, and only that, into a `job`.
fn read_created(body: &[u8], answer: &Answer) -> Result<Batch> {
    #[derive(Deserialize)]
    struct Wrapped {
        job: Batch,
    }

    let told = answer.parse(body, BATCH, |batch: &Batch| error_body::is_error(&batch.extra));
    told.or_else(|error| match mend::from_slice::<Wrapped>(without_bom(body)) {
        Ok(wrapped) => Ok(wrapped.job),
        Err(_) => Err(error),
    })
}

/// The lines of a text, without their ends; none may be longer than the limit.
fn lines(text: ByteStream, limit: usize) -> BoxStream<'static, Result<Bytes>> {
    let state = Some((text, Vec::new(), Bytes::new()));
    futures_util::stream::try_unfold(state, move |state| async move {
        let Some((mut text, mut line, mut piece)) = state else { return Ok(None) };
        loop {
            if let Some(end) = memchr::memchr(b'\n', &piece) {
                line.extend_from_slice(&piece.split_to(end + 1));
                return Ok(Some((trimmed(&line), Some((text, Vec::new(), piece)))));
            }
            check_length(line.len() + piece.len(), limit)?;
            line.extend_from_slice(&piece);
            match text.try_next().await? {
                Some(next) => piece = next,
                None => return Ok(Some((trimmed(&line), None))),
            }
        }
    })
    .boxed()
}

fn trimmed(line: &[u8]) -> Bytes {
    Bytes::copy_from_slice(without_bom(line).trim_ascii())
}

const BATCH: &str = "batch";
