//! CSV to chat JSON Lines, beside what others do it with.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xshell::Shell;

use crate::{
    bench::{
        Section,
        comparison::{Comparison, HEAD, LIMIT_HEAD, Limit, Target},
        program, progress,
        statistics::Spread,
    },
    flags, metadata,
    metadata::Workspace,
    python::Environment,
    table::table,
};

const PEERS: Environment = Environment::new("data_bench");

/// Converts one file with each program in alternating rounds, and then files of other sizes.
pub(crate) fn measure(
    sh: &Shell,
    workspace: &Workspace,
    flags: &flags::Data,
    mut tell: impl FnMut(Section),
) -> Result<()> {
    let installed = PEERS.install(sh, workspace)?;
    let rig = Rig {
        ours: program::build(workspace, "data")?,
        python: installed.python(),
        script: metadata::root().join("benches/data/peers/convert.py"),
        folder: Folder::new(workspace.target_dir.join("bench-data-files"))?,
    };
    let rounds = flags.rounds.unwrap_or(5).max(1);
    rig.generate(MEGABYTES)?;

    let mut all: Vec<(Who, Vec<Value>)> = Who::ALL.iter().map(|who| (*who, Vec::new())).collect();
    for round in 0..rounds {
        for (who, reports) in &mut all {
            progress(&format!("{}: round {} of {rounds}", who.told(), round + 1));
            reports.push(rig.run(*who, MEGABYTES)?);
        }
        if round == 0 {
            rig.compare()?;
        }
        // There and back again, so that a drift of the machine's favours nobody.
        all.reverse();
    }
    let of = |who: Who| {
        let found = all.iter().find(|(one, _)| *one == who).map(|(_, reports)| &reports[..]);
        found.context("a program was not run")
    };
    tell(speeds(of, rounds)?);
    tell(limits(of)?);
    tell(sizes(&rig, rounds, flags.large)?);
    Ok(())
}

/// How many MB a second of CPU time converts, beside each peer.
fn speeds<'a>(of: impl Fn(Who) -> Result<&'a [Value]>, rounds: usize) -> Result<Section> {
    let speed =
        |reports: &[Value]| values(reports, |it| Some(MEGABYTES as f64 / number(it, "cpu")?));
    let ours = speed(of(Who::Ours)?)?;
    let mut rows = Vec::new();
    for who in [Who::Python, Who::Polars, Who::DataFusion, Who::CsvAndSerdeJson, Who::Copy] {
        rows.push(Comparison {
            what: "CSV to JSON Lines".to_owned(),
            peer: who.told().to_owned(),
            unit: "MB/CPU s",
            ..Comparison::of(&ours, &speed(of(who)?)?)
        });
    }
    let cells: Vec<_> = rows.iter().map(Comparison::row).collect();
    Ok(Section {
        name: "speed",
        title: format!(
            "{MEGABYTES} MB of CSV as chat JSON Lines, one thread, medians of {rounds} alternating \
             rounds; the bytes are those of Python's csv and json"
        ),
        table: table(HEAD, &cells),
        json: rows.iter().map(Comparison::json).collect(),
        // What must be kept to is told apart.
        is_met: true,
    })
}

/// What is promised of ours alone.
fn limits<'a>(of: impl Fn(Who) -> Result<&'a [Value]>) -> Result<Section> {
    let peak = |who: Who| values(of(who)?, |it| number(it, "peak_kib").map(|kib| kib / 1024.0));
    let speed = values(of(Who::Ours)?, |it| Some(MEGABYTES as f64 / number(it, "cpu")?))?;
    let one = values(of(Who::Ours)?, |it| number(it, "wall"))?;
    let two = values(of(Who::OnTwoThreads)?, |it| number(it, "wall"))?;
    let walls = two.iter().zip(&one).map(|(two, one)| two / one).collect();
    let rows = [
        limit("speed", "MB/CPU s", speed, Target::AtLeast(600.0)),
        limit("peak of memory", "MiB", peak(Who::Ours)?, Target::AtMost(16.0)),
        limit("… on two threads", "MiB", peak(Who::OnTwoThreads)?, Target::AtMost(16.0)),
        limit("… without duplicates", "MiB", peak(Who::OursDeduplicated)?, Target::AtMost(64.0)),
        limit("wall time, two threads to one", "x", walls, Target::AtMost(1.0)),
    ];
    Ok(section("limits", "what is promised".to_owned(), &rows))
}

/// What a MB costs in files of other sizes, beside what it costs in the one of 500 MB.
fn sizes(rig: &Rig, rounds: usize, is_large: bool) -> Result<Section> {
    let mut rows = Vec::new();
    for megabytes in SIZES.into_iter().filter(|size| is_large || *size < 1000) {
        rig.generate(megabytes)?;
        let mut ratios = Vec::new();
        for round in 0..rounds {
            progress(&format!("{megabytes} MB: round {} of {rounds}", round + 1));
            let cost = |megabytes: usize| {
                // A small file is converted as often as makes a time that can be measured.
                let times = (100 / megabytes).max(1);
                let reports: Result<Vec<Value>> =
                    (0..times).map(|_| rig.run(Who::Ours, megabytes)).collect();
                let cpu = values(&reports?, |it| number(it, "cpu"))?;
                anyhow::Ok(cpu.iter().sum::<f64>() / (times * megabytes) as f64)
            };
            ratios.push(cost(megabytes)? / cost(MEGABYTES)?);
        }
        std::fs::remove_file(rig.csv(megabytes))?;
        rows.push(limit(
            &format!("cost of a MB, {megabytes} MB to {MEGABYTES} MB"),
            "x",
            ratios,
            Target::AtMost(1.25),
        ));
    }
    Ok(section("sizes", "the same for any size".to_owned(), &rows))
}

fn section(name: &'static str, title: String, rows: &[Limit]) -> Section {
    let cells: Vec<_> = rows.iter().map(Limit::row).collect();
    Section {
        name,
        title,
        table: table(LIMIT_HEAD, &cells),
        json: rows.iter().map(Limit::json).collect(),
        is_met: rows.iter().all(Limit::is_met),
    }
}

fn limit(what: &str, unit: &'static str, values: Vec<f64>, target: Target) -> Limit {
    Limit { what: what.to_owned(), unit, ours: Spread::of(values), target }
}

/// Who converts, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    OnTwoThreads,
    OursDeduplicated,
    CsvAndSerdeJson,
    Copy,
    Python,
    Polars,
    DataFusion,
}

impl Who {
    const ALL: [Self; 8] = [
        Self::Ours,
        Self::OnTwoThreads,
        Self::OursDeduplicated,
        Self::CsvAndSerdeJson,
        Self::Copy,
        Self::Python,
        Self::Polars,
        Self::DataFusion,
    ];

    fn told(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OnTwoThreads => "ours, two threads",
            Self::OursDeduplicated => "ours, without duplicates",
            Self::CsvAndSerdeJson => "csv + serde_json",
            Self::Copy => "a plain copy",
            Self::Python => "Python, csv + json",
            Self::Polars => "polars, streaming",
            Self::DataFusion => "DataFusion",
        }
    }
}

/// The programs, and a folder for what they read and write.
#[derive(Debug)]
struct Rig {
    ours: PathBuf,
    python: PathBuf,
    script: PathBuf,
    folder: Folder,
}

impl Rig {
    fn csv(&self, megabytes: usize) -> PathBuf {
        self.folder.0.join(format!("{megabytes}.csv"))
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.0.join(format!("{name}.jsonl"))
    }

    fn generate(&self, megabytes: usize) -> Result<()> {
        progress(&format!("generating {megabytes} MB"));
        let mut command = Command::new(&self.ours);
        command.arg("generate").arg(self.csv(megabytes)).arg(megabytes.to_string());
        program::report(command, "generate").map(|_| ())
    }

    /// Converts the file of so many MB; what comes of it stays for [`Self::compare`] or the next.
    fn run(&self, who: Who, megabytes: usize) -> Result<Value> {
        let csv = self.csv(megabytes);
        let ours = |name: &str, out: &Path, threads: Option<&str>| {
            let mut command = Command::new(&self.ours);
            command.arg(name).args([csv.as_os_str(), out.as_os_str()]).args(threads);
            command
        };
        let python = |name: &str, out: &Path| {
            let mut command = Command::new(&self.python);
            let files = [csv.as_os_str(), out.as_os_str()];
            command.args([OsStr::new("-B"), self.script.as_os_str(), OsStr::new(name)]).args(files);
            command
        };
        let other = self.out("other");
        let command = match who {
            Who::Ours => ours("ours", &self.out("ours"), Some("1")),
            Who::OnTwoThreads => ours("ours", &self.out("threads"), Some("2")),
            Who::OursDeduplicated => ours("ours-deduplicated", &other, Some("1")),
            Who::CsvAndSerdeJson => ours("csv-serde-json", &self.out("serde"), None),
            Who::Copy => ours("copy", &other, None),
            Who::Python => python("csv", &self.out("python")),
            Who::Polars => python("polars", &other),
            Who::DataFusion => {
                // It makes a folder of a name without an extension.
                let folder = self.folder.0.join("datafusion");
                if folder.exists() {
                    std::fs::remove_dir_all(&folder)?;
                }
                python("datafusion", &folder)
            }
        };
        program::report(command, who.told())
    }

    /// Whether ours, on one thread and on two, wrote the bytes that Python did.
    fn compare(&self) -> Result<()> {
        for name in ["threads", "serde", "python"] {
            let same = are_equal(&self.out("ours"), &self.out(name))?;
            ensure!(same, "what ours wrote is not what {name} wrote");
            std::fs::remove_file(self.out(name))?;
        }
        Ok(())
    }
}

/// A folder that goes when nobody needs it any more: what lies in it takes some GB.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(path: PathBuf) -> Result<Self> {
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next run takes away what is left.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn are_equal(one: &Path, other: &Path) -> Result<bool> {
    let mut files = [BufReader::new(File::open(one)?), BufReader::new(File::open(other)?)];
    let mut buffers = [vec![0; 1 << 16], vec![0; 1 << 16]];
    loop {
        let mut sizes = [0; 2];
        for ((file, buffer), size) in files.iter_mut().zip(&mut buffers).zip(&mut sizes) {
            while *size < buffer.len() {
                match file.read(&mut buffer[*size..])? {
                    0 => break,
                    n => *size += n,
                }
            }
        }
        if sizes[0] != sizes[1] || buffers[0][..sizes[0]] != buffers[1][..sizes[1]] {
            return Ok(false);
        }
        if sizes[0] == 0 {
            return Ok(true);
        }
    }
}

fn values(reports: &[Value], of: impl Fn(&Value) -> Option<f64>) -> Result<Vec<f64>> {
    reports.iter().map(|it| of(it).context("a program does not say what it cost")).collect()
}

fn number(report: &Value, name: &str) -> Option<f64> {
    report[name].as_f64()
}

const MEGABYTES: usize = 500;
const SIZES: [usize; 3] = [5, 50, 5000];
