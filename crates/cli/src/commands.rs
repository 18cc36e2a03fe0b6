//! One file a command.

pub(crate) mod ask;
mod assistants;
mod chat;
mod data;
mod deploy;
mod dialogues;
mod image;
mod jobs;
mod learn;
mod models;
mod sentiment;
mod serve;
mod stdin;
mod train;
pub(crate) mod training;

use anyhow::Result;

use crate::Outcome;
use crate::args::Command;
use crate::context::Context;
use crate::demo;
use crate::interrupt::or_interrupted;

/// Runs a command to its end, or until Ctrl-C.
pub(crate) async fn run(context: Context, command: Command) -> Result<Outcome> {
    let context = &context;
    match command {
        // These have something to put in order when they are interrupted.
        Command::Demo(args) => demo::run(context, &args).await,
        Command::Train(args) => train::run(context, args).await,
        Command::Learn(args) => learn::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Models(args) => models::run(context, args).await,
        Command::Deploy(args) => deploy::run(context, args).await,

        Command::Ask(args) => or_interrupted(ask::run(context, args)).await,
        Command::Chat(args) => or_interrupted(chat::run(context, args)).await,
        Command::Assistants(args) => assistants::run(context, &args),
        Command::Sentiment(args) => or_interrupted(sentiment::run(context, args)).await,
        Command::Image(args) => or_interrupted(image::run(context, args)).await,
        Command::Dialogues(command) => or_interrupted(dialogues::run(context, command)).await,
        Command::Data(command) => data::run(context, &command),
        Command::Jobs(command) => or_interrupted(jobs::run(context, command)).await,
    }
}
