//! What a run prints at its end: the failures, a table per axis, one last line.

use std::{fmt, time::Duration};

use crate::{table::table, test::libtest::Tally};

/// One line of a table: a crate or a cell.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    name: String,
    tally: Tally,
    took: Duration,
    /// Why nothing of it could run.
    not_run: Option<String>,
}

impl Row {
    /// Something that ran. If all its tests were ignored it counts as not run.
    pub(crate) fn new(name: &str, tally: Tally, took: Duration) -> Self {
        let ran = tally.passed + tally.failed > 0;
        let not_run = (!ran && !tally.ignored.is_empty()).then(|| reasons(&tally.ignored));
        Self { name: name.to_owned(), tally, took, not_run }
    }

    /// Something that could not run on this machine.
    pub(crate) fn not_run(name: &str, reason: String) -> Self {
        let tally = Tally::default();
        Self { name: name.to_owned(), tally, took: Duration::ZERO, not_run: Some(reason) }
    }

    /// Something that is wrong outside of any test; it counts as one failure.
    pub(crate) fn broken(name: &str, complaint: String) -> Self {
        let tally = Tally { failed: 1, complaints: complaint + "\n", ..Tally::default() };
        Self { name: name.to_owned(), tally, took: Duration::ZERO, not_run: None }
    }

    fn note(&self) -> String {
        match &self.not_run {
            Some(reason) => format!("not run: {reason}"),
            None if self.tally.ignored.is_empty() => String::new(),
            None => format!("not run: {}", reasons(&self.tally.ignored)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, tally, took, .. } = self;
        let (passed, failed, seconds) = (tally.passed, tally.failed, took.as_secs_f64());
        write!(f, "{name}: {passed} passed, {failed} failed, {seconds:.1} s")?;
        match self.note() {
            note if note.is_empty() => Ok(()),
            note => write!(f, ", {note}"),
        }
    }
}

/// Everything that ran, in the order it ran.
#[derive(Debug)]
pub(crate) struct Report {
    sections: Vec<(String, Vec<Row>)>,
    /// Whether what could not run is a failure.
    strict: bool,
}

impl Report {
    /// An empty report; with `strict`, a row that could not run is a failure.
    pub(crate) fn new(strict: bool) -> Self {
        Self { sections: Vec::new(), strict }
    }

    /// Adds a row to the table called `section`.
    pub(crate) fn add(&mut self, section: &str, row: Row) {
        match self.sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, rows)) => rows.push(row),
            None => self.sections.push((section.to_owned(), vec![row])),
        }
    }

    /// Whether nothing failed, and something passed.
    pub(crate) fn ok(&self) -> bool {
        let (passed, failed) = self.totals();
        failed == 0 && passed > 0
    }

    /// Prints it; the last line is `N passed, N failed`.
    pub(crate) fn print(&self) {
        print!("{self}");
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|(_, rows)| rows)
    }

    fn totals(&self) -> (usize, usize) {
        let passed = self.rows().map(|row| row.tally.passed).sum();
        let failed: usize = self.rows().map(|row| row.tally.failed).sum();
        let not_run = self.rows().filter(|row| row.not_run.is_some()).count();
        (passed, if self.strict { failed + not_run } else { failed })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (section, rows) in &self.sections {
            for row in rows.iter().filter(|row| !row.tally.complaints.is_empty()) {
                write!(f, "\n== failed: {section}, {}\n{}", row.name, row.tally.complaints)?;
            }
        }
        for (section, rows) in &self.sections {
            let rows: Vec<_> = rows.iter().map(columns).collect();
            let head = [section.as_str(), "passed", "failed", "not run", "seconds", ""];
            write!(f, "\n{}", table(head, &rows))?;
        }
        let (passed, failed) = self.totals();
        let not_run = self.rows().filter(|row| row.not_run.is_some()).count();
        if self.strict && not_run > 0 {
            write!(f, "\n{not_run} not run, each a failure because CI is set\n")?;
        }
        if passed + failed == 0 {
            write!(f, "\nnothing ran, which is not a pass\n")?;
        }
        writeln!(f, "\n{passed} passed, {failed} failed")
    }
}

fn columns(row: &Row) -> [String; 6] {
    let Row { name, tally, took, not_run } = row;
    let not_run = match tally.ignored.len() {
        0 if not_run.is_some() => "all".to_owned(),
        count => count.to_string(),
    };
    [
        name.clone(),
        tally.passed.to_string(),
        tally.failed.to_string(),
        not_run,
        format!("{:.1}", took.as_secs_f64()),
        row.note(),
    ]
}

/// The different reasons, each once.
fn reasons(ignored: &[String]) -> String {
    let mut reasons: Vec<_> = ignored.iter().map(String::as_str).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::{Report, Row};
    use crate::test::libtest::Tally;

    #[test]
    fn the_report_ends_with_the_sum_alone_on_its_line() {
        expect![[r#"

            == failed: stores, json
            half a file was read

            stores  passed  failed  not run  seconds
            memory      12       0        0      1.5
            json        10       1        2      1.5  not run: no lock here

            product  passed  failed  not run  seconds
            python        0       0      all      0.0  not run: python3 is not installed

            22 passed, 1 failed
        "#]]
        .assert_eq(&report(false).to_string());
    }

    #[test]
    fn on_ci_what_could_not_run_has_failed() {
        let shown = report(true).to_string();
        assert!(shown.ends_with("\n22 passed, 2 failed\n"), "{shown}");
        assert!(!report(true).ok());
    }

    #[test]
    fn a_run_of_nothing_is_not_a_pass() {
        let report = Report::new(false);
        assert!(!report.ok());
        expect![[r#"

            nothing ran, which is not a pass

            0 passed, 0 failed
        "#]]
        .assert_eq(&report.to_string());
    }

    fn report(strict: bool) -> Report {
        let took = Duration::from_millis(1500);
        let mut report = Report::new(strict);
        report.add("stores", Row::new("memory", Tally { passed: 12, ..Tally::default() }, took));
        let json = Tally {
            passed: 10,
            failed: 1,
            ignored: vec!["no lock here".to_owned(); 2],
            complaints: "half a file was read\n".to_owned(),
        };
        report.add("stores", Row::new("json", json, took));
        report.add("product", Row::not_run("python", "python3 is not installed".to_owned()));
        report
    }
}
