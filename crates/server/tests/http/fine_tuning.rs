//! `/v1/fine_tuning/jobs`.

use std::sync::Arc;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tempfile::TempDir;
use trainer::{Dataset, JobState, Lora, Method, Metrics, Pace, Schedule, TrainingEvent, Tuning};

use crate::hand_trainer::HandTrainer;
use crate::support::{Api, builder, listener};

const JOBS: &str = "/v1/fine_tuning/jobs";

struct Setup {
    dir: TempDir,
    trainer: Arc<HandTrainer>,
    api: Api,
}

impl Setup {
    async fn new() -> Self {
        let (dir, trainer) = (TempDir::new().unwrap(), Arc::new(HandTrainer::default()));
        let api = serve(&dir, &trainer).await;
        Self { dir, trainer, api }
    }

    async fn upload(&self, lines: &[Value]) -> String {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let file = self.api.upload("data.jsonl", "fine-tune", text.as_bytes()).await.ok();
        file["id"].as_str().unwrap().to_owned()
    }

    /// Submits a job with one good example.
    async fn submit(&self) -> Value {
        let file = self.upload(&[good("q", "a")]).await;
        self.api.post(JOBS, &json!({"model": "echo", "training_file": file})).await.ok()
    }

    async fn refused(&self, request: Value, expected: Expect) {
        expected.assert_eq(&self.api.post(JOBS, &request).await.error());
    }
}

async fn serve(dir: &TempDir, trainer: &Arc<HandTrainer>) -> Api {
    let trainer = Arc::clone(trainer);
    Api::start(builder().0.with_files_dir(dir.path()).with_trainer(trainer)).await
}

fn good(prompt: &str, answer: &str) -> Value {
    json!({"messages": [
        {"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]})
}

fn preference() -> Value {
    json!({
        "input": {"messages": [{"role": "user", "content": "q"}]},
        "preferred_output": [{"role": "assistant", "content": "да"}],
        "non_preferred_output": [{"role": "assistant", "content": "нет"}],
    })
}

fn path(job: &Value) -> String {
    format!("{JOBS}/{}", job["id"].as_str().unwrap())
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_job_is_submitted_with_all_that_was_asked_and_tells_it_again() {
    let setup = Setup::new().await;
    let training = setup.upload(&[good("Где?", "Там"), good("q", "a")]).await;
    let validation = setup.upload(&[good("v", "w")]).await;
    let job = setup
        .api
        .post(
            JOBS,
            &json!({
                "model": "echo", "training_file": training, "validation_file": validation,
                "suffix": "lake", "seed": 7, "metadata": {"who": "мы"},
                "method": {"type": "supervised", "supervised": {"hyperparameters": {
                    "n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 0.5}}},
            }),
        )
        .await
        .ok();
    let submitted = setup.trainer.job(0);
    assert_eq!(submitted.training.supervised[0].messages[1].text(), "Там");
    assert_eq!((submitted.training.supervised.len(), submitted.validation.len()), (2, 1));
    assert_eq!((submitted.method, submitted.seed), (Method::Supervised, Some(7)));
    assert_eq!(submitted.suffix.as_deref(), Some("lake"));
    assert_eq!(submitted.hyperparameters.epochs, Some(3));
    let settings = json!({"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 0.5});
    let expected = json!({
        "id": "job:0", "object": "fine_tuning.job", "model": "echo", "status": "running",
        "created_at": 5, "finished_at": null, "fine_tuned_model": null, "trained_tokens": null,
        "training_file": training, "validation_file": validation, "result_files": [],
        "seed": 7, "user_provided_suffix": "lake", "metadata": {"who": "мы"},
        "hyperparameters": settings,
        "method": {"type": "supervised", "supervised": {"hyperparameters": settings}},
        "error": null, "organization_id": "", "integrations": [], "estimated_finish": null,
    });
    assert_eq!(job, expected);
    assert_eq!(setup.api.get(&path(&job)).await.ok(), expected);
    assert_eq!(setup.api.get(JOBS).await.ok()["data"], json!([expected]));
}

#[tokio::test]
async fn settings_are_taken_from_the_older_place_too() {
    let setup = Setup::new().await;
    let file = setup.upload(&[good("q", "a")]).await;
    let request =
        json!({"model": "echo", "training_file": file, "hyperparameters": {"n_epochs": 2}});
    let job = setup.api.post(JOBS, &request).await.ok();
    assert_eq!(setup.trainer.job(0).hyperparameters.epochs, Some(2));
    assert_eq!(job["hyperparameters"]["n_epochs"], 2);
}

#[tokio::test]
async fn preferences_are_trained_on_by_dpo() {
    let setup = Setup::new().await;
    let file = setup.upload(&[preference()]).await;
    let method = json!({"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}});
    let request = json!({"model": "echo", "training_file": file, "validation_file": file,
        "method": method});
    let job = setup.api.post(JOBS, &request).await.ok();
    let submitted = setup.trainer.job(0);
    assert_eq!((submitted.method, submitted.hyperparameters.beta), (Method::Dpo, Some(0.2)));
    assert_eq!(submitted.training.preferences[0].rejected.text(), "нет");
    let validation = Dataset::new(submitted.validation).curate();
    assert_eq!(validation.supervised[0].answer().unwrap().text(), "да");
    assert_eq!(validation.preferences, submitted.training.preferences);
    assert_eq!(job["method"]["dpo"]["hyperparameters"]["beta"], 0.2);
}

#[tokio::test]
async fn a_file_that_is_unknown_or_for_something_else_is_refused() {
    let setup = Setup::new().await;
    let file = setup.upload(&[good("q", "a")]).await;
    let image = setup.api.upload("a.png", "vision", b"a").await.ok();
    let job = |training: &Value, validation: &Value| json!({"model": "echo", "training_file": training, "validation_file": validation});
    setup.refused(job(&json!("file-0"), &json!(null)), expect!["400 training_file invalid_file_id: training_file: no file has this id; upload it first, with the purpose fine-tune"]).await;
    setup.refused(job(&json!("../../etc/passwd"), &json!(null)), expect!["400 training_file invalid_file_id: training_file: no file has this id; upload it first, with the purpose fine-tune"]).await;
    setup.refused(job(&json!(file), &json!("file-0")), expect!["400 validation_file invalid_file_id: validation_file: no file has this id; upload it first, with the purpose fine-tune"]).await;
    setup.refused(job(&image["id"], &json!(null)), expect!["400 training_file invalid_file_purpose: training_file: the file was uploaded for another purpose; upload it as fine-tune"]).await;
}

#[tokio::test]
async fn a_file_with_faults_is_refused_with_their_lines() {
    let setup = Setup::new().await;
    let empty = good("секрет", "");
    let file = setup.upload(&[good("q", "a"), empty.clone(), json!("секрет")]).await;
    setup.refused(json!({"model": "echo", "training_file": file}), expect!["400 training_file invalid_training_file: training_file: data.jsonl, line 2, column messages[1].content: is empty; there is nothing to learn; data.jsonl, line 3: must be an object, found a string"]).await;
    let sound = setup.upload(&[good("q", "a")]).await;
    let request = json!({"model": "echo", "training_file": sound, "validation_file": file});
    setup.refused(request, expect!["400 validation_file invalid_validation_file: validation_file: data.jsonl, line 2, column messages[1].content: is empty; there is nothing to learn; data.jsonl, line 3: must be an object, found a string"]).await;
    assert_eq!(setup.api.get(JOBS).await.ok()["data"], json!([]));
}

#[tokio::test]
async fn a_validation_file_without_a_good_answer_is_refused() {
    let setup = Setup::new().await;
    let training = setup.upload(&[good("q", "a")]).await;
    let bad = json!({"prompt": "секрет", "completion": "секрет", "label": false});
    let validation = setup.upload(&[bad]).await;
    let request =
        json!({"model": "echo", "training_file": training, "validation_file": validation});
    setup.refused(request, expect!["400 validation_file invalid_validation_file: validation_file: data.jsonl: there is no example to measure on: every answer is negative; add a good answer to the same prompts"]).await;
}

#[tokio::test]
async fn a_list_tells_a_job_whose_record_is_damaged_without_it() {
    let (dir, trainer) = (TempDir::new().unwrap(), Arc::new(HandTrainer::default()));
    let (hook, told) = listener();
    let server = builder().0.with_files_dir(dir.path()).with_trainer(Arc::clone(&trainer) as _);
    let api = Api::start(server.on_failure(hook)).await;
    let setup = Setup { dir, trainer, api };
    let (damaged, sound) = (setup.submit().await, setup.submit().await);
    let record = setup.dir.path().join("jobs/job%3a0.json");
    std::fs::write(&record, "{").unwrap();

    let answer = setup.api.get(JOBS).await;
    let page = answer.ok();
    assert_eq!(page["data"][0], sound);
    assert_eq!(
        (&page["data"][1]["id"], &page["data"][1]["status"]),
        (&damaged["id"], &damaged["status"])
    );
    assert_eq!(page["data"][1]["training_file"], Value::Null);
    let expected = format!("could not read {}", record.display());
    assert_eq!(*told.lock().unwrap(), [(answer.header("x-request-id").to_owned(), expected)]);
}

#[tokio::test]
async fn what_is_trained_and_how_fast_may_be_said_beside_what_openai_knows() {
    let setup = Setup::new().await;
    let (training, validation) =
        (setup.upload(&[good("q", "a")]).await, setup.upload(&[good("v", "w")]).await);
    let request = json!({
        "model": "echo", "training_file": training, "validation_file": validation,
        "tuning": {"lora": {"r": 4, "target_modules": ["q_proj"]}},
        "pace": {"schedule": "linear", "early_stopping_patience": 2},
    });
    setup.api.post(JOBS, &request).await.ok();
    let submitted = setup.trainer.job(0);
    let lora = Lora::default().with_rank(4).with_target_modules(["q_proj"]);
    assert_eq!(submitted.tuning, Tuning::Lora(lora));
    let pace = Pace::default().with_schedule(Schedule::Linear).with_early_stopping_patience(2);
    assert_eq!(submitted.pace, pace);
}

#[tokio::test]
async fn a_job_that_cannot_be_is_refused_by_field() {
    let setup = Setup::new().await;
    let file = setup.upload(&[good("q", "a")]).await;
    let with = |name: &str, value: Value| {
        let mut request = json!({"model": "echo", "training_file": file});
        request[name] = value;
        request
    };
    setup
        .refused(
            with("model", "gpt-9".into()),
            expect![
                "400 model model_not_available: model: cannot train gpt-9: only echo can be trained"
            ],
        )
        .await;
    setup.refused(with("pace", json!({"patience": 2})), expect!["400 pace -: pace: cannot be read: unknown field `patience`, expected one of `schedule`, `warmup_ratio`, `early_stopping_patience`"]).await;
    setup
        .refused(
            with("tuning", json!({"lora": {"rank": 0}})),
            expect!["400 tuning.rank -: tuning.rank: must be at least 1, found 0"],
        )
        .await;
    setup
        .refused(
            with("suffix", "a:b".into()),
            expect!["400 suffix -: suffix: must be 1 to 64 of A-Z a-z 0-9 . _ -"],
        )
        .await;
    setup
        .refused(
            with("method", json!({"type": "dpo"})),
            expect!["400 training_file invalid_training_file: training_file: there is no example to train on"],
        )
        .await;
    setup
        .refused(
            with("method", json!({"type": "reinforcement"})),
            expect!["400 method.type -: method.type: must be supervised or dpo"],
        )
        .await;
    setup.refused(with("hyperparameters", json!({"n_epochs": 0})), expect!["400 hyperparameters.n_epochs -: hyperparameters.n_epochs: must be at least 1, found 0"]).await;
    let hyperparameters = json!({"n_epochs": "some"});
    // In the order of the alphabet, so that the column is the same however a map is kept.
    let request =
        json!({"hyperparameters": hyperparameters, "model": "echo", "training_file": file});
    setup.refused(request, expect!["400 hyperparameters.n_epochs invalid_type: hyperparameters.n_epochs: has a value that does not belong there at line 1, column 38"]).await;
    setup.refused(json!({"model": "echo"}), expect!["400 training_file missing_required_parameter: training_file: is required; it is missing at line 1, column 16"]).await;
}

#[tokio::test]
async fn an_unknown_job_is_not_found_on_every_path() {
    let setup = Setup::new().await;
    let expected = "404 fine_tune_id fine_tune_not_found: no fine-tuning job has this id";
    for end in ["", "/events", "/checkpoints"] {
        assert_eq!(setup.api.get(&format!("{JOBS}/job:9{end}")).await.error(), expected);
    }
    let answer = setup.api.post(&format!("{JOBS}/..%2Fjob/cancel"), &json!({})).await;
    assert_eq!(answer.error(), expected);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let setup = Setup::new().await;
    for _ in 0..3 {
        setup.submit().await;
    }
    assert_eq!(ids(&setup.api.get(JOBS).await.ok()), ["job:2", "job:1", "job:0"]);
    let page = setup.api.get(&format!("{JOBS}?limit=1&after=job:2")).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec!["job:1"], &json!(true)));
    let page = setup.api.get(&format!("{JOBS}?after=job%3A0")).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec![], &json!(false)));
}

#[tokio::test]
async fn events_are_listed_newest_first_while_a_job_runs_and_after() {
    let setup = Setup::new().await;
    let events = format!("{}/events", path(&setup.submit().await));
    setup.trainer.event(0, TrainingEvent::new("e1", 5, "Job created"));
    let page = setup.api.get(&events).await.ok();
    assert_eq!(ids(&page), ["e1"], "the list does not wait for the job");

    let mut metrics = Metrics::new(1, 2);
    metrics.train_loss = Some(1.5);
    setup.trainer.event(0, TrainingEvent::new("e2", 6, "").with_metrics(metrics));
    setup.trainer.event(0, TrainingEvent::new("e3", 7, "Готово"));
    setup.trainer.end(0, JobState::Succeeded);
    let page = setup.api.get(&events).await.ok();
    assert_eq!(ids(&page), ["e3", "e2", "e1"], "once the job has ended, the list has them all");
    let expected = json!({
        "id": "e2", "object": "fine_tuning.job.event", "created_at": 6, "level": "info",
        "type": "metrics", "message": "Step 1/2: training loss=1.50",
        "data": {"step": 1, "total_steps": 2, "train_loss": 1.5},
    });
    assert_eq!(page["data"][1], expected);

    let page = setup.api.get(&format!("{events}?limit=1&after=e3")).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec!["e2"], &json!(true)));
    let page = setup.api.get(&format!("{events}?limit=1&after=e2")).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec!["e1"], &json!(false)));
}

#[tokio::test]
async fn a_job_that_has_ended_tells_its_model_or_its_error() {
    let setup = Setup::new().await;
    let (first, second) = (setup.submit().await, setup.submit().await);
    setup.trainer.end(0, JobState::Succeeded);
    setup.trainer.end(1, JobState::Failed);
    let job = setup.api.get(&path(&first)).await.ok();
    assert_eq!(job["fine_tuned_model"], "ft:echo:lake:1");
    assert_eq!((&job["status"], &job["finished_at"]), (&json!("succeeded"), &json!(9)));
    let job = setup.api.get(&path(&second)).await.ok();
    assert_eq!(job["error"], json!({"code": "stopped", "message": "it was stopped"}));
}

#[tokio::test]
async fn a_cancelled_job_is_told_as_cancelled_and_one_that_has_ended_stays_so() {
    let setup = Setup::new().await;
    let (first, second) = (setup.submit().await, setup.submit().await);
    setup.trainer.end(1, JobState::Succeeded);
    let cancel = |job: &Value| format!("{}/cancel", path(job));
    let job = setup.api.send(setup.api.request(reqwest::Method::POST, &cancel(&first))).await;
    assert_eq!(job.ok()["status"], "cancelled");
    let job = setup.api.post(&cancel(&second), &json!({})).await.ok();
    assert_eq!(job["status"], "succeeded");
}

#[tokio::test]
async fn a_paused_job_is_told_as_paused_and_goes_on_when_it_is_resumed() {
    let setup = Setup::new().await;
    let job = setup.submit().await;
    for (verb, status) in [("pause", "paused"), ("pause", "paused"), ("resume", "running")] {
        let told = setup.api.post(&format!("{}/{verb}", path(&job)), &json!({})).await.ok();
        assert_eq!(told["status"], status);
    }
    let lost = setup.api.post(&format!("{JOBS}/lost/pause"), &json!({})).await;
    assert_eq!(lost.status, 404);
}

#[tokio::test]
async fn a_job_has_a_list_of_checkpoints_though_an_empty_one() {
    let setup = Setup::new().await;
    let job = setup.submit().await;
    let page = setup.api.get(&format!("{}/checkpoints", path(&job))).await.ok();
    let expected =
        json!({"object": "list", "data": [], "has_more": false, "first_id": null, "last_id": null});
    assert_eq!(page, expected);
}

#[tokio::test]
async fn what_a_job_was_asked_for_and_its_events_survive_a_restart() {
    let setup = Setup::new().await;
    let job = setup.submit().await;
    setup.trainer.event(0, TrainingEvent::new("e1", 5, "one"));
    setup.trainer.end(0, JobState::Succeeded);
    let before = setup.api.get(&path(&job)).await.ok();
    setup.api.stop().await;
    let api = serve(&setup.dir, &setup.trainer).await;
    assert_eq!(api.get(&path(&job)).await.ok(), before);
    assert_eq!(before["training_file"], job["training_file"]);
    assert_eq!(ids(&api.get(&format!("{}/events", path(&job))).await.ok()), ["e1"]);
}

#[tokio::test]
async fn a_trainer_is_not_served_without_a_files_folder() {
    let trainer = Arc::new(HandTrainer::default());
    let error = builder().0.with_trainer(trainer).build().unwrap_err();
    assert!(error.to_string().starts_with("trainer: needs a files folder"));
}
