//! The engine beside `PyTorch`, transformers and llama.cpp, on the same model and processor.

mod answers;
mod rig;
mod training;

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use self::rig::Rig;
use crate::{
    bench::{Section, statistics::Spread},
    flags,
    metadata::Workspace,
};

/// Measures what the flags select, a part at a time.
pub(crate) fn measure(
    sh: &Shell,
    workspace: &Workspace,
    flags: &flags::Engine,
    mut tell: impl FnMut(Section),
) -> Result<()> {
    let rig = Rig::build(sh, workspace)?;
    let rounds = flags.rounds.unwrap_or(5).max(1);
    let all = flags.training == flags.answers;
    if all || flags.answers {
        tell(answers::measure(&rig, rounds)?);
    }
    if all || flags.training {
        tell(training::measure(&rig, rounds)?);
    }
    Ok(())
}

/// What a figure must keep to.
#[derive(Debug, Clone, Copy)]
enum Target {
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
struct Comparison {
    what: String,
    peer: String,
    unit: &'static str,
    ours: Spread,
    theirs: Spread,
    /// Ours to theirs, in the same round.
    ratio: Spread,
    target: Option<Target>,
}

impl Comparison {
    fn of(ours: &[f64], theirs: &[f64]) -> Self {
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

    fn is_met(&self) -> bool {
        self.target.is_none_or(|target| target.is_met(self.ratio.median))
    }

    fn row(&self) -> [String; 8] {
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

    fn json(&self) -> Value {
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

/// What the columns of a comparison are called.
const HEAD: [&str; 8] = ["what", "peer", "ours", "theirs", "ratio", "quartiles", "target", ""];
