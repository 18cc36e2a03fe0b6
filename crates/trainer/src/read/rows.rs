//! Records from the rows of a CSV file.

use std::ops::ControlFlow;

use openai_api::Message;

use crate::dataset::{Example, Label, Preference};
use crate::error::Problem;
use crate::messages;
use crate::read::batch::Each;
use crate::read::blocks::breaks;
use crate::read::cells::{self, Cells, QuoteFault};
use crate::read::columns::{self, Body, Columns};
use crate::read::place::{Lines, Place};
use crate::read::record::{Pair, Record};
use crate::read::text::Text;

/// What the headings of a file say.
#[derive(Debug)]
pub(crate) struct Table {
    delimiter: u8,
    columns: Columns,
    headings: Vec<String>,
    line: u64,
}

impl Table {
    /// Reads the headings from the first bytes of a file: with a comma, unless only a semicolon
    /// or a tab makes known ones. A fault has its line.
    pub(crate) fn of(head: &[u8]) -> Result<Self, (u64, String)> {
        let read = |delimiter| {
            let whole = cells::last_end(head, delimiter, true);
            let text = String::from_utf8_lossy(head);
            let mut cells = Cells::new(&text, 0, delimiter);
            let start = cells.advance().ok_or_else(|| (0, "there is no heading".to_owned()))?;
            let line = 1 + text[..start].matches('\n').count() as u64;
            let headings: Vec<_> = cells.cells().map(|cell| cell.decode().into_owned()).collect();
            // Behind the headings, whoever reads the records tells of quotes.
            let fault = whole.fault.filter(|_| whole.at <= start);
            Ok((line, headings, fault.map(|fault| quote_message(&fault, head))))
        };
        // If none makes known headings, the one that makes the most is told of.
        let (mut most, mut told) = (0, (0, String::new()));
        for delimiter in DELIMITERS {
            let (line, headings, fault) = read(delimiter)?;
            let found = columns::find(headings.iter().map(String::as_str));
            let message = match (fault, found) {
                (None, Ok(columns)) => return Ok(Self { delimiter, columns, headings, line }),
                (Some(message), _) | (None, Err(message)) => message,
            };
            if headings.len() > most {
                (most, told) = (headings.len(), (line, message));
            }
        }
        Err(told)
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The line of the headings.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the rows of a block, of which the first of a file are the headings.
    pub(crate) fn records(
        &self,
        text: &str,
        is_first: bool,
        label: Label,
        lines: &Lines<'_>,
        each: Each<'_>,
    ) -> ControlFlow<()> {
        let mut row = Cells::new(text, 0, self.delimiter);
        if is_first {
            row.advance();
        }
        while let Some(start) = row.advance() {
            let at = Place::new(lines, start);
            if row.len() == self.headings.len() {
                if row.cells().all(Text::is_blank) {
                    continue;
                }
                self.record(&row, label, at, each)?;
            } else if !row.cells().all(Text::is_blank) {
                let message = wrong_length(self.headings.len(), row.len());
                each(at, Err(Problem::new(at.origin(), message)))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn record(
        &self,
        row: &Cells<'_>,
        label: Label,
        at: Place<'_>,
        each: Each<'_>,
    ) -> ControlFlow<()> {
        let Columns { body, system, label: labels } = &self.columns;
        let mut is_fine = true;
        let mut refuse = |column: usize, message: &str, each: Each<'_>| {
            is_fine = false;
            let name = self.headings[column].trim().to_lowercase();
            each(at, Err(Problem::new(at.origin().with_column(name), message)))
        };
        let filled = |column: usize| Some(row.cell(column)).filter(|cell| !cell.is_blank());

        let needed = match *body {
            Body::Pair { prompt, completion, .. } => [Some(prompt), Some(completion), None],
            Body::Preference { prompt, chosen, rejected } => {
                [Some(prompt), Some(chosen), Some(rejected)]
            }
            Body::Messages(_) => [None; 3],
        };
        for column in needed.into_iter().flatten() {
            if row.cell(column).is_blank() {
                refuse(column, "the cell is empty; fill it or take the row out", each)?;
            }
        }
        let mut own_label = label;
        if let Some((column, cell)) = labels.and_then(|column| Some((column, filled(column)?))) {
            match Label::from_word(&cell.decode()) {
                Some(found) => own_label = found,
                None => refuse(column, Label::EXPECTED, each)?,
            }
        }
        let system = system.and_then(filled);
        let record = match *body {
            Body::Pair { before, prompt, after, completion } => {
                let prompt =
                    [before.and_then(filled), Some(row.cell(prompt)), after.and_then(filled)];
                let completion = row.cell(completion);
                Record::Pair(Pair { system, prompt, completion, label: own_label })
            }
            Body::Preference { prompt, chosen, rejected } => {
                let mut before: Vec<Message> = system
                    .map(|text| Message::system(text.decode().into_owned()))
                    .into_iter()
                    .collect();
                let text = |column| row.cell(column).decode().into_owned();
                before.push(Message::user(text(prompt)));
                let answer = |column| Message::assistant(text(column));
                let pair = Preference::new(before, answer(chosen), answer(rejected));
                Record::Preference(Box::new(pair.with_origin(at.origin())))
            }
            Body::Messages(column) => {
                let read = messages::parse_cell(&row.cell(column).decode()).and_then(|found| {
                    messages::check_conversation(&found).map_or(Ok(()), Err)?;
                    Ok(found)
                });
                match read {
                    Ok(found) => {
                        let before = system.map(|text| Message::system(text.decode().into_owned()));
                        let messages = before.into_iter().chain(found).collect();
                        let example = Example::new(messages).with_label(own_label);
                        Record::Example(example.with_origin(at.origin()))
                    }
                    Err(fault) => return refuse(column, &fault.to_string(), each),
                }
            }
        };
        if is_fine { each(at, Ok(record)) } else { ControlFlow::Continue(()) }
    }
}

/// What is wrong with a quote whose cell begins in the headings.
fn quote_message(fault: &QuoteFault, head: &[u8]) -> String {
    match fault {
        QuoteFault::Unclosed { .. } => cells::UNCLOSED.to_owned(),
        QuoteFault::TextAfter { closes, .. } => cells::text_after(1 + breaks(head, 0, *closes)),
    }
}

fn wrong_length(expected: usize, found: usize) -> String {
    let advice = if found > expected {
        "put a cell that holds a delimiter in quotes"
    } else {
        "add what is missing, or put a cell with a line break in quotes"
    };
    format!("expected {expected} fields, as in the heading, found {found}; {advice}")
}

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

#[cfg(test)]
mod tests;
