//! Fine-tuning: jobs, permissions on checkpoints, graders.

use serde_json::json;

use super::{list, serve, told};
use crate::testing::Reply;
use crate::{
    AutoOr, CreateFineTuningJob, Error, FineTuningDialect, FineTuningMethod, FineTuningStatus,
    Hyperparameters, Integration, Wandb,
};

fn job(status: &str) -> Reply {
    Reply::json(
        200,
        json!({"object": "fine_tuning.job", "id": "j", "model": "m", "status": status}),
    )
}

#[tokio::test]
async fn a_job_goes_through_its_life() {
    let (server, client) =
        serve([job("queued"), job("paused"), job("queued"), job("running"), job("cancelled")])
            .await;
    let request = CreateFineTuningJob::new("m", "file-1")
        .with_metadata("team", "lakes")
        .with_integration(Integration::wandb(Wandb::new("p")));
    client.create_fine_tuning_job(request).await.unwrap();
    let paused = client.pause_fine_tuning_job("j").await.unwrap();
    assert_eq!(paused.status, FineTuningStatus::Paused);
    client.resume_fine_tuning_job("j").await.unwrap();
    client.start_fine_tuning_job("j").await.unwrap();
    assert!(client.cancel_fine_tuning_job("j").await.unwrap().status.is_terminal());
    expect_test::expect![[r#"
        POST /v1/fine_tuning/jobs {"model":"m","training_file":"file-1","integrations":[{"type":"wandb","wandb":{"project":"p"}}],"metadata":{"team":"lakes"}}
        POST /v1/fine_tuning/jobs/j/pause
        POST /v1/fine_tuning/jobs/j/resume
        POST /v1/fine_tuning/jobs/j/start
        POST /v1/fine_tuning/jobs/j/cancel
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn a_reinforcement_job_carries_its_grader() {
    let (server, client) = serve([job("queued")]).await;
    let settings = Hyperparameters {
        reasoning_effort: Some("medium".to_owned()),
        compute_multiplier: Some(AutoOr::Auto),
        ..Hyperparameters::default()
    };
    let grader = json!({"type": "string_check", "operation": "eq"});
    let method = FineTuningMethod::reinforcement(grader, settings);
    let request = CreateFineTuningJob::new("o4-mini", "file-1").with_method(method);
    client.create_fine_tuning_job(request).await.unwrap();
    expect_test::expect![[r#"
        POST /v1/fine_tuning/jobs {"model":"o4-mini","training_file":"file-1","method":{"type":"reinforcement","reinforcement":{"grader":{"type":"string_check","operation":"eq"},"hyperparameters":{"reasoning_effort":"medium","compute_multiplier":"auto"}}}}
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn a_job_is_sent_in_its_dialect() {
    let (server, client) = serve([job("QUEUED")]).await;
    let request =
        || CreateFineTuningJob::new("m", "file-1").with_dialect(FineTuningDialect::Mistral);
    let queued = client.create_fine_tuning_job(request()).await.unwrap();
    assert_eq!((queued.status.as_str(), queued.status.as_told()), ("queued", "QUEUED"));
    let error = client.create_fine_tuning_job(request().with_seed(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "seed: Mistral takes none; leave it out");
    expect_test::expect![[r#"
        POST /v1/fine_tuning/jobs {"model":"m","training_files":[{"file_id":"file-1","weight":1.0}],"auto_start":true,"hyperparameters":{}}
    "#]]
    .assert_eq(&told(&server));
}

#[test]
fn the_dialect_goes_by_the_host() {
    for (host, expected) in [
        ("api.mistral.ai", true),
        ("mistral.ai", true),
        ("notmistral.ai", false),
        ("mistral.ai.example.com", false),
        ("api.openai.com", false),
    ] {
        let client =
            crate::Client::builder().base_url(format!("https://{host}/v1")).build().unwrap();
        assert_eq!(client.inner.is_mistral, expected, "{host}");
    }
}

#[tokio::test]
async fn closed_fine_tuning_is_told_as_such() {
    let refusal = json!({"error": {
        "message": "OpenAI is winding down the fine-tuning platform and your organization is no \
                    longer able to create new fine-tuning training jobs.",
        "type": "invalid_request_error", "param": null, "code": "training_not_available",
    }});
    let (server, client) = serve([Reply::json(403, refusal)]).await;
    let error =
        client.create_fine_tuning_job(CreateFineTuningJob::new("m", "f")).await.unwrap_err();
    assert!(error.is_fine_tuning_closed() && !error.is_retryable(), "{error:?}");
    assert!(error.hint().unwrap().contains("2027-01-14"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn permissions_on_a_checkpoint_are_given_listed_and_taken_back() {
    let permission = json!({"object": "checkpoint.permission", "id": "cp_1", "project_id": "p"});
    let given = json!({"object": "list", "data": [permission], "has_more": false});
    let gone = json!({"object": "checkpoint.permission", "id": "cp_1", "deleted": true});
    let (server, client) =
        serve([Reply::json(200, given), list(&["cp_1"], false), Reply::json(200, gone)]).await;
    let checkpoint = "ft:m:lake::1:ckpt-step-7".into();
    let given = client.permit_checkpoint(&checkpoint, &["p"]).await.unwrap();
    assert_eq!(given.data[0].project_id, "p");
    let listed = client.checkpoint_permissions(&checkpoint).query("project_id", "p").all().await;
    assert_eq!(listed.unwrap()[0].id, "cp_1");
    assert!(client.delete_checkpoint_permission(&checkpoint, "cp_1").await.unwrap().deleted);
    expect_test::expect![[r#"
        POST /v1/fine_tuning/checkpoints/ft:m:lake::1:ckpt-step-7/permissions {"project_ids":["p"]}
        GET /v1/fine_tuning/checkpoints/ft:m:lake::1:ckpt-step-7/permissions?project_id=p&limit=100
        DELETE /v1/fine_tuning/checkpoints/ft:m:lake::1:ckpt-step-7/permissions/cp_1
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn a_grader_is_validated_and_run() {
    let grader = json!({"type": "string_check"});
    let run = json!({
        "reward": 0.5, "sub_rewards": {"a": 1.0}, "model_grader_token_usage_per_model": {},
        "metadata": {"errors": {"other_error": false}},
    });
    let (server, client) =
        serve([Reply::json(200, json!({"grader": grader})), Reply::json(200, run)]).await;
    assert_eq!(client.validate_grader(&grader).await.unwrap().grader, grader);
    let run = client.run_grader(&grader, "tarn", Some(&json!({"label": "tarn"}))).await.unwrap();
    assert_eq!((run.reward, &run.sub_rewards["a"]), (0.5, &json!(1.0)));
    expect_test::expect![[r#"
        POST /v1/fine_tuning/alpha/graders/validate {"grader":{"type":"string_check"}}
        POST /v1/fine_tuning/alpha/graders/run {"grader":{"type":"string_check"},"model_sample":"tarn","item":{"label":"tarn"}}
    "#]]
    .assert_eq(&told(&server));
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_before_anything_is_sent() {
    let (server, client) = serve([]).await;
    let error = client.pause_fine_tuning_job("..").await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { field: "id", .. }), "{error:?}");
    assert!(server.requests().is_empty());
}
