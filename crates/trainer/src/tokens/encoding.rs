//! Which encoding a model has.

use std::fmt;

use super::model_name;

/// How OpenAI's models read text as tokens.
///
/// # Examples
///
/// ```
/// use trainer::tokens::Encoding;
///
/// assert_eq!(Encoding::of_model("gpt-4o-mini-2024-07-18"), Ok(Encoding::O200kBase));
/// assert_eq!(Encoding::of_model("ft:gpt-4.1-2025-04-14:acme::abc"), Ok(Encoding::O200kBase));
/// assert!(Encoding::of_model("llama-3").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// That of GPT-4o and later, with 200,000 tokens.
    O200kBase,
    /// That of GPT-4 and GPT-3.5 Turbo, with 100,000 tokens.
    Cl100kBase,
}

/// The encoding of a model cannot be told, or is not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// OpenAI names no encoding for a model of this name.
    #[error("it is not known how {model} reads text; name an encoding, or use its tokenizer.json")]
    UnknownModel {
        /// The model asked for.
        model: String,
    },
    /// The model has an encoding of before 2023.
    #[error("{model} reads text as {encoding}, which cannot be counted here")]
    OldEncoding {
        /// The model asked for.
        model: String,
        /// What OpenAI calls its encoding.
        encoding: &'static str,
    },
}

impl Encoding {
    /// What OpenAI calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// The encoding of a model, by its name; of a fine-tuned one (`ft:…`), that of its base.
    ///
    /// The names are those that tiktoken knows. It reads `ft:gpt-4.1` and `ft:gpt-4.5` as GPT-4,
    /// whose encoding they do not have; here the base decides. Models of `gpt-oss` have the tokens
    /// of `o200k_base` and more control tokens, which are not counted in texts.
    ///
    /// # Errors
    ///
    /// The model is not known, or has an encoding that is not counted here.
    pub fn of_model(model: &str) -> Result<Self, EncodingError> {
        let base = model_name::base(model);
        let known = MODELS.iter().find(|(name, which, _)| match which {
            Named::Alone => base == *name,
            Named::Versions => {
                let rest = base.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            }
            Named::Family => base.starts_with(name),
        });
        match known {
            Some((.., Ok(encoding))) => Ok(*encoding),
            Some((.., Err(encoding))) => {
                Err(EncodingError::OldEncoding { model: model.to_owned(), encoding })
            }
            None => Err(EncodingError::UnknownModel { model: model.to_owned() }),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a name in [`MODELS`] stands for.
#[derive(Debug)]
enum Named {
    /// One model.
    Alone,
    /// The model, and its versions after a hyphen.
    Versions,
    /// All models whose names begin so.
    Family,
}

use Encoding::{Cl100kBase, O200kBase};
use Named::{Alone, Family, Versions};

/// Which model has which encoding, the first that fits.
///
/// Source: `tiktoken/model.py` of tiktoken 0.14.0, read 2026-11-22.
const MODELS: &[(&str, Named, Result<Encoding, &str>)] = &[
    ("gpt-5", Family, Ok(O200kBase)),
    ("gpt-4.5", Versions, Ok(O200kBase)),
    ("gpt-4.1", Versions, Ok(O200kBase)),
    ("gpt-4o", Versions, Ok(O200kBase)),
    ("chatgpt-4o", Versions, Ok(O200kBase)),
    ("o1", Versions, Ok(O200kBase)),
    ("o3", Versions, Ok(O200kBase)),
    ("o4-mini", Versions, Ok(O200kBase)),
    ("gpt-oss", Versions, Ok(O200kBase)),
    ("gpt-4", Versions, Ok(Cl100kBase)),
    ("gpt-3.5-turbo", Versions, Ok(Cl100kBase)),
    ("gpt-3.5", Alone, Ok(Cl100kBase)),
    // The name of deployments on Azure.
    ("gpt-35-turbo", Versions, Ok(Cl100kBase)),
    ("davinci-002", Alone, Ok(Cl100kBase)),
    ("babbage-002", Alone, Ok(Cl100kBase)),
    ("text-embedding-ada-002", Alone, Ok(Cl100kBase)),
    ("text-embedding-3-small", Alone, Ok(Cl100kBase)),
    ("text-embedding-3-large", Alone, Ok(Cl100kBase)),
    ("text-davinci-003", Alone, Err("p50k_base")),
    ("text-davinci-002", Alone, Err("p50k_base")),
    ("text-davinci-edit-001", Alone, Err("p50k_edit")),
    ("code-davinci-edit-001", Alone, Err("p50k_edit")),
    ("code-davinci", Versions, Err("p50k_base")),
    ("code-cushman", Versions, Err("p50k_base")),
    ("davinci-codex", Alone, Err("p50k_base")),
    ("cushman-codex", Alone, Err("p50k_base")),
    ("text-davinci-001", Alone, Err("r50k_base")),
    ("text-curie-001", Alone, Err("r50k_base")),
    ("text-babbage-001", Alone, Err("r50k_base")),
    ("text-ada-001", Alone, Err("r50k_base")),
    ("text-similarity", Versions, Err("r50k_base")),
    ("text-search", Versions, Err("r50k_base")),
    ("code-search", Versions, Err("r50k_base")),
    ("davinci", Alone, Err("r50k_base")),
    ("curie", Alone, Err("r50k_base")),
    ("babbage", Alone, Err("r50k_base")),
    ("ada", Alone, Err("r50k_base")),
    ("gpt2", Alone, Err("gpt2")),
    ("gpt-2", Alone, Err("gpt2")),
];

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::Encoding;

    #[test]
    fn a_model_is_known_by_its_name_its_versions_and_what_it_was_tuned_to() {
        check("gpt-4o", expect!["o200k_base"]);
        check("gpt-4o-2024-08-06", expect!["o200k_base"]);
        check("gpt-4.1-nano-2025-04-14", expect!["o200k_base"]);
        check("gpt-5.1", expect!["o200k_base"]);
        check("gpt-4-0613", expect!["cl100k_base"]);
        check("ft:gpt-3.5-turbo-0125:acme:cats:7qTVM5AR", expect!["cl100k_base"]);
        check("ft:gpt-4.1-mini-2025-04-14:acme::B", expect!["o200k_base"]);
        check("ft:gpt-4o", expect!["o200k_base"]);
    }

    #[test]
    fn a_model_that_is_not_known_is_no_guess() {
        check(
            "gpt-4x",
            expect![
                "it is not known how gpt-4x reads text; name an encoding, or use its tokenizer.json"
            ],
        );
        check(
            "attune-tiny",
            expect![
                "it is not known how attune-tiny reads text; name an encoding, or use its tokenizer.json"
            ],
        );
        check(
            "text-davinci-003",
            expect!["text-davinci-003 reads text as p50k_base, which cannot be counted here"],
        );
    }

    #[track_caller]
    fn check(model: &str, expected: Expect) {
        let said =
            Encoding::of_model(model).map_or_else(|err| err.to_string(), |it| it.to_string());
        expected.assert_eq(&said);
    }
}
