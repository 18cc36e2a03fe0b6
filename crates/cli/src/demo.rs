//! `attune demo`: a model learns from a CSV file and from its own dialogues.
//!
//! It runs on the embedded backend in a folder of its own, with no key and no network, and every
//! figure it shows is measured in that run.

mod exam;
mod home;
mod story;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use dialogue_store::{Feedback, Query, Rating, Speaker, Timestamp};
use facade::{DescribeImage, Learn, OpenAiModel, Reply, Submitted, Train, TrainOptions, Unrated};
use openai_api::{ChatBackend, ModelId};
use sentiment::{Lexicon, SentimentAnalyzer as _};

use crate::Outcome;
use crate::args;
use crate::commands::training::{self, Followed, OnCtrlC};
use crate::context::Context;
use crate::demo::exam::Exam;
use crate::demo::home::Home;
use crate::demo::story::Story;
use crate::demo::summary::{Answers, Mood, Summary, Trained};
use crate::interrupt::or_interrupted;

pub(crate) async fn run(context: &Context, args: &args::Demo) -> Result<Outcome> {
    or_interrupted(demonstrate(context, args.keep)).await
}

async fn demonstrate(context: &Context, keep: bool) -> Result<Outcome> {
    let home = Home::prepare(context, keep)?;
    let context = context.embedded_in(home.path.clone());
    let connection = context.connect()?;
    let backend = Arc::clone(&connection.backend);
    let model = context.model_over(connection).await?;
    let story = Story::new(context.output);
    let (exam, held_out) = (Exam::load(&home.training)?, Exam::load(&home.held_out)?);
    let (asked, reworded) = exam.question_and_rewording(&held_out)?;
    let mut demo = Demo { backend, model, story, home, exam, begun: Timestamp::now() };

    let (models, assistants) = demo.list().await?;

    demo.story.step("Ask what the base model cannot know")?;
    let before = demo.ask(&asked.question).await?;

    demo.story.step("Train on training_data.csv")?;
    let Some(trained) = demo.train().await? else { return Ok(Outcome::Interrupted) };

    demo.story.step("Ask the new model")?;
    let after = demo.ask(&asked.question).await?;
    let after_reworded = demo.ask(&reworded.question).await?;
    let right = demo.examine(&trained.model).await?;

    demo.story.step("Rate the answers, and correct one")?;
    let uncorrected = demo.ask(CORRECTED_QUESTION).await?;
    demo.rate(&before, Rating::Down, None).await?;
    demo.rate(&after, Rating::Up, None).await?;
    demo.rate(&after_reworded, Rating::Up, None).await?;
    demo.rate(&uncorrected, Rating::Down, Some(CORRECTION)).await?;

    demo.story.step("Learn from the stored dialogues")?;
    let Some(learned) = demo.learn().await? else { return Ok(Outcome::Interrupted) };

    demo.story.step("Ask again")?;
    let corrected = demo.ask(CORRECTED_QUESTION).await?;
    let remembered = demo.ask(&asked.question).await?;
    let right_still = demo.examine(&learned.model).await?;

    let image = demo.describe_image().await?;
    let sentiment = demo.mood().await?;
    let (steps, seconds) = demo.story.times();

    let answers = |question: &str, expected: &str, answers: [Option<&Reply>; 3]| {
        let [before, after_training, after_learning] =
            answers.map(|reply| reply.map(|reply| reply.text.clone()));
        Answers {
            question: question.to_owned(),
            expected: expected.to_owned(),
            before,
            after_training,
            after_learning,
        }
    };
    let summary = Summary {
        models,
        assistants,
        questions: vec![
            answers(
                &asked.question,
                &asked.answer,
                [Some(&before), Some(&after), Some(&remembered)],
            ),
            answers(&reworded.question, &reworded.answer, [None, Some(&after_reworded), None]),
            answers(CORRECTED_QUESTION, CORRECTION, [None, Some(&uncorrected), Some(&corrected)]),
        ],
        verbatim: summary::Verbatim {
            asked: demo.exam.len(),
            after_training: right,
            after_learning: right_still,
        },
        training: trained,
        learning: learned,
        sentiment,
        image,
        steps,
        seconds,
        home: demo.home,
    };
    summary.tell(context.output)
}

/// What all steps work with.
struct Demo {
    backend: Arc<dyn ChatBackend>,
    model: OpenAiModel,
    story: Story,
    home: Home,
    exam: Exam,
    begun: Timestamp,
}

impl Demo {
    async fn list(&mut self) -> Result<(Vec<String>, Vec<String>)> {
        self.story.step("List the models")?;
        let models: Vec<String> =
            self.model.models().await?.iter().map(ToString::to_string).collect();
        self.story.tell(models.join("\n"))?;

        self.story.step("List the assistants")?;
        let assistants = self.model.assistants()?;
        let names: Vec<String> = assistants.names().into_iter().map(str::to_owned).collect();
        self.story.tell(names.join("\n"))?;
        Ok((models, names))
    }

    async fn ask(&self, question: &str) -> Result<Reply> {
        let reply = self.model.ask(question).await?;
        self.story.tell(format_args!("you    {question}\nmodel  {}", reply.text))?;
        Ok(reply)
    }

    async fn train(&mut self) -> Result<Option<Trained>> {
        let train = Train::data_file(&self.home.training)
            .with_validation(&self.home.held_out)
            .with_options(options("baikal"));
        let submitted = self.model.train(train).await?;
        let trained = self.see_through(submitted, "demo: training_data.csv").await?;
        if let Some(trained) = &trained {
            self.model.use_model(trained.model.clone());
        }
        Ok(trained)
    }

    async fn learn(&mut self) -> Result<Option<Trained>> {
        // With --keep, the folder may have dialogues of earlier demos.
        let learn = Learn::default()
            .with_query(Query::new().with_since(self.begun))
            .with_unrated(Unrated::Skip)
            .with_validation(&self.home.held_out)
            .with_options(options("baikal-guide"));
        let submitted = self.model.dynamic_train(learn).await?;
        let learned = self.see_through(submitted, "demo: rated dialogues").await?;
        if let Some(learned) = &learned {
            self.model.use_model(learned.model.clone());
        }
        Ok(learned)
    }

    /// Follows a job to its end, and saves its id; `None` if someone pressed Ctrl-C.
    async fn see_through(
        &self,
        submitted: Submitted,
        description: &str,
    ) -> Result<Option<Trained>> {
        let trains_on = training::trains_on(&submitted);
        self.story.tell(format_args!("{} learns from {trains_on}", submitted.base_model))?;
        let saved = self.model.save_job_id(&submitted.id, description).await?;
        let trainer = self.model.trainer()?;
        let Followed { status, losses, interrupted } =
            training::follow(trainer, &submitted.id, OnCtrlC::Cancel).await?;
        if interrupted {
            return Ok(None);
        }
        let job = saved.id.to_string();
        let trained_tokens = status.trained_tokens;
        let model = status.into_model()?;
        self.story.tell(format_args!("loss {}", losses.train_course()))?;
        self.story.tell(format_args!("loss on questions held out {}", losses.valid_course()))?;
        self.story.tell(format_args!("new model {model}, job {job} saved in job_ids.json"))?;
        Ok(Some(Trained { job, model, losses, trained_tokens }))
    }

    /// How many questions of the training data `model` answers word for word.
    async fn examine(&self, model: &ModelId) -> Result<usize> {
        let right = self.exam.right_answers(&*self.backend, model).await?;
        let asked = self.exam.len();
        self.story.tell(format_args!("{right} of {asked} training questions word for word"))?;
        Ok(right)
    }

    async fn rate(&self, reply: &Reply, rating: Rating, correction: Option<&str>) -> Result<()> {
        let mut feedback = Feedback::new(rating);
        let mut told = format!("{:4}  {}", feedback.rating.as_str(), reply.text);
        if let Some(correction) = correction {
            feedback = feedback.with_correction(correction);
            told = format!("{told}\n      should have been: {correction}");
        }
        self.model.rate(reply, feedback).await?;
        self.story.tell(told)
    }

    async fn describe_image(&mut self) -> Result<serde_json::Value> {
        self.story.step("Describe lake.jpg")?;
        let image: PathBuf = self.home.image.clone();
        let described = self.model.describe_image(DescribeImage::new(image)).await?;
        let json = described.json.context("the description of the image is no JSON")?;
        self.story.tell(&json)?;
        Ok(json)
    }

    /// How the answers of the dialogue sound.
    async fn mood(&self) -> Result<Mood> {
        let turns = self.model.dialogue().await?;
        let answers: Vec<String> = turns
            .into_iter()
            .filter(|turn| turn.speaker == Speaker::Assistant)
            .map(|turn| turn.text)
            .collect();
        Ok(Mood::of(&Lexicon.analyze_batch(&answers).await?))
    }
}

fn options(suffix: &str) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.suffix = Some(suffix.to_owned());
    options.seed = Some(SEED);
    options
}

/// Nothing in the training data says so: only the correction does.
const CORRECTED_QUESTION: &str = "What should I call you?";
const CORRECTION: &str = "Call me Nerpa, your Baikal guide.";
/// Two runs on one machine shall show the same.
const SEED: u64 = 42;
