//! Trains `attune-tiny` anew from its corpus and writes its files.
//!
//! ```text
//! cargo run --release -p local-engine --features train --example base_model -- \
//!     [--out DIR] [--epochs N] [--seed N]
//! ```

#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use local_engine::BaseModel;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("attune-tiny");
    let mut recipe = BaseModel::new(home.join("corpus"));
    let mut out: PathBuf = home;
    let mut args = std::env::args().skip(1);
    while let Some(option) = args.next() {
        let value = args.next().ok_or_else(|| format!("{option} wants a value"))?;
        match option.as_str() {
            "--out" => out = value.into(),
            "--epochs" => recipe = recipe.with_epochs(value.parse()?),
            "--seed" => recipe = recipe.with_seed(value.parse()?),
            _ => {
                return Err(
                    format!("unknown option {option}; there are --out, --epochs, --seed").into()
                );
            }
        }
    }
    let begun = Instant::now();
    let mut epoch_loss = (0.0, 0);
    let report = recipe.train_into(&out, |now| match (now.valid_loss, now.train_loss) {
        (Some(valid), _) => {
            println!(
                "epoch {:>3}/{}  step {:>5}/{}  loss {:.4}  held out {valid:.4}  {:>6.0} tokens/s  {:>4.0} s",
                now.epoch.unwrap_or(0),
                now.epochs.unwrap_or(0),
                now.step,
                now.total_steps,
                epoch_loss.0 / f64::from(epoch_loss.1.max(1)),
                now.tokens_per_second.unwrap_or(0.0),
                begun.elapsed().as_secs_f64(),
            );
            epoch_loss = (0.0, 0);
        }
        (None, Some(loss)) => epoch_loss = (epoch_loss.0 + loss, epoch_loss.1 + 1),
        (None, None) => {}
    })?;
    println!(
        "{} parameters, {} tokens in the vocabulary, {} examples, {} held out",
        report.parameters, report.vocabulary, report.examples, report.held_out
    );
    println!(
        "loss {:.4}, held out {:.4}; {} tokens in {:.0} s; written to {}",
        report.train_loss,
        report.valid_loss,
        report.tokens,
        begun.elapsed().as_secs_f64(),
        out.display()
    );
    Ok(())
}
