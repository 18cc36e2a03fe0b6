//! What the commands work with: the data folder, and a backend of the chosen kind.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use dialogue_store::{DialogueStore, SqliteStore};
use facade::{Builder, OpenAiModel};
use local_engine::Engine;
use openai_api::{ChatBackend, ClientBuilder, ModelId};
use trainer::{HostedTrainer, JobRegistry, Trainer};

use crate::args::{BackendKind, Global};
use crate::environment::Environment;
use crate::failure::Usage;
use crate::render::Output;

/// What was set for all commands.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    home: PathBuf,
}

/// A backend, its trainer, and a builder that has both.
pub(crate) struct Connection {
    pub(crate) backend: Arc<dyn ChatBackend>,
    pub(crate) trainer: Arc<dyn Trainer>,
    builder: Builder,
}

impl Context {
    /// Settles the data folder; nothing is made or read yet.
    pub(crate) fn new(global: Global, environment: Environment, output: Output) -> Result<Self> {
        if global.backend == Some(BackendKind::Embedded) && global.base_url.is_some() {
            return Err(Usage("--base-url needs the `openai` backend".to_owned()).into());
        }
        let home = match (&global.home, &environment.home) {
            (Some(home), _) | (None, Some(home)) => home.clone(),
            (None, None) => directories::ProjectDirs::from("", "", "attune")
                .ok_or_else(|| {
                    anyhow!("there is no home folder; name one with --home or ATTUNE_HOME")
                })?
                .data_dir()
                .to_owned(),
        };
        Ok(Self { output, global, environment, home })
    }

    /// The same, with another data folder and the embedded backend, whatever the environment says.
    pub(crate) fn embedded_in(&self, home: PathBuf) -> Self {
        let global = Global { home: Some(home.clone()), ..Global::default() };
        Self { output: self.output, global, environment: Environment::default(), home }
    }

    /// The data folder; it may not be there yet.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A file or folder in the data folder, which is made if it is not there.
    pub(crate) fn in_home(&self, name: &str) -> Result<PathBuf> {
        make_private_folder(&self.home)?;
        Ok(self.home.join(name))
    }

    /// Which backend to use.
    pub(crate) fn backend_kind(&self) -> BackendKind {
        let hosted = self.global.base_url.is_some() || self.environment.openai;
        let by_itself = if hosted { BackendKind::Openai } else { BackendKind::Embedded };
        self.global.backend.unwrap_or(by_itself)
    }

    /// Sets up the backend; nothing is sent.
    pub(crate) fn connect(&self) -> Result<Connection> {
        match self.backend_kind() {
            BackendKind::Embedded => {
                make_private_folder(&self.home)?;
                let engine = Engine::open(&self.home)?;
                let trainer: Arc<dyn Trainer> = Arc::new(engine.trainer());
                let backend: Arc<dyn ChatBackend> = Arc::new(engine);
                let builder = OpenAiModel::builder()
                    .backend(Arc::clone(&backend))
                    .trainer(Arc::clone(&trainer))
                    .model(EMBEDDED_MODEL);
                Ok(Connection { backend, trainer, builder })
            }
            BackendKind::Openai => {
                let mut client = ClientBuilder::from_env()?;
                if let Some(base_url) = &self.global.base_url {
                    client = client.base_url(base_url);
                }
                if let Some(limit) = self.global.timeout {
                    let connect = limit.min(LONGEST_CONNECT);
                    client =
                        client.connect_timeout(connect).read_timeout(limit).idle_timeout(limit);
                }
                let client = client.build()?;
                Ok(Connection {
                    backend: Arc::new(client.clone()),
                    trainer: Arc::new(HostedTrainer::new(client.clone())),
                    builder: OpenAiModel::builder().hosted(client),
                })
            }
        }
    }

    /// The trainer of the chosen backend.
    pub(crate) fn trainer(&self) -> Result<Arc<dyn Trainer>> {
        Ok(self.connect()?.trainer)
    }

    /// The store of dialogues.
    pub(crate) fn store(&self) -> Result<Arc<dyn DialogueStore>> {
        Ok(Arc::new(SqliteStore::open(self.in_home("dialogues.sqlite")?)?))
    }

    /// The registry of jobs.
    pub(crate) fn job_registry(&self) -> Result<JobRegistry> {
        Ok(JobRegistry::open(self.in_home(JOB_REGISTRY)?)?)
    }

    /// The catalogue of assistants: the one that was named, or the data folder's if it has one.
    pub(crate) fn assistants_file(&self) -> Option<PathBuf> {
        let in_home = || Some(self.home.join("assistants.json")).filter(|file| file.exists());
        self.global.assistants_file.clone().or_else(in_home)
    }

    /// The model to work with, with assistant, instructions and model id as they were asked for.
    pub(crate) async fn model(&self) -> Result<OpenAiModel> {
        self.model_over(self.connect()?).await
    }

    /// The model to work with, over a backend that is set up already.
    pub(crate) async fn model_over(&self, connection: Connection) -> Result<OpenAiModel> {
        let Connection { backend, mut builder, .. } = connection;
        builder = builder
            .store(self.store()?)
            .job_registry(self.in_home(JOB_REGISTRY)?)
            .training_dir(self.home.join("training"));
        if let Some(file) = self.assistants_file() {
            builder = builder.assistants_file(file);
        }
        if let Some(instruction) = &self.global.system {
            builder = builder.system_instruction(instruction);
        }
        let named = match self.global.model.as_ref().or(self.environment.model.as_ref()) {
            Some(name) => Some(resolve(&*backend, name).await?),
            None => None,
        };
        if let Some(id) = &named {
            builder = builder.model(id.clone());
        }
        let model = builder.build()?;
        if let Some(assistant) = &self.global.assistant {
            model.set_assistant(assistant).await?;
        }
        // The command line goes before the assistant's own model, and that before the environment.
        if let (Some(_), Some(id)) = (&self.global.model, named) {
            model.use_model(id);
        }
        Ok(model)
    }

    /// Asks `model`; if the server does not know the default one, asks again with the one that it
    /// surely means, such as that of an `attune serve`.
    pub(crate) async fn answer<T>(
        &self,
        model: &OpenAiModel,
        mut ask: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        let answer = self.in_time(ask()).await;
        let Err(error) = &answer else { return answer };
        let unknown = matches!(error.downcast_ref(), Some(facade::Error::UnknownModel { .. }));
        let named = self.global.model.is_some()
            || self.environment.model.is_some()
            || model.assistant().is_some_and(|assistant| assistant.model.is_some());
        if !unknown || named {
            return answer;
        }
        let known = model.models().await.unwrap_or_default();
        let Some(meant) = surely_meant(&known) else { return answer };
        self.output.note(format_args!("note: the server has no {}; asking {meant}", model.model()));
        model.use_model(meant.clone());
        self.in_time(ask()).await
    }

    /// Waits for `answer` as long as --timeout allows.
    ///
    /// The client keeps the limit itself, for each attempt; this keeps it for the embedded engine.
    pub(crate) async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match (self.global.timeout, self.backend_kind()) {
            (Some(limit), BackendKind::Embedded) => {
                let late = || openai_api::Error::Timeout { what: "answer", limit };
                tokio::time::timeout(limit, answer).await.map_err(|_| late())?
            }
            _ => answer.await,
        }
    }
}

/// The model of this name; `latest` is the newest fine-tuned one.
async fn resolve(backend: &dyn ChatBackend, name: &str) -> Result<ModelId> {
    if name != "latest" {
        return Ok(name.into());
    }
    let models = backend.models().await?;
    let newest = models
        .into_iter()
        .filter(|model| model.id.as_str().starts_with("ft:"))
        .max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    match newest {
        Some(model) => Ok(model.id),
        None => bail!("there is no fine-tuned model yet; `attune train` makes one"),
    }
}

/// The model to take where none was named: the embedded engine's, or the only one there is.
fn surely_meant(known: &[ModelId]) -> Option<&ModelId> {
    let embedded = known.iter().find(|id| **id == EMBEDDED_MODEL);
    embedded.or(if let [only] = known { Some(only) } else { None })
}

/// Makes a folder that only its owner can look into: it keeps conversations.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("could not make the folder {}", path.display()))
}

/// The base model that comes with the engine.
pub(crate) const EMBEDDED_MODEL: &str = "attune-tiny";
const JOB_REGISTRY: &str = "job_ids.json";
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    fn context(line: &str, environment: Environment) -> Result<Context> {
        let cli = Cli::try_parse_from(line.split(' '))?;
        Context::new(cli.global, environment, Output::new(false))
    }

    #[track_caller]
    fn check_backend(line: &str, openai: bool, expected: BackendKind) {
        let environment = Environment { openai, ..Environment::default() };
        assert_eq!(context(line, environment).unwrap().backend_kind(), expected, "{line}");
    }

    #[test]
    fn the_backend_is_chosen_by_option_then_base_url_then_environment() {
        check_backend("attune models", false, BackendKind::Embedded);
        check_backend("attune models", true, BackendKind::Openai);
        check_backend("attune models --base-url http://h/v1", false, BackendKind::Openai);
        check_backend("attune models --backend embedded", true, BackendKind::Embedded);
        check_backend("attune models --backend openai", false, BackendKind::Openai);
    }

    #[test]
    fn a_base_url_for_the_embedded_backend_is_a_usage_error() {
        let line = "attune models --backend embedded --base-url http://h/v1";
        let error = context(line, Environment::default()).map(drop).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
    }

    #[test]
    fn the_option_names_the_data_folder_before_the_environment_does() {
        let environment = Environment { home: Some("/env".into()), ..Environment::default() };
        let named = context("attune models --home /named", environment.clone()).unwrap();
        assert_eq!(named.home(), Path::new("/named"));
        let from_environment = context("attune models", environment).unwrap();
        assert_eq!(from_environment.home(), Path::new("/env"));
    }

    #[test]
    fn a_server_of_ones_own_is_asked_with_attune_tiny_or_its_only_model() {
        let ids = |ids: &[&str]| ids.iter().map(|id| ModelId::new(*id)).collect::<Vec<_>>();
        let tiny = ids(&["attune-tiny", "ft:attune-tiny:lake:1"]);
        assert_eq!(surely_meant(&tiny), Some(&tiny[0]));
        let one = ids(&["llama-3"]);
        assert_eq!(surely_meant(&one), Some(&one[0]));
        assert_eq!(surely_meant(&ids(&["llama-3", "qwen-3"])), None);
        assert_eq!(surely_meant(&[]), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_data_folder_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("a/home");
        make_private_folder(&home).unwrap();
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
