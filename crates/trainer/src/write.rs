//! Records as the lines of the files that trainers take.

mod dataset_info;
mod json;
mod openai;
mod sharegpt;
mod trl;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::dataset::{Example, Label, Preference};
use crate::messages::Fault;
use crate::read::{Pair, Record};

/// Whose files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// OpenAI's fine-tuning API, and what is compatible with it.
    OpenAi,
    /// Hugging Face's [TRL](https://huggingface.co/docs/trl/dataset_formats), in conversations.
    Trl,
    /// ShareGPT's conversations of `from` and `value`.
    ShareGpt,
    /// [LLaMA-Factory](https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html):
    /// ShareGPT's, with an entry for `dataset_info.json`.
    LlamaFactory,
    /// [axolotl](https://docs.axolotl.ai/docs/dataset-formats/), its `chat_template` types.
    Axolotl,
}

/// What a set is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Supervised fine-tuning: conversations whose answers are learned.
    #[default]
    Supervised,
    /// Direct preference optimization: prompts with a better and a worse answer.
    Preference,
    /// Kahneman-Tversky optimization: answers with a word on whether they are good.
    Unpaired,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] =
        [Self::OpenAi, Self::Trl, Self::ShareGpt, Self::LlamaFactory, Self::Axolotl];

    /// Its name, as [`FromStr`] takes it: `openai`, `trl`, `sharegpt`, `llama-factory`, `axolotl`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Trl => "trl",
            Self::ShareGpt => "sharegpt",
            Self::LlamaFactory => "llama-factory",
            Self::Axolotl => "axolotl",
        }
    }

    /// Whether there are files of this kind.
    #[must_use]
    pub fn offers(self, kind: Kind) -> bool {
        !matches!((self, kind), (Self::OpenAi | Self::Axolotl, Kind::Unpaired))
    }

    /// What the program must be told of a file to find it: LLaMA-Factory the entry of
    /// `dataset_info.json`, axolotl the entry of `datasets` in its configuration, which is YAML
    /// and takes JSON. The others need nothing. `has_tools` is whether any record brings tools.
    ///
    /// ```
    /// use trainer::{Format, Kind};
    ///
    /// let entry = Format::LlamaFactory.entry(Kind::Preference, "lake.jsonl", false).unwrap();
    /// assert_eq!((&entry["formatting"], &entry["ranking"]), (&"sharegpt".into(), &true.into()));
    /// ```
    #[must_use]
    pub fn entry(self, kind: Kind, file_name: &str, has_tools: bool) -> Option<Value> {
        match self {
            Self::OpenAi | Self::Trl | Self::ShareGpt => None,
            Self::LlamaFactory => {
                let mut entry = json!({
                    "file_name": file_name,
                    "formatting": "sharegpt",
                    "columns": { "messages": "conversations" },
                });
                // A column that no line has would be an error there.
                if has_tools {
                    entry["columns"]["tools"] = "tools".into();
                }
                match kind {
                    Kind::Supervised => {}
                    Kind::Preference => {
                        entry["ranking"] = true.into();
                        entry["columns"]["chosen"] = "chosen".into();
                        entry["columns"]["rejected"] = "rejected".into();
                    }
                    Kind::Unpaired => entry["columns"]["kto_tag"] = "kto_tag".into(),
                }
                Some(entry)
            }
            Self::Axolotl => {
                let mut entry = json!({
                    "path": file_name,
                    "ds_type": "json",
                    "type": "chat_template",
                    "field_messages": "messages",
                });
                match kind {
                    Kind::Supervised | Kind::Unpaired => {}
                    Kind::Preference => {
                        entry["type"] = "chat_template.default".into();
                        entry["split"] = "train".into();
                        entry["field_chosen"] = "chosen".into();
                        entry["field_rejected"] = "rejected".into();
                    }
                }
                Some(entry)
            }
        }
    }

    /// Adds a record to `out` as a line; `out` is left as it was if the format cannot hold it.
    pub(crate) fn write(
        self,
        kind: Kind,
        record: &Record<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        match record {
            Record::Pair(pair) => self.write_pair(kind, pair, out),
            Record::Example(example) => self.write_example(kind, example, out),
            Record::Preference(pair) if kind == Kind::Preference => {
                self.write_preference(pair, out)
            }
            Record::Preference(_) => {
                let words = "is a better and a worse answer, which only a set of preferences holds";
                Err(Fault::new("", words))
            }
        }
    }

    /// Adds a conversation.
    pub(crate) fn write_example(
        self,
        kind: Kind,
        example: &Example,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        check_label(kind, example.label)?;
        let extra = &*self.riders(&example.extra);
        whole_line(out, |out| match self {
            Self::OpenAi | Self::Axolotl => openai::example(example, extra, out),
            Self::Trl => trl::example(kind, example, extra, out),
            Self::ShareGpt | Self::LlamaFactory => sharegpt::example(kind, example, extra, out),
        })
    }

    /// Adds a prompt with a better and a worse answer.
    pub(crate) fn write_preference(
        self,
        pair: &Preference,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let extra = &*self.riders(&pair.extra);
        whole_line(out, |out| match self {
            Self::OpenAi => openai::preference(pair, extra, out),
            Self::Trl => trl::preference(pair, extra, out),
            Self::ShareGpt | Self::LlamaFactory => sharegpt::preference(pair, extra, out),
            Self::Axolotl => trl::preference_of_messages(pair, extra, out),
        })
    }

    /// What rides along, without what would be taken for something else.
    fn riders(self, extra: &Riders) -> Cow<'_, Riders> {
        let taken: &[&str] = match self {
            Self::OpenAi | Self::Axolotl => {
                &["messages", "input", "preferred_output", "non_preferred_output"]
            }
            Self::Trl => &["messages", "prompt", "completion", "label"],
            Self::ShareGpt | Self::LlamaFactory => {
                &["messages", "conversations", "system", "label", "kto_tag"]
            }
        };
        let is_taken = |name: &str| taken.contains(&name) || matches!(name, "chosen" | "rejected");
        if !extra.keys().any(|name| is_taken(name)) {
            return Cow::Borrowed(extra);
        }
        let free = extra.iter().filter(|(name, _)| !is_taken(name));
        Cow::Owned(free.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Writes a question and its answer without a look at anything but the bytes to escape.
    fn write_pair(self, kind: Kind, pair: &Pair<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        check_label(kind, pair.label)?;
        let form = match self {
            Self::OpenAi | Self::Axolotl => &openai::PAIR,
            Self::Trl => &trl::PAIR,
            Self::ShareGpt | Self::LlamaFactory => &sharegpt::PAIR,
        };
        out.extend_from_slice(form.open.as_bytes());
        if let Some(system) = pair.system {
            out.extend_from_slice(form.system.as_bytes());
            json::escape(out, system);
            out.extend_from_slice(form.next.as_bytes());
        }
        out.extend_from_slice(form.user.as_bytes());
        for (at, part) in pair.prompt().enumerate() {
            if at > 0 {
                out.extend_from_slice(b"\\n\\n");
            }
            json::escape(out, part);
        }
        out.extend_from_slice(form.assistant.as_bytes());
        json::escape(out, pair.completion);
        out.extend_from_slice(form.close.as_bytes());
        if kind == Kind::Unpaired {
            let is_good = pair.label == Label::Positive;
            out.extend_from_slice(format!(",\"{}\":{is_good}", form.label).as_bytes());
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// What rides along with messages.
type Riders = Map<String, Value>;

/// How a question and its answer are written, in pieces of JSON.
#[derive(Debug)]
struct PairForm {
    open: &'static str,
    system: &'static str,
    next: &'static str,
    user: &'static str,
    assistant: &'static str,
    close: &'static str,
    label: &'static str,
}

/// Writes a line, or nothing of it.
fn whole_line(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let before = out.len();
    let written = write(out);
    match written {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
    written
}

fn check_label(kind: Kind, label: Label) -> Result<(), Fault> {
    match (kind, label) {
        (Kind::Supervised, Label::Negative) => Err(Fault::new(
            "",
            "is an answer to avoid, which must not be learned; make a set of preferences, if \
             there is a good answer to the same prompt, or an unpaired one",
        )),
        (Kind::Preference, _) => {
            Err(Fault::new("", "is one answer, and a preference needs a better and a worse one"))
        }
        (Kind::Supervised | Kind::Unpaired, _) => Ok(()),
    }
}

/// Writes a value; the values of this crate have no maps with keys that JSON cannot hold.
fn push(out: &mut Vec<u8>, value: &impl serde::Serialize) -> Result<(), Fault> {
    serde_json::to_writer(out, value).map_err(|_| Fault::new("", "cannot be written as JSON"))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or(UnknownFormat)
    }
}

/// No format has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected openai, trl, sharegpt, llama-factory or axolotl")]
pub struct UnknownFormat;

pub use crate::write::dataset_info::add_to_dataset_info;

#[cfg(test)]
mod tests;
