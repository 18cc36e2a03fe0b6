use openai_api::{AutoOr, Client, CreateFineTuningJob, FineTuningMethod, Hyperparameters};

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
    sent
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
        job().with_method(FineTuningMethod::dpo(hyperparameters)),
    ]
}
