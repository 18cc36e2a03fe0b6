//! `attune data convert`: the same data in the format of another program.

use std::io::{BufWriter, ErrorKind, IsTerminal};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use trainer::scan::personal::Redactor;
use trainer::{Conversion, Converted, Error, Format, Kind, Label, Reader};

use crate::Outcome;
use crate::args::{Convert, SetKind};
use crate::commands::models::size;
use crate::render::{Closed, Output, count, fields};

pub(crate) fn run(output: Output, args: &Convert, label: Label) -> Result<Outcome> {
    let kind = match args.kind {
        SetKind::Sft => Kind::Supervised,
        SetKind::Dpo => Kind::Preference,
        SetKind::Kto => Kind::Unpaired,
    };
    let reader = Reader::open(&args.paths)?.with_label(label);
    let one_each = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let bar = bar(reader.size());
    let conversion = Conversion::of_kind(reader, args.to, kind)?
        .with_threads(args.threads.unwrap_or_else(one_each))
        .with_progress(|bytes| bar.set_position(bytes));
    let conversion = if args.dedupe { conversion.without_duplicates() } else { conversion };
    let conversion = if args.redact {
        conversion.redacted(Redactor::default().with_numbers())
    } else {
        conversion
    };
    let converted = match &args.output {
        Some(path) => conversion.to_file(path),
        None => conversion.write_to(BufWriter::new(std::io::stdout().lock())),
    };
    bar.finish_and_clear();
    let converted = converted.map_err(|error| match error {
        // Whoever read standard output has seen enough.
        Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe => Closed.into(),
        other => anyhow::Error::new(other),
    })?;
    let Some(path) = &args.output else {
        // Standard output holds the lines.
        let also = [
            (converted.duplicates, "duplicates left out"),
            (converted.redacted, "records redacted"),
            (converted.unpaired, "answers to avoid, unpaired"),
        ];
        let also = also.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}"));
        let lines = count(converted.written as usize, "line");
        output.note(format_args!("attune: {lines} written{}", also.collect::<String>()));
        return Ok(Outcome::Done);
    };
    let info = register(args.to, kind, path, converted)?;
    output.either(
        || {
            json!({
                "output": path.display().to_string(),
                "read": converted.read,
                "written": converted.written,
                "duplicates": converted.duplicates,
                "redacted": converted.redacted,
                "unpaired": converted.unpaired,
                "bytes": converted.bytes_written,
                "entry": args.to.entry(kind, &name_of(path), converted.has_tools),
            })
        },
        || {
            let mut rows = vec![
                ("written to", Some(path.display().to_string())),
                ("records read", Some(converted.read.to_string())),
                ("lines written", Some(converted.written.to_string())),
                ("size", Some(size(converted.bytes_written))),
            ];
            if converted.duplicates > 0 {
                rows.push(("duplicates left out", Some(converted.duplicates.to_string())));
            }
            if args.redact {
                rows.push(("records redacted", Some(converted.redacted.to_string())));
            }
            if converted.unpaired > 0 {
                rows.push(("to avoid, unpaired", Some(converted.unpaired.to_string())));
            }
            rows.push(("entry", info));
            fields(&rows)
        },
    )?;
    Ok(Outcome::Done)
}

/// Tells the program where its data is: LLaMA-Factory in its `dataset_info.json`; of axolotl's
/// configuration, which is the user's, the entry is shown.
fn register(
    format: Format,
    kind: Kind,
    path: &Path,
    converted: Converted,
) -> Result<Option<String>> {
    let Some(entry) = format.entry(kind, &name_of(path), converted.has_tools) else {
        return Ok(None);
    };
    if format != Format::LlamaFactory {
        return Ok(Some(format!("- {entry}")));
    }
    let info = path.with_file_name("dataset_info.json");
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    trainer::add_to_dataset_info(&info, &name, entry)
        .with_context(|| format!("{} is written, but not registered", path.display()))?;
    Ok(Some(format!("{name} in {}", info.display())))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How much is read, for whoever sits and waits.
fn bar(bytes: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    ProgressBar::new(bytes.unwrap_or_default()).with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
