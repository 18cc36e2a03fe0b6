mod server;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use mockall::predicate::{always, eq};
use openai_api::{ApiError, FineTuningEvent, FineTuningJob, FineTuningStatus};
use tokio::time::Instant;

use super::*;
use crate::dataset::{Example, Label, Preference};
use crate::hosted::api::MockApi;
use crate::job::{Hyperparameters, JobState};

fn wire(status: FineTuningStatus) -> FineTuningJob {
    FineTuningJob::new("j", "base".into(), status)
}

fn supervised() -> TrainingJob {
    TrainingJob::new("base", Dataset::new(vec![Example::pair("q", "a")]).curate())
}

fn with_preference() -> TrainingSet {
    let bad = Example::pair("q", "b").with_label(Label::Negative);
    Dataset::new(vec![Example::pair("q", "a"), bad]).curate()
}

fn preferences_alone() -> TrainingSet {
    let mut set = with_preference();
    set.supervised.clear();
    set
}

fn failure(status: u16) -> openai_api::Error {
    ApiError::new(status, "no").into()
}

fn trainer(api: MockApi) -> HostedTrainer {
    HostedTrainer::over(Arc::new(api))
}

/// Submits a job to a server that takes it; gives the texts of the files and the request.
async fn submitted(job: TrainingJob) -> (Vec<String>, CreateFineTuningJob) {
    let seen = Arc::new(Mutex::new((Vec::new(), None)));
    let mut api = MockApi::new();
    let files = Arc::clone(&seen);
    api.expect_upload().returning(move |path| {
        assert!(path.extension().is_some_and(|end| end == "jsonl"));
        let mut seen = files.lock().unwrap();
        seen.0.push(std::fs::read_to_string(path).unwrap());
        Ok(FileId::new(format!("file-{}", seen.0.len())))
    });
    let request = Arc::clone(&seen);
    api.expect_create().once().returning(move |job| {
        request.lock().unwrap().1 = Some(job);
        Ok(wire(FineTuningStatus::Queued))
    });
    assert_eq!(trainer(api).submit(job).await.unwrap(), "j".into());
    let (files, request) = seen.lock().unwrap().clone();
    (files, request.unwrap())
}

#[tokio::test]
async fn submit_uploads_the_examples_and_maps_every_setting() {
    let settings = Hyperparameters::default().with_epochs(2).with_batch_size(4);
    let job = supervised()
        .with_validation(vec![Example::pair("v", "w")])
        .with_hyperparameters(settings.clone())
        .with_suffix("lake")
        .with_seed(7);
    let (files, request) = submitted(job).await;
    assert_eq!(Dataset::from_jsonl_text(&files[0]).unwrap().examples[0].messages[1].text(), "a");
    assert_eq!(Dataset::from_jsonl_text(&files[1]).unwrap().examples[0].messages[1].text(), "w");
    assert_eq!(Method::from_request(&request).unwrap(), Method::Supervised);
    assert_eq!(Hyperparameters::from_request(&request), settings);
    assert_eq!((request.training_file.as_str(), request.seed), ("file-1", Some(7)));
    assert_eq!(request.validation_file, Some(FileId::new("file-2")));
    assert_eq!(request.suffix.as_deref(), Some("lake"));
}

#[tokio::test]
async fn preferences_alone_make_a_preference_job() {
    let bad = Example::pair("v", "x").with_label(Label::Negative);
    let job = TrainingJob::new("base", preferences_alone())
        .with_validation(vec![Example::pair("v", "w"), bad])
        .with_hyperparameters(Hyperparameters::default().with_beta(0.3));
    let (files, request) = submitted(job).await;
    assert_eq!(Method::from_request(&request).unwrap(), Method::Dpo);
    assert_eq!(Hyperparameters::from_request(&request).beta, Some(0.3));
    let sets: Vec<_> = files.iter().map(|text| Dataset::from_jsonl_text(text).unwrap()).collect();
    assert_eq!(sets[0].preferences[0].rejected.text(), "b");
    assert_eq!(sets[1].preferences[0].rejected.text(), "x");
}

#[tokio::test]
async fn a_file_of_preferences_validates_a_job_of_either_method() {
    let pair = Preference::new(
        vec![openai_api::Message::user("v")],
        openai_api::Message::assistant("w"),
        openai_api::Message::assistant("x"),
    );
    let mut validation = Dataset::default();
    validation.preferences.push(pair);
    let validation = validation.into_validation().unwrap();
    let job = TrainingJob::new("base", with_preference()).with_validation(validation);
    let (files, _) = submitted(job.clone().with_method(Method::Dpo)).await;
    let set = Dataset::from_jsonl_text(&files[1]).unwrap();
    let pair = &set.preferences[0];
    assert_eq!((pair.preferred.text(), pair.rejected.text()), ("w".into(), "x".into()));
    let (files, _) = submitted(job.with_method(Method::Supervised)).await;
    let set = Dataset::from_jsonl_text(&files[1]).unwrap();
    assert_eq!((set.len(), set.examples[0].messages[1].text()), (1, "w".into()));
}

#[tokio::test]
async fn what_the_api_cannot_do_is_refused_before_anything_is_sent() {
    // The mock refuses every call.
    let refused =
        async |job: TrainingJob| trainer(MockApi::new()).submit(job).await.unwrap_err().to_string();
    assert_eq!(
        refused(supervised().with_seed(u64::MAX)).await,
        "seed: must be at most 9223372036854775807 for this API"
    );
    let job = TrainingJob::new("base", preferences_alone());
    assert_eq!(
        refused(job.with_validation(vec![Example::pair("v", "w")])).await,
        "validation: a preference job needs a prompt with a good and a bad answer"
    );
    let bad = vec![Example::pair("v", "w").with_label(Label::Negative)];
    assert_eq!(
        refused(supervised().with_validation(bad)).await,
        "validation: all answers are negative; leave them out or add a good one"
    );
    let empty = Dataset::new(vec![Example::pair("q", " ")]).curate();
    assert_eq!(
        refused(TrainingJob::new("base", empty)).await,
        "data, column supervised[0].messages[1].content: is empty; there is nothing to learn"
    );
}

#[tokio::test]
async fn uploaded_files_are_deleted_when_the_job_is_refused() {
    let mut api = MockApi::new();
    let count = AtomicUsize::new(0);
    api.expect_upload().times(2).returning(move |_| {
        Ok(FileId::new(format!("file-{}", count.fetch_add(1, Ordering::Relaxed))))
    });
    api.expect_create().returning(|_| Err(ApiError::model_not_found("base").into()));
    for file in ["file-0", "file-1"] {
        api.expect_delete_file().with(eq(FileId::new(file))).once().returning(|_| Ok(()));
    }
    let job = supervised().with_validation(vec![Example::pair("v", "w")]);
    let error = trainer(api).submit(job).await.unwrap_err();
    assert!(matches!(error, Error::UntrainableModel { model, .. } if model == "base"));
}

#[tokio::test]
async fn a_server_that_trains_no_more_is_told_with_the_ways_out() {
    let mut api = MockApi::new();
    api.expect_upload().once().returning(|_| Ok("file-0".into()));
    let closed = || ApiError::new(403, "no new jobs").with_code("training_not_available");
    api.expect_create().returning(move |_| Err(closed().into()));
    api.expect_delete_file().with(eq(FileId::new("file-0"))).once().returning(|_| Ok(()));
    let error = trainer(api).submit(supervised()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("no new jobs; OpenAI winds fine-tuning down"), "{told}");
    for way_out in ["2027-01-06", "local trainer", "Nebius"] {
        assert!(told.contains(way_out), "{told}");
    }
}

#[tokio::test]
async fn uploaded_files_stay_when_the_job_may_have_been_created() {
    let timeout =
        || openai_api::Error::Timeout { what: "response", limit: Duration::from_secs(600) };
    let failures: [fn() -> openai_api::Error; 2] = [timeout, || failure(502)];
    for failed in failures {
        // The mock panics if a file is deleted.
        let mut api = MockApi::new();
        api.expect_upload().once().returning(|_| Ok("file-0".into()));
        api.expect_create().once().returning(move |_| Err(failed()));
        assert!(matches!(trainer(api).submit(supervised()).await, Err(Error::Api(_))));
    }
}

#[tokio::test]
async fn the_training_file_is_deleted_when_the_validation_file_cannot_be_uploaded() {
    let mut api = MockApi::new();
    api.expect_upload().once().returning(|_| Ok("file-0".into()));
    api.expect_upload().once().returning(|_| Err(failure(413)));
    api.expect_delete_file().with(eq(FileId::new("file-0"))).once().returning(|_| Ok(()));
    let job = supervised().with_validation(vec![Example::pair("v", "w")]);
    assert!(matches!(trainer(api).submit(job).await, Err(Error::Api(_))));
}

#[tokio::test(start_paused = true)]
async fn preferences_that_are_left_out_are_told_by_the_first_event() {
    let mut api = MockApi::new();
    api.expect_upload().returning(|_| Ok("file-0".into()));
    api.expect_create().returning(|_| Ok(wire(FineTuningStatus::Queued)));
    api.expect_job().returning(|_| Ok(wire(FineTuningStatus::Succeeded)));
    api.expect_events().returning(|_, _| Ok(Page::whole(vec![FineTuningEvent::new("e", 1, "")])));
    let trainer = trainer(api);
    let id = trainer.submit(TrainingJob::new("base", with_preference())).await.unwrap();
    let events: Vec<_> = trainer.events(&id).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(events[0].level, EventLevel::Warn);
    assert!(events[0].message.starts_with("1 preferences are not part"), "{}", events[0].message);
    assert_eq!(events[1].id, "e");
}

/// A page of events, newest first.
fn page(ids: &[u64], has_more: bool) -> Page<FineTuningEvent> {
    let events = ids.iter().map(|id| FineTuningEvent::new(format!("e{id}"), *id, "")).collect();
    let mut page = Page::whole(events);
    page.has_more = has_more;
    page
}

/// Lets a server answer by script, one answer per call.
fn scripted(
    jobs: Vec<openai_api::Result<FineTuningStatus>>,
    pages: Vec<(Option<&str>, openai_api::Result<Page<FineTuningEvent>>)>,
) -> HostedTrainer {
    let mut api = MockApi::new();
    let mut order = mockall::Sequence::new();
    for job in jobs {
        let job = Mutex::new(Some(job.map(wire)));
        api.expect_job()
            .once()
            .in_sequence(&mut order)
            .returning(move |_| job.lock().unwrap().take().unwrap());
    }
    let mut order = mockall::Sequence::new();
    for (after, page) in pages {
        let page = Mutex::new(Some(page));
        api.expect_events()
            .once()
            .with(always(), eq(after.map(str::to_owned)))
            .in_sequence(&mut order)
            .returning(move |_, _| page.lock().unwrap().take().unwrap());
    }
    trainer(api)
}

async fn told(trainer: &HostedTrainer) -> Vec<String> {
    let events = trainer.events(&"j".into()).await.unwrap();
    events.map(|event| event.map_or_else(|e| e.to_string(), |e| e.id)).collect().await
}

use FineTuningStatus::{Running, Succeeded};

#[tokio::test(start_paused = true)]
async fn events_are_told_oldest_first_over_pages_and_polls_and_never_twice() {
    let trainer = scripted(
        vec![Ok(Running), Ok(Running), Ok(Succeeded)],
        vec![
            (None, Ok(page(&[3, 2], true))),
            (Some("e2"), Ok(page(&[1], false))),
            (None, Ok(page(&[4, 3], true))),
            // The job had ended before these were asked for.
            (None, Ok(page(&[6, 5], true))),
            (Some("e5"), Ok(page(&[4, 3], true))),
        ],
    );
    assert_eq!(told(&trainer).await, ["e1", "e2", "e3", "e4", "e5", "e6"]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_from_two_to_ten_seconds_while_nothing_happens() {
    let quiet = 8;
    let jobs = (0..=quiet).map(|turn| Ok(if turn < quiet { Running } else { Succeeded }));
    let pages = (0..=quiet).map(|_| (None, Ok(page(&[], false))));
    let trainer = scripted(jobs.collect(), pages.collect());
    let start = Instant::now();
    assert!(told(&trainer).await.is_empty());
    // 2 + 3 + 4.5 + 6.75 and four times 10.
    let waited = start.elapsed().as_secs_f64();
    assert!((56.0..56.5).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_can_pass_is_waited_out() {
    let trainer = scripted(
        vec![Ok(Running), Err(failure(503)), Ok(Succeeded)],
        vec![
            (None, Err(failure(429))),
            (None, Ok(page(&[1], false))),
            (None, Err(failure(500))),
            (None, Ok(page(&[2, 1], false))),
        ],
    );
    assert_eq!(told(&trainer).await, ["e1", "e2"]);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_in_a_row_end_the_stream_with_the_last() {
    let pages = (0..6).map(|_| (None, Err(failure(503))));
    let trainer = scripted(vec![Ok(Running)], pages.collect());
    assert_eq!(told(&trainer).await, ["the fine-tuning API failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_wait_is_given_up_to_a_minute() {
    let busy = |seconds| {
        let mut busy = ApiError::new(429, "busy");
        busy.retry_after = Some(Duration::from_secs(seconds));
        (None, Err(busy.into()))
    };
    let start = Instant::now();
    let trainer = scripted(vec![Ok(Succeeded)], vec![busy(60), (None, Ok(page(&[1], false)))]);
    assert_eq!(told(&trainer).await, ["e1"]);
    assert_eq!(start.elapsed().as_secs(), 60);

    let start = Instant::now();
    let trainer = scripted(vec![Ok(Running)], vec![busy(61)]);
    assert_eq!(told(&trainer).await, ["the fine-tuning API failed"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_pass_ends_the_stream_at_once() {
    let trainer = scripted(
        vec![Ok(Running)],
        vec![(None, Ok(page(&[1], true))), (Some("e1"), Err(failure(401)))],
    );
    assert_eq!(told(&trainer).await, ["the fine-tuning API failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_vanishes_is_not_found() {
    let trainer =
        scripted(vec![Ok(Running), Err(failure(404))], vec![(None, Ok(page(&[1], false)))]);
    assert_eq!(told(&trainer).await, ["e1", "no training job with id j"]);
}

#[tokio::test]
async fn cancelling_what_has_ended_is_no_error_and_other_refusals_are() {
    for (status, expected) in [(Succeeded, true), (Running, false)] {
        let mut api = MockApi::new();
        api.expect_cancel().returning(|_| Err(failure(400)));
        api.expect_job().returning(move |_| Ok(wire(status.clone())));
        assert_eq!(trainer(api).cancel(&"j".into()).await.is_ok(), expected);
    }
}

#[tokio::test]
async fn jobs_come_from_all_pages_newest_first() {
    let mut api = MockApi::new();
    let job = |id: &str, at| {
        let mut job = FineTuningJob::new(id, "base".into(), Running);
        job.created_at = at;
        job
    };
    let first = vec![job("c", 3), job("b", 2)];
    api.expect_jobs().with(eq(None)).once().returning(move |_| {
        let mut page = Page::whole(first.clone());
        page.has_more = true;
        Ok(page)
    });
    let second = vec![job("a", 1)];
    let after = eq(Some("b".to_owned()));
    api.expect_jobs().with(after).once().returning(move |_| Ok(Page::whole(second.clone())));
    let jobs = trainer(api).jobs().await.unwrap();
    let ids: Vec<_> = jobs.iter().map(|job| (job.id.as_str(), job.state)).collect();
    assert_eq!(ids, ["c", "b", "a"].map(|id| (id, JobState::Running)));
}

#[test]
fn a_ready_made_preference_is_written_as_it_is() {
    let pair = Preference::new(
        vec![openai_api::Message::user("q")],
        openai_api::Message::assistant("a"),
        openai_api::Message::assistant("b"),
    );
    let set = TrainingSet { preferences: vec![pair.clone()], ..TrainingSet::default() };
    let plan = Plan::of(&TrainingJob::new("base", set.clone())).unwrap();
    let text = std::fs::read_to_string(plan.write_set("x", &set).unwrap().path()).unwrap();
    assert_eq!(Dataset::from_jsonl_text(&text).unwrap().preferences[0].rejected, pair.rejected);
}
