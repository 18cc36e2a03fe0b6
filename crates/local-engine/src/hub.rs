//! Models by name, from the Hugging Face hub or a mirror of it.
//!
//! Files are kept as Python's `huggingface_hub` keeps them, so that both find what the other has
//! fetched: `models--ORG--NAME/blobs/ETAG`, with links to them in `snapshots/COMMIT/` and the commit
//! of each branch in `refs/` ([its guide](https://huggingface.co/docs/huggingface_hub/guides/manage-cache)).
//! The crate `hf-hub` does that too, but sends the token along to wherever the hub redirects.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest;
use serde::Deserialize;
use ureq::http::{Response, Uri, header};
use ureq::{Agent, Body};

use crate::error::{BoxError, Error, Result};
use crate::files::{
    CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, WEIGHTS_INDEX,
};

/// The hub, and the folder in which what it gave is kept.
///
/// Nothing is read from the environment; whoever makes one says where things are.
///
/// # Examples
///
/// ```no_run
/// use local_engine::{Engine, Hub};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new("cache/hub");
/// let folder = hub.fetch("HuggingFaceTB/SmolLM2-135M-Instruct", "main", &mut |_| {})?;
/// Engine::open("home")?.add_model(&folder, &"smol".into())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    is_offline: bool,
    agent: Agent,
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetching<'a> {
    /// Its name in the model's repository.
    pub file: &'a str,
    /// How many of its bytes are there.
    pub done: u64,
    /// How many there will be, where the hub says so.
    pub total: Option<u64>,
}

impl Hub {
    /// The hub at `https://huggingface.co`, with this folder for what it gives; Python's is
    /// `~/.cache/huggingface/hub`.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let config = Agent::config_builder()
            // They are followed here, where the token can be left out.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("local-engine/", env!("CARGO_PKG_VERSION")));
        Self {
            cache: cache.into(),
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            is_offline: false,
            agent: config.build().new_agent(),
        }
    }

    /// Asks a mirror in its place, by its URL.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into().trim_end_matches('/').to_owned();
        self
    }

    /// Sends a token, to the hub's own address only.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks nobody, and finds only what is there already.
    #[must_use]
    pub fn with_offline(mut self, is_offline: bool) -> Self {
        self.is_offline = is_offline;
        self
    }

    /// Fetches the files that a model needs, those that are not there yet, and gives their folder.
    ///
    /// `revision` is a branch, a tag or a commit. What was cut short goes on where it ended. If the
    /// hub cannot be reached, what it gave earlier has to do.
    ///
    /// # Errors
    ///
    /// [`Error::Hub`] that says what to do: the name is none, there is no such model or it wants a
    /// token, it has no weights in safetensors, the hub cannot be reached, or a file came damaged;
    /// [`Error::Io`] if the cache cannot be written.
    pub fn fetch(
        &self,
        name: &str,
        revision: &str,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        self.fetch_wanted(Fetch { hub: self, name, revision, wanted: Wanted::Model }, progress)
    }

    /// Fetches one file of a model, such as one in the format of GGUF, and gives its path.
    ///
    /// `file` is its path in the model's repository. All else is as with [`fetch`](Self::fetch).
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); [`Error::Hub`] also if there is no such file, with those in GGUF.
    pub fn fetch_file(
        &self,
        name: &str,
        revision: &str,
        file: &str,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        let model = Fetch { hub: self, name, revision, wanted: Wanted::File(file) };
        if !is_plain_path(file) {
            return Err(model.wrong(format!("has no file {file:?}, which is no path of one")));
        }
        Ok(self.fetch_wanted(model, progress)?.join(file))
    }

    /// Fetches what is wanted, and gives the folder that it is in.
    fn fetch_wanted(
        &self,
        model: Fetch<'_>,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<PathBuf> {
        let Fetch { name, revision, .. } = model;
        if !is_name(name) || !is_plain_path(revision) {
            return Err(model.wrong("is no name of a model on the hub, which is like ORG/NAME"));
        }
        if self.is_offline {
            return model.kept().ok_or_else(|| {
                let cache = self.cache.display();
                model.wrong(format!(
                    "is not in {cache}, and nobody is asked offline; fetch it where there is a \
                     network and copy that folder, or add the model by its path"
                ))
            });
        }
        let index = match model.index() {
            Ok(index) => index,
            Err(Error::Hub { source: Some(source), problem, .. }) => {
                let unreachable =
                    || Error::Hub { model: name.to_owned(), problem, source: Some(source) };
                return model.kept().ok_or_else(unreachable);
            }
            Err(error) => return Err(error),
        };
        let folder = model.folder().join("snapshots").join(&index.sha);
        for file in model.wanted(&index)? {
            model.file(file, &index.sha, &folder, progress)?;
        }
        if revision != index.sha {
            let path = model.folder().join("refs").join(revision);
            make_parent(&path)?;
            fs::write(&path, &index.sha).map_err(Error::io("write", &path))?;
        }
        Ok(folder)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("is_offline", &self.is_offline)
            .finish_non_exhaustive()
    }
}

/// What the hub says of a model at a revision.
#[derive(Debug, Deserialize)]
struct Index {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
}

/// One model on its way.
struct Fetch<'a> {
    hub: &'a Hub,
    name: &'a str,
    revision: &'a str,
    wanted: Wanted<'a>,
}

/// What of a model is fetched.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// What the engine reads of a folder.
    Model,
    /// One file.
    File(&'a str),
}

impl Fetch<'_> {
    /// Where all of the model is kept.
    fn folder(&self) -> PathBuf {
        self.hub.cache.join(format!("models--{}", self.name.replace('/', "--")))
    }

    /// The folder of this revision, if it was fetched earlier.
    fn kept(&self) -> Option<PathBuf> {
        let named = fs::read_to_string(self.folder().join("refs").join(self.revision)).ok();
        let commit = named.as_deref().map_or(self.revision, str::trim);
        let folder = self.folder().join("snapshots").join(commit);
        let file = match self.wanted {
            Wanted::Model => CONFIG,
            Wanted::File(file) => file,
        };
        (is_plain(commit) && folder.join(file).exists()).then_some(folder)
    }

    fn index(&self) -> Result<Index> {
        let Self { hub, name, revision, .. } = self;
        let url = format!("{}/api/models/{name}/revision/{revision}", hub.endpoint);
        let mut response = self.get(&url, None)?.last;
        let text = response.body_mut().read_to_string().map_err(|error| self.failed(error))?;
        let index: Index = serde_json::from_str(&text)
            .map_err(|_| self.wrong(format!("is described by {url} in no form that is known")))?;
        if !is_plain(&index.sha) {
            return Err(self.wrong("has a commit that is none"));
        }
        Ok(index)
    }

    /// The files that the engine reads.
    fn wanted<'i>(&self, index: &'i Index) -> Result<Vec<&'i str>> {
        let there = || index.siblings.iter().map(|sibling| sibling.rfilename.as_str());
        let files: Vec<&str> = there().filter(|name| name.ends_with(".gguf")).collect();
        if let Wanted::File(file) = self.wanted {
            let found: Vec<&str> = there().filter(|name| *name == file).collect();
            return match found.is_empty() {
                false => Ok(found),
                true => Err(self.wrong(format!("has no {file}; in GGUF it has {}", some(&files)))),
            };
        }
        let is_whole = there().any(|name| name == WEIGHTS);
        let is_shard = |name: &str| {
            let number = name.strip_prefix("model-").and_then(|it| it.strip_suffix(".safetensors"));
            number.is_some_and(is_plain)
        };
        let is_wanted = |name: &&str| match *name {
            WEIGHTS => true,
            WEIGHTS_INDEX => !is_whole,
            name => BESIDE.contains(&name) || (!is_whole && is_shard(name)),
        };
        let wanted: Vec<&str> = there().filter(is_wanted).collect();
        if !wanted.iter().any(|name| [WEIGHTS, WEIGHTS_INDEX].contains(name)) {
            let files = some(&files);
            let problem =
                format!("has no model.safetensors; as single files in GGUF it has {files}");
            return Err(self.wrong(problem));
        }
        Ok(wanted)
    }

    /// Fetches a file, if it is not there, and links to it in `folder`.
    fn file(
        &self,
        file: &str,
        commit: &str,
        folder: &Path,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<()> {
        let link = folder.join(file);
        if link.exists() {
            return Ok(());
        }
        let url = format!("{}/{}/resolve/{commit}/{file}", self.hub.endpoint, self.name);
        let answer = self.get(&url, None)?;
        let etag = answer.first("x-linked-etag").or_else(|| answer.first("etag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let Some(etag) = etag.filter(|etag| is_plain(etag)) else {
            return Err(self.wrong(format!("has {file} without an ETag")));
        };
        let total = answer.first("x-linked-size").or_else(|| answer.last("content-length"));
        let total = total.and_then(|size| size.parse::<u64>().ok());
        let blob = self.folder().join("blobs").join(&etag);
        if !blob.exists() {
            self.blob(&url, answer, file, &blob, &etag, total, progress)?;
        }
        make_parent(&link)?;
        // From `snapshots/COMMIT/FILE`, and FILE may lie in a folder.
        let up = "../".repeat(2 + file.matches('/').count());
        link_to(&blob, &format!("{up}blobs/{etag}"), &link).map_err(Error::io("write", &link))
    }

    #[expect(clippy::too_many_arguments, reason = "one step of the above, and all of it is told")]
    fn blob(
        &self,
        url: &str,
        answer: Answer,
        file: &str,
        blob: &Path,
        etag: &str,
        total: Option<u64>,
        progress: &mut dyn FnMut(Fetching<'_>),
    ) -> Result<()> {
        let mut name = blob.as_os_str().to_owned();
        name.push(".incomplete");
        let partial = PathBuf::from(name);
        make_parent(&partial)?;
        let fail = |action| Error::io(action, &partial);
        let options = OpenOptions::new().read(true).append(true).create(true).open(&partial);
        let mut target = options.map_err(fail("write"))?;
        // Another process may be at it.
        target.lock().map_err(fail("lock"))?;
        if blob.exists() {
            return Ok(());
        }
        let mut done = target.metadata().map_err(fail("read"))?.len();
        let mut response = answer.last;
        if done > 0 && total.is_some_and(|total| done <= total) {
            drop(response);
            response = self.get(url, Some(done))?.last;
        }
        if response.status() != PARTIAL && done > 0 {
            target.set_len(0).map_err(fail("write"))?;
            done = 0;
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        while total.is_none_or(|total| done < total) {
            let length = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut(file, error.into())),
            };
            target.write_all(&buffer[..length]).map_err(fail("write"))?;
            done += length as u64;
            progress(Fetching { file, done, total });
        }
        if total.is_some_and(|total| done != total) {
            return Err(self.cut(file, io::Error::from(io::ErrorKind::UnexpectedEof).into()));
        }
        // The hub names large files by their SHA-256.
        if etag.len() == 64 && sha256(&mut target).map_err(fail("read"))? != etag {
            fs::remove_file(&partial).map_err(fail("remove"))?;
            return Err(self.wrong(format!("has {file} that came damaged; try again")));
        }
        target.sync_all().map_err(fail("write"))?;
        fs::rename(&partial, blob).map_err(fail("rename"))
    }

    /// Asks for a URL, and follows it to where it leads.
    fn get(&self, url: &str, from: Option<u64>) -> Result<Answer> {
        let mut url: Uri = url.parse().map_err(|error| self.failed(error))?;
        let home: Uri = self.hub.endpoint.parse().map_err(|error| self.failed(error))?;
        let mut first = None;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.hub.agent.get(&url);
            if let (Some(token), true) = (&self.hub.token, is_same_place(&url, &home)) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            let response = request.call().map_err(|error| {
                let endpoint = &self.hub.endpoint;
                let problem = format!(
                    "cannot be fetched, as {endpoint} is not reached; is there a network? A model \
                     that is there already can be added by its path"
                );
                Error::Hub { model: self.name.to_owned(), problem, source: Some(error.into()) }
            })?;
            let status = response.status();
            if status.is_redirection() {
                let to = response.headers().get(header::LOCATION);
                let to = to.and_then(|to| to.to_str().ok()).and_then(|to| resolve(&url, to));
                let Some(to) = to else {
                    return Err(self.wrong(format!("is redirected by {url} to nowhere")));
                };
                first.get_or_insert_with(|| response.headers().clone());
                url = to;
                continue;
            }
            if !status.is_success() {
                return Err(self.refused(status.as_u16(), &url));
            }
            let first = first.unwrap_or_else(|| response.headers().clone());
            return Ok(Answer { first, last: response });
        }
        Err(self.wrong("is redirected again and again"))
    }

    fn refused(&self, status: u16, url: &Uri) -> Error {
        let revision = self.revision;
        self.wrong(match (status, &self.hub.token) {
            (401 | 403, None) => {
                "is not there, or is not for everybody: log in to the hub, accept \
                                  the model's terms there, and give your token"
                    .to_owned()
            }
            (401 | 403, Some(_)) => "is not for this token; accept the model's terms on the hub, \
                                     or give another"
                .to_owned(),
            (404, _) => format!("at {revision} is not on the hub; check the name and the revision"),
            (status, _) => format!("cannot be fetched: {url} answered {status}; try again later"),
        })
    }

    fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::Hub { model: self.name.to_owned(), problem: problem.into(), source: None }
    }

    fn failed(&self, source: impl Into<BoxError>) -> Error {
        let problem = "could not be asked for".to_owned();
        Error::Hub { model: self.name.to_owned(), problem, source: Some(source.into()) }
    }

    fn cut(&self, file: &str, source: BoxError) -> Error {
        let problem = format!("has {file} that was cut short; the same again goes on from there");
        Error::Hub { model: self.name.to_owned(), problem, source: Some(source) }
    }
}

/// What came of a request: the headers of the first response, which tells of the file, and the last
/// response, which holds it.
struct Answer {
    first: header::HeaderMap,
    last: Response<Body>,
}

impl Answer {
    fn first(&self, name: &str) -> Option<&str> {
        self.first.get(name)?.to_str().ok()
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.last.headers().get(name)?.to_str().ok()
    }
}

/// Names for people.
fn some(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Whether two URLs lead to the same port of the same host, in the same way.
fn is_same_place(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_u16() == b.port_u16()
}

/// Where a redirection leads.
fn resolve(from: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') && !to.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(to.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    to.parse().ok().filter(|to: &Uri| to.scheme().is_some())
}

fn sha256(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent()
        .map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(Error::io("create", parent)))
}

#[cfg(unix)]
fn link_to(_blob: &Path, relative: &str, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, link)
}

/// Links need a privilege elsewhere.
#[cfg(not(unix))]
fn link_to(blob: &Path, _relative: &str, link: &Path) -> io::Result<()> {
    fs::copy(blob, link).map(drop)
}

/// Whether a text from elsewhere can be the name of a file.
fn is_plain(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && !text.starts_with('.') && text.chars().all(is_known)
}

fn is_plain_path(text: &str) -> bool {
    text.split('/').all(is_plain)
}

/// Whether a text is a name of a model: its owner's and its own, or that alone for old ones.
fn is_name(text: &str) -> bool {
    is_plain_path(text) && text.split('/').count() <= 2
}

/// What the engine reads besides weights.
const BESIDE: [&str; 6] = [
    CONFIG,
    GENERATION_CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    "chat_template.jinja",
    "additional_chat_templates/tool_use.jinja",
];
/// The status of a part of a file.
const PARTIAL: u16 = 206;
const MOST_REDIRECTS: usize = 5;

#[cfg(test)]
mod tests;
