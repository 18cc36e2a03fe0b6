//! How far a training job is, on standard error: a bar on a terminal, else a line now and then.

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
    Lines { last: Option<Instant> },
}

/// How the losses went, in nats per trained token.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Losses {
    /// Of the first step.
    pub(crate) train_first: Option<f64>,
    /// Of the last step.
    pub(crate) train_last: Option<f64>,
    /// Of the base model on the examples held out.
    pub(crate) valid_first: Option<f64>,
    /// Of the new model on the examples held out.
    pub(crate) valid_last: Option<f64>,
    /// Prompt and answer tokens a second.
    pub(crate) tokens_per_second: Option<f64>,
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
            (Shown::Lines { last }, metrics) => {
                let due = last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
                let ends = metrics.as_ref().is_some_and(|it| it.step == it.total_steps);
                match metrics {
                    Some(metrics) if due || ends => {
                        *last = Some(Instant::now());
                        let (step, steps) = (metrics.step, metrics.total_steps);
                        say(&format!("step {step}/{steps}  {}", figures(metrics, &self.losses)));
                    }
                    Some(_) => {}
                    None if event.level == EventLevel::Info => say(&event.message),
                    None => say(&format!("{}: {}", level(event.level), event.message)),
                }
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
        let keep = |first: &mut Option<f64>, last: &mut Option<f64>, value: Option<f64>| {
            if let Some(value) = value {
                first.get_or_insert(value);
                *last = Some(value);
            }
        };
        keep(&mut self.train_first, &mut self.train_last, metrics.train_loss);
        keep(&mut self.valid_first, &mut self.valid_last, metrics.valid_loss);
        self.tokens_per_second = metrics.tokens_per_second.or(self.tokens_per_second);
    }
}

/// A loss as people read it.
pub(crate) fn loss(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

fn figures(metrics: &Metrics, losses: &Losses) -> String {
    let mut parts = Vec::new();
    if let Some(epoch) = metrics.epoch.filter(|epoch| *epoch > 0) {
        let of = metrics.epochs.map(|epochs| format!("/{epochs}")).unwrap_or_default();
        parts.push(format!("epoch {epoch}{of}"));
    }
    if losses.train_last.is_some() {
        parts.push(format!("loss {}", loss(losses.train_last)));
    }
    if losses.valid_last.is_some() {
        parts.push(format!("held-out loss {}", loss(losses.valid_last)));
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
        let first_and_last = (losses.train_first, losses.train_last);
        assert_eq!(first_and_last, (Some(4.0), Some(1.0)));
        assert_eq!((losses.valid_first, losses.valid_last), (Some(5.0), Some(2.0)));
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
