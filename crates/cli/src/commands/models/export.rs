//! `attune models export`: a whole model, for other programs to serve.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use local_engine::{Export, ExportFormat, Exporting, ModelInfo, WeightType};
use openai_api::ModelId;

use super::{for_programs, on_engine, shown, size};
use crate::Outcome;
use crate::args::{Format, Numbers};
use crate::context::Context;
use crate::interrupt::ctrl_c;
use crate::render::Output;

pub(super) async fn run(
    context: &Context,
    id: ModelId,
    to: PathBuf,
    format: Option<Format>,
    numbers: Option<Numbers>,
) -> Result<Outcome> {
    let Some(info) = export(context, id, settings(to, format, numbers)).await? else {
        return Ok(Outcome::Interrupted);
    };
    context.output.either(|| for_programs(&info), || format!("exported\n{}", shown(&info)))?;
    Ok(Outcome::Done)
}

/// What the options ask for.
pub(crate) fn settings(to: PathBuf, format: Option<Format>, numbers: Option<Numbers>) -> Export {
    let export = Export::new(to);
    let export = match format {
        None => export,
        Some(Format::Folder) => export.with_format(ExportFormat::Folder),
        Some(Format::Gguf) => export.with_format(ExportFormat::Gguf),
    };
    let weights = numbers.map(|numbers| match numbers {
        Numbers::F32 => WeightType::F32,
        Numbers::F16 => WeightType::F16,
        Numbers::Bf16 => WeightType::Bf16,
        Numbers::Q8_0 => WeightType::Q8_0,
        Numbers::Q4_0 => WeightType::Q4_0,
    });
    match weights {
        Some(weights) => export.with_weights(weights),
        None => export,
    }
}

/// Exports a model, and says how far it is; `None` if somebody pressed Ctrl-C, and then nothing is
/// left of it.
pub(crate) async fn export(
    context: &Context,
    id: ModelId,
    export: Export,
) -> Result<Option<ModelInfo>> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let mut progress = Progress { output: context.output, began: Instant::now(), shown: None };
    let work = on_engine(context, move |engine| {
        engine.export_model(&id, &export, &mut |now| {
            progress.show(now);
            match asked.load(Ordering::Relaxed) {
                true => std::ops::ControlFlow::Break(()),
                false => std::ops::ControlFlow::Continue(()),
            }
        })
    });
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done.map(Some),
        pressed = ctrl_c() => {
            pressed?;
            stop.store(true, Ordering::Relaxed);
            // It may have been done all the same, or have come to grief.
            match work.await {
                Ok(info) => Ok(Some(info)),
                Err(error) => match error.downcast_ref::<local_engine::Error>() {
                    Some(local_engine::Error::Stopped) => Ok(None),
                    _ => Err(error),
                },
            }
        }
    }
}

/// Shows how far an export is, on standard error, once it has taken a second: a bar on a terminal,
/// else a line now and then.
struct Progress {
    output: Output,
    began: Instant,
    shown: Option<Shown>,
}

enum Shown {
    Bar(ProgressBar),
    Line(Instant),
}

impl Progress {
    fn show(&mut self, now: Exporting) {
        if self.began.elapsed() < SHORT {
            return;
        }
        let shown = self.shown.get_or_insert_with(|| {
            let bar = ProgressBar::new(now.total);
            let style = ProgressStyle::with_template(
                "writing  {wide_bar}  {decimal_bytes}/{decimal_total_bytes}  {eta}",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            if bar.is_hidden() { Shown::Line(self.began) } else { Shown::Bar(bar) }
        });
        match shown {
            Shown::Bar(bar) => {
                bar.set_position(now.done);
                if now.done == now.total {
                    bar.finish_and_clear();
                }
            }
            Shown::Line(last) if last.elapsed() >= BETWEEN_LINES => {
                let (done, total) = (size(now.done), size(now.total));
                self.output.note(format_args!("writing {done} of {total}"));
                *last = Instant::now();
            }
            Shown::Line(_) => {}
        }
    }
}

/// What takes no longer needs no bar.
const SHORT: Duration = Duration::from_secs(1);
const BETWEEN_LINES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_name_says_the_format_unless_an_option_does() {
        for (to, format, expected) in [
            ("a.gguf", None, ExportFormat::Gguf),
            ("a", None, ExportFormat::Folder),
            ("a.gguf", Some(Format::Folder), ExportFormat::Folder),
            ("a", Some(Format::Gguf), ExportFormat::Gguf),
        ] {
            assert_eq!(settings(to.into(), format, None).format, expected, "{to}");
        }
        let export = settings("a.gguf".into(), None, Some(Numbers::Q8_0));
        assert_eq!(export.weights, Some(WeightType::Q8_0));
    }
}
