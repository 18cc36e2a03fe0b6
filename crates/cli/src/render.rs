//! What goes to standard output: tables and text for people, JSON for programs.

pub(crate) mod time;

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Standard output, in one of its two languages, and standard error beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// For programs if `json`, else for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes text as it is, at once.
    pub(crate) fn text(self, text: impl Display) -> anyhow::Result<()> {
        write(format_args!("{text}"))
    }

    /// Writes text and a line break.
    pub(crate) fn line(self, text: impl Display) -> anyhow::Result<()> {
        write(format_args!("{text}\n"))
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(serde_json::to_string(value)?)
    }

    /// Writes what is for people, or its JSON.
    pub(crate) fn either<T: Serialize>(
        self,
        json: impl FnOnce() -> T,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if self.json { self.json(&json()) } else { self.line(text()) }
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn note(self, text: impl Display) {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn write(text: fmt::Arguments<'_>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_fmt(text).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        _ => anyhow::Error::new(error).context("could not write to standard output"),
    })
}

/// Whoever read standard output has seen enough.
#[derive(Debug)]
pub(crate) struct Closed;

impl Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for Closed {}

/// A table of text without lines, as `head` and `awk` like it; numbers go to the right.
pub(crate) struct Columns {
    table: Table,
}

impl Columns {
    /// A table with these headings; one that begins with `#` is of numbers.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(headings.iter().map(|heading| heading.trim_start_matches('#')));
        for (column, heading) in table.column_iter_mut().zip(headings) {
            column.set_padding((0, 2));
            if heading.starts_with('#') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table }
    }

    /// Adds a row; a line break becomes a space, and what is long is cut.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells.map(|cell| cut(&cell, WIDEST)));
    }
}

impl Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.table.lines().collect();
        let trimmed: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
        f.write_str(&trimmed.join("\n"))
    }
}

/// Two columns with lines around them: what, and what of it.
pub(crate) fn summary(rows: &[(String, String)], width: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_width(width);
    for (what, of_it) in rows {
        table.add_row([what, of_it]);
    }
    table.to_string()
}

/// Names and values below each other, the values in one line of sight.
pub(crate) fn fields(rows: &[(&str, Option<String>)]) -> String {
    let known = || rows.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let width = known().map(|(name, _)| name.len()).max().unwrap_or_default();
    known().map(|(name, value)| format!("{name:width$}  {value}")).collect::<Vec<_>>().join("\n")
}

/// One line of at most `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most.saturating_sub(1))
        && line[end..].chars().nth(1).is_some()
    {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// `1 row`, `2 rows`.
pub(crate) fn count(n: usize, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {one}{plural}")
}

/// The text, or a dash where there is none.
pub(crate) fn or_dash(text: Option<impl Display>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

const WIDEST: usize = 72;

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_table_has_headings_numbers_to_the_right_and_no_space_at_the_end() {
        let mut table = Columns::new(&["ID", "#TOKENS", "OWNER"]);
        table.row(["attune-tiny".into(), "512".into(), "attune".into()]);
        table.row(["gpt".into(), "128000".into(), "-".into()]);
        expect![[r#"
            ID           TOKENS  OWNER
            attune-tiny     512  attune
            gpt          128000  -"#]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn a_table_without_rows_shows_its_headings() {
        expect!["ID  OWNER"].assert_eq(&Columns::new(&["ID", "OWNER"]).to_string());
    }

    #[test]
    fn fields_leave_out_what_is_not_known() {
        let shown =
            fields(&[("id", Some("a".into())), ("model", None), ("state", Some("b".into()))]);
        expect![[r#"
            id     a
            state  b"#]]
        .assert_eq(&shown);
    }

    #[test]
    fn a_summary_wraps_what_is_wide() {
        let rows = [("answer".to_owned(), "It is 1642 metres deep at most.".to_owned())];
        expect![[r#"
            ┌────────┬───────────────┐
            │ answer ┆ It is 1642    │
            │        ┆ metres deep   │
            │        ┆ at most.      │
            └────────┴───────────────┘"#]]
        .assert_eq(&summary(&rows, 26));
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("a\nb  c", 10), "a b c");
        assert_eq!(cut("глубина", 7), "глубина");
        assert_eq!(cut("глубина озера", 7), "глубин…");
        assert_eq!(cut("", 7), "");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(0, "row"), "0 rows");
    }
}
