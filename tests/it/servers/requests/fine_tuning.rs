use openai_api::{
    AutoOr, Client, CreateFineTuningJob, FineTuningMethod, Hyperparameters, Integration, Wandb,
};
use serde_json::{Value, json};

use super::{Sent, send};

/// Every request about fine-tuning.
pub async fn fine_tuning(client: &Client) -> Vec<Sent> {
    let mut sent = Vec::new();
    for job in jobs() {
        sent.push(send("POST /fine_tuning/jobs", client.create_fine_tuning_job(job)).await);
    }
    let id = "ftjob-abc123";
    let job = |rest: &str| format!("/fine_tuning/jobs/{{fine_tuning_job_id}}{rest}");
    let jobs = client.fine_tuning_jobs().after(id).limit(2);
    sent.push(send("GET /fine_tuning/jobs", jobs).await);
    sent.push(send(&format!("GET {}", job("")), client.fine_tuning_job(id)).await);
    let events = client.fine_tuning_events(id).limit(2);
    sent.push(send(&format!("GET {}", job("/events")), events).await);
    let checkpoints = client.fine_tuning_checkpoints(id).limit(2);
    sent.push(send(&format!("GET {}", job("/checkpoints")), checkpoints).await);
    let cancel = client.cancel_fine_tuning_job(id);
    sent.push(send(&format!("POST {}", job("/cancel")), cancel).await);
    sent.push(send(&format!("POST {}", job("/pause")), client.pause_fine_tuning_job(id)).await);
    sent.push(send(&format!("POST {}", job("/resume")), client.resume_fine_tuning_job(id)).await);
    sent
}

/// Every request about the permissions of checkpoints, and about graders.
pub async fn permissions_and_graders(client: &Client) -> Vec<Sent> {
    let checkpoint = "ft:gpt-4o-mini:org::abc:ckpt-step-10".into();
    let all = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions";
    let one = format!("DELETE {all}/{{permission_id}}");
    let graders = "POST /fine_tuning/alpha/graders";
    let item = json!({"answer": "Oslo"});
    vec![
        send(&format!("POST {all}"), client.permit_checkpoint(&checkpoint, &["proj_a"])).await,
        send(&format!("GET {all}"), client.checkpoint_permissions(&checkpoint).limit(2)).await,
        send(&one, client.delete_checkpoint_permission(&checkpoint, "cp_abc123")).await,
        send(&format!("{graders}/run"), client.run_grader(&grader(), "Oslo", Some(&item))).await,
        send(&format!("{graders}/validate"), client.validate_grader(&grader())).await,
    ]
}

fn grader() -> Value {
    json!({
        "type": "string_check", "name": "exact", "operation": "eq",
        "input": "{{sample.output_text}}", "reference": "{{item.answer}}",
    })
}

/// Jobs that use all that the request can say.
fn jobs() -> Vec<CreateFineTuningJob> {
    let job = || CreateFineTuningJob::new("gpt-4o-mini", "file-abc123");
    let mut hyperparameters = Hyperparameters::default();
    hyperparameters.n_epochs = Some(AutoOr::Value(3));
    hyperparameters.batch_size = Some(AutoOr::Auto);
    hyperparameters.learning_rate_multiplier = Some(AutoOr::Value(0.1));
    vec![
        job(),
        job().with_validation_file("file-def456").with_suffix("ferry").with_seed(7),
        job().with_method(FineTuningMethod::supervised(hyperparameters.clone())),
        job().with_method(FineTuningMethod::dpo(hyperparameters.clone())),
        job().with_method(FineTuningMethod::reinforcement(grader(), hyperparameters)),
        job().with_metadata("topic", "demo").with_integration(Integration::wandb(Wandb::new("a"))),
    ]
}
