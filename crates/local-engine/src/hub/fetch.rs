//! A model on its way from the hub into the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::Deserialize;

use crate::error::{BoxError, Error, Result};
use crate::files::{
    CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, WEIGHTS_INDEX,
};
use crate::hub::http::Answer;
use crate::hub::{Fetching, Hub};

/// What the hub says of a model at a revision.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    /// The commit.
    pub(super) sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
}

/// One model on its way.
pub(super) struct Fetch<'a> {
    pub(super) hub: &'a Hub,
    pub(super) name: &'a str,
    pub(super) revision: &'a str,
    pub(super) wanted: Wanted<'a>,
}

/// What of a model is fetched.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// What the engine reads of a folder.
    Model,
    /// One file.
    File(&'a str),
}

impl Fetch<'_> {
    /// Where all of the model is kept.
    pub(super) fn folder(&self) -> PathBuf {
        self.hub.cache.join(format!("models--{}", self.name.replace('/', "--")))
    }

    /// The folder of this revision, if it was fetched earlier.
    pub(super) fn kept(&self) -> Option<PathBuf> {
        let named = fs::read_to_string(self.folder().join("refs").join(self.revision)).ok();
        let commit = named.as_deref().map_or(self.revision, str::trim);
        let folder = self.folder().join("snapshots").join(commit);
        let file = match self.wanted {
            Wanted::Model => CONFIG,
            Wanted::File(file) => file,
        };
        (is_plain(commit) && folder.join(file).exists()).then_some(folder)
    }

    pub(super) fn index(&self) -> Result<Index> {
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
    pub(super) fn wanted<'i>(&self, index: &'i Index) -> Result<Vec<&'i str>> {
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
    pub(super) fn file(
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

    pub(super) fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::Hub { model: self.name.to_owned(), problem: problem.into(), source: None }
    }

    pub(super) fn failed(&self, source: impl Into<BoxError>) -> Error {
        let problem = "could not be asked for".to_owned();
        Error::Hub { model: self.name.to_owned(), problem, source: Some(source.into()) }
    }

    fn cut(&self, file: &str, source: BoxError) -> Error {
        let problem = format!("has {file} that was cut short; the same again goes on from there");
        Error::Hub { model: self.name.to_owned(), problem, source: Some(source) }
    }
}

/// Names for people.
fn some(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
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

pub(super) fn make_parent(path: &Path) -> Result<()> {
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

pub(super) fn is_plain_path(text: &str) -> bool {
    text.split('/').all(is_plain)
}

/// Whether a text is a name of a model: its owner's and its own, or that alone for old ones.
pub(super) fn is_name(text: &str) -> bool {
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
