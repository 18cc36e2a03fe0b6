//! Training jobs on disk: a folder each, which outlives the process.
//!
//! `job.json` holds the status and is replaced as a whole; `events.jsonl` grows. Whoever runs a
//! job holds the lock on its `lock` file, so that others can tell a job that runs in another
//! process from one whose process is gone.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use tokio::sync::watch;
use trainer::{
    BoxError, Error, EventLevel, JobError, JobId, JobState, JobStatus, Metrics, Result,
    TrainingEvent,
};

use crate::engine::now;
use crate::train::checkpoint;

/// All jobs of a home folder.
#[derive(Debug)]
pub(crate) struct Jobs {
    folder: PathBuf,
    /// Those that this trainer was handed and has not done with.
    live: Mutex<HashMap<JobId, Arc<LiveJob>>>,
}

/// A job that this process runs, or ran.
#[derive(Debug)]
pub(crate) struct LiveJob {
    pub(crate) folder: PathBuf,
    record: Mutex<Record>,
    changed: watch::Sender<()>,
    cancelled: AtomicBool,
    paused: AtomicBool,
}

#[derive(Debug)]
struct Record {
    status: JobStatus,
    events: Vec<TrainingEvent>,
    log: File,
    /// Held until the job has ended.
    lock: Option<File>,
    /// Whether its end is on disk, with all that was told.
    stored: bool,
}

impl Jobs {
    pub(crate) fn open(home: &Path) -> crate::Result<Self> {
        let folder = home.join("jobs");
        std::fs::create_dir_all(&folder).map_err(crate::Error::io("create", &folder))?;
        Ok(Self { folder, live: Mutex::default() })
    }

    /// Makes a job's folder, with the job queued.
    pub(crate) fn create(&self, status: JobStatus) -> Result<Arc<LiveJob>> {
        let folder = self.folder.join(status.id.as_str());
        std::fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        let lock = open_lock(&folder)?;
        lock.try_lock().map_err(|error| io("lock", &folder)(error.into()))?;
        let path = folder.join(EVENTS);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(io("write", &path))?;
        write_status(&folder, &status)?;
        let id = status.id.clone();
        let record = Record { status, events: Vec::new(), log, lock: Some(lock), stored: false };
        Ok(self.keep(id, folder, record))
    }

    /// Takes up a paused job that nobody runs; `None` if it is not paused any more.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidJob`] if another process has it.
    pub(crate) fn reopen(&self, id: &JobId) -> Result<Option<Arc<LiveJob>>> {
        let folder = self.stored(id)?;
        let lock = open_lock(&folder)?;
        if lock.try_lock().is_err() {
            return Err(Error::invalid_job("id", "is run by another process; ask that one"));
        }
        let status = read_status(&folder)?;
        if status.state != JobState::Paused {
            return Ok(None);
        }
        let path = folder.join(EVENTS);
        let mut bytes = Vec::new();
        let opened = OpenOptions::new().create(true).read(true).append(true).open(&path);
        let opened = opened.and_then(|mut log| {
            end_last_line(&mut log)?;
            log.rewind()?;
            log.read_to_end(&mut bytes)?;
            Ok(log)
        });
        let log = opened.map_err(io("read", &path))?;
        let record =
            Record { status, events: whole_events(&bytes), log, lock: Some(lock), stored: false };
        Ok(Some(self.keep(id.clone(), folder, record)))
    }

    fn keep(&self, id: JobId, folder: PathBuf, record: Record) -> Arc<LiveJob> {
        let job = Arc::new(LiveJob {
            folder,
            record: Mutex::new(record),
            changed: watch::Sender::new(()),
            cancelled: AtomicBool::new(false),
            paused: AtomicBool::new(false),
        });
        self.lock_live().insert(id, Arc::clone(&job));
        job
    }

    /// The job, if this trainer was handed it and has not done with it.
    pub(crate) fn live(&self, id: &JobId) -> Option<Arc<LiveJob>> {
        self.lock_live().get(id).cloned()
    }

    /// Lets go of a job that has ended; from then on the disk is asked about it.
    pub(crate) fn release(&self, job: &LiveJob) {
        let record = job.record();
        // What could not be written is known here only.
        if record.stored {
            self.lock_live().remove(&record.status.id);
        }
    }

    pub(crate) fn status(&self, id: &JobId) -> Result<JobStatus> {
        match self.live(id) {
            Some(job) => Ok(job.status()),
            None => stored_status(&self.stored(id)?),
        }
    }

    /// All jobs, newest first.
    pub(crate) fn list(&self) -> Result<Vec<JobStatus>> {
        let mut jobs = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(io("read", &self.folder))? {
            let name = entry.map_err(io("read", &self.folder))?.file_name();
            let Some(name) = name.to_str() else { continue };
            match self.status(&name.into()) {
                Ok(status) => jobs.push(status),
                // A folder of someone else, or a job being made this moment.
                Err(Error::JobNotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        jobs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(jobs)
    }

    /// The folder of a job that is on disk.
    pub(crate) fn stored(&self, id: &JobId) -> Result<PathBuf> {
        let plain = id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let folder = self.folder.join(id.as_str());
        if plain && folder.join(STATUS).is_file() {
            Ok(folder)
        } else {
            Err(Error::JobNotFound(id.clone()))
        }
    }

    fn lock_live(&self) -> MutexGuard<'_, HashMap<JobId, Arc<LiveJob>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveJob {
    pub(crate) fn status(&self) -> JobStatus {
        self.record().status.clone()
    }

    /// Wakes when there may be something new.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The events from the `first`-th on, and whether more may come.
    pub(crate) fn events(&self, first: usize) -> (Vec<TrainingEvent>, bool) {
        let record = self.record();
        let events = record.events.get(first..).unwrap_or_default().to_vec();
        (events, !record.status.state.is_terminal())
    }

    /// Whether someone, here or in another process, wants the job to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.folder.join(CANCEL).exists()
    }

    /// Whether someone, here or in another process, wants the job to pause.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed) || self.folder.join(PAUSE).exists()
    }

    /// Pauses a job that waits at once, and one that runs at its next step.
    pub(crate) fn pause(&self) -> Result<()> {
        let record = self.record();
        if record.status.state == JobState::Queued {
            return self.pause_record(record, "paused before it began");
        }
        if !record.status.state.is_terminal() {
            self.paused.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Marks a job that has stopped as paused.
    pub(crate) fn paused(&self, text: &str) -> Result<()> {
        self.pause_record(self.record(), text)
    }

    fn pause_record(&self, mut record: MutexGuard<'_, Record>, text: &str) -> Result<()> {
        let told = record.tell(EventLevel::Info, text, None);
        record.status.state = JobState::Paused;
        let written = write_status(&self.folder, &record.status);
        drop(record);
        self.changed.send_replace(());
        told.map_err(io("write", self.folder.join(EVENTS)))?;
        written
    }

    /// Moves a paused job to those that wait; `false` if it is not paused.
    pub(crate) fn requeue(&self) -> Result<bool> {
        self.paused.store(false, Ordering::Relaxed);
        take_back_pause(&self.folder)?;
        let mut record = self.record();
        if record.status.state != JobState::Paused {
            return Ok(false);
        }
        record.status.state = JobState::Queued;
        write_status(&self.folder, &record.status)?;
        Ok(true)
    }

    /// Cancels a job that waits or is paused at once, and one that runs at its next step.
    pub(crate) fn cancel(&self) -> Result<()> {
        self.cancelled.store(true, Ordering::Relaxed);
        // It must not begin between the look and the end.
        let record = self.record();
        match record.status.state {
            JobState::Queued => {
                self.end_record(record, JobState::Cancelled, CANCELLED_EARLY, |_| {})?;
            }
            JobState::Paused => {
                self.end_record(record, JobState::Cancelled, "cancelled while paused", |_| {})?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Moves a waiting job to running; `false` if it does not wait any more.
    pub(crate) fn begin(&self) -> Result<bool> {
        let mut record = self.record();
        if record.status.state != JobState::Queued {
            return Ok(false);
        }
        record.status.state = JobState::Running;
        write_status(&self.folder, &record.status)?;
        Ok(true)
    }

    pub(crate) fn tell(&self, text: &str, metrics: Option<Metrics>) -> Result<()> {
        let told = self.record().tell(EventLevel::Info, text, metrics);
        self.changed.send_replace(());
        told.map_err(io("write", self.folder.join(EVENTS)))
    }

    /// Ends the job, unless it has ended already, with a last event.
    ///
    /// It has ended for those who watch even if that cannot be written.
    pub(crate) fn end(
        &self,
        state: JobState,
        text: &str,
        change: impl FnOnce(&mut JobStatus),
    ) -> Result<()> {
        self.end_record(self.record(), state, text, change)
    }

    fn end_record(
        &self,
        mut record: MutexGuard<'_, Record>,
        state: JobState,
        text: &str,
        change: impl FnOnce(&mut JobStatus),
    ) -> Result<()> {
        if record.status.state.is_terminal() {
            return Ok(());
        }
        let level = if state == JobState::Failed { EventLevel::Error } else { EventLevel::Info };
        let told = record.tell(level, text, None);
        record.status.state = state;
        record.status.finished_at = Some(now());
        change(&mut record.status);
        let written = write_status(&self.folder, &record.status);
        record.lock = None;
        record.stored = told.is_ok() && written.is_ok();
        if record.stored {
            clear(&self.folder);
        }
        drop(record);
        self.changed.send_replace(());
        told.map_err(io("write", self.folder.join(EVENTS)))?;
        written
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn tell(
        &mut self,
        level: EventLevel,
        text: &str,
        metrics: Option<Metrics>,
    ) -> std::io::Result<()> {
        let id = format!("ftevent-{}", self.events.len() + 1);
        let mut event = TrainingEvent::new(id, now(), text).with_level(level);
        event.metrics = metrics;
        let written = append(&mut self.log, &event);
        self.events.push(event);
        written
    }
}

fn append(log: &mut File, event: &TrainingEvent) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    // One write, so that a reader elsewhere never sees half a line between two.
    log.write_all(&line)
}

/// A process that was killed in the middle of a line leaves it without an end.
fn end_last_line(log: &mut File) -> std::io::Result<()> {
    if log.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    log.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    log.read_exact(&mut last)?;
    if last != *b"\n" {
        log.write_all(b"\n")?;
    }
    Ok(())
}

/// The events that were written wholly.
fn whole_events(bytes: &[u8]) -> Vec<TrainingEvent> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Removes what only a job that goes on has a use for. What stays does no harm.
fn clear(folder: &Path) {
    for name in [WORK, PAUSE].into_iter().chain(checkpoint::FILES) {
        let _ = std::fs::remove_file(folder.join(name));
    }
}

/// Asks whoever runs a stored job to pause it.
pub(crate) fn ask_to_pause(folder: &Path) -> Result<()> {
    let path = folder.join(PAUSE);
    std::fs::write(&path, b"").map_err(io("write", path))
}

fn take_back_pause(folder: &Path) -> Result<()> {
    let path = folder.join(PAUSE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Asks whoever runs a stored job to cancel it.
pub(crate) fn ask_to_cancel(folder: &Path) -> Result<()> {
    let path = folder.join(CANCEL);
    std::fs::write(&path, b"").map_err(io("write", path))
}

/// The status of a job on disk; one that nobody runs any more is marked as paused if it can go on,
/// or else as failed.
pub(crate) fn stored_status(folder: &Path) -> Result<JobStatus> {
    let status = read_status(folder)?;
    if status.state.is_terminal() {
        return Ok(status);
    }
    let lock = open_lock(folder)?;
    if lock.try_lock().is_err() {
        return Ok(status);
    }
    // It may have ended between the two looks.
    let mut status = read_status(folder)?;
    if !status.state.is_terminal() && status.state != JobState::Paused {
        let can_go_on = folder.join(WORK).is_file();
        let (level, text) = match can_go_on {
            true => (EventLevel::Warn, LEFT),
            false => (EventLevel::Error, INTERRUPTED),
        };
        if can_go_on {
            status.state = JobState::Paused;
        } else {
            status.state = JobState::Failed;
            status.finished_at = Some(now());
            status.error = Some(JobError::new("interrupted", INTERRUPTED));
        }
        let path = folder.join(EVENTS);
        let event = TrainingEvent::new(format!("ftevent-interrupted-{}", now()), now(), text);
        OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .and_then(|mut log| {
                end_last_line(&mut log)?;
                append(&mut log, &event.with_level(level))
            })
            .map_err(io("write", path))?;
        write_status(folder, &status)?;
    }
    Ok(status)
}

/// Reads the events of a stored job as they are written.
#[derive(Debug)]
pub(crate) struct StoredEvents {
    folder: PathBuf,
    read: u64,
    ended: bool,
}

impl StoredEvents {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, read: 0, ended: false }
    }

    /// Whether no event can come that [`poll`](Self::poll) has not told.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The events since the last call, or `None` once the job has ended and all were told.
    pub(crate) fn poll(&mut self) -> Result<Option<Vec<TrainingEvent>>> {
        if self.ended {
            return Ok(None);
        }
        // First the state, then the events: what was told before the end is not missed.
        self.ended = stored_status(&self.folder)?.state.is_terminal();
        let path = self.folder.join(EVENTS);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Vec::new())),
            Err(error) => return Err(io("read", path)(error)),
        }
        // A line without its end is still being written, or was cut off with its process.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        Ok(Some(whole_events(&bytes[..whole])))
    }
}

/// Reads `job.json`; a job whose file is damaged has failed, and hides no other job.
fn read_status(folder: &Path) -> Result<JobStatus> {
    let path = folder.join(STATUS);
    let bytes = std::fs::read(&path).map_err(io("read", &path))?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| damaged(folder, &error)))
}

fn damaged(folder: &Path, error: &serde_json::Error) -> JobStatus {
    let id = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut status = JobStatus::new(JobId::new(id), "unknown", JobState::Failed);
    let made = folder.metadata().and_then(|about| about.modified()).ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    status.created_at = made.map_or(0, |made| made.as_secs());
    let path = folder.join(STATUS);
    let message = format!(
        "{} is damaged: {error}; mend it, or remove the job's folder and submit the job again",
        path.display()
    );
    status.error = Some(JobError::new("damaged", message));
    status
}

fn write_status(folder: &Path, status: &JobStatus) -> Result<()> {
    let path = folder.join(STATUS);
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, status)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(io("write", &path))
}

fn open_lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    file.map_err(io("lock", path))
}

fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}

/// A failure of the engine as the seam tells it.
pub(crate) fn failed(error: impl Into<BoxError>) -> Error {
    Error::Trainer { trainer: "local", source: error.into() }
}

const STATUS: &str = "job.json";
const EVENTS: &str = "events.jsonl";
const LOCK: &str = "lock";
const CANCEL: &str = "cancel";
const PAUSE: &str = "pause";
/// All that a job goes by, as long as it may have to go on.
pub(crate) const WORK: &str = "work.json";
const LEFT: &str =
    "the process that trained it ended before the training did; resume the job to go on";
const CANCELLED_EARLY: &str = "cancelled before it began";
const INTERRUPTED: &str = "the process that trained it ended before the training did; submit the \
                           job again, its checkpoints are in the job's folder";
