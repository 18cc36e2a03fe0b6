//! Figures of ours beside those of a peer, and beside what is promised.

use serde_json::{Value, json};

use super::statistics::Spread;

/// What a figure must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most:.2}"),
            Self::AtLeast(least) => format!("at least {least:.2}"),
        }
    }
}

/// A figure of ours beside that of a peer, round by round.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) what: String,
    pub(super) peer: String,
    pub(super) unit: &'static str,
    pub(super) ours: Spread,
    pub(super) theirs: Spread,
    /// Ours to theirs, in the same round.
    pub(super) ratio: Spread,
    pub(super) target: Option<Target>,
}

impl Comparison {
    pub(super) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
        Self {
            what: String::new(),
            peer: String::new(),
            unit: "",
            ratio: Spread::of(ratios.collect()),
            ours: Spread::of(ours.to_vec()),
            theirs: Spread::of(theirs.to_vec()),
            target: None,
        }
    }

    pub(super) fn is_met(&self) -> bool {
        self.target.is_none_or(|target| target.is_met(self.ratio.median))
    }

    pub(super) fn row(&self) -> [String; 8] {
        [
            self.what.clone(),
            self.peer.clone(),
            format!("{:.2} {}", self.ours.median, self.unit),
            format!("{:.2}", self.theirs.median),
            format!("{:.3}", self.ratio.median),
            format!("{:.3}..{:.3}", self.ratio.low, self.ratio.high),
            self.target.map_or_else(String::new, Target::text),
            match (self.target, self.is_met()) {
                (None, _) => "",
                (Some(_), true) => "met",
                (Some(_), false) => "missed",
            }
            .to_owned(),
        ]
    }

    pub(super) fn json(&self) -> Value {
        let spread = |it: Spread| json!({ "median": it.median, "low": it.low, "high": it.high });
        json!({
            "what": self.what,
            "peer": self.peer,
            "unit": self.unit,
            "ours": spread(self.ours),
            "theirs": spread(self.theirs),
            "ratio": spread(self.ratio),
            "target": self.target.map(Target::text),
            "met": self.is_met(),
        })
    }
}

/// A figure of ours beside what is promised of it alone.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) ours: Spread,
    pub(super) target: Target,
}

impl Limit {
    pub(super) fn is_met(&self) -> bool {
        self.target.is_met(self.ours.median)
    }

    pub(super) fn row(&self) -> [String; 5] {
        [
            self.what.clone(),
            format!("{:.2} {}", self.ours.median, self.unit),
            format!("{:.2}..{:.2}", self.ours.low, self.ours.high),
            self.target.text(),
            if self.is_met() { "met" } else { "missed" }.to_owned(),
        ]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "what": self.what,
            "unit": self.unit,
            "ours": { "median": self.ours.median, "low": self.ours.low, "high": self.ours.high },
            "target": self.target.text(),
            "met": self.is_met(),
        })
    }
}

/// What the columns of limits are called.
pub(super) const LIMIT_HEAD: [&str; 5] = ["what", "ours", "quartiles", "target", ""];

/// What the columns of a comparison are called.
pub(super) const HEAD: [&str; 8] =
    ["what", "peer", "ours", "theirs", "ratio", "quartiles", "target", ""];
