//! A look through data before anything is trained on it: what is wrong, and what is doubtful.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

use openai_api::Message;

use crate::dataset::{Label, Origin};
use crate::error::{Problem, Result};
use crate::read::{Place, Reader, Record};
use crate::scan::exact::key;
use crate::scan::language::{Language, Mix};
use crate::scan::similar::Similar;
use crate::scan::{personal, special};

/// Looks through what a [`Reader`] finds.
///
/// Faults are what no trainer can use. Remarks are what a trainer would take and a person may not
/// want: duplicates, answers that contradict one another, personal data, special tokens. Neither
/// quotes the data.
///
/// A record takes about 100 bytes of memory, and 500 more where near-duplicates are looked for.
///
/// # Examples
///
/// ```
/// use trainer::{Check, Code, FileType, Reader};
///
/// let text = "prompt,completion\nhi,hello\nhi,hello\nwho?,write to jo@example.org\n";
/// let report = Check::new(Reader::text(text, FileType::Csv)).run()?;
/// assert!(report.is_usable());
/// let told: Vec<_> = report.remarks.iter().map(|it| (it.origin.line, it.code)).collect();
/// assert_eq!(told, [(3, Code::Duplicate), (4, Code::PersonalData), (0, Code::TooFew)]);
/// # Ok::<(), trainer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Check<'a> {
    reader: Reader<'a>,
    similarity: Option<f64>,
}

/// What is doubtful about data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A record says, word for word, what an earlier one says.
    Duplicate,
    /// A record says almost what an earlier one says.
    NearDuplicate,
    /// Two different answers to one prompt are both to be learned.
    Contradiction,
    /// An address, a number or a key that should stay with whom it belongs to.
    PersonalData,
    /// What a tokenizer does not read as text.
    SpecialToken,
    /// An answer in another language than its prompt.
    OtherLanguage,
    /// Every answer is the same.
    OneAnswer,
    /// Fewer examples than a server takes.
    TooFew,
}

impl Code {
    /// Its name for programs, such as `near-duplicate`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::Contradiction => "contradiction",
            Self::PersonalData => "personal-data",
            Self::SpecialToken => "special-token",
            Self::OtherLanguage => "other-language",
            Self::OneAnswer => "one-answer",
            Self::TooFew => "too-few",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something doubtful: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// What it is.
    pub code: Code,
    /// Where it is; nowhere in particular if it is about the set.
    pub origin: Origin,
    /// What it is about, and what to do.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.origin, self.code, self.message)
    }
}

/// What a check found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many records can be used.
    pub records: u64,
    /// How many of them are answers to learn.
    pub positive: u64,
    /// How many are answers to avoid.
    pub negative: u64,
    /// How many are a better and a worse answer.
    pub preferences: u64,
    /// How many answers to avoid have one to learn beside them, and make a preference.
    pub paired: u64,
    /// How many answers to avoid have none, and can only be exported.
    pub unpaired: u64,
    /// The first 100 faults.
    pub faults: Vec<Problem>,
    /// How many faults there are.
    pub faults_in_all: u64,
    /// The first 20 remarks of each code, in the order of the data.
    pub remarks: Vec<Remark>,
    /// How many remarks of each code there are.
    pub counts: BTreeMap<Code, u64>,
    /// The languages of the answers, the most frequent first.
    pub languages: Vec<(Language, u64)>,
}

impl Report {
    /// Whether there are records and no fault.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.records > 0 && self.faults_in_all == 0
    }

    fn remark(&mut self, code: Code, origin: Origin, message: impl Into<String>) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= MAX_REMARKS {
            self.remarks.push(Remark { code, origin, message: message.into() });
        }
    }

    fn fault(&mut self, problem: Problem) {
        self.faults_in_all += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(problem);
        }
    }
}

impl<'a> Check<'a> {
    /// Looks for everything; texts of which four fifths are alike are near-duplicates.
    #[must_use]
    pub fn new(reader: Reader<'a>) -> Self {
        Self { reader, similarity: Some(0.8) }
    }

    /// Sets how much of two texts must be alike, from 0.5 to 1, for them to be near-duplicates; with
    /// `None` these are not looked for, which saves most of the time and the memory.
    #[must_use]
    pub fn with_similarity(mut self, similarity: Option<f64>) -> Self {
        self.similarity = similarity;
        self
    }

    /// Reads all there is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if a file cannot be read.
    pub fn run(self) -> Result<Report> {
        let mut report = Report::default();
        let mut seen = Seen::new(self.similarity);
        self.reader.for_each(|place, record| {
            match record {
                Ok(record) => seen.look_at(place, &record, &mut report),
                Err(problem) => report.fault(problem),
            }
            ControlFlow::Continue(())
        })?;
        seen.conclude(&mut report);
        Ok(report)
    }
}

/// What was seen so far.
struct Seen {
    files: Vec<PathBuf>,
    records: HashMap<u128, Spot>,
    prompts: HashMap<u128, (u128, Spot)>,
    /// The prompts of answers to avoid, and these.
    avoided: Vec<(u128, u128)>,
    near: Option<Near>,
    mix: Mix,
    answers: Answers,
}

/// The texts seen so far, and where each was.
struct Near {
    similar: Similar,
    records: Vec<(Spot, Option<Label>)>,
}

/// A line of one of the files.
#[derive(Clone, Copy)]
struct Spot {
    file: Option<u32>,
    line: u64,
}

/// Whether all answers are one.
enum Answers {
    None,
    One(u128),
    Several,
}

impl Seen {
    fn new(similarity: Option<f64>) -> Self {
        Self {
            files: Vec::new(),
            records: HashMap::new(),
            prompts: HashMap::new(),
            avoided: Vec::new(),
            near: similarity.map(|it| Near { similar: Similar::new(it), records: Vec::new() }),
            mix: Mix::new(),
            answers: Answers::None,
        }
    }

    fn look_at(&mut self, place: Place<'_>, record: &Record<'_>, report: &mut Report) {
        report.records += 1;
        let spot = self.spot(place);
        let texts = match record {
            Record::Pair(pair) => {
                let system = pair.system.into_iter().chain(pair.prompt());
                let prompt: Vec<_> = system.map(crate::Text::decode).collect();
                vec![Cow::from(prompt.join("\n\n")), pair.completion.decode()]
            }
            Record::Example(example) => {
                let answer = example.messages.last().map(said).unwrap_or_default();
                vec![joined(example.prompt()).into(), answer.into()]
            }
            Record::Preference(pair) => vec![
                joined(&pair.prompt).into(),
                said(&pair.preferred).into(),
                said(&pair.rejected).into(),
            ],
        };
        let label = match record {
            Record::Pair(pair) => Some(pair.label),
            Record::Example(example) => Some(example.label),
            Record::Preference(_) => None,
        };
        match label {
            Some(Label::Positive) => report.positive += 1,
            Some(Label::Negative) => report.negative += 1,
            None => report.preferences += 1,
        }
        let [prompt, answer, ..] = &texts[..] else {
            return;
        };
        if self.mix.add(prompt, answer).differs() {
            let message =
                "the answer is in another language than its prompt; leave it if that is meant";
            report.remark(Code::OtherLanguage, place.origin(), message);
        }
        if label == Some(Label::Negative) {
            self.avoided.push((key(prompt.trim().as_bytes()), key(answer.trim().as_bytes())));
        }
        self.repeated(&texts, label, spot, place, report);
        for text in &texts {
            doubtful(text, place, report);
        }
    }

    /// Whether an earlier record says the same, or nearly so, or otherwise.
    fn repeated(
        &mut self,
        texts: &[Cow<'_, str>],
        label: Option<Label>,
        spot: Spot,
        place: Place<'_>,
        report: &mut Report,
    ) {
        // A separator that no text of a conversation has, and a word for the label.
        let whole = format!("{}\u{0}{label:?}", texts.join("\u{0}"));
        if let Some(earlier) = self.records.get(&key(whole.as_bytes())) {
            let message = format!("the same as {}; take one out", self.told(*earlier, spot));
            report.remark(Code::Duplicate, place.origin(), message);
            return;
        }
        self.records.insert(key(whole.as_bytes()), spot);

        let [prompt, answer, ..] = texts else {
            return;
        };
        let answer = key(answer.trim().as_bytes());
        if label == Some(Label::Positive) {
            self.answers = match self.answers {
                Answers::None => Answers::One(answer),
                Answers::One(one) if one == answer => Answers::One(one),
                _ => Answers::Several,
            };
            let first =
                *self.prompts.entry(key(prompt.trim().as_bytes())).or_insert((answer, spot));
            if first.0 != answer {
                let message = format!(
                    "another answer than {} to the same prompt; keep the better one, or make a \
                     preference of them",
                    self.told(first.1, spot)
                );
                report.remark(Code::Contradiction, place.origin(), message);
                return;
            }
        }
        let Some(near) = &mut self.near else {
            return;
        };
        near.records.push((spot, label));
        if let Some(found) = near.similar.insert(&texts.join("\n"))
            && let Some((earlier, other)) = near.records.get(found.index).copied()
            // A good answer and a bad one that is almost the same are worth the most.
            && other == label
        {
            let (alike, earlier) = (found.similarity * 100.0, self.told(earlier, spot));
            let message = format!("about {alike:.0} % the same as {earlier}; keep one of them");
            report.remark(Code::NearDuplicate, place.origin(), message);
        }
    }

    /// What can be said only of all.
    fn conclude(self, report: &mut Report) {
        report.languages = self.mix.answers();
        for (prompt, answer) in &self.avoided {
            match self.prompts.get(prompt) {
                None => report.unpaired += 1,
                // The same answer, good and bad: nothing can be learned from that.
                Some((good, _)) if good == answer => {}
                Some(_) => report.paired += 1,
            }
        }
        let set = Origin::default;
        if self.prompts.len() > 1
            && report.records == report.positive
            && matches!(self.answers, Answers::One(_))
        {
            let message = "every answer is the same; a model learns to say nothing else";
            report.remark(Code::OneAnswer, set(), message);
        }
        if (1..FEWEST).contains(&report.records) {
            let message = format!(
                "{} examples; OpenAI takes no fewer than {FEWEST}, and a model learns little from them",
                report.records
            );
            report.remark(Code::TooFew, set(), message);
        }
    }

    fn spot(&mut self, place: Place<'_>) -> Spot {
        let file = place.file().map(|file| {
            if self.files.last().is_none_or(|last| last != file) {
                self.files.push(file.to_owned());
            }
            self.files.len() as u32 - 1
        });
        Spot { file, line: place.line() }
    }

    /// An earlier place, for someone who knows the present one.
    fn told(&self, earlier: Spot, now: Spot) -> String {
        let file = earlier.file.and_then(|file| self.files.get(file as usize));
        match file.filter(|_| earlier.file != now.file) {
            Some(file) => format!("{}, line {}", file.display(), earlier.line),
            None => format!("line {}", earlier.line),
        }
    }
}

/// What a text holds that should not be learned.
fn doubtful(text: &str, place: Place<'_>, report: &mut Report) {
    for found in personal::find(text) {
        let kind = found.kind;
        let message = format!(
            "what looks like personal data or a secret ({kind}); take it out, or put a word in its place"
        );
        report.remark(Code::PersonalData, place.origin(), message);
    }
    if let Some(found) = special::find(text).first() {
        let whose: Vec<String> = found.families.iter().map(ToString::to_string).collect();
        let message = match whose.is_empty() {
            true => "what looks like a special token; take it out".to_owned(),
            false => format!("a special token of {}; take it out", whose.join(", ")),
        };
        report.remark(Code::SpecialToken, place.origin(), message);
    }
}

fn joined(messages: &[Message]) -> String {
    messages.iter().map(said).collect::<Vec<_>>().join("\n\n")
}

/// All that a message says: its text, its refusal, and the calls that it makes.
fn said(message: &Message) -> String {
    let calls = message.tool_calls.iter().map(|call| &call.function);
    let calls = calls.flat_map(|function| [function.name.clone(), function.arguments.clone()]);
    let parts = [message.text()].into_iter().chain(message.refusal.clone()).chain(calls);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// So many remarks of a code are kept.
const MAX_REMARKS: u64 = 20;

/// So many faults are kept.
const MAX_FAULTS: usize = 100;

/// The fewest examples that OpenAI takes, says its
/// [guide](https://platform.openai.com/docs/guides/supervised-fine-tuning), read 2026-11-22.
const FEWEST: u64 = 10;

#[cfg(test)]
mod tests;
