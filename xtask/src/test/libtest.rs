//! Runs test binaries and reads what libtest prints.

use std::{
    fmt,
    ops::{Add, AddAssign},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::test::process::{self, End};

/// What a run of tests came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Why tests did not run, one entry per test.
    pub(crate) ignored: Vec<String>,
    /// All that a failing run said about its failures.
    pub(crate) complaints: String,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored.extend(other.ignored);
        self.complaints.push_str(&other.complaints);
    }
}

/// A line that says how one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TestLine<'a> {
    pub(crate) name: &'a str,
    verdict: Verdict<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict<'a> {
    Ok,
    Failed,
    Ignored(&'a str),
}

/// Runs a test binary, calling `on_test` as each test ends.
pub(crate) fn run(command: Command, mut on_test: impl FnMut(TestLine<'_>)) -> Result<Tally> {
    let mut reader = Reader::default();
    let program = command.get_program().to_string_lossy().into_owned();
    let end = process::run(command, |line| {
        reader.read(line);
        if let Some(test) = TestLine::parse(line) {
            on_test(test);
        }
    });
    Ok(reader.finish(&end.with_context(|| format!("{program} does not start"))?))
}

/// Runs `cargo test --doc`, calling `on_crate` with the name, the tally and the
/// time of each crate; returns what went wrong outside of any test.
pub(crate) fn run_by_crate(
    command: Command,
    mut on_crate: impl FnMut(&str, Tally, Duration),
) -> Result<Option<String>> {
    let mut current: Option<(String, Instant)> = None;
    let mut reader = Reader::default();
    let mut failed = false;
    let end = process::run(command, |line| {
        if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
            let previous = std::mem::take(&mut reader);
            if let Some((name, start)) = current.replace((name.to_owned(), Instant::now())) {
                let tally = previous.close();
                failed |= tally.failed > 0;
                on_crate(&name, tally, start.elapsed());
            }
        } else {
            reader.read(line);
            if current.is_none() {
                eprintln!("{line}");
            }
        }
    })
    .context("cargo does not start")?;
    if let Some((name, start)) = current {
        let tally = reader.close();
        failed |= tally.failed > 0;
        on_crate(&name, tally, start.elapsed());
    }
    Ok(if failed { None } else { end.problem() })
}

/// The full names of a test binary's tests.
pub(crate) fn list(mut command: Command) -> Result<Vec<String>> {
    let output = command.args(["--list", "--format", "terse"]).output();
    let output = output.context("the test binary does not start")?;
    if !output.status.success() {
        bail!("the test binary does not list its tests");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

impl<'a> TestLine<'a> {
    /// Reads `test some::name ... ok`.
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
        // A test that writes past libtest's capture may leave its text between.
        let verdict = if rest == "ok" || rest.ends_with(" ok") {
            Verdict::Ok
        } else if rest.ends_with("FAILED") {
            Verdict::Failed
        } else {
            let reason = rest.strip_prefix("ignored")?;
            Verdict::Ignored(reason.strip_prefix(", ").unwrap_or("no reason given"))
        };
        Some(Self { name, verdict })
    }

    /// Whether the test failed.
    pub(crate) fn is_failure(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}

impl fmt::Display for TestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Ok => write!(f, "test {} ... ok", self.name),
            Verdict::Failed => write!(f, "test {} ... FAILED", self.name),
            Verdict::Ignored(reason) => write!(f, "test {} ... ignored, {reason}", self.name),
        }
    }
}

/// Adds up libtest's output; one process may print several reports.
#[derive(Debug, Default)]
struct Reader {
    /// Tests that the `running N tests` lines announced.
    announced: usize,
    /// What the closing `test result:` lines say, which is what counts.
    summed: Summary,
    /// What the lines say since the last closing line.
    open: Summary,
    reasons: Vec<String>,
    output: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Summary {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Reader {
    fn read(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
        if let Some(count) = announcement(line) {
            self.announced += count;
        } else if let Some(summary) = Summary::parse(line) {
            self.summed = self.summed + summary;
            self.open = Summary::default();
        } else if let Some(test) = TestLine::parse(line) {
            match test.verdict {
                Verdict::Ok => self.open.passed += 1,
                Verdict::Failed => self.open.failed += 1,
                Verdict::Ignored(reason) => {
                    self.open.ignored += 1;
                    self.reasons.push(reason.to_owned());
                }
            }
        }
    }

    /// The tally of a process that ended so: at least one failure if it did not
    /// end well.
    fn finish(self, end: &End) -> Tally {
        let lost = self.lost();
        let mut tally = self.close();
        if let Some(problem) = end.problem()
            && (tally.failed == 0 || lost > 0)
        {
            tally.failed = tally.failed.max(1);
            tally.complaints.push_str(&problem);
            tally.complaints.push('\n');
        }
        tally
    }

    /// How many tests were announced and never reported.
    fn lost(&self) -> usize {
        let Summary { passed, failed, ignored } = self.summed + self.open;
        self.announced.saturating_sub(passed + failed + ignored)
    }

    /// The tally; a test that was announced and never reported has failed.
    fn close(mut self) -> Tally {
        let lost = self.lost();
        let Summary { passed, failed, ignored } = self.summed + self.open;
        self.reasons.resize(ignored, "no reason given".to_owned());
        let failed = failed + lost;
        let mut complaints = String::new();
        if failed > 0 {
            // Libtest puts what failing tests printed under this heading.
            let details = self.output.find("\nfailures:\n").filter(|_| lost == 0).unwrap_or(0);
            complaints.push_str(self.output[details..].trim());
            complaints.push('\n');
        }
        if lost > 0 {
            complaints.push_str(&format!("{lost} announced and never reported\n"));
        }
        Tally { passed, failed, ignored: self.reasons, complaints }
    }
}

impl Summary {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what| {
            let count = counts.split("; ").find_map(|count| count.strip_suffix(what))?;
            count.trim().parse::<usize>().ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            ignored: count("ignored")?,
        })
    }
}

impl Add for Summary {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

impl End {
    /// What is wrong with ending so.
    fn problem(&self) -> Option<String> {
        match self {
            Self::Exit(status) if status.success() => None,
            Self::Exit(status) => Some(format!("the process ended with {status}")),
            Self::Stuck(silence) => {
                Some(format!("stopped after {} minutes of silence", silence.as_secs() / 60))
            }
        }
    }
}

/// Reads `running 12 tests`.
fn announcement(line: &str) -> Option<usize> {
    let (count, what) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(what, "test" | "tests").then(|| count.parse().ok())?
}

#[cfg(test)]
mod tests;
