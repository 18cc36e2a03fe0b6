//! What can go wrong, and what to do then.

use std::path::{Path, PathBuf};

use openai_api::{ApiError, ModelId};

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong inside the engine.
///
/// `file` names a file of a model as people would look for it: its path, or its name inside a
/// model that is part of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", path.display())]
    Io {
        /// `read`, `write`, `create`, ….
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of a model is not the JSON that it should be.
    #[error("{file} is not what it should be; copy the model folder anew")]
    Json {
        /// Which file.
        file: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A model's configuration asks for something this engine cannot do, or makes no sense.
    #[error("{file}: {field} {problem}")]
    Config {
        /// Which file.
        file: String,
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of weights is cut short or damaged.
    #[error("{file} is cut short or damaged; copy the model folder anew")]
    Weights {
        /// Which file.
        file: String,
        /// What the reader says.
        source: BoxError,
    },
    /// A GGUF file is damaged, or holds what this engine does not know.
    #[error("{file}: {part} {problem}")]
    Gguf {
        /// Which file.
        file: String,
        /// Which key or tensor.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor that the architecture needs is not there.
    #[error("{file} has no tensor {tensor}")]
    MissingTensor {
        /// Which file.
        file: String,
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor belongs to nothing that the model has.
    #[error("{file}: tensor {tensor} belongs to no linear module of the base model")]
    StrayTensor {
        /// Which file.
        file: String,
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor is not of the shape that the configuration says.
    #[error(
        "{file}: tensor {tensor} has shape {found:?}, and the configuration asks for {expected:?}"
    )]
    TensorShape {
        /// Which file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape that it has.
        found: Vec<usize>,
    },
    /// A tensor's numbers are of a type that this engine does not read.
    #[error("{file}: tensor {tensor} is of type {found}, and this engine reads {known}")]
    TensorType {
        /// Which file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// What it is of.
        found: String,
        /// What it may be of.
        known: &'static str,
    },
    /// A tokenizer cannot be read or used.
    #[error("{file}: the tokenizer failed")]
    Tokenizer {
        /// Which file.
        file: String,
        /// What the library says.
        source: BoxError,
    },
    /// A chat template cannot be compiled or rendered.
    #[error("{file}: the chat template failed")]
    Template {
        /// Which file.
        file: String,
        /// What the library says.
        source: BoxError,
    },
    /// An answer could not be held to its form: that took more work than is allowed.
    #[error("the answer could not be held to its form; ask for a simpler one")]
    Form {
        /// What the library says.
        source: BoxError,
    },
    /// Not even the most sparing way to train fits into the memory there is.
    #[error(
        "training needs at least {} of memory, and {} are free; train an adapter, shorten the \
         longest examples, or free some",
        gigabytes(*needed),
        gigabytes(*available)
    )]
    Memory {
        /// How many bytes it needs.
        needed: u64,
        /// How many there are.
        available: u64,
    },
    /// A model cannot be had from the hub.
    #[cfg(feature = "hub")]
    #[error("the model {model} {problem}")]
    Hub {
        /// Its name there.
        model: String,
        /// What is wrong and what to do.
        problem: String,
        /// What the network says, where it is that.
        source: Option<BoxError>,
    },
    /// A model cannot have this name.
    #[error("{name:?} is no name for a model; use letters, digits, dots, - and _ only")]
    ModelName {
        /// The name.
        name: String,
    },
    /// There is a model of this name.
    #[error("there is a model {id} already; choose another name, or remove it first")]
    ModelExists {
        /// Its id.
        id: String,
    },
    /// What is to be added is nothing that models lie in.
    #[error("{} is neither a folder nor a GGUF file", path.display())]
    NotAModel {
        /// What was named.
        path: PathBuf,
    },
    /// The model is part of the program.
    #[error("{id} is part of the program and cannot be removed")]
    BuiltIn {
        /// Its id.
        id: String,
    },
    /// Adapters stand on the model that is to be removed.
    #[error(
        "{id} is the base of {}, which would be of no use without it; remove those first",
        listed(adapters)
    )]
    BaseInUse {
        /// Its id.
        id: String,
        /// The adapters.
        adapters: Vec<ModelId>,
    },
    /// What is to be written is there already.
    #[error("there is something at {} already; name another place, or remove it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// There is not enough room on the disk.
    #[error(
        "{} is needed at {}, and {} is free; free some, or name another place",
        gigabytes(*needed),
        path.display(),
        gigabytes(*free)
    )]
    NoRoom {
        /// The folder that was to be written to.
        path: PathBuf,
        /// How many bytes are needed.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// A model's weights cannot be written in the type that was asked for.
    #[error("tensor {tensor} cannot be written as {wanted}; {advice}")]
    Export {
        /// The tensor's name.
        tensor: String,
        /// The type.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Whoever was told how far it is said to stop; nothing is left of it.
    #[error("it was stopped before it was done")]
    Stopped,
    /// A loss or a gradient left the range of numbers while training.
    #[error("training diverged at step {step}; lower the learning rate")]
    Diverged {
        /// The step, from 1.
        step: u64,
    },
    /// What was kept of a training is of another one, or damaged.
    #[error("{} is not of this training; submit the job again", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
    },
    /// A trained weight is not a number that a file of weights can hold.
    #[error("{file}: tensor {tensor} left the range of f16; lower the learning rate")]
    NotFinite {
        /// Which file was to be written.
        file: String,
        /// The tensor's name.
        tensor: String,
    },
    /// The text corpus of a base model cannot be used.
    #[error("{}: {problem}", path.display())]
    Corpus {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The request cannot be served as it is.
    #[error(transparent)]
    Request(Box<ApiError>),
    /// A thread could not be started.
    #[error("could not start a thread")]
    Thread {
        /// Why not.
        source: std::io::Error,
    },
}

fn listed(ids: &[ModelId]) -> String {
    ids.iter().map(ModelId::as_str).collect::<Vec<_>>().join(", ")
}

/// A size for people.
pub(crate) fn gigabytes(bytes: u64) -> String {
    match bytes {
        100_000_000.. => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The same of a file that is to lie elsewhere once it is whole.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Self {
        let moved = |file: &Path| match file.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => Some(to.to_owned()),
            Ok(rest) => Some(to.join(rest)),
            Err(_) => None,
        };
        match &mut self {
            Self::Io { path, .. } => {
                if let Some(place) = moved(path) {
                    *path = place;
                }
            }
            Self::Json { file, .. }
            | Self::Config { file, .. }
            | Self::Weights { file, .. }
            | Self::Gguf { file, .. }
            | Self::MissingTensor { file, .. }
            | Self::StrayTensor { file, .. }
            | Self::TensorShape { file, .. }
            | Self::TensorType { file, .. }
            | Self::Tokenizer { file, .. }
            | Self::Template { file, .. } => {
                if let Some(place) = moved(Path::new(file)) {
                    *file = place.display().to_string();
                }
            }
            _ => {}
        }
        self
    }

    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Request(error) => error.is_retryable(),
            Self::Thread { .. } => true,
            _ => false,
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Request(Box::new(error))
    }
}

impl From<Error> for openai_api::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Request(error) => Self::Api(error),
            error => Self::Backend { backend: "local", source: Box::new(error) },
        }
    }
}
