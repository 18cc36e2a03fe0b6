//! What an analysis says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Whether a text is positive, negative or neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// It speaks well of something.
    Positive,
    /// It speaks ill of something.
    Negative,
    /// It does neither, or both to the same degree.
    #[default]
    Neutral,
}

impl Label {
    /// `positive`, `negative` or `neutral`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Neutral => "neutral",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Label {
    type Err = Error;

    fn from_str(label: &str) -> Result<Self, Error> {
        match label {
            "positive" => Ok(Self::Positive),
            "negative" => Ok(Self::Negative),
            "neutral" => Ok(Self::Neutral),
            _ => Err(Error::UnknownLabel),
        }
    }
}

/// How a text sounds.
///
/// The three shares are finite, lie in `0.0..=1.0` and sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sentiment {
    /// The verdict.
    pub label: Label,
    /// From −1, as bad as can be, to +1, as good as can be; never of another sign than the label.
    pub compound: f64,
    /// The share of the text that speaks well of something.
    pub positive: f64,
    /// The share of the text that does neither.
    pub neutral: f64,
    /// The share of the text that speaks ill of something.
    pub negative: f64,
}

impl Sentiment {
    /// How nothing sounds.
    pub const NEUTRAL: Self =
        Self { label: Label::Neutral, compound: 0.0, positive: 0.0, neutral: 1.0, negative: 0.0 };

    /// A sentiment with the weights of its three parts, which need not sum to 1.
    ///
    /// `compound` is kept within −1 and 1, and becomes 0 where its sign belies the label; weights
    /// below 0 and those that are not finite count as 0.
    #[must_use]
    pub fn new(label: Label, compound: f64, positive: f64, neutral: f64, negative: f64) -> Self {
        let weight = |it: f64| if it.is_finite() { it.clamp(0.0, MAX_WEIGHT) } else { 0.0 };
        let (positive, neutral, negative) = (weight(positive), weight(neutral), weight(negative));
        let sum = positive + neutral + negative;
        let (positive, negative) =
            if sum > 0.0 { (positive / sum, negative / sum) } else { (0.0, 0.0) };
        let compound = if compound.is_nan() { 0.0 } else { compound.clamp(-1.0, 1.0) };
        let belied = (label == Label::Positive && compound < 0.0)
            || (label == Label::Negative && compound > 0.0);
        Self {
            label,
            compound: if belied { 0.0 } else { compound },
            positive,
            neutral: (1.0 - positive - negative).max(0.0),
            negative,
        }
    }

    /// A verdict without shades: compound +1, −1 or 0, and all of the text its share.
    #[must_use]
    pub fn pure(label: Label) -> Self {
        match label {
            Label::Positive => Self::new(label, 1.0, 1.0, 0.0, 0.0),
            Label::Negative => Self::new(label, -1.0, 0.0, 0.0, 1.0),
            Label::Neutral => Self::NEUTRAL,
        }
    }

    /// The mean of many, part by part; neutral if there are none.
    ///
    /// Its label is neutral if the compound lies between −[`NEUTRAL_BAND`](Self::NEUTRAL_BAND) and
    /// `NEUTRAL_BAND`.
    #[must_use]
    pub fn mean(sentiments: &[Self]) -> Self {
        if sentiments.is_empty() {
            return Self::NEUTRAL;
        }
        let mean = |part: fn(&Self) -> f64| {
            sentiments.iter().map(part).sum::<f64>() / sentiments.len() as f64
        };
        let compound = mean(|it| it.compound);
        let label = match compound {
            above if above >= Self::NEUTRAL_BAND => Label::Positive,
            below if below <= -Self::NEUTRAL_BAND => Label::Negative,
            _ => Label::Neutral,
        };
        Self::new(
            label,
            compound,
            mean(|it| it.positive),
            mean(|it| it.neutral),
            mean(|it| it.negative),
        )
    }

    /// A mean whose compound lies nearer to 0 than this is neutral.
    pub const NEUTRAL_BAND: f64 = 0.05;
}

/// How a dialogue goes, from text to text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trajectory {
    /// How each text sounds, in their order.
    pub points: Vec<Sentiment>,
    /// The compound of the last text less that of the first, `-2.0..=2.0`; 0 for fewer than two.
    pub change: f64,
    /// The texts whose label is the opposite of the last one before them that was not neutral.
    pub turning_points: Vec<usize>,
}

impl Trajectory {
    /// The course that `points` take.
    #[must_use]
    pub fn new(points: Vec<Sentiment>) -> Self {
        let change = match points.as_slice() {
            [first, .., last] => last.compound - first.compound,
            _ => 0.0,
        };
        let mut turning_points = Vec::new();
        let mut last = Label::Neutral;
        for (n, point) in points.iter().enumerate().filter(|(_, it)| it.label != Label::Neutral) {
            if last != Label::Neutral && point.label != last {
                turning_points.push(n);
            }
            last = point.label;
        }
        Self { points, change, turning_points }
    }

    /// The mean over all texts.
    #[must_use]
    pub fn mean(&self) -> Sentiment {
        Sentiment::mean(&self.points)
    }
}

/// Three of these still sum to a finite number.
const MAX_WEIGHT: f64 = 1e300;
