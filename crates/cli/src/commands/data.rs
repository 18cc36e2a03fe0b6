//! `attune data`: training data, before anything is trained on it.

mod check;
mod convert;

use anyhow::Result;
use trainer::Label;

use crate::Outcome;
use crate::args::Data;
use crate::context::Context;

pub(crate) fn run(context: &Context, command: &Data) -> Result<Outcome> {
    let label = |negative| if negative { Label::Negative } else { Label::Positive };
    match command {
        Data::Check { paths, negative, similarity } => {
            // At 1 only what is the same word for word is alike, which is looked for anyway.
            let similarity = Some(*similarity).filter(|similarity| *similarity < 1.0);
            check::run(context.output, paths, label(*negative), similarity)
        }
        Data::Convert(convert) => convert::run(context.output, convert, label(convert.negative)),
    }
}
