//! Base models: a tokenizer and a network made from a text corpus alone.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use openai_api::Message;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, DecoderWrapper, NormalizerWrapper, TokenizerBuilder};
use tokenizers::{PostProcessorWrapper, PreTokenizerWrapper};
use trainer::{Dataset, Example, Label, Metrics, Pace};

use crate::config::Config;
use crate::error::{BoxError, Error, Result};
use crate::files::{CONFIG, GENERATION_CONFIG, ModelFiles, TOKENIZER, TOKENIZER_CONFIG};
use crate::model::{LoadedModel, read_config};
use crate::models::ABOUT;
use crate::network::Network;
use crate::tensor::{Tensor, Tensors};
use crate::train::encode::{Encoded, Encoder};
use crate::train::learner::Learner;
use crate::train::run::{Observer, Plan, Run, State};
use crate::train::{memory, objective};
use crate::weights;

/// Trains a base model from a folder of CSV files: its tokenizer, then its weights.
///
/// The same corpus, epochs and seed give the same files, bit for bit, on one machine, however
/// many threads it uses.
///
/// # Examples
///
/// ```
/// use local_engine::BaseModel;
///
/// let corpus = tempfile::tempdir()?;
/// std::fs::write(corpus.path().join("a.csv"), "prompt,completion\nHi,Hello!\nBye,See you!\n")?;
/// let folder = tempfile::tempdir()?;
/// let report = BaseModel::new(corpus.path())
///     .with_epochs(1)
///     .train_into(folder.path(), |progress| assert!(progress.step > 0))?;
/// assert!(report.parameters > 1_000_000);
/// assert!(folder.path().join("model.safetensors").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BaseModel {
    /// The folder of CSV files, with the heading `prompt,completion`.
    pub corpus: PathBuf,
    /// How often the corpus is gone through.
    pub epochs: u32,
    /// What chance goes by.
    pub seed: u64,
}

/// What came of training a base model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BaseModelReport {
    /// How many numbers the model has.
    pub parameters: usize,
    /// How many tokens its vocabulary has.
    pub vocabulary: usize,
    /// How many examples were trained on.
    pub examples: usize,
    /// How many were held out, and not trained on.
    pub held_out: usize,
    /// The loss on the examples in the end, per trained token.
    pub train_loss: f64,
    /// The loss on the held-out examples in the end.
    pub valid_loss: f64,
    /// How many tokens were gone through.
    pub tokens: u64,
}

impl BaseModel {
    /// Trains on the CSV files in `corpus`, with the settings that `attune-tiny` is made with.
    pub fn new(corpus: impl Into<PathBuf>) -> Self {
        Self { corpus: corpus.into(), epochs: 7, seed: 1 }
    }

    /// Sets how often the corpus is gone through; 7 unless set.
    #[must_use]
    pub fn with_epochs(mut self, epochs: u32) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets what chance goes by; 1 unless set.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains, and writes the model's files into `folder`.
    ///
    /// Blocks for as long as it takes, minutes for a real corpus; `progress` hears of each step
    /// and of each measured validation loss.
    ///
    /// # Errors
    ///
    /// [`Error::Corpus`] if the corpus cannot be used, and [`Error::Io`] if the folder cannot be
    /// written.
    pub fn train_into(
        &self,
        folder: impl AsRef<Path>,
        progress: impl FnMut(&Metrics),
    ) -> Result<BaseModelReport> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let examples = self.read_corpus()?;
        write_tokenizer(&examples, folder)?;
        let files = ModelFiles::Folder(folder.to_owned());
        let vocabulary = vocabulary(&files)?;
        write_json(folder, CONFIG, &config(vocabulary))?;
        write_json(folder, TOKENIZER_CONFIG, &tokenizer_config())?;
        write_json(folder, GENERATION_CONFIG, &generation_config())?;
        write_json(folder, ABOUT, &serde_json::json!({"created": CREATED, "owned_by": "attune"}))?;

        let config = read_config(&files)?;
        let tensors = first_weights(&config, self.seed);
        let network = Network::new(config.clone(), tensors, "the first weights")?;
        let model = LoadedModel::with_network(network, &files)?;
        let (held_out, trained): (Vec<_>, Vec<_>) =
            examples.into_iter().enumerate().partition(|(i, _)| i % HELD_OUT == HELD_OUT - 1);
        let strip = |examples: Vec<(usize, Example)>| -> Vec<Example> {
            examples.into_iter().map(|(_, example)| example).collect()
        };
        let (held_out, trained) = (strip(held_out), strip(trained));
        let varied = variations(&trained, self.seed);
        let mut encoder = Encoder::new(&model);
        let (train, valid) = (encoder.examples(&varied)?, encoder.examples(&held_out)?);
        if let Some(problem) = encoder.problems.first() {
            return Err(self.refuse(problem.to_string()));
        }

        let mut watcher = Watcher { progress };
        let mut run = Run::new(Learner::full(model.network.clone()), &valid, &mut watcher);
        let plan = Plan {
            epochs: self.epochs,
            batch_size: 16,
            learning_rate: 3e-3,
            weight_decay: 0.1,
            smoothing: 0.1,
            enough: 0.0,
            pace: Pace::default(),
            seed: self.seed,
        };
        run.supervised(&train, &[], &plan)?;
        let Run { learner, place, .. } = run;
        weights::write(&config, learner.network.tensors(), folder)?;
        memory::write(&memory::add(&trained, Vec::new()), folder)?;
        // Measured on what was written, which is rounded.
        let learner = Learner::full(LoadedModel::load(&files)?.network);
        let loss = |examples: &[Encoded]| objective::mean_loss(&learner, examples);
        Ok(BaseModelReport {
            parameters: config.parameters(),
            vocabulary,
            examples: trained.len(),
            held_out: valid.len(),
            train_loss: loss(&train),
            valid_loss: loss(&valid),
            tokens: place.tokens,
        })
    }

    fn read_corpus(&self) -> Result<Vec<Example>> {
        let dataset = Dataset::from_csv_dir(&self.corpus, Label::Positive)
            .map_err(|error| self.refuse(chain(&error)))?;
        Ok(dataset.examples)
    }

    fn refuse(&self, problem: String) -> Error {
        Error::Corpus { path: self.corpus.clone(), problem }
    }
}

/// Hands the measurements on.
struct Watcher<F> {
    progress: F,
}

impl<F: FnMut(&Metrics)> Observer for Watcher<F> {
    fn measured(&mut self, metrics: Metrics) -> ControlFlow<()> {
        if metrics.step > 0 {
            (self.progress)(&metrics);
        }
        ControlFlow::Continue(())
    }

    fn message(&mut self, _text: String) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn wants_state(&mut self) -> bool {
        false
    }

    fn keep(&mut self, _state: State<'_>) -> Result<()> {
        Ok(())
    }

    fn epoch_ended(&mut self, _steps: u64, _learner: &Learner) -> Result<()> {
        Ok(())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A byte-level BPE tokenizer: any text can be written in it, and the corpus's text shortly.
fn write_tokenizer(examples: &[Example], folder: &Path) -> Result<()> {
    let path = folder.join(TOKENIZER);
    let fail = |source: BoxError| Error::Tokenizer { file: path.display().to_string(), source };
    let special = |token: &&str| AddedToken::from(*token, true);
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(VOCABULARY)
        .min_frequency(2)
        .special_tokens(SPECIAL.iter().map(special).collect())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect::<HashSet<char>>())
        .build();
    let bytes = ByteLevel::new(false, false, true);
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::default()
    .with_model(BPE::default())
    .with_pre_tokenizer(Some(bytes.into()))
    .with_post_processor(Some(bytes.into()))
    .with_decoder(Some(bytes.into()))
    .build()
    .map_err(fail)?;
    let texts = examples.iter().flat_map(|example| example.messages.iter().map(Message::text));
    tokenizer.train(&mut trainer, texts).map_err(fail)?;
    tokenizer.save(&path, false).map_err(fail)?;
    Ok(())
}

/// Each pair as it is, once as people type in haste, and once within a conversation.
fn variations(pairs: &[Example], seed: u64) -> Vec<Example> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut all = pairs.to_vec();
    for pair in pairs {
        let Some(answer) = pair.answer() else { continue };
        let asked: String = pair.prompt().iter().map(Message::text).collect();
        let hasty = vec![Message::user(in_haste(&asked, &mut rng)), answer.clone()];
        all.push(Example::new(hasty).with_origin(pair.origin.clone()));

        let mut conversation = Vec::new();
        if rng.f64() < 0.5 {
            conversation.extend(rng.choice(INSTRUCTIONS).map(|text| Message::system(*text)));
        }
        for _ in 0..rng.usize(0..3) {
            conversation.extend(
                rng.choice(pairs)
                    .map(|earlier| &earlier.messages[..])
                    .unwrap_or_default()
                    .iter()
                    .cloned(),
            );
        }
        let asked = if rng.bool() { in_haste(&asked, &mut rng) } else { asked };
        conversation.extend([Message::user(asked), answer.clone()]);
        all.push(Example::new(conversation).with_origin(pair.origin.clone()));
    }
    all
}

/// Without capitals, without a final mark, or with neither.
fn in_haste(text: &str, rng: &mut fastrand::Rng) -> String {
    let bare = text.trim_end_matches(['?', '!', '.']);
    match rng.u8(0..8) {
        0..=3 => bare.to_lowercase(),
        4..=5 => text.to_lowercase(),
        6 => bare.to_owned(),
        _ => text.to_uppercase(),
    }
}

fn vocabulary(files: &ModelFiles) -> Result<usize> {
    let tokenizer = tokenizers::Tokenizer::from_bytes(files.read(TOKENIZER)?)
        .map_err(|source| Error::Tokenizer { file: files.display(TOKENIZER), source })?;
    Ok(tokenizer.get_vocab_size(true))
}

fn config(vocabulary: usize) -> serde_json::Value {
    serde_json::json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": false,
        "bos_token_id": null,
        "eos_token_id": 0,
        "head_dim": 40,
        "hidden_act": "silu",
        "hidden_size": 160,
        "intermediate_size": 432,
        "max_position_embeddings": 512,
        "mlp_bias": false,
        "model_type": "llama",
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_scaling": null,
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "torch_dtype": "float16",
        "vocab_size": vocabulary,
    })
}

fn tokenizer_config() -> serde_json::Value {
    serde_json::json!({
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": false,
        "eos_token": SPECIAL[0],
        "model_max_length": 512,
        "tokenizer_class": "PreTrainedTokenizerFast",
    })
}

fn generation_config() -> serde_json::Value {
    serde_json::json!({"do_sample": false, "eos_token_id": 0})
}

fn write_json(folder: &Path, name: &str, value: &serde_json::Value) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, format!("{value:#}\n")).map_err(Error::io("write", path))
}

/// Small random weights; what adds to the residual stream is smaller the deeper the network.
fn first_weights(config: &Config, seed: u64) -> Tensors {
    let mut rng = fastrand::Rng::with_seed(seed);
    let deep = 1.0 / (2.0 * config.layers as f64).sqrt();
    let tensors = config.tensors().into_iter().map(|(name, shape)| {
        let count = shape.iter().product();
        let spread = if name.contains("o_proj") || name.contains("down_proj") {
            SPREAD * deep
        } else {
            SPREAD
        };
        let values: Vec<f32> = if shape.len() == 1 {
            vec![1.0; count]
        } else {
            (0..count).map(|_| (normal(&mut rng) * spread) as f32).collect()
        };
        (name, Tensor::new(shape, values))
    });
    tensors.collect()
}

/// A number from the standard normal distribution (Box and Muller).
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A fixed date, 2026-01-01, because the same corpus shall give the same files.
const CREATED: u64 = 1_767_225_600;
const VOCABULARY: usize = 2048;
const SPECIAL: [&str; 4] = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"];
const TEMPLATE: &str = "{% for message in messages %}\
    {% if message['role'] not in ['system', 'user', 'assistant'] %}\
    {{ raise_exception('unknown role ' + message['role']) }}{% endif %}\
    {{ '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' }}\
    {% endfor %}\
    {% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
/// What people put above a conversation with a small model.
const INSTRUCTIONS: &[&str] = &[
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "Answer in one sentence.",
    "Be polite and brief.",
    "You are attune, an assistant that learns from its dialogues.",
    "Ты полезный помощник.",
    "Отвечай кратко.",
];
const SPREAD: f64 = 0.05;
/// Each how-many-th example is held out.
const HELD_OUT: usize = 25;
