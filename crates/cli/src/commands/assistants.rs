//! `attune assistants`: the catalogue.

use anyhow::Result;

use crate::Outcome;
use crate::args;
use crate::context::Context;
use crate::render::{Columns, or_dash};

pub(crate) fn run(context: &Context, args: &args::Assistants) -> Result<Outcome> {
    let output = context.output;
    let file = args.file.clone().or_else(|| context.assistants_file());
    let assistants = match &file {
        Some(file) => facade::Assistants::load(file)?,
        None => facade::Assistants::default(),
    };
    if file.is_none() {
        let place = context.home().join("assistants.json");
        output.note(format_args!(
            "there is no catalogue; put one in {} or name it with --file",
            place.display()
        ));
    }
    output.either(
        || assistants.entries().to_vec(),
        || {
            let mut table = Columns::new(&["ASSISTANT", "NAME", "MODEL", "DESCRIPTION"]);
            for entry in assistants.entries() {
                table.row([
                    entry.id.clone(),
                    or_dash(entry.name.as_ref()),
                    or_dash(entry.model.as_ref()),
                    or_dash(entry.description.as_ref().or(entry.instructions.as_ref())),
                ]);
            }
            table.to_string()
        },
    )?;
    Ok(Outcome::Done)
}
