//! The command line, parsed.

// These comments are the help text, which is not Markdown.
#![expect(clippy::doc_markdown)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dialogue_store::Timestamp;

use crate::render::time;

/// Models that learn from their own conversations.
#[derive(Debug, Parser)]
#[command(name = "attune", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands, before its name or after it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Who answers and trains; `openai` by itself if --base-url is given or OPENAI_API_KEY or
    /// OPENAI_BASE_URL is set, else `embedded`.
    #[arg(long, global = true, value_name = "WHICH")]
    pub(crate) backend: Option<BackendKind>,
    /// A server with OpenAI's API, the version included, such as http://127.0.0.1:8377/v1.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The model, or `latest` for the newest fine-tuned one [env: ATTUNE_MODEL].
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) model: Option<String>,
    /// How long to wait for an answer, each attempt.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Write JSON to standard output, errors too.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The data folder [env: ATTUNE_HOME; default: the platform's].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The assistant whose instructions and model to use.
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) assistant: Option<String>,
    /// The catalogue of assistants [default: assistants.json in the data folder].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) assistants_file: Option<PathBuf>,
    /// Instructions to put above each question.
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) system: Option<String>,
}

/// Who answers and trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendKind {
    /// The transformer in this process.
    Embedded,
    /// A server with OpenAI's API.
    Openai,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a model learn from a CSV file and from its own dialogues.
    Demo(Demo),
    /// Ask one question.
    Ask(Ask),
    /// Talk; earlier questions and answers are remembered.
    Chat(Chat),
    /// List the models, or look after those of the embedded engine.
    Models(Models),
    /// Let another program serve a model of the embedded engine.
    Deploy(Deploy),
    /// List the assistants.
    Assistants(Assistants),
    /// Tell how texts sound.
    Sentiment(Sentiment),
    /// Describe an image.
    Image(Image),
    /// Look after the stored dialogues.
    #[command(subcommand)]
    Dialogues(Dialogues),
    /// Look at training data.
    #[command(subcommand)]
    Data(Data),
    /// Train on data.
    Train(Train),
    /// Train on what was good in the stored dialogues.
    Learn(Learn),
    /// Look after training jobs.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Serve OpenAI's API.
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Keep what an earlier demo left in the folder, rather than making the folder anew.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Ask {
    /// The question; `-`, or nothing, reads it from standard input.
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Vec<String>,
    /// Show the answer as it grows.
    #[arg(long)]
    pub(crate) stream: bool,
    #[command(flatten)]
    pub(crate) how: Asking,
}

#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// Go on with this stored dialogue.
    #[arg(long, value_name = "DIALOGUE")]
    pub(crate) resume: Option<String>,
    #[command(flatten)]
    pub(crate) how: Asking,
}

/// How to ask.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Asking {
    /// How often to try in all, where trying again can help [default: 3].
    #[arg(long, value_name = "N")]
    pub(crate) attempts: Option<NonZeroU32>,
    /// At most this many tokens in the answer [default: 8000].
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<NonZeroU32>,
    /// How freely to choose words, 0 to 2; 0 always takes the likeliest [default: 0].
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub(crate) temperature: Option<f32>,
}

#[derive(Args, Debug)]
pub(crate) struct Models {
    #[command(subcommand)]
    pub(crate) what: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models of the backend; so does `attune models`.
    List,
    /// Let the embedded engine serve a model, which stays where it is; its files are checked first.
    Add {
        /// A folder as Hugging Face writes it, a file in the format of GGUF, or, if there is no
        /// such path, a name on the Hugging Face hub, such as Qwen/Qwen3-0.6B.
        #[arg(value_name = "PATH|NAME")]
        model: String,
        /// The id to ask for it by [default: the name of the folder, the file or the model].
        #[arg(long, value_name = "ID")]
        name: Option<String>,
        /// The branch, tag or commit to take from the hub [default: main].
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
        /// The one file to take from the hub, in the format of GGUF.
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
    /// Check a model of the embedded engine, and tell what it is.
    Info {
        /// The model.
        id: String,
    },
    /// Write a whole model of the embedded engine for other programs, an adapter as part of it.
    Export {
        /// The model.
        id: String,
        /// The folder or the file to make, a file in the format of GGUF if it ends with .gguf.
        #[arg(long, value_name = "PATH")]
        to: PathBuf,
        /// What to make, whatever the name.
        #[arg(long, value_enum, value_name = "WHICH")]
        format: Option<Format>,
        /// What the numbers of its matrices are to be in [default: as they are].
        #[arg(long = "as", value_enum, value_name = "TYPE")]
        numbers: Option<Numbers>,
    },
    /// Remove a model of the embedded engine: the link to it, or its files in the data folder.
    Remove {
        /// The model.
        id: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Even if adapters stand on it, which are of no use without it.
        #[arg(long)]
        force: bool,
    },
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As Hugging Face writes models, for transformers and vLLM.
    Folder,
    /// One file, for llama.cpp and Ollama.
    Gguf,
}

/// What numbers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Numbers {
    F32,
    F16,
    Bf16,
    /// In a GGUF file only.
    #[value(name = "q8_0")]
    Q8_0,
    /// In a GGUF file only.
    #[value(name = "q4_0")]
    Q4_0,
}

#[derive(Args, Debug)]
pub(crate) struct Deploy {
    /// The model.
    #[arg(value_name = "MODEL")]
    pub(crate) id: String,
    /// Who is to serve it.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) to: Target,
    /// Where that listens [default: http://127.0.0.1:8000/v1 for vLLM, http://127.0.0.1:11434 for
    /// Ollama].
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The name to ask for it by there [default: the model's id; for Ollama without colons].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Put it in the place of an adapter that vLLM serves by this name.
    #[arg(long)]
    pub(crate) replace: bool,
    /// The path under which vLLM sees the adapter's folder, if that is another, as in a container.
    #[arg(long, value_name = "PATH")]
    pub(crate) seen_as: Option<PathBuf>,
    /// The folder to make.
    #[arg(long, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
    /// What the numbers of its matrices are to be in [default: as they are].
    #[arg(long = "as", value_enum, value_name = "TYPE")]
    pub(crate) numbers: Option<Numbers>,
    /// Send the adapter alone, to stand on this model of Ollama's.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// A file with the prompt template in Ollama's own language.
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// A parameter of Ollama's, such as temperature=0.5; may be given several times.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, serde_json::Value)>,
}

/// Who serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// A vLLM server that runs, with the base and --enable-lora: takes adapters.
    Vllm,
    /// An Ollama server: takes whole models, and adapters with --from.
    Ollama,
    /// Whoever reads a folder as Hugging Face writes it.
    Folder,
}

impl Target {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Ollama => "ollama",
            Self::Folder => "folder",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Assistants {
    /// The catalogue to list.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Sentiment {
    /// The texts, one an argument; with none, each line of standard input is one.
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
    /// What to judge by.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) analyzer: Analyzer,
}

/// What to judge a text by.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Analyzer {
    /// Weighted words, negation and emphasis.
    #[default]
    Lexicon,
    /// Three lists of words, found anywhere in the text.
    Keywords,
}

#[derive(Args, Debug)]
pub(crate) struct Image {
    /// A file or URL of JPEG, PNG, WebP or GIF.
    #[arg(value_name = "PATH|URL")]
    pub(crate) image: String,
    /// What to ask of it [default: What's in this image?].
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dialogues {
    /// List dialogues, the newest first; --model keeps those with that model.
    List(DialoguesList),
    /// Show a dialogue with its turns.
    Show {
        /// The dialogue.
        id: String,
    },
    /// Say whether an answer was good; `attune learn` goes by it.
    Rate {
        /// The dialogue.
        id: String,
        /// The answer's place among the turns, from 0, as `dialogues show` numbers them.
        turn: u64,
        /// Whether it was good.
        #[arg(value_enum)]
        rating: Rating,
        /// What should have been said.
        #[arg(long, value_name = "TEXT")]
        correction: Option<String>,
    },
    /// Write a dialogue as a JSON array of role, content and sentiment.
    Export {
        /// The dialogue.
        id: String,
        /// Where to [default: standard output].
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Store a dialogue from such a JSON array.
    Import {
        /// The file; `-` reads standard input.
        file: PathBuf,
        /// Each question was asked with what came before it; in the original's logs each stands
        /// alone.
        #[arg(long)]
        conversation: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DialoguesList {
    #[command(flatten)]
    pub(crate) when: When,
    /// Only those with a turn of this sentiment.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) sentiment: Option<Mood>,
    /// Only those with a turn that is rated so.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) feedback: Option<Rating>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
}

/// A span of time.
#[derive(Args, Debug, Default)]
pub(crate) struct When {
    /// Only those begun at this time or later: 2026-08-31, 2026-08-31T12:00, or 7d, 12h, 30m ago.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) since: Option<Timestamp>,
    /// Only those begun before this time.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) until: Option<Timestamp>,
}

/// How a text sounds.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mood {
    Positive,
    Negative,
    Neutral,
}

impl Mood {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Neutral => "neutral",
        }
    }
}

/// Whether an answer was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rating {
    Up,
    Down,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Check files before training on them: every fault with file, line and column, and what is
    /// doubtful: duplicates, contradictions, personal data, special tokens.
    Check {
        /// Files of CSV, JSONL or JSON, or folders of them.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Take answers for ones to avoid where the data does not say.
        #[arg(long)]
        negative: bool,
        /// How much of two records must be alike for them to be near-duplicates; 1 looks for none.
        #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = share)]
        similarity: f64,
    },
    /// Write files in the format of another program, checked on the way.
    Convert(Convert),
}

#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// Files of CSV, JSONL or JSON, or folders of them.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Whose format: openai, trl, sharegpt, llama-factory or axolotl.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: trainer::Format,
    /// What the set is for: `sft` learns answers, `dpo` prefers one of two, `kto` takes each with a
    /// word on whether it is good.
    #[arg(long = "as", value_name = "KIND", default_value = "sft")]
    pub(crate) kind: SetKind,
    /// Where to; an older file is replaced when all is well [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Leave out what says the same as an earlier record.
    #[arg(long)]
    pub(crate) dedupe: bool,
    /// Put a word such as EMAIL_1 in the place of personal data and secrets.
    #[arg(long)]
    pub(crate) redact: bool,
    /// How many threads read and write [default: one a processor].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Take answers for ones to avoid where the data does not say.
    #[arg(long)]
    pub(crate) negative: bool,
}

/// What a set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetKind {
    Sft,
    Dpo,
    Kto,
}

#[derive(Args, Debug)]
pub(crate) struct Train {
    /// A file of CSV or JSONL, or a folder of CSV files [default: training in the data folder].
    #[arg(value_name = "PATH", conflicts_with_all = ["data", "dir"])]
    pub(crate) path: Option<PathBuf>,
    /// CSV or JSONL text.
    #[arg(long, value_name = "TEXT", conflicts_with = "dir")]
    pub(crate) data: Option<String>,
    /// A folder; all its CSV files are read.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Take answers for ones to avoid where the data does not say.
    #[arg(long)]
    pub(crate) negative: bool,
    /// A file or folder of answers to avoid; with a good answer to the same prompt they make pairs.
    #[arg(long, value_name = "PATH")]
    pub(crate) negatives: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) training: Training,
}

#[derive(Args, Debug)]
pub(crate) struct Learn {
    #[command(flatten)]
    pub(crate) when: When,
    /// Only dialogues with this model; --model says which model to train.
    #[arg(long, value_name = "ID")]
    pub(crate) model_filter: Option<String>,
    /// Only dialogues with a turn of this sentiment.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) sentiment: Option<Mood>,
    /// Which answers to learn that nobody rated: those that sound positive, those that do not
    /// sound negative, or none.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) unrated: Unrated,
    #[command(flatten)]
    pub(crate) training: Training,
}

/// What to do with answers that nobody rated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unrated {
    #[default]
    Positive,
    NotNegative,
    Skip,
}

/// What of the model to train; the trainer chooses unless told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Tuning {
    /// Train all weights.
    #[arg(long, conflicts_with = "lora")]
    pub(crate) full: bool,
    /// Train a LoRA adapter beside the weights.
    #[arg(long)]
    pub(crate) lora: bool,
    /// The adapter's rank, at least 1 [default: 8].
    #[arg(long, value_name = "N", requires = "lora")]
    pub(crate) lora_rank: Option<u32>,
    /// What the adapter's output is multiplied by, times its rank [default: 16].
    #[arg(long, value_name = "FACTOR", requires = "lora")]
    pub(crate) lora_alpha: Option<f64>,
    /// The share of its inputs that the adapter does not see in training [default: 0].
    #[arg(long, value_name = "SHARE", requires = "lora")]
    pub(crate) lora_dropout: Option<f64>,
    /// The modules that the adapter stands beside, such as q_proj,v_proj [default: all linear ones].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "lora")]
    pub(crate) lora_modules: Vec<String>,
    /// Divide alpha by the root of the rank.
    #[arg(long, requires = "lora")]
    pub(crate) rslora: bool,
    /// Learn the lengths of the weights' rows as well.
    #[arg(long, requires = "lora")]
    pub(crate) dora: bool,
}

/// How fast to train, and when it is enough; the trainer chooses unless told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Pace {
    /// How the learning rate falls once it has risen.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) schedule: Option<Schedule>,
    /// The share of all steps in which the learning rate rises.
    #[arg(long, value_name = "SHARE")]
    pub(crate) warmup_ratio: Option<f64>,
    /// Stop after so many epochs without a lower loss on --validation, and take the best of them.
    #[arg(long, value_name = "EPOCHS", requires = "validation")]
    pub(crate) patience: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schedule {
    Cosine,
    Linear,
    Constant,
}

/// How to train, whatever the data; --model says which model to start from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Training")]
pub(crate) struct Training {
    /// A file or folder to measure on and not to train on.
    #[arg(long, value_name = "PATH")]
    pub(crate) validation: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// How often to go through all examples.
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u32>,
    /// How many examples make one step.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<u32>,
    /// A factor on the trainer's own learning rate.
    #[arg(long, value_name = "FACTOR")]
    pub(crate) learning_rate_multiplier: Option<f64>,
    /// How far preference training may move from the base model; larger moves less.
    #[arg(long, value_name = "BETA")]
    pub(crate) beta: Option<f64>,
    /// On good answers, on preferences, or both.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) method: Method,
    /// A word for the new model's name.
    #[arg(long, value_name = "WORD")]
    pub(crate) suffix: Option<String>,
    /// The same seed, data and model train the same.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Return once the job is submitted; the `openai` backend only, since the embedded trainer
    /// lives in this process.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Do not note the job in job_ids.json.
    #[arg(long)]
    pub(crate) no_save: bool,
    /// What to note beside the job.
    #[arg(long, value_name = "TEXT", conflicts_with = "no_save")]
    pub(crate) description: Option<String>,
}

/// How to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    #[default]
    Auto,
    Supervised,
    Dpo,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, the newest first.
    List,
    /// Show a job.
    Show {
        /// The job.
        id: String,
    },
    /// Follow a job until it ends.
    Watch {
        /// The job.
        id: String,
    },
    /// Pause a job.
    Pause {
        /// The job.
        id: String,
    },
    /// Go on with a paused job, or with one whose process was ended, and follow it.
    Resume {
        /// The job.
        id: String,
    },
    /// Cancel a job.
    Cancel {
        /// The job.
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8377", value_name = "HOST:PORT")]
    pub(crate) addr: String,
    /// The key that clients must send [env: ATTUNE_API_KEY].
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<Key>,
    /// Listen on other than loopback addresses even without a key.
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be a number of seconds above 0".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.5..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0.5 to 1".to_owned())
}

/// A value is read as JSON where it is that, and is a text where it is not.
fn parameter(text: &str) -> Result<(String, serde_json::Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((name.to_owned(), value))
        }
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(temperature) if (0.0..=2.0).contains(&temperature) => Ok(temperature),
        _ => Err("must be a number from 0 to 2".to_owned()),
    }
}

/// A key, which `Debug` does not show.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) String);

impl std::str::FromStr for Key {
    type Err = std::convert::Infallible;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Ok(Self(key.to_owned()))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests;
