//! The whole suite over a real HTTP client and a real server on loopback, behind which a small
//! trainer learns.

use futures_util::FutureExt as _;
use openai_api::testing::{Reply, Request, ScriptedServer};
use openai_api::{File, FileDeleted, FilePurpose, RetryPolicy};
use serde_json::{Value, json};

use super::*;
use crate::conformance::tests::ByteTrainer;
use crate::conformance::{Guarded, Offer};

#[derive(Debug, Default)]
struct Server {
    trainer: ByteTrainer,
    files: Mutex<Vec<String>>,
}

impl Server {
    fn answer(&self, request: &Request) -> Reply {
        let path: Vec<&str> = request.path().split('/').skip(2).collect();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("POST", ["files"]) => self.upload(request),
            ("DELETE", ["files", id]) => Ok(json!(FileDeleted::new(FileId::new(*id)))),
            ("POST", ["fine_tuning", "jobs"]) => self.create(request),
            ("GET", ["fine_tuning", "jobs"]) => now(self.trainer.jobs()).map(|jobs| {
                let jobs = jobs.into_iter().map(|job| json!(FineTuningJob::from(job))).collect();
                paged(request, jobs)
            }),
            ("GET", ["fine_tuning", "jobs", id]) => {
                now(self.trainer.status(&(*id).into())).map(|job| json!(FineTuningJob::from(job)))
            }
            ("GET", ["fine_tuning", "jobs", id, "events"]) => {
                self.trainer.events_so_far(&(*id).into()).map(|events| {
                    let events =
                        events.into_iter().rev().map(|event| json!(FineTuningEvent::from(event)));
                    paged(request, events.collect())
                })
            }
            ("POST", ["fine_tuning", "jobs", id, "cancel"]) => self.cancel(&(*id).into()),
            ("POST", ["fine_tuning", "jobs", id, "pause"]) => self.pause(&(*id).into()),
            ("POST", ["fine_tuning", "jobs", id, "resume"]) => self.resume(&(*id).into()),
            _ => Err(Error::JobNotFound("path".into())),
        };
        match answer {
            Ok(body) => Reply::json(200, body),
            Err(Error::JobNotFound(id)) => refusal(&ApiError::new(404, id.to_string())),
            Err(Error::UntrainableModel { model, .. }) => {
                refusal(&ApiError::model_not_found(&model))
            }
            Err(error) => refusal(&ApiError::new(400, error.to_string())),
        }
    }

    fn upload(&self, request: &Request) -> Result<Value> {
        let form = request.text();
        let (_, from) = form.split_once("filename=").unwrap();
        let (_, from) = from.split_once("\r\n\r\n").unwrap();
        let (text, _) = from.split_once("\r\n--").unwrap();
        let mut files = self.files.lock().unwrap();
        files.push(text.to_owned());
        let id = format!("file-{}", files.len() - 1);
        Ok(json!(File::new(id, "training.jsonl", 0, FilePurpose::FineTune, 1)))
    }

    fn create(&self, request: &Request) -> Result<Value> {
        let request: CreateFineTuningJob = serde_json::from_slice(&request.body).unwrap();
        let read = |id: &FileId| {
            let place: usize = id.as_str().strip_prefix("file-").unwrap().parse().unwrap();
            Dataset::from_jsonl_text(&self.files.lock().unwrap()[place])
        };
        let validation = request.validation_file.as_ref();
        let validation = validation.map(|id| read(id)?.into_validation()).transpose()?;
        let job = TrainingJob::new(request.model.clone(), read(&request.training_file)?.curate())
            .with_method(Method::from_request(&request)?)
            .with_hyperparameters(Hyperparameters::from_request(&request))
            .with_validation(validation.unwrap_or_default());
        let id = now(self.trainer.submit(job))?;
        now(self.trainer.status(&id)).map(|job| json!(FineTuningJob::from(job)))
    }

    fn pause(&self, id: &JobId) -> Result<Value> {
        if now(self.trainer.status(id))?.state != JobState::Running {
            return Err(Error::invalid_job("job", "is not running"));
        }
        now(self.trainer.pause(id))?;
        now(self.trainer.status(id)).map(|job| json!(FineTuningJob::from(job)))
    }

    fn resume(&self, id: &JobId) -> Result<Value> {
        if now(self.trainer.status(id))?.state != JobState::Paused {
            return Err(Error::invalid_job("job", "is not paused"));
        }
        now(self.trainer.resume(id))?;
        now(self.trainer.status(id)).map(|job| json!(FineTuningJob::from(job)))
    }

    fn cancel(&self, id: &JobId) -> Result<Value> {
        if now(self.trainer.status(id))?.state.is_terminal() {
            return Err(Error::invalid_job("job", "has ended"));
        }
        now(self.trainer.cancel(id))?;
        now(self.trainer.status(id)).map(|job| json!(FineTuningJob::from(job)))
    }
}

/// The small trainer waits for nothing.
fn now<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    answer.now_or_never().unwrap()
}

fn refusal(error: &ApiError) -> Reply {
    Reply::json(error.status, error.to_body())
}

/// Two entries at a time, so that there are pages to turn.
fn paged(request: &Request, entries: Vec<Value>) -> Value {
    let after = request.target.split_once("after=").map(|(_, after)| after);
    let after = after.and_then(|after| after.split('&').next());
    let start = after.map_or(0, |after| {
        entries.iter().position(|entry| entry["id"] == after).map_or(entries.len(), |at| at + 1)
    });
    let rest = &entries[start..];
    let page = &rest[..rest.len().min(2)];
    json!({"object": "list", "data": page, "has_more": rest.len() > page.len()})
}

async fn over_http() -> Guarded<HostedTrainer, ScriptedServer> {
    let behind = Server::default();
    let server = ScriptedServer::answering(move |request| behind.answer(request)).await.unwrap();
    let client = Client::builder().base_url(server.url()).key("sk-test").build().unwrap();
    let trainer = HostedTrainer::new(client).with_poll_interval(Duration::from_millis(1));
    Guarded::new(trainer, server)
}

#[tokio::test]
async fn a_server_may_take_or_refuse_to_cancel_what_has_ended() {
    for taken in [true, false] {
        let server = ScriptedServer::answering(move |request| {
            let ended = json!(FineTuningJob::new("j", "base".into(), FineTuningStatus::Failed));
            match request.method.as_str() {
                "POST" if !taken => refusal(&ApiError::new(409, "the job has ended")),
                _ => Reply::json(200, ended),
            }
        });
        let server = server.await.unwrap();
        let client = Client::builder().base_url(server.url()).retry(RetryPolicy::never());
        let trainer = HostedTrainer::new(client.build().unwrap());
        trainer.cancel(&"j".into()).await.unwrap();
        assert_eq!(trainer.status(&"j".into()).await.unwrap().state, JobState::Failed);
    }
}

crate::trainer_conformance! {
    trainer: over_http().await,
    offer: Offer::new("bytes"),
}
