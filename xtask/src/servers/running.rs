//! Starts a server, waits until it answers, and ends it with all its children.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// What to start and how to tell that it is up.
#[derive(Debug)]
pub(super) struct Launch {
    name: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    base: &'static str,
    ready: &'static str,
    patience: Duration,
}

impl Launch {
    pub(super) fn new(name: &'static str, program: PathBuf) -> Self {
        Self {
            name,
            program,
            args: Vec::new(),
            env: Vec::new(),
            base: "",
            ready: "/",
            patience: Duration::from_secs(60),
        }
    }

    pub(super) fn with_args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(super) fn with_env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// The path under which the API lies, such as `/v1`.
    pub(super) fn with_base(mut self, base: &'static str) -> Self {
        self.base = base;
        self
    }

    /// It is up once it answers this path with a status of 200, and must be so within `patience`.
    pub(super) fn ready_at(mut self, path: &'static str, patience: Duration) -> Self {
        self.ready = path;
        self.patience = patience;
        self
    }
}

/// A server that runs until this is dropped, or until this process ends however it does.
#[derive(Debug)]
pub(crate) struct Running {
    base_url: String,
    log: PathBuf,
    /// The server lives for as long as this pipe is open.
    leash: Option<ChildStdin>,
    shell: Child,
}

impl Running {
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The file that it writes its output to.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.leash.take());
        // It was killed a moment ago; nothing is to be done if it cannot be waited for.
        let _ = self.shell.wait();
    }
}

/// A port that nobody listens on now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// Starts what `launch` says; its output goes to a file in the folder `logs`.
///
/// # Errors
///
/// It does not start, ends, or does not answer in time.
pub(super) fn start(launch: Launch, port: u16, logs: &Path) -> Result<Running> {
    fs::create_dir_all(logs).with_context(|| format!("{} cannot be made", logs.display()))?;
    let log = logs.join(launch.name).with_extension("log");
    let output =
        File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let mut command = on_a_leash()?;
    command.arg(&launch.program).args(&launch.args).envs(launch.env);
    command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
    let mut shell =
        command.spawn().with_context(|| format!("{} cannot be started", launch.name))?;
    let leash = shell.stdin.take();
    let base_url = format!("http://127.0.0.1:{port}{}", launch.base);
    let mut running = Running { base_url, log, leash, shell };
    let start = Instant::now();
    while !answers(port, launch.ready) {
        if running.shell.try_wait()?.is_some() {
            bail!("{} ended at once: {}", launch.name, last_words(&running.log));
        }
        if start.elapsed() > launch.patience {
            let seconds = launch.patience.as_secs();
            let said = last_words(&running.log);
            bail!("{} does not answer after {seconds} seconds: {said}", launch.name);
        }
        pause();
    }
    Ok(running)
}

#[expect(clippy::disallowed_methods, reason = "a port that opens is no event to wait for")]
fn pause() {
    thread::sleep(GLANCE);
}

/// A shell that runs its arguments, and kills them and all their children when they end or its
/// standard input does.
///
/// So they end with us even when nobody could tell them: on Ctrl-C or when we are killed.
#[cfg(unix)]
fn on_a_leash() -> Result<Command> {
    use std::os::unix::process::CommandExt as _;

    let mut shell = Command::new("sh");
    shell.args(["-c", r#"{ "$@" </dev/null; kill -KILL 0; } & read -r _; kill -KILL 0"#, "sh"]);
    // `kill 0` kills the group, which is why it has one of its own.
    shell.process_group(0);
    Ok(shell)
}

#[cfg(not(unix))]
fn on_a_leash() -> Result<Command> {
    bail!("starting servers needs a POSIX shell")
}

/// Whether a server on this port of the loopback answers `GET path` with a status of 200.
fn answers(port: u16, path: &str) -> bool {
    let ask = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, GLANCE)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{HEADERS}\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        std::io::Result::Ok(head.starts_with(b"HTTP/1.") && head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// What the log ends with.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

const GLANCE: Duration = Duration::from_millis(100);
const HEADERS: &str = "Authorization: Bearer sk-test\r\nConnection: close\r\n";

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Read as _},
        path::PathBuf,
        process::Stdio,
        time::Duration,
    };

    use super::{Launch, free_port, on_a_leash, start};

    #[test]
    fn a_server_and_its_children_end_when_the_leash_is_dropped() {
        // What holds the pipe open is alive; so the pipe's end is the end of them all.
        let script = "tail -f /dev/null & echo up; tail -f /dev/null";
        let mut shell = on_a_leash().unwrap();
        shell.args(["sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        drop(shell.stdin.take());
        output.read_to_string(&mut line).unwrap();
        assert!(!shell.wait().unwrap().success());
    }

    #[test]
    fn a_server_that_ends_at_once_says_why() {
        check("echo no such model >&2; exit 1", "x ended at once: no such model");
        check("exit 1", "x ended at once: it said nothing");
    }

    #[test]
    fn a_server_that_never_answers_is_given_up() {
        let complaint = "x does not answer after 0 seconds: it said nothing";
        check("tail -f /dev/null", complaint);
    }

    #[track_caller]
    fn check(script: &str, expected: &str) {
        let patience = if script.starts_with("tail") { 0 } else { 60 };
        let launch = Launch::new("x", PathBuf::from("sh"))
            .with_args(["-c", script])
            .ready_at("/", Duration::from_secs(patience));
        let port = free_port().unwrap();
        let logs = std::env::temp_dir().join(format!("attune-xtask-{port}"));
        let err = start(launch, port, &logs).unwrap_err();
        assert_eq!(err.to_string(), expected);
        fs::remove_dir_all(logs).unwrap();
    }
}
