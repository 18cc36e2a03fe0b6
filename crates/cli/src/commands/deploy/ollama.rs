//! Ollama: files are sent as blobs, and a model is made of them.
//!
//! The endpoints are those of its API (`docs/api.md`, "Create a Model" and "Push a Blob").

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use futures_util::TryStreamExt as _;
use local_engine::ChatMarks;
use openai_api::{Client, FormFile, Method, ModelId};
use ring::digest::{self, SHA256};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::commands::models::size;

/// What is made.
#[derive(Debug)]
pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    /// The model there that the files are an adapter of.
    pub(super) from: Option<&'a str>,
    /// The files, by the names that they have there.
    pub(super) files: &'a [(&'static str, PathBuf)],
    pub(super) template: Option<&'a str>,
    pub(super) parameters: Map<String, Value>,
}

/// A line of what comes while a model is made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    status: String,
    error: Option<String>,
}

/// Sends the files that the server does not have, and has it make a model of them.
pub(super) async fn create(
    client: &Client,
    model: Model<'_>,
    note: &mut dyn FnMut(String),
) -> Result<()> {
    let mut digests = Map::new();
    for (name, path) in model.files {
        digests.insert((*name).to_owned(), send(client, name, path, note).await?.into());
    }
    let mut body = json!({"model": model.name, "stream": true});
    match model.from {
        Some(from) => {
            body["from"] = from.into();
            body["adapters"] = digests.into();
        }
        None => body["files"] = digests.into(),
    }
    if let Some(template) = model.template {
        body["template"] = template.into();
    }
    if !model.parameters.is_empty() {
        body["parameters"] = model.parameters.into();
    }
    let mut pieces = client.post("api/create").json(&body).byte_stream().await?;
    let (mut rest, mut last) = (Vec::new(), String::new());
    while let Some(piece) = pieces.try_next().await? {
        rest.extend_from_slice(&piece);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            read(&line, &mut last, note)?;
        }
    }
    read(&rest, &mut last, note)?;
    if last != SUCCESS {
        bail!("Ollama stopped before the model was made; its log says more");
    }
    Ok(())
}

/// The name that an id has there, where no more than one colon may be in it.
pub(super) fn name_of(id: &ModelId) -> String {
    id.as_str().replace([':', '~'], "-").to_lowercase()
}

/// The parameters as Ollama takes them: one that was named several times is a list, and `stop` always.
pub(super) fn parameters(named: &[(String, Value)]) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in named {
        let values = all.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            // What reads like a number is a text there as well.
            let is_text = name != "stop" || value.is_string();
            values.push(if is_text { value.clone() } else { value.to_string().into() });
        }
    }
    for (name, values) in &mut all {
        if let (true, Some([value])) = (name != "stop", values.as_array().map(Vec::as_slice)) {
            *values = value.clone();
        }
    }
    all
}

/// A template that writes the same around messages, in the language of Go's `text/template`.
pub(super) fn template(marks: &ChatMarks) -> String {
    // A text in quotes keeps its line breaks, and is written the same way in JSON.
    let quoted = |text: &str| match text {
        "" => String::new(),
        text => format!("{{{{ {} }}}}", Value::from(text)),
    };
    let roles = [
        ("system", marks.system.as_ref()),
        ("user", Some(&marks.user)),
        ("assistant", Some(&marks.assistant)),
    ];
    let mut messages = String::new();
    for (role, marks) in roles {
        if let Some([before, after]) = marks {
            let (before, after) = (quoted(before), quoted(after));
            messages.push_str(&format!(
                "{{{{ if eq .Role \"{role}\" }}}}{before}{{{{ .Content }}}}{after}{{{{ end }}}}"
            ));
        }
    }
    let (start, answer) = (quoted(&marks.start), quoted(&marks.answer));
    format!("{start}{{{{ range .Messages }}}}{messages}{{{{ end }}}}{answer}")
}

fn read(line: &[u8], last: &mut String, note: &mut dyn FnMut(String)) -> Result<()> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let line: Line =
        serde_json::from_slice(line).context("Ollama's answer is not what it should be")?;
    if let Some(error) = line.error {
        bail!("Ollama could not make the model: {error}");
    }
    if line.status != *last && line.status != SUCCESS {
        note(format!("ollama: {}", line.status));
    }
    *last = line.status;
    Ok(())
}

/// Sends a file unless it is there; the answer is its digest.
async fn send(
    client: &Client,
    name: &str,
    path: &Path,
    note: &mut dyn FnMut(String),
) -> Result<String> {
    let file = path.to_owned();
    let (digest, length) = tokio::task::spawn_blocking(move || digest(&file)).await??;
    let blob = format!("api/blobs/{digest}");
    match client.request(Method::HEAD, &blob).bytes().await {
        Ok(_) => return Ok(digest),
        Err(error) if error.as_api().is_some_and(|api| api.status == 404) => {}
        Err(error) => return Err(error.into()),
    }
    note(format!("sending {name} ({})", size(length)));
    let file = FormFile::from_path(path).with_mime_type("application/octet-stream");
    client
        .post(&blob)
        .file(file)
        .bytes()
        .await
        .with_context(|| format!("could not send {name}"))?;
    Ok(digest)
}

/// The digest of a file as Ollama writes it, and how long the file is.
fn digest(path: &Path) -> Result<(String, u64)> {
    let fail = || format!("could not read {}", path.display());
    let mut file = File::open(path).with_context(fail)?;
    let mut context = digest::Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let count = file.read(&mut buffer).with_context(fail)?;
        if count == 0 {
            break;
        }
        context.update(&buffer[..count]);
        length += count as u64;
    }
    let mut text = "sha256:".to_owned();
    for byte in context.finish().as_ref() {
        write!(text, "{byte:02x}")?;
    }
    Ok((text, length))
}

/// What is told at the end of all.
const SUCCESS: &str = "success";

#[cfg(test)]
mod tests {
    use openai_api::RetryPolicy;
    use openai_api::testing::{Reply, Request, ScriptedServer};

    use super::*;

    /// `sha256sum` of "deep".
    const DIGEST: &str = "sha256:74611c1d6455b534323a21f8133a6f43dc3a8188e7b946f96dcc28dde932fcb2";

    struct Made {
        asked: Vec<Request>,
        noted: Vec<String>,
        result: Result<()>,
    }

    async fn made(from: Option<&str>, replies: Vec<Reply>) -> Made {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "deep").unwrap();
        let server = ScriptedServer::start(replies).await.unwrap();
        let url = server.url().replace("/v1", "");
        let client = Client::builder().base_url(url).retry(RetryPolicy::never()).build().unwrap();
        let files = [("model.gguf", path)];
        let parameters = Map::from_iter([("temperature".to_owned(), json!(0.5))]);
        let model = Model {
            name: "tiny",
            from,
            files: &files,
            template: Some("{{ .Prompt }}"),
            parameters,
        };
        let mut noted = Vec::new();
        let result = create(&client, model, &mut |line| noted.push(line)).await;
        Made { asked: server.requests(), noted, result }
    }

    fn lines(lines: &[&str]) -> Reply {
        let body: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        // In pieces that end anywhere.
        let body = body.concat().into_bytes();
        Reply::new(200, "application/x-ndjson", "").in_pieces(body.chunks(7).map(<[u8]>::to_vec))
    }

    fn empty(status: u16) -> Reply {
        Reply::new(status, "text/plain", "")
    }

    #[test]
    fn a_parameter_that_is_named_several_times_is_a_list_and_so_is_every_stop() {
        let named = [("stop", json!("A")), ("top_k", json!(3)), ("stop", json!(7))];
        let named = named.map(|(name, value)| (name.to_owned(), value));
        let expected = json!({"stop": ["A", "7"], "top_k": 3});
        assert_eq!(Value::Object(parameters(&named)), expected);
        assert_eq!(Value::Object(parameters(&named[..1])), json!({"stop": ["A"]}));
    }

    #[tokio::test]
    async fn a_file_is_sent_once_and_a_model_is_made_of_it() {
        let progress = lines(&[
            r#"{"status":"parsing GGUF"}"#,
            r#"{"status":"parsing GGUF"}"#,
            r#"{"status":"success"}"#,
        ]);
        let made = made(None, vec![empty(404), empty(201), progress.clone()]).await;
        made.result.unwrap();
        let [head, blob, create] = &made.asked[..] else { panic!("{:?}", made.asked) };
        let path = format!("/api/blobs/{DIGEST}");
        assert_eq!((&*head.method, head.path()), ("HEAD", &*path));
        assert_eq!((&*blob.method, blob.path(), &*blob.text()), ("POST", &*path, "deep"));
        assert_eq!(create.path(), "/api/create");
        let expected = json!({
            "model": "tiny", "stream": true, "files": {"model.gguf": DIGEST},
            "template": "{{ .Prompt }}", "parameters": {"temperature": 0.5},
        });
        assert_eq!(create.json(), expected);
        assert_eq!(made.noted, ["sending model.gguf (4 bytes)", "ollama: parsing GGUF"]);

        let made = self::made(Some("llama3"), vec![empty(200), progress]).await;
        made.result.unwrap();
        let create = made.asked[1].json();
        assert_eq!(
            (&create["from"], &create["adapters"]["model.gguf"]),
            (&"llama3".into(), &DIGEST.into())
        );
        assert_eq!(create.get("files"), None);
    }

    #[tokio::test]
    async fn an_error_among_the_progress_is_told() {
        let refused =
            lines(&[r#"{"status":"parsing GGUF"}"#, r#"{"error":"unsupported architecture"}"#]);
        let made = made(None, vec![empty(200), refused]).await;
        let told = made.result.unwrap_err().to_string();
        assert_eq!(told, "Ollama could not make the model: unsupported architecture");
        let cut = lines(&[r#"{"status":"parsing GGUF"}"#]);
        let told = self::made(None, vec![empty(200), cut]).await.result.unwrap_err().to_string();
        assert!(told.starts_with("Ollama stopped before"), "{told}");
    }

    #[tokio::test]
    async fn a_blob_that_is_not_taken_is_told_by_its_name() {
        let refused = Reply::json(400, json!({"error": "digest mismatch"}));
        let made = made(None, vec![empty(404), refused]).await;
        let told = crate::failure::chain(&made.result.unwrap_err());
        assert!(
            told.starts_with("could not send model.gguf: ") && told.contains("digest mismatch"),
            "{told}"
        );
    }

    #[test]
    fn a_template_writes_each_message_for_itself() {
        let home = tempfile::tempdir().unwrap();
        let engine = local_engine::Engine::open(home.path()).unwrap();
        let mut marks = engine.chat_marks(&"attune-tiny".into()).unwrap().unwrap();
        marks.system = None;
        marks.answer = "<|assistant|>\n\"".to_owned();
        let expected = concat!(
            r#"{{ range .Messages }}"#,
            r#"{{ if eq .Role "user" }}{{ "<|user|>" }}{{ .Content }}{{ "<|end|>" }}{{ end }}"#,
            r#"{{ if eq .Role "assistant" }}{{ "<|assistant|>" }}{{ .Content }}{{ "<|end|>" }}{{ end }}"#,
            r#"{{ end }}{{ "<|assistant|>\n\"" }}"#,
        );
        assert_eq!(template(&marks), expected);
        marks.start = "<s>".to_owned();
        assert_eq!(template(&marks), format!("{}{expected}", r#"{{ "<s>" }}"#));
    }

    #[test]
    fn an_id_becomes_a_name_without_colons() {
        assert_eq!(name_of(&"ft:attune-tiny:Lake:1f".into()), "ft-attune-tiny-lake-1f");
    }
}
