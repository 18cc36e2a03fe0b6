//! How fast prompts are read and answers made, and how soon a model has said its first token.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::rig::Rig;
use crate::{
    bench::{
        Section,
        comparison::{Comparison, HEAD, Target},
        progress,
        statistics::Spread,
    },
    table::table,
};

/// Answers in alternating rounds, on one thread.
pub(super) fn measure(rig: &Rig, rounds: usize) -> Result<Section> {
    let mut all: Vec<(Program, Vec<Value>)> = PROGRAMS.iter().map(|it| (*it, Vec::new())).collect();
    for round in 0..rounds {
        for (program, reports) in &mut all {
            progress(&format!("{program:?}: round {} of {rounds}", round + 1));
            reports.push(program.run(rig)?);
        }
        // There and back again, so that a drift of the machine's favours nobody.
        all.reverse();
    }
    let reports = |program: Program| {
        let found = all.iter().find(|(one, _)| *one == program).map(|(_, reports)| &reports[..]);
        found.context("a program was not run")
    };
    let mut found = Vec::new();
    for figure in FIGURES {
        let ours = figure.of.values(reports(figure.ours)?)?;
        let theirs = figure.of.values(reports(figure.peer)?)?;
        found.push(Comparison {
            what: format!("{}, {}", figure.of.told(), figure.ours.told()),
            peer: figure.peer.told(),
            unit: "/s",
            target: figure.target,
            ..Comparison::of(&ours, &theirs)
        });
    }
    let start = Comparison {
        what: format!("first token of {}, s", OURS_BF16.told()),
        peer: "a second".to_owned(),
        unit: "s",
        target: Some(Target::AtMost(1.0)),
        ..Comparison::of(&first_tokens(reports(OURS_BF16)?)?, &vec![1.0; rounds])
    };
    found.push(start);
    let rows: Vec<_> = found.iter().map(Comparison::row).collect();
    Ok(Section {
        name: "answers",
        title: format!(
            "answers on one thread: 135 M parameters, {PROMPT} tokens asked, {ANSWER} answered, \
             medians of {rounds} alternating rounds"
        ),
        table: table(HEAD, &rows),
        json: found.iter().map(Comparison::json).collect(),
        is_met: found.iter().all(Comparison::is_met),
    })
}

/// Who answers, with which model, and to how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Program {
    who: Who,
    model: &'static str,
    at_once: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Transformers,
    LlamaCpp,
}

impl Program {
    const fn new(who: Who, model: &'static str) -> Self {
        Self { who, model, at_once: 1 }
    }

    const fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    fn run(&self, rig: &Rig) -> Result<Value> {
        let (model, at_once) = (rig.made(self.model), self.at_once.to_string());
        let peer = |name| rig.peer("answer.py", &[name, &model, PROMPT, ANSWER, COUNT, "1"]);
        match self.who {
            Who::Ours => rig.ours(1, &["answer", &model, PROMPT, ANSWER, COUNT, &at_once]),
            Who::Transformers => peer("transformers"),
            Who::LlamaCpp => peer("llama.cpp"),
        }
    }

    fn told(&self) -> String {
        let model = self.model.trim_end_matches(".gguf");
        match (self.who, self.at_once) {
            (Who::Ours, 1) => model.to_owned(),
            (Who::Ours, many) => format!("{many} x {model}"),
            (Who::Transformers, _) => format!("transformers {model}"),
            (Who::LlamaCpp, _) => format!("llama.cpp {model}"),
        }
    }
}

/// What is measured of an answer.
#[derive(Debug, Clone, Copy)]
enum Of {
    Prompt,
    Answer,
}

impl Of {
    fn told(self) -> &'static str {
        match self {
            Self::Prompt => "tokens read",
            Self::Answer => "tokens answered",
        }
    }

    /// For each report the median of its answers; the first of them is for warming up.
    fn values(self, reports: &[Value]) -> Result<Vec<f64>> {
        let field = match self {
            Self::Prompt => "prompt_tokens_per_s",
            Self::Answer => "answer_tokens_per_s",
        };
        let value = |report: &Value| {
            let answers = report["answers"].as_array()?;
            let rates = answers.iter().skip(1).map(|answer| answer[field].as_f64());
            Some(Spread::of(rates.collect::<Option<_>>()?).median)
        };
        reports.iter().map(value).collect::<Option<_>>().context("an answer's speed is not told")
    }
}

fn first_tokens(reports: &[Value]) -> Result<Vec<f64>> {
    let times = reports.iter().map(|report| report["first_token_s"].as_f64());
    times.collect::<Option<_>>().context("the time of the first token is not told")
}

/// Ours beside a peer's.
#[derive(Debug, Clone, Copy)]
struct Figure {
    of: Of,
    ours: Program,
    peer: Program,
    target: Option<Target>,
}

const fn answer(ours: Program, peer: Program, least: f64) -> Figure {
    Figure { of: Of::Answer, ours, peer, target: Some(Target::AtLeast(least)) }
}

const fn prompt(ours: Program, peer: Program, least: f64) -> Figure {
    Figure { of: Of::Prompt, ours, peer, target: Some(Target::AtLeast(least)) }
}

const OURS_F32: Program = Program::new(Who::Ours, "f32");
const OURS_BF16: Program = Program::new(Who::Ours, "bf16");
const OURS_Q8_0: Program = Program::new(Who::Ours, "q8_0.gguf");
const OURS_Q4_0: Program = Program::new(Who::Ours, "q4_0.gguf");
const OURS_Q4_K: Program = Program::new(Who::Ours, "q4_k_m.gguf");
const TRANSFORMERS_F32: Program = Program::new(Who::Transformers, "f32");
const TRANSFORMERS_BF16: Program = Program::new(Who::Transformers, "bf16");
const LLAMA_CPP_F32: Program = Program::new(Who::LlamaCpp, "f32.gguf");
const LLAMA_CPP_Q8_0: Program = Program::new(Who::LlamaCpp, "q8_0.gguf");
const LLAMA_CPP_Q4_0: Program = Program::new(Who::LlamaCpp, "q4_0.gguf");
const LLAMA_CPP_Q4_K: Program = Program::new(Who::LlamaCpp, "q4_k_m.gguf");

const PROGRAMS: [Program; 13] = [
    OURS_F32,
    LLAMA_CPP_F32,
    TRANSFORMERS_F32,
    OURS_Q8_0,
    LLAMA_CPP_Q8_0,
    OURS_Q4_0,
    LLAMA_CPP_Q4_0,
    OURS_Q4_K,
    LLAMA_CPP_Q4_K,
    OURS_BF16,
    TRANSFORMERS_BF16,
    OURS_F32.at_once(8),
    OURS_Q8_0.at_once(8),
];

const FIGURES: [Figure; 13] = [
    answer(OURS_F32, TRANSFORMERS_F32, 1.15),
    Figure { of: Of::Answer, ours: OURS_F32, peer: LLAMA_CPP_F32, target: None },
    Figure { of: Of::Answer, ours: OURS_BF16, peer: TRANSFORMERS_BF16, target: None },
    answer(OURS_Q8_0, LLAMA_CPP_Q8_0, 1.1),
    answer(OURS_Q4_0, LLAMA_CPP_Q4_0, 1.0),
    answer(OURS_Q4_K, LLAMA_CPP_Q4_K, 1.0),
    prompt(OURS_F32, LLAMA_CPP_F32, 0.9),
    prompt(OURS_Q8_0, LLAMA_CPP_Q8_0, 0.9),
    Figure { of: Of::Prompt, ours: OURS_Q4_0, peer: LLAMA_CPP_Q4_0, target: None },
    Figure { of: Of::Prompt, ours: OURS_Q4_K, peer: LLAMA_CPP_Q4_K, target: None },
    Figure { of: Of::Prompt, ours: OURS_F32, peer: TRANSFORMERS_F32, target: None },
    answer(OURS_F32.at_once(8), OURS_F32, 4.0),
    answer(OURS_Q8_0.at_once(8), OURS_Q8_0, 4.0),
];

const PROMPT: &str = "128";
const ANSWER: &str = "64";
const COUNT: &str = "3";
