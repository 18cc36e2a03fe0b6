//! The steps of the demo, told and timed.

use std::fmt::Display;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::render::Output;

/// Tells the steps: on standard output, or on standard error where that is for JSON.
pub(super) struct Story {
    output: Output,
    begun: Instant,
    steps: Vec<(&'static str, Instant)>,
}

/// How long a step took.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) seconds: f64,
}

impl Story {
    pub(super) fn new(output: Output) -> Self {
        Self { output, begun: Instant::now(), steps: Vec::new() }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, name: &'static str) -> Result<()> {
        self.steps.push((name, Instant::now()));
        let n = self.steps.len();
        let gap = if n == 1 { "" } else { "\n" };
        self.say(format_args!("{gap}{n}. {name}"))
    }

    /// Tells something of the step.
    pub(super) fn tell(&self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        let lines: Vec<_> = text.lines().map(|line| format!("   {line}")).collect();
        self.say(lines.join("\n"))
    }

    /// How long each step took, and all of it, in seconds.
    pub(super) fn times(&self) -> (Vec<Step>, f64) {
        let now = Instant::now();
        let ends = self.steps.iter().skip(1).map(|(_, begun)| *begun).chain([now]);
        let steps = self.steps.iter().zip(ends).map(|((step, begun), end)| Step {
            step,
            seconds: tenths(end.duration_since(*begun).as_secs_f64()),
        });
        (steps.collect(), tenths(now.duration_since(self.begun).as_secs_f64()))
    }

    fn say(&self, text: impl Display) -> Result<()> {
        if self.output.is_json() {
            self.output.note(text);
            return Ok(());
        }
        self.output.line(text)
    }
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
