//! What the demo has shown, and whether it is what it set out to show.

use std::path::Path;

use anyhow::Result;
use openai_api::ModelId;
use sentiment::{Label, Sentiment};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Outcome;
use crate::demo::home::Home;
use crate::demo::story::Step;
use crate::progress::Losses;
use crate::render::{Output, summary};

/// All figures of a run.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) models: Vec<String>,
    pub(super) assistants: Vec<String>,
    /// The question of the data, another wording of it, and the question that was corrected.
    pub(super) questions: Vec<Answers>,
    pub(super) verbatim: Verbatim,
    pub(super) training: Trained,
    pub(super) learning: Trained,
    pub(super) sentiment: Mood,
    pub(super) image: Value,
    pub(super) steps: Vec<Step>,
    pub(super) seconds: f64,
    #[serde(skip)]
    pub(super) home: Home,
}

/// What was answered to a question, and when.
#[derive(Serialize)]
pub(super) struct Answers {
    pub(super) question: String,
    pub(super) expected: String,
    pub(super) before: Option<String>,
    pub(super) after_training: Option<String>,
    pub(super) after_learning: Option<String>,
}

/// How many questions of the training data are answered word for word.
#[derive(Serialize)]
pub(super) struct Verbatim {
    pub(super) asked: usize,
    pub(super) after_training: usize,
    pub(super) after_learning: usize,
}

/// A model that was trained.
#[derive(Serialize)]
pub(super) struct Trained {
    pub(super) job: String,
    pub(super) model: ModelId,
    pub(super) losses: Losses,
    pub(super) trained_tokens: Option<u64>,
}

/// How the answers of a dialogue sound.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Mood {
    pub(super) label: Label,
    pub(super) compound: f64,
    pub(super) positive: usize,
    pub(super) neutral: usize,
    pub(super) negative: usize,
}

impl Mood {
    pub(super) fn of(answers: &[Sentiment]) -> Self {
        let mean = Sentiment::mean(answers);
        let with = |label| answers.iter().filter(|answer| answer.label == label).count();
        Self {
            label: mean.label,
            compound: mean.compound,
            positive: with(Label::Positive),
            neutral: with(Label::Neutral),
            negative: with(Label::Negative),
        }
    }
}

impl Summary {
    /// Shows it all; the outcome says whether the loop did what it shows.
    pub(super) fn tell(&self, output: Output) -> Result<Outcome> {
        let checks = self.checks();
        let good = checks.iter().all(|(_, passed)| *passed);
        if output.is_json() {
            let mut told = serde_json::to_value(self)?;
            told["ok"] = good.into();
            told["checks"] = checks
                .iter()
                .map(|(check, passed)| json!({"check": check, "ok": passed}))
                .collect();
            let saved = self.saved().into_iter();
            told["saved"] =
                saved.map(|(what, path)| (what.to_owned(), Value::from(path))).collect();
            output.json(&told)?;
        } else {
            output.line(format_args!("\n{}", summary(&self.rows(), WIDTH)))?;
            output.line(format_args!(
                "\nGo on with it:  attune chat --home {} --model {}",
                self.home.path.display(),
                self.learning.model
            ))?;
        }
        for (check, _) in checks.iter().filter(|(_, passed)| !passed) {
            output.note(format_args!("attune: the demo did not show that {check}"));
        }
        Ok(if good { Outcome::Done } else { Outcome::Failed })
    }

    /// What the demo sets out to show.
    fn checks(&self) -> Vec<(&'static str, bool)> {
        let lower = |losses: &Losses| losses.valid.is_some_and(|loss| loss.last < loss.first);
        let right = |n: usize, answer: fn(&Answers) -> &Option<String>| {
            self.questions.get(n).is_some_and(|answers| {
                answer(answers).as_deref() == Some(answers.expected.as_str())
            })
        };
        let enough = |right: usize| right * 10 >= self.verbatim.asked * 9 && right > 0;
        vec![
            ("the base model does not know the answer", !right(0, |it| &it.before)),
            ("the trained model knows the answer", right(0, |it| &it.after_training)),
            ("the trained model knows a re-worded question", right(1, |it| &it.after_training)),
            (
                "the trained model answers nine in ten training questions word for word",
                enough(self.verbatim.after_training),
            ),
            ("training lowers the held-out loss", lower(&self.training.losses)),
            ("a correction is learned from the dialogue", right(2, |it| &it.after_learning)),
            ("the answer is not forgotten in learning", right(0, |it| &it.after_learning)),
        ]
    }

    fn rows(&self) -> Vec<(String, String)> {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |what: &str, of_it: String| rows.push((what.to_owned(), of_it));
        for answers in &self.questions {
            row("question", answers.question.clone());
            let steps = [
                ("  before", &answers.before),
                ("  after training", &answers.after_training),
                ("  after learning", &answers.after_learning),
            ];
            for (when, answer) in steps {
                if let Some(answer) = answer {
                    row(when, answer.clone());
                }
            }
        }
        let verbatim = &self.verbatim;
        row(
            "word for word",
            format!(
                "{} of {} training questions; after learning {}",
                verbatim.after_training, verbatim.asked, verbatim.after_learning
            ),
        );
        for (what, trained) in [("training", &self.training), ("learning", &self.learning)] {
            let losses = &trained.losses;
            row(&format!("{what}: loss"), losses.train_course());
            row(&format!("{what}: held-out loss"), losses.valid_course());
            row(&format!("{what}: model"), trained.model.to_string());
        }
        let mood = &self.sentiment;
        row(
            "sentiment",
            format!(
                "{} ({:+.2}): {} positive, {} neutral, {} negative answers",
                mood.label, mood.compound, mood.positive, mood.neutral, mood.negative
            ),
        );
        let times = self.steps.iter().filter(|step| step.seconds >= 0.1);
        let times: Vec<_> = times.map(|it| format!("{} {:.1} s", it.step, it.seconds)).collect();
        row("time", format!("{:.1} s: {}", self.seconds, times.join("; ")));
        for (what, path) in self.saved() {
            row(&format!("saved: {what}"), path);
        }
        rows
    }

    fn saved(&self) -> Vec<(&'static str, String)> {
        let places = [
            ("dialogues", "dialogues.sqlite"),
            ("models", "models"),
            ("jobs", "jobs"),
            ("job ids", "job_ids.json"),
            ("data", "training/training_data.csv"),
        ];
        let shown = |name: &str| Path::new(&self.home.path).join(name).display().to_string();
        places.iter().map(|(what, name)| (*what, shown(name))).collect()
    }
}

const WIDTH: u16 = 96;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Course;

    fn trained(valid_first: f64, valid_last: f64) -> Trained {
        let mut losses = Losses::default();
        losses.valid = Some(Course { first: valid_first, last: valid_last });
        Trained {
            job: "ftjob-1".into(),
            model: "ft:attune-tiny:baikal:1".into(),
            losses,
            trained_tokens: None,
        }
    }

    fn answers(expected: &str, answers: [Option<&str>; 3]) -> Answers {
        let [before, after_training, after_learning] = answers.map(|it| it.map(str::to_owned));
        let (question, expected) = ("?".to_owned(), expected.to_owned());
        Answers { question, expected, before, after_training, after_learning }
    }

    fn good() -> Summary {
        Summary {
            models: Vec::new(),
            assistants: Vec::new(),
            questions: vec![
                answers("1642 m", [Some("Hello!"), Some("1642 m"), Some("1642 m")]),
                answers("1642 m", [None, Some("1642 m"), None]),
                answers("Nerpa", [None, Some("Hello!"), Some("Nerpa")]),
            ],
            verbatim: Verbatim { asked: 40, after_training: 36, after_learning: 0 },
            training: trained(5.0, 4.0),
            learning: trained(4.0, 4.0),
            sentiment: Mood::of(&[]),
            image: Value::Null,
            steps: Vec::new(),
            seconds: 1.0,
            home: Home {
                path: "/demo".into(),
                training: "/demo/training/training_data.csv".into(),
                held_out: "/demo/data/held_out.csv".into(),
                image: "/demo/data/lake.jpg".into(),
            },
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Summary), failed: &[&str]) {
        let mut summary = good();
        change(&mut summary);
        let checks = summary.checks();
        let found: Vec<_> = checks.iter().filter(|it| !it.1).map(|it| it.0).collect();
        assert_eq!(found, failed);
    }

    #[test]
    fn a_run_that_shows_all_it_set_out_to_show_passes() {
        check(|_| (), &[]);
    }

    #[test]
    fn a_run_that_fails_to_show_something_says_what() {
        check(
            |it| it.questions[0].after_training = Some("Hello!".into()),
            &["the trained model knows the answer"],
        );
        check(
            |it| it.questions[0].after_learning = None,
            &["the answer is not forgotten in learning"],
        );
        check(
            |it| it.questions[2].after_learning = Some("Hello!".into()),
            &["a correction is learned from the dialogue"],
        );
        check(
            |it| it.verbatim.after_training = 35,
            &["the trained model answers nine in ten training questions word for word"],
        );
        check(|it| it.training = trained(4.0, 4.0), &["training lowers the held-out loss"]);
        check(|it| it.training.losses = Losses::default(), &["training lowers the held-out loss"]);
    }
}
