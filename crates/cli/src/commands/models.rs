//! `attune models`: the models of the backend, and those of the embedded engine.

pub(crate) mod export;

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use local_engine::{Engine, Fetching, Hub, ModelInfo};
use openai_api::ModelId;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::{BackendKind, Models, ModelsCommand};
use crate::commands::stdin;
use crate::context::{Context, make_private_folder};
use crate::failure::Usage;
use crate::interrupt::or_interrupted;
use crate::render::{Columns, Output, fields, or_dash, time};

pub(crate) async fn run(context: &Context, args: Models) -> Result<Outcome> {
    match args.what {
        // It tidies up when it is interrupted.
        Some(ModelsCommand::Export { id, to, format, numbers }) => {
            export::run(context, id.into(), to, format, numbers).await
        }
        None | Some(ModelsCommand::List) => or_interrupted(list(context)).await,
        Some(ModelsCommand::Add { model, name, revision, file }) => {
            or_interrupted(add(context, model, name, revision, file)).await
        }
        Some(ModelsCommand::Info { id }) => or_interrupted(info(context, id.into())).await,
        Some(ModelsCommand::Remove { id, yes, force }) => {
            or_interrupted(remove(context, id.into(), yes, force)).await
        }
    }
}

async fn list(context: &Context) -> Result<Outcome> {
    let connection = context.connect()?;
    let listed = async { Ok(connection.backend.models().await?) };
    let mut models = context.in_time(listed).await?;
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models.dedup_by(|a, b| a.id == b.id);

    let for_programs = || {
        let model = |model: &openai_api::Model| {
            json!({
                "id": model.id,
                "owned_by": model.owned_by,
                "context_window": model.context_window(),
                "created": model.created,
            })
        };
        models.iter().map(model).collect::<Vec<_>>()
    };
    context.output.either(for_programs, || {
        let mut table = Columns::new(&["MODEL", "OWNER", "#CONTEXT", "CREATED"]);
        for model in &models {
            table.row([
                model.id.to_string(),
                or_dash(Some(&model.owned_by).filter(|owner| !owner.is_empty())),
                or_dash(model.context_window()),
                time::show_unix(model.created),
            ]);
        }
        table.to_string()
    })?;
    Ok(Outcome::Done)
}

async fn add(
    context: &Context,
    model: String,
    name: Option<String>,
    revision: Option<String>,
    file: Option<String>,
) -> Result<Outcome> {
    let path = PathBuf::from(&model);
    let is_path = path.exists() || path.is_absolute() || model.starts_with('.');
    if is_path && (revision.is_some() || file.is_some()) {
        let problem = "--revision and --file are for models from the hub, and this one is a path";
        return Err(Usage(problem.to_owned()).into());
    }
    let by_itself = match &file {
        Some(file) => name_of(Path::new(file)),
        None if is_path => name_of(&path),
        None => last_part(&model).to_owned(),
    };
    let id = ModelId::new(name.unwrap_or(by_itself));
    let hub = if is_path { None } else { Some(hub(context)?) };
    let mut progress = Downloads { output: context.output, file: String::new(), bar: None };
    let info = on_engine(context, move |engine| {
        let path = match hub {
            None => path,
            Some(hub) => {
                let revision = revision.as_deref().unwrap_or("main");
                let progress = &mut |fetching: Fetching<'_>| progress.show(fetching);
                match &file {
                    Some(file) => hub.fetch_file(&model, revision, file, progress)?,
                    None => hub.fetch(&model, revision, progress)?,
                }
            }
        };
        engine.add_model(&path, &id)
    });
    let info = info.await?;
    context.output.either(|| for_programs(&info), || format!("added\n{}", shown(&info)))?;
    Ok(Outcome::Done)
}

/// The hub as the environment describes it.
fn hub(context: &Context) -> Result<Hub> {
    let environment = &context.environment.hub;
    let Some(cache) = &environment.cache else {
        bail!("there is no home folder for what the hub gives; name one with HF_HOME");
    };
    let mut hub = Hub::new(cache).with_offline(environment.is_offline);
    if let Some(endpoint) = &environment.endpoint {
        hub = hub.with_endpoint(endpoint);
    }
    let file = environment.token_file.as_ref();
    let in_file = || std::fs::read_to_string(file?).ok().map(|token| token.trim().to_owned());
    let token = environment.token.clone().or_else(in_file);
    Ok(match token.filter(|token| !token.is_empty()) {
        Some(token) => hub.with_token(token),
        None => hub,
    })
}

/// Shows what comes from the hub, on standard error: a bar on a terminal, else a line for each file.
struct Downloads {
    output: Output,
    file: String,
    bar: Option<ProgressBar>,
}

impl Downloads {
    fn show(&mut self, fetching: Fetching<'_>) {
        if self.file != fetching.file {
            fetching.file.clone_into(&mut self.file);
            // Off a terminal it draws nothing.
            let bar = ProgressBar::new(fetching.total.unwrap_or(0));
            let style = ProgressStyle::with_template(
                "{msg}  {wide_bar}  {decimal_bytes}/{decimal_total_bytes}  {eta}",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(self.file.clone());
            if bar.is_hidden() {
                let total = fetching.total.map(|total| format!(" ({})", size(total)));
                let total = total.unwrap_or_default();
                self.output.note(format_args!("fetching {}{total}", self.file));
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(fetching.done);
            if Some(fetching.done) == fetching.total {
                bar.finish();
            }
        }
    }
}

async fn info(context: &Context, id: ModelId) -> Result<Outcome> {
    let info = on_engine(context, move |engine| engine.model_info(&id)).await?;
    context.output.either(|| for_programs(&info), || shown(&info))?;
    Ok(Outcome::Done)
}

async fn remove(context: &Context, id: ModelId, yes: bool, force: bool) -> Result<Outcome> {
    if !yes {
        let asked = id.clone();
        // A damaged one may be removed too, and that there is none is told further on.
        let info = on_engine(context, move |engine| Ok(engine.model_info(&asked).ok())).await?;
        if !stdin::is_terminal() {
            let problem = format!("{id} is removed when somebody says yes; --yes says it at once");
            return Err(Usage(problem).into());
        }
        context.output.note(format_args!("{} [y/N]", question(&id, info.as_ref())));
        let answer = stdin::line().await?.unwrap_or_default();
        if !["y", "yes"].contains(&&*answer.trim().to_lowercase()) {
            context.output.note("nothing was removed");
            return Ok(Outcome::Failed);
        }
    }
    let removed = id.clone();
    on_engine(context, move |engine| match force {
        true => engine.remove_model_anyway(&removed),
        false => engine.remove_model(&removed),
    })
    .await?;
    context.output.either(|| json!({"removed": id}), || format!("removed {id}"))?;
    Ok(Outcome::Done)
}

/// Works with the embedded engine, off the threads that drive futures.
pub(crate) async fn on_engine<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Engine) -> local_engine::Result<T> + Send + 'static,
) -> Result<T> {
    let global = &context.global;
    if global.base_url.is_some() || global.backend == Some(BackendKind::Openai) {
        let problem = "models are added, described, exported and removed where they lie: in \
                       the data folder, and not over --base-url or with the `openai` backend";
        return Err(Usage(problem.to_owned()).into());
    }
    make_private_folder(context.home())?;
    let home = context.home().to_owned();
    let done = tokio::task::spawn_blocking(move || work(&Engine::open(home)?)).await?;
    done.map_err(|error| match error {
        error @ local_engine::Error::ModelName { .. } => {
            Error::from(Usage(format!("{error}; --name gives it one")))
        }
        // What it says of models that are not there has a hint of its own.
        local_engine::Error::Request(error) => openai_api::Error::Api(error).into(),
        error => error.into(),
    })
}

/// A model's own name, without its owner's.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name of a folder or a file, without `.gguf`.
fn name_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_gguf = path.extension().is_some_and(|extension| extension == "gguf") && !path.is_dir();
    let name = if is_gguf { path.file_stem() } else { path.file_name() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn question(id: &ModelId, info: Option<&ModelInfo>) -> String {
    match info {
        Some(ModelInfo { adapter_of: Some(_), is_linked: false, path: Some(path), .. }) => {
            format!("remove {id} and its files in {}?", path.display())
        }
        Some(ModelInfo { is_linked: true, path: Some(path), .. }) => {
            format!("remove {id}? Its files stay in {}", path.display())
        }
        Some(ModelInfo { path: Some(path), bytes, .. }) => {
            format!("remove {id} and its files ({}) in {}?", size(*bytes), path.display())
        }
        _ => format!("remove {id} and what the data folder has of it?"),
    }
}

pub(crate) fn for_programs(info: &ModelInfo) -> Value {
    json!({
        "id": info.id,
        "path": info.path,
        "linked": info.is_linked,
        "architecture": info.architecture,
        "parameters": info.parameters,
        "types": info.types,
        "bytes": info.bytes,
        "context_window": info.context_window,
        "calls_tools": info.calls_tools,
        "base_model": info.base_model,
        "adapter_of": info.adapter_of,
        "adapters": info.adapters,
    })
}

fn shown(info: &ModelInfo) -> String {
    let place = info.path.as_ref().map(|path| path.display().to_string());
    let types: Vec<&str> = info.types.keys().map(String::as_str).collect();
    let adapters: Vec<&str> = info.adapters.iter().map(ModelId::as_str).collect();
    let adapters = Some(adapters.join(", ")).filter(|adapters| !adapters.is_empty());
    let weights = format!("{}, {}", types.join(" and "), size(info.bytes));
    fields(&[
        ("model", Some(info.id.to_string())),
        ("in", Some(place.unwrap_or_else(|| "the program".to_owned()))),
        ("architecture", Some(info.architecture.clone())),
        ("parameters", Some(info.parameters.to_string())),
        ("weights", Some(weights)),
        ("context window", Some(format!("{} tokens", info.context_window))),
        ("calls tools", Some(if info.calls_tools { "yes" } else { "no" }.to_owned())),
        ("adapter of", info.adapter_of.as_ref().map(ToString::to_string)),
        ("adapters", adapters),
        ("tuned from", info.base_model.as_ref().map(ToString::to_string)),
    ])
}

/// A number of bytes as people write it.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_or_so() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (269_060_552, "269 MB"),
            (999_999_999, "1.0 GB"),
            (14_483_498_200, "14.5 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_model_is_named_as_its_folder_or_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("Qwen3-0.6B");
        std::fs::create_dir(&inside).unwrap();
        assert_eq!(name_of(&inside.join(".")), "Qwen3-0.6B");
        assert_eq!(name_of(Path::new("/nowhere/tiny.Q8_0.gguf")), "tiny.Q8_0");
        assert_eq!((last_part("org/tiny"), last_part("tiny")), ("tiny", "tiny"));
    }
}
