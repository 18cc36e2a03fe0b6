//! How long an example may be.

use super::model_name::is_listed_as;

/// How many tokens an example may have that a model is trained on.
///
/// OpenAI cuts a longer one at its end, so the answer to learn may be what is lost; only what is
/// left is billed.
///
/// # Examples
///
/// ```
/// use trainer::tokens::ExampleLimit;
///
/// let limit = ExampleLimit::openai("gpt-4o-mini-2024-07-18").unwrap();
/// assert_eq!(limit.tokens, 65_536);
/// assert_eq!(limit.billed(70_000), 65_536);
/// assert!(ExampleLimit::openai("some-model").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExampleLimit {
    /// The model, by the name that its provider trains it under.
    pub model: &'static str,
    /// The most tokens.
    pub tokens: u64,
    /// Where that is said.
    pub source: &'static str,
    /// When it was read there, as `YYYY-MM-DD`.
    pub read: &'static str,
}

impl ExampleLimit {
    /// The limit of a model at OpenAI, by its name or by that of a model tuned from it; `None` if
    /// OpenAI names none.
    #[must_use]
    pub fn openai(model: &str) -> Option<Self> {
        find(OPENAI, model)
    }

    /// The limit of a model at Azure, as [`openai`](Self::openai).
    #[must_use]
    pub fn azure(model: &str) -> Option<Self> {
        find(AZURE, model)
    }

    /// How many tokens of an example are trained on, and billed.
    #[must_use]
    pub fn billed(&self, tokens: u64) -> u64 {
        tokens.min(self.tokens)
    }
}

fn find(table: &[ExampleLimit], model: &str) -> Option<ExampleLimit> {
    table.iter().find(|limit| is_listed_as(model, limit.model)).copied()
}

const OPENAI: &[ExampleLimit] = &[
    guide("gpt-4.1-2025-04-14", 65_536),
    guide("gpt-4.1-mini-2025-04-14", 65_536),
    guide("gpt-4.1-nano-2025-04-14", 65_536),
    guide("gpt-4o-2024-08-06", 65_536),
    guide("gpt-4o-mini-2024-07-18", 65_536),
    guide_of_2024("gpt-3.5-turbo-0125", 16_385),
    guide_of_2024("gpt-3.5-turbo-1106", 16_385),
    guide_of_2024("gpt-3.5-turbo-0613", 4_096),
];

const AZURE: &[ExampleLimit] = &[
    azure("gpt-4o-mini-2024-07-18", 65_536),
    azure("gpt-4o-2024-08-06", 65_536),
    azure("gpt-4.1-2025-04-14", 65_536),
    azure("gpt-4.1-mini-2025-04-14", 65_536),
    azure("gpt-4.1-nano-2025-04-14", 32_768),
    azure("o4-mini-2025-04-16", 65_536),
];

const fn guide(model: &'static str, tokens: u64) -> ExampleLimit {
    ExampleLimit {
        model,
        tokens,
        source: "https://developers.openai.com/api/docs/guides/supervised-fine-tuning",
        read: "2026-11-22",
    }
}

/// Today's guide leaves these out.
const fn guide_of_2024(model: &'static str, tokens: u64) -> ExampleLimit {
    ExampleLimit {
        source: "https://platform.openai.com/docs/guides/fine-tuning, as of 2024",
        ..guide(model, tokens)
    }
}

const fn azure(model: &'static str, tokens: u64) -> ExampleLimit {
    ExampleLimit {
        model,
        tokens,
        source: "https://github.com/MicrosoftDocs/azure-ai-docs, \
                 articles/ai-foundry/openai/includes/fine-tune-models.md",
        read: "2026-11-22",
    }
}

#[cfg(test)]
mod tests {
    use super::ExampleLimit;

    #[test]
    fn the_limit_is_that_of_the_base_and_of_who_trains_it() {
        let nano = "ft:gpt-4.1-nano-2025-04-14:acme::abc";
        assert_eq!(ExampleLimit::openai(nano).unwrap().tokens, 65_536);
        assert_eq!(ExampleLimit::azure(nano).unwrap().tokens, 32_768);
        assert_eq!(ExampleLimit::openai("gpt-3.5-turbo-0613").unwrap().tokens, 4_096);
        assert_eq!(ExampleLimit::openai("gpt-4o").unwrap().model, "gpt-4o-2024-08-06");
        assert_eq!(ExampleLimit::openai("gpt-5"), None);
        assert_eq!(ExampleLimit::azure("gpt-3.5-turbo"), None);
    }
}
