//! Fine-tuning in the dialects of those who offer it.

use serde_json::json;

use crate::quirk::{checkpoints, events, job, jobs, quirks};

quirks! {
    the_number_of_epochs_may_be_missing:
        job("OpenAI", "https://github.com/64bit/async-openai/pull/155")
            .says(json!({
                "object": "fine_tuning.job", "id": "ftjob-1", "model": "gpt-3.5-turbo-0613",
                "created_at": 1_700_626_516, "finished_at": null, "fine_tuned_model": null,
                "organization_id": "org-1", "result_files": [], "status": "validating_files",
                "validation_file": null, "training_file": "file-1",
                "hyperparameters": {"batch_size": "auto", "learning_rate_multiplier": "auto"},
                "trained_tokens": null, "error": null,
            }))
            .gives("ftjob-1 validating_files of file-1");

    trained_tokens_are_null_until_there_are_any:
        job("OpenAI", "https://github.com/openai/openai-openapi/pull/81")
            .says(json!({
                "created_at": 1_693_894_540, "fine_tuned_model": null, "finished_at": null,
                "hyperparameters": {"n_epochs": 10}, "id": "ftjob-123", "status": "running",
                "trained_tokens": null, "training_file": "file-123", "result_files": [],
            }))
            .gives("ftjob-123 running of file-123 x10");

    statuses_may_be_in_upper_case:
        jobs("Mistral", "https://docs.rs/crate/mistral-openapi-client/latest/source/docs/Response.md")
            .says(json!({"object": "list", "total": 4, "data": [
                {"id": "1", "status": "QUEUED", "model": "m", "auto_start": true},
                {"id": "2", "status": "RUNNING", "hyperparameters": {"training_steps": 10}},
                {"id": "3", "status": "SUCCESS", "fine_tuned_model": "ft:m:1"},
                {"id": "4", "status": "CANCELLED"},
            ]}))
            .gives("1 queued, 2 running, 3 succeeded -> ft:m:1, 4 cancelled");

    statuses_may_have_names_of_their_own:
        jobs("Mistral", "https://docs.rs/crate/mistral-openapi-client/latest/source/docs/Response.md")
            .says(json!({"data": [
                {"id": "1", "status": "CANCELLATION_REQUESTED"}, {"id": "2", "status": "STARTED"},
            ]}))
            .gives("1 cancelling, 2 running");

    an_empty_error_is_no_failure:
        job("OpenAI", "https://platform.openai.com/docs/api-reference/fine-tuning/object")
            .says(json!({
                "id": "ftjob-1", "status": "succeeded", "fine_tuned_model": "ft:m:1",
                "error": {"code": null, "message": null, "param": null},
                "hyperparameters": null, "result_files": null,
            }))
            .gives("ftjob-1 succeeded -> ft:m:1");

    an_error_of_no_fields_is_no_failure:
        job("OpenAI", "https://platform.openai.com/docs/api-reference/fine-tuning/object")
            .says(json!({"id": "ftjob-1", "status": "running", "error": {}}))
            .gives("ftjob-1 running");

    a_failure_says_why:
        job("OpenAI", "https://platform.openai.com/docs/api-reference/fine-tuning/object")
            .says(json!({"id": "ftjob-1", "status": "failed", "error": {
                "code": "exceeded_quota", "message": "Creating this job would exceed your quota.",
                "param": "training_file",
            }}))
            .gives("ftjob-1 failed failed \"Creating this job would exceed your quota.\"");

    an_event_need_not_have_an_id:
        events("Together", "https://docs.together.ai/reference/get-fine-tunes-id-events")
            .says(json!({"data": [
                {"object": "fine-tune-event", "created_at": "2023-05-17T17:35:45.123Z",
                 "level": null, "message": "Job started", "type": "JOB_START", "data": null},
            ]}))
            .gives("0 Job started");

    the_number_of_epochs_may_be_text:
        job("any", "https://platform.openai.com/docs/api-reference/fine-tuning/object")
            .says(json!({
                "id": "ftjob-1", "status": "running", "created_at": "1700000000",
                "hyperparameters": {"n_epochs": "3", "learning_rate_multiplier": "0.1"},
            }))
            .gives("ftjob-1 running x3");

    what_a_checkpoint_measured_may_be_null:
        checkpoints("OpenAI", "https://platform.openai.com/docs/api-reference/fine-tuning/checkpoint-object")
            .says(json!({"object": "list", "first_id": "c", "last_id": "c", "has_more": false, "data": [{
                "object": "fine_tuning.job.checkpoint", "id": "c", "created_at": 1, "step_number": 88,
                "fine_tuned_model_checkpoint": "ft:m:ckpt-step-88", "fine_tuning_job_id": "ftjob-1",
                "metrics": {"step": 88, "train_loss": 0.5, "full_valid_loss": null},
            }]}))
            .gives("88 ft:m:ckpt-step-88");

    training_files_may_be_several:
        job("Mistral", "https://docs.rs/crate/mistral-openapi-client/latest/source/docs/Response.md")
            .says(json!({
                "id": "1", "status": "RUNNING", "model": "open-mistral-7b", "created_at": 1,
                "modified_at": 2, "training_files": ["file-a", "file-b"], "validation_files": [],
                "object": "job", "auto_start": true, "hyperparameters": {"training_steps": 10},
            }))
            .gives("1 running of file-a of file-b");

    minus_one_epoch_leaves_the_number_to_the_server:
        job("Azure", "https://learn.microsoft.com/en-us/rest/api/azureopenai/fine-tuning/cancel")
            .says(json!({
                "hyperparameters": {"n_epochs": -1}, "status": "cancelled", "model": "curie",
                "training_file": "file-1", "finished_at": 1_646_127_311, "id": "ft-7",
                "created_at": 1_646_126_127, "object": "fine_tuning.job",
            }))
            .gives("ft-7 cancelled of file-1 xauto");

    a_job_that_is_pending_has_a_status_of_its_own:
        job("Azure", "https://learn.microsoft.com/en-gb/answers/questions/2118156/how-do-i-fixed-openai-badrequesterror-error-code-4")
            .says(json!({
                "id": "ftjob-4", "created_at": 1_731_456_080, "error": null,
                "fine_tuned_model": null, "finished_at": null, "status": "pending",
                "hyperparameters": {"n_epochs": -1, "batch_size": -1, "learning_rate_multiplier": 1},
            }))
            .gives("ftjob-4 pending xauto");

    times_may_be_dates:
        job("Together", "https://docs.together.ai/reference/post-fine-tunes-id-cancel")
            .says(json!({
                "id": "ft-1", "status": "cancel_requested", "created_at": "2023-05-17T17:35:45.123Z",
                "updated_at": "2023-05-17T18:46:23.456Z", "events": [], "model": "m",
                "n_epochs": 3, "training_file": "file-1",
            }))
            .gives("ft-1 cancel_requested of file-1");
}
