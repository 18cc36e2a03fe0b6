//! How far a training job is, on standard error: a bar on a terminal, else a line now and then.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use trainer::{EventLevel, Metrics, TrainingEvent};

/// Shows the events of one job.
pub(crate) struct Progress {
    shown: Shown,
    losses: Losses,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Option<(Instant, String)> },
}

/// How the losses went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Losses {
    /// Of the examples trained on; where a job trains on answers and then on preferences, of each.
    pub(crate) train: Vec<Course>,
    /// Of the examples held out: the base model's, and the new model's.
    pub(crate) valid: Option<Course>,
    /// Prompt and answer tokens a second.
    pub(crate) tokens_per_second: Option<f64>,
    /// The last step that was told, and how many there were to be.
    #[serde(skip)]
    step: (u64, u64),
    /// Whether another part of the job has begun that has told no training loss yet.
    #[serde(skip)]
    anew: bool,
}

/// A loss at its beginning and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Course {
    pub(crate) first: f64,
    pub(crate) last: f64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let shown = if std::io::stderr().is_terminal() {
            Shown::Bar(bar())
        } else {
            Shown::Lines { last: None }
        };
        Self { shown, losses: Losses::default() }
    }

    /// Shows what happened.
    pub(crate) fn event(&mut self, event: &TrainingEvent) {
        if let Some(metrics) = &event.metrics {
            self.losses.take(metrics);
        }
        match (&mut self.shown, &event.metrics) {
            (Shown::Bar(bar), Some(metrics)) => {
                bar.set_length(metrics.total_steps);
                bar.set_position(metrics.step);
                bar.set_message(figures(metrics, &self.losses));
            }
            (Shown::Bar(bar), None) => bar.println(&event.message),
            (Shown::Lines { last }, Some(metrics)) => {
                let (step, steps) = (metrics.step, metrics.total_steps);
                let line = format!("step {step}/{steps}  {}", figures(metrics, &self.losses));
                let due = last.as_ref().is_none_or(|(at, shown)| {
                    at.elapsed() >= BETWEEN_LINES || (step == steps && *shown != line)
                });
                if due {
                    say(&line);
                    *last = Some((Instant::now(), line));
                }
            }
            (Shown::Lines { .. }, None) if event.level == EventLevel::Info => say(&event.message),
            (Shown::Lines { .. }, None) => {
                say(&format!("{}: {}", level(event.level), event.message));
            }
        }
    }

    /// Takes the bar away and tells how the losses went.
    pub(crate) fn finish(self) -> Losses {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
        self.losses
    }
}

impl Losses {
    fn take(&mut self, metrics: &Metrics) {
        let (step, steps) = self.step;
        self.anew |= metrics.step < step || metrics.total_steps != steps;
        self.step = (metrics.step, metrics.total_steps);
        if let Some(loss) = metrics.train_loss {
            match self.train.last_mut() {
                Some(course) if !self.anew => course.last = loss,
                _ => self.train.push(Course { first: loss, last: loss }),
            }
            self.anew = false;
        }
        if let Some(loss) = metrics.valid_loss {
            self.valid.get_or_insert(Course { first: loss, last: loss }).last = loss;
        }
        self.tokens_per_second = metrics.tokens_per_second.or(self.tokens_per_second);
    }

    /// How the training loss went; a dash if nobody told.
    pub(crate) fn train_course(&self) -> String {
        match self.train.as_slice() {
            [] => "-".to_owned(),
            courses => courses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then "),
        }
    }

    /// How the loss on the examples held out went; a dash if nobody told.
    pub(crate) fn valid_course(&self) -> String {
        self.valid.map_or_else(|| "-".to_owned(), |course| course.to_string())
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} -> {:.3}", self.first, self.last)
    }
}

fn figures(metrics: &Metrics, losses: &Losses) -> String {
    let mut parts = Vec::new();
    if let Some(epoch) = metrics.epoch.filter(|epoch| *epoch > 0) {
        let of = metrics.epochs.map(|epochs| format!("/{epochs}")).unwrap_or_default();
        parts.push(format!("epoch {epoch}{of}"));
    }
    if let Some(course) = losses.train.last() {
        parts.push(format!("loss {:.3}", course.last));
    }
    if let Some(course) = losses.valid {
        parts.push(format!("held-out loss {:.3}", course.last));
    }
    if let Some(speed) = losses.tokens_per_second {
        parts.push(format!("{speed:.0} tokens/s"));
    }
    parts.join("  ")
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn level(level: EventLevel) -> &'static str {
    if level == EventLevel::Warn { "warning" } else { "error" }
}

fn say(line: &str) {
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{line}");
}

const BETWEEN_LINES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(step: u64, train: Option<f64>, valid: Option<f64>) -> Metrics {
        let mut metrics = Metrics::new(step, 4);
        (metrics.epoch, metrics.epochs) = (Some(1), Some(2));
        (metrics.train_loss, metrics.valid_loss) = (train, valid);
        metrics
    }

    #[test]
    fn the_first_and_the_last_of_each_loss_are_kept() {
        let mut losses = Losses::default();
        losses.take(&metrics(0, None, Some(5.0)));
        losses.take(&metrics(1, Some(4.0), None));
        losses.take(&metrics(4, Some(1.0), Some(2.0)));
        assert_eq!(losses.train_course(), "4.000 -> 1.000");
        assert_eq!(losses.valid_course(), "5.000 -> 2.000");
    }

    #[test]
    fn a_job_of_two_parts_has_a_training_loss_for_each() {
        let mut losses = Losses::default();
        losses.take(&metrics(1, Some(4.0), None));
        losses.take(&metrics(3, Some(1.0), None));
        losses.take(&metrics(0, None, Some(2.0)));
        losses.take(&metrics(1, Some(0.7), None));
        losses.take(&metrics(4, Some(0.2), None));
        assert_eq!(losses.train_course(), "4.000 -> 1.000, then 0.700 -> 0.200");
        // It goes on counting, towards another number of steps.
        let mut longer = metrics(5, Some(0.9), None);
        longer.total_steps = 18;
        losses.take(&longer);
        assert_eq!(losses.train.len(), 3);
        assert_eq!(Losses::default().train_course(), "-");
    }

    #[test]
    fn figures_name_epoch_and_losses() {
        let mut losses = Losses::default();
        let now = metrics(1, Some(4.0), Some(5.25));
        losses.take(&now);
        assert_eq!(figures(&now, &losses), "epoch 1/2  loss 4.000  held-out loss 5.250");
        assert_eq!(figures(&Metrics::new(0, 4), &Losses::default()), "");
    }
}
