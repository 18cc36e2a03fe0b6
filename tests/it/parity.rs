//! One module per row of the list of what the original does, named after the row.

mod ask;
mod attributes;
mod describe_image;
mod describe_image_by_requests;
mod determine_sentiment;
mod dynamic_train;
mod init;
mod list_assistants;
mod list_models;
mod main_steps;
mod save_dialogue;
mod save_job_id;
mod set_assistant;
mod train;
