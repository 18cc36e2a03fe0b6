//! The ways to cut text into words before merging bytes, by the names that llama.cpp gives them.
//!
//! What those names mean are regular expressions in its `llama-vocab.cpp`; they are written here as
//! the tokenizers' own files have them.

use serde_json::{Value as Json, json};

/// How a byte-level vocabulary cuts text, as a `tokenizer.json` says it.
#[derive(Debug)]
pub(super) struct Cutter {
    pub(super) normalizer: Json,
    pub(super) pre_tokenizer: Json,
    /// Whether a word that is a token is taken as it is, whatever the merges.
    pub(super) takes_whole_words: bool,
}

impl Cutter {
    /// The names that there are, the usual one of each way first.
    pub(super) const NAMES: [&str; 8] = [
        "gpt-2",
        "smollm",
        "llama-bpe",
        "qwen2",
        "tekken",
        "llama3",
        "llama-v3",
        "deepseek-r1-qwen",
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        let bytes = byte_level;
        let cut = |pattern: &str| {
            let split = json!({"type": "Split", "pattern": {"Regex": pattern},
                               "behavior": "Isolated", "invert": false});
            json!({"type": "Sequence", "pretokenizers": [split, bytes(false)]})
        };
        let (pre_tokenizer, takes_whole_words) = match name {
            "gpt-2" => (bytes(true), false),
            "smollm" => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                (json!({"type": "Sequence", "pretokenizers": [digits, bytes(true)]}), false)
            }
            "llama-bpe" | "llama3" | "llama-v3" => (cut(LLAMA_3), true),
            "qwen2" | "deepseek-r1-qwen" => (cut(QWEN_2), false),
            "tekken" => (cut(TEKKEN), true),
            _ => return None,
        };
        let normalizer = match name {
            "qwen2" | "deepseek-r1-qwen" => json!({"type": "NFC"}),
            _ => Json::Null,
        };
        Some(Self { normalizer, pre_tokenizer, takes_whole_words })
    }

    /// The name of the way in which a `tokenizer.json` cuts text, if it is one of these.
    pub(super) fn name_of(tokenizer: &Json) -> Option<&'static str> {
        let takes_whole_words = tokenizer["model"]["ignore_merges"] == true;
        let [normalizer, pre_tokenizer] = [&tokenizer["normalizer"], &tokenizer["pre_tokenizer"]];
        Self::NAMES.into_iter().find(|name| {
            Self::named(name).is_some_and(|cutter| {
                cutter.takes_whole_words == takes_whole_words
                    && plain(&cutter.normalizer) == plain(normalizer)
                    && plain(&cutter.pre_tokenizer) == plain(pre_tokenizer)
            })
        })
    }
}

/// As a pre-tokenizer or a decoder: each byte as a character, and words cut as GPT-2 did.
pub(super) fn byte_level(cuts_words: bool) -> Json {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
           "use_regex": cuts_words})
}

/// The same step without what makes no difference to the tokens.
fn plain(step: &Json) -> Json {
    let Some(fields) = step.as_object() else { return Json::Null };
    let parts = fields.get("pretokenizers").or_else(|| fields.get("normalizers"));
    match (fields.get("type").and_then(Json::as_str), parts.and_then(Json::as_array)) {
        (Some("Sequence"), Some(parts)) => {
            let parts: Vec<Json> = parts.iter().map(plain).filter(|it| !it.is_null()).collect();
            match &parts[..] {
                [] => Json::Null,
                [one] => one.clone(),
                _ => parts.into(),
            }
        }
        (Some("ByteLevel"), _) => {
            let flag = |name: &str| fields.get(name).and_then(Json::as_bool).unwrap_or(true);
            json!({"type": "ByteLevel", "prefix": flag("add_prefix_space"),
                   "regex": flag("use_regex")})
        }
        _ => step.clone(),
    }
}

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer(name: &str) -> Json {
        let Cutter { normalizer, pre_tokenizer, takes_whole_words } = Cutter::named(name).unwrap();
        json!({"normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
               "model": {"ignore_merges": takes_whole_words}})
    }

    #[test]
    fn each_way_to_cut_is_known_again() {
        for name in &Cutter::NAMES[..5] {
            assert_eq!(Cutter::name_of(&tokenizer(name)), Some(*name));
        }
    }

    #[test]
    fn what_makes_no_difference_is_passed_over_and_what_does_is_not() {
        let mut stated = tokenizer("qwen2");
        stated["normalizer"] = json!({"type": "Sequence", "normalizers": [{"type": "NFC"}]});
        stated["pre_tokenizer"]["pretokenizers"][1]["trim_offsets"] = false.into();
        assert_eq!(Cutter::name_of(&stated), Some("qwen2"));
        stated["normalizer"] = Json::Null;
        assert_eq!(Cutter::name_of(&stated), None);
        let mut stated = tokenizer("llama-bpe");
        stated["model"]["ignore_merges"] = false.into();
        assert_eq!(Cutter::name_of(&stated), None);
        let mut stated = tokenizer("gpt-2");
        stated["pre_tokenizer"]["add_prefix_space"] = true.into();
        assert_eq!(Cutter::name_of(&stated), None);
        stated["pre_tokenizer"] = json!({"type": "Whitespace"});
        assert_eq!(Cutter::name_of(&stated), None);
    }
}
