//! Answers greedily, through the chat seam.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::{TryStreamExt, future};
use local_engine::Engine;
use openai_api::{ChatBackend, ChatRequest, Message, ModelId, StreamOptions};
use serde_json::{Value, json};

use crate::peak_kib;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Tokens of each prompt, and of each answer.
    pub(crate) prompt: usize,
    pub(crate) answer: u32,
    /// How often it is asked, each time with other prompts, and with how many at once.
    pub(crate) count: u64,
    pub(crate) at_once: u64,
}

/// Measures how fast prompts are read and answers are made.
pub(crate) async fn run(path: &str, asked: Asked) -> Result<Value> {
    let home = tempfile::tempdir()?;
    let begun = Instant::now();
    let engine = Engine::open(home.path())?;
    let model = ModelId::from("measured");
    engine.add_model(path.as_ref(), &model)?;
    let (mut answers, mut first) = (Vec::new(), None);
    for nth in 0..asked.count {
        let start = Instant::now();
        let seeds = nth * asked.at_once..(nth + 1) * asked.at_once;
        let all = seeds.map(|seed| answer(&engine, &model, asked, seed));
        let times = future::try_join_all(all).await?;
        // From when all prompts are read, what others have answered meanwhile left aside.
        let read = times.iter().filter_map(|times| times.first()).max().context("no answer")?;
        let end = times.iter().flatten().max().context("no answer")?;
        let answered = times.iter().flatten().filter(|time| *time > read).count();
        first.get_or_insert((*read - begun).as_secs_f64());
        let prompts = asked.prompt as u64 * asked.at_once;
        answers.push(json!({
            "prompt_tokens_per_s": prompts as f64 / (*read - start).as_secs_f64(),
            "answer_tokens_per_s": answered as f64 / (*end - *read).as_secs_f64(),
        }));
    }
    Ok(json!({ "first_token_s": first, "answers": answers, "peak_kib": peak_kib()? }))
}

/// When each token of an answer was there.
async fn answer(
    engine: &Engine,
    model: &ModelId,
    asked: Asked,
    seed: u64,
) -> Result<Vec<Instant>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    // The template adds three.
    let text: String = (3..asked.prompt).map(|_| rng.char('A'..='Z')).collect();
    let mut request = ChatRequest::new(model.clone(), vec![Message::user(text)])
        .with_temperature(0.0)
        .with_max_tokens(asked.answer);
    request.stream_options = Some(StreamOptions::with_usage());
    let mut stream = engine.stream(request).await?;
    let (mut times, mut usage) = (Vec::new(), None);
    while let Some(chunk) = stream.try_next().await? {
        let delta = chunk.choices.first().map(|choice| &choice.delta);
        // The chunk with the role comes when the prompt is not read yet.
        let tells = delta.is_some_and(|it| it.role.is_none() && it.content.is_some());
        if tells {
            times.push(Instant::now());
        }
        usage = chunk.usage.or(usage);
    }
    let usage = usage.context("what was used is not told")?;
    let tokens = (usage.prompt_tokens as usize, usage.completion_tokens as u32);
    ensure!(tokens == (asked.prompt, asked.answer), "{tokens:?} tokens were asked and answered");
    Ok(times)
}
