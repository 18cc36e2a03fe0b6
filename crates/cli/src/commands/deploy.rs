//! `attune deploy`: a model of the embedded engine, served by other programs.

mod ollama;
mod vllm;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use local_engine::ModelInfo;
use openai_api::{Client, ClientBuilder, ModelId};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::{Deploy, Format, Target};
use crate::commands::models::export::{export, settings};
use crate::commands::models::on_engine;
use crate::context::Context;
use crate::failure::Usage;
use crate::interrupt::or_interrupted;

pub(crate) async fn run(context: &Context, args: Deploy) -> Result<Outcome> {
    check(&args)?;
    let id = ModelId::new(args.id.clone());
    match args.to {
        Target::Folder => to_folder(context, id, args).await,
        Target::Vllm => or_interrupted(to_vllm(context, id, args)).await,
        Target::Ollama => to_ollama(context, id, args).await,
    }
}

/// Refuses options that the target has no use for.
fn check(args: &Deploy) -> Result<()> {
    let only = |option: &str, targets: &[Target], is_there: bool| {
        if is_there && !targets.contains(&args.to) {
            let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
            return Err(Usage(format!("{option} is for --to {}", names.join(" or "))));
        }
        Ok(())
    };
    only("--dir", &[Target::Folder], args.dir.is_some())?;
    only("--url", &[Target::Vllm, Target::Ollama], args.url.is_some())?;
    only("--name", &[Target::Vllm, Target::Ollama], args.name.is_some())?;
    only("--replace", &[Target::Vllm], args.replace)?;
    only("--seen-as", &[Target::Vllm], args.seen_as.is_some())?;
    only("--template", &[Target::Ollama], args.template.is_some())?;
    only("--parameter", &[Target::Ollama], !args.parameters.is_empty())?;
    only("--from", &[Target::Ollama], args.from.is_some())?;
    only("--as", &[Target::Folder, Target::Ollama], args.numbers.is_some())?;
    if args.to == Target::Folder && args.dir.is_none() {
        return Err(Usage("--to folder needs --dir, the folder to make".to_owned()).into());
    }
    if args.from.is_some() && args.numbers.is_some() {
        return Err(Usage("--as is for whole models, and --from sends the adapter".into()).into());
    }
    Ok(())
}

async fn to_folder(context: &Context, id: ModelId, args: Deploy) -> Result<Outcome> {
    let settings = settings(args.dir.unwrap_or_default(), Some(Format::Folder), args.numbers);
    let Some(info) = export(context, id, settings).await? else {
        return Ok(Outcome::Interrupted);
    };
    let path = shown(info.path.as_deref());
    let told = || format!("{} is in {path}", info.id);
    context.output.either(|| json!({"model": info.id, "to": "folder", "path": info.path}), told)?;
    Ok(Outcome::Done)
}

async fn to_vllm(context: &Context, id: ModelId, args: Deploy) -> Result<Outcome> {
    let info = info(context, &id).await?;
    if info.adapter_of.is_none() {
        bail!(
            "{id} is no adapter, and vLLM takes whole models only when it starts: \
             `attune models export {id} --to FOLDER`, then `vllm serve FOLDER --served-model-name {id}`"
        );
    }
    let path = match args.seen_as {
        Some(path) => path,
        None => absolute(info.path.as_deref())?,
    };
    let url = args.url.as_deref().unwrap_or(VLLM);
    // The key that the environment has for servers with OpenAI's API, as for --base-url.
    let client = timed(context, ClientBuilder::from_env()?.base_url(url)).build()?;
    let name = args.name.unwrap_or_else(|| id.to_string());
    if let Some(besides) = vllm::load(&client, &name, &path, args.replace).await? {
        context.output.note(format!("note: the server still serves it as {besides} as well"));
    }
    let told = || format!("{name} is served at {url}, from {}", path.display());
    let body = json!({"model": id, "to": "vllm", "url": url, "name": name, "path": path});
    context.output.either(|| body, told)?;
    Ok(Outcome::Done)
}

async fn to_ollama(context: &Context, id: ModelId, args: Deploy) -> Result<Outcome> {
    let info = info(context, &id).await?;
    let template = template(context, &info, &args).await?;
    // It goes with the files in it, whatever happens.
    let draft = tempfile::Builder::new()
        .prefix(".deploy-")
        .tempdir_in(context.home())
        .context("could not make a folder in the data folder")?;
    let files = match &args.from {
        Some(_) => adapter_files(&info)?,
        None => {
            let Some(file) = whole_file(context, &info, &args, draft.path()).await? else {
                return Ok(Outcome::Interrupted);
            };
            vec![("model.gguf", file)]
        }
    };
    let url = args.url.as_deref().unwrap_or(OLLAMA);
    let client = timed(context, Client::builder().base_url(url)).build()?;
    let name = args.name.clone().unwrap_or_else(|| ollama::name_of(&id));
    let model = ollama::Model {
        name: &name,
        from: args.from.as_deref(),
        files: &files,
        template: template.as_deref(),
        parameters: ollama::parameters(&args.parameters),
    };
    let output = context.output;
    let outcome = or_interrupted(async {
        ollama::create(&client, model, &mut |line| output.note(line)).await?;
        Ok(Outcome::Done)
    });
    if outcome.await? == Outcome::Interrupted {
        return Ok(Outcome::Interrupted);
    }
    let body = json!({"model": id, "to": "ollama", "url": url, "name": name});
    context.output.either(|| body, || format!("{name} is served at {url}"))?;
    Ok(Outcome::Done)
}

/// The prompt template, in Ollama's language: the one that was named, or one made of what the model's
/// own puts around messages.
///
/// Ollama knows the templates of many models that call tools, and does more with those.
async fn template(context: &Context, info: &ModelInfo, args: &Deploy) -> Result<Option<String>> {
    if let Some(path) = &args.template {
        let read = std::fs::read_to_string(path);
        return Ok(Some(read.with_context(|| format!("could not read {}", path.display()))?));
    }
    if args.from.is_some() {
        return Ok(None);
    }
    let id = info.id.clone();
    let marks = match info.calls_tools {
        true => None,
        false => on_engine(context, move |engine| engine.chat_marks(&id)).await?,
    };
    if marks.is_none() {
        let note = "note: Ollama chooses the prompt template by the model's own, if it knows that; \
                    `ollama show --template` tells which, and --template sets one";
        context.output.note(note);
    }
    Ok(marks.as_ref().map(ollama::template))
}

async fn info(context: &Context, id: &ModelId) -> Result<ModelInfo> {
    let asked = id.clone();
    on_engine(context, move |engine| engine.model_info(&asked)).await
}

/// A file with the whole model: its own, where it is one already, or a new one.
async fn whole_file(
    context: &Context,
    info: &ModelInfo,
    args: &Deploy,
    draft: &Path,
) -> Result<Option<PathBuf>> {
    let own = info.path.as_ref().filter(|path| {
        // A model that is one file is one in GGUF, whatever it is called.
        path.is_file() && args.numbers.is_none()
    });
    if let Some(path) = own {
        return Ok(Some(path.clone()));
    }
    let settings = settings(draft.join("model.gguf"), Some(Format::Gguf), args.numbers);
    Ok(export(context, info.id.clone(), settings).await?.and_then(|info| info.path))
}

/// The files of an adapter, as PEFT calls them.
fn adapter_files(info: &ModelInfo) -> Result<Vec<(&'static str, PathBuf)>> {
    if info.adapter_of.is_none() {
        bail!("{} is no adapter; leave out --from, and the whole model is sent", info.id);
    }
    let folder = absolute(info.path.as_deref())?;
    let names = ["adapter_config.json", "adapter_model.safetensors"];
    let path = folder.join(names[0]);
    let read =
        std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    let config: Value =
        serde_json::from_slice(&read).with_context(|| format!("{} is no JSON", path.display()))?;
    let patterns = config["alpha_pattern"].as_object().is_some_and(|it| !it.is_empty());
    let scaled = ["use_rslora", "use_dora"].into_iter().find(|name| config[name] == true);
    if let Some(field) = scaled.or(patterns.then_some("alpha_pattern")) {
        bail!(
            "{} has {field}, which Ollama does not know of an adapter; leave out --from, and the \
             whole model is sent",
            info.id
        );
    }
    Ok(names.into_iter().map(|name| (name, folder.join(name))).collect())
}

fn absolute(path: Option<&Path>) -> Result<PathBuf> {
    let path = path.context("the model is part of the program and has no folder")?;
    path.canonicalize().with_context(|| format!("could not find {}", path.display()))
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// With the limits of --timeout, where that is given.
fn timed(context: &Context, client: ClientBuilder) -> ClientBuilder {
    match context.global.timeout {
        Some(limit) => client.read_timeout(limit).idle_timeout(limit),
        None => client,
    }
}

/// Where these programs listen unless told otherwise.
const VLLM: &str = "http://127.0.0.1:8000/v1";
const OLLAMA: &str = "http://127.0.0.1:11434";
