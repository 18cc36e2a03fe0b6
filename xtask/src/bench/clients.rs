//! The clients and the server: built once, each a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::metadata;

/// What all others are compared with.
pub(crate) const RAW: &str = "raw";
/// The product.
pub(crate) const OURS: &str = "ours";
/// In the order they are told.
pub(crate) const CLIENTS: &[&str] = &[RAW, OURS, "openai-oxide", "async-openai", "genai"];

/// Where the bench's workspace is.
pub(crate) fn workspace() -> PathBuf {
    metadata::root().join("benches/transport")
}

/// The clients, built.
#[derive(Debug)]
pub(crate) struct Clients {
    bin: PathBuf,
}

impl Clients {
    /// Builds them, each by itself so that none has a feature only because another asks for it.
    ///
    /// The lock file may follow what the product has come to depend on.
    pub(crate) fn build(target_dir: &Path) -> Result<Self> {
        let clients = CLIENTS.iter().map(|client| format!("client-{client}"));
        for package in clients.chain(["server".to_owned()]) {
            let status = Command::new("cargo")
                .args(["build", "--quiet", "--release", "--package", &package])
                .arg("--target-dir")
                .arg(target_dir)
                .current_dir(workspace())
                .status()
                .context("cargo cannot be started")?;
            ensure!(status.success(), "{package} does not build");
        }
        Ok(Self { bin: target_dir.join("release") })
    }

    /// Runs one client through one scenario of its harness and returns what it reports.
    pub(crate) fn run(&self, client: &str, args: &[&str]) -> Result<Value> {
        let output = Command::new(self.bin.join(format!("client-{client}")))
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("{client} cannot be started"))?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("{client} did not do its work ({}): {}", args.join(" "), complaint.trim());
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{client} does not say what it cost"))
    }
}

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// `http://` and the address.
    address: String,
}

impl Server {
    pub(crate) fn start(clients: &Clients) -> Result<Self> {
        let mut child = Command::new(clients.bin.join("server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the server cannot be started")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().to_owned();
        Ok(Self { child, address })
    }

    /// The base URL at which answers have a certain form.
    pub(crate) fn base_url(&self, form: &str) -> String {
        format!("{}/{form}/v1", self.address)
    }

    /// What was uploaded since the last time.
    pub(crate) fn uploads(&self) -> Result<Vec<Value>> {
        let address = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /uploads/seen HTTP/1.1\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        Ok(serde_json::from_str(body.context("the server's answer has no body")?)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input as well; this only makes sure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
