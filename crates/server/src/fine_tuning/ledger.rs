//! What clients asked for, job by job, so that the next server knows it too.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openai_api::CreateFineTuningJob;
use serde::{Deserialize, Serialize};
use trainer::JobId;

use crate::disk::{blocking, read_json, with_ending, write_json};

/// A folder with one request per job.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    dir: Arc<Path>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    job: JobId,
    request: CreateFineTuningJob,
}

impl Ledger {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir: dir.into() }
    }

    pub(crate) async fn write(&self, id: &JobId, request: &CreateFineTuningJob) -> Result<()> {
        let (dir, path) = (Arc::clone(&self.dir), self.path(id));
        let entry = Entry { job: id.clone(), request: request.clone() };
        blocking(move || {
            std::fs::create_dir_all(dir)?;
            write_json(&path, &entry)
        })
        .await
    }

    /// The request that made a job; `None` for one that did not come through a server.
    pub(crate) async fn read(&self, id: &JobId) -> Result<Option<CreateFineTuningJob>> {
        let (path, id) = (self.path(id), id.clone());
        let entry = blocking(move || read_json::<Entry>(&path)).await?;
        Ok(entry.filter(|entry| entry.job == id).map(|entry| entry.request))
    }

    fn path(&self, id: &JobId) -> PathBuf {
        with_ending(&self.dir, &file_name(id), ".json")
    }
}

/// Trainers choose the form of their ids, so whatever is no letter or digit is spelt out.
fn file_name(id: &JobId) -> String {
    id.as_str().bytes().fold(String::new(), |name, byte| match byte {
        b'-' | b'_' => name + &char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => name + &char::from(byte).to_string(),
        byte => format!("{name}%{byte:02x}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_of_a_job_leads_out_of_the_folder() {
        assert_eq!(file_name(&"ftjob-a_1".into()), "ftjob-a_1");
        assert_eq!(file_name(&"../я".into()), "%2e%2e%2f%d1%8f");
    }
}
