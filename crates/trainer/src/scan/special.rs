//! Special tokens in a text: what a tokenizer does not read as text.
//!
//! A model that sees `<|im_end|>` in the middle of an answer believes that the answer is over, and
//! learns to end there. Some trainers refuse such texts, some read the token as text, some as the
//! token.
//!
//! | family | tokens, among others |
//! |---|---|
//! | OpenAI | `<\|endoftext\|>`, `<\|im_start\|>`; `<\|start\|>`, `<\|channel\|>` of gpt-oss |
//! | Llama 2 | `[INST]`, `<<SYS>>`, `<s>`, `</s>` |
//! | Llama 3 and 4 | `<\|eot_id\|>`, `<\|start_header_id\|>`; `<\|header_start\|>` |
//! | Mistral | `[INST]`, `[TOOL_CALLS]`, `</s>` |
//! | Qwen, Phi, GLM, Kimi, Cohere, Granite | `<\|im_end\|>`, `<\|assistant\|>`, `<\|user\|>`, `<\|im_user\|>`, … |
//! | Gemma | `<start_of_turn>`, `<end_of_turn>`, `<bos>` |
//! | DeepSeek | `<｜User｜>`, `<｜end▁of▁sentence｜>` |
//!
//! Anything else between `<|` and `|>` is found too, of no family: the next model's token looks so.
//! `<think>` and `<tool_call>` are not: sets are written with them on purpose.
//!
//! Some tokens are ordinary text as well. `<s>` strikes text out in HTML, `[IMG]` shows an image in
//! forums. They are found where a token of the same family that is nothing else stands in the text
//! (`<s>[INST]`); `<s>` and `</s>` also where they are no pair, as markup is. `<s>Hello</s>`
//! alone is taken for markup.
//!
//! Source: the `tokenizer_config.json` of each model, and `openai_public.py` of tiktoken; 2026.
//!
//! # Examples
//!
//! ```
//! use trainer::scan::special::{self, Family};
//!
//! let found = special::find("Sure!<|im_end|>\nAnything else?");
//! assert_eq!(found[0].range, 5..15);
//! assert!(found[0].families.contains(&Family::Qwen));
//! assert!(special::find("It costs <s>10</s> 8 euros, a <|> b.").is_empty());
//! ```

mod tokens;

use std::fmt;
use std::ops::Range;

use crate::scan::special::tokens::{BARRED, PLAIN, Token};

/// A special token in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Special {
    /// Where it is, in bytes of the text.
    pub range: Range<usize>,
    /// Whose it is; nobody's if it only looks like one.
    pub families: &'static [Family],
}

/// Models with the same special tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// GPT-3.5 and 4 (`cl100k_base`, `o200k_base`), and the names of `ChatML`.
    OpenAi,
    /// gpt-oss and what speaks Harmony (`o200k_harmony`).
    Harmony,
    /// Llama 2 and Code Llama.
    Llama2,
    /// Llama 3 to 3.3.
    Llama3,
    /// Llama 4.
    Llama4,
    /// Mistral, Mixtral, Ministral, Magistral.
    Mistral,
    /// Qwen 1.5 to 3, and what else was trained on `ChatML`.
    Qwen,
    /// Phi-3 and 4, Zephyr, `TinyLlama`.
    Phi,
    /// Gemma 1 to 3.
    Gemma,
    /// DeepSeek V2 to V3, R1 and Coder.
    DeepSeek,
    /// GLM-4 and its forerunners.
    Glm,
    /// Kimi K2.
    Kimi,
    /// Command R, Aya.
    Cohere,
    /// Granite 3 and 4.
    Granite,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::Harmony => "gpt-oss",
            Self::Llama2 => "Llama 2",
            Self::Llama3 => "Llama 3",
            Self::Llama4 => "Llama 4",
            Self::Mistral => "Mistral",
            Self::Qwen => "Qwen",
            Self::Phi => "Phi",
            Self::Gemma => "Gemma",
            Self::DeepSeek => "DeepSeek",
            Self::Glm => "GLM",
            Self::Kimi => "Kimi",
            Self::Cohere => "Cohere",
            Self::Granite => "Granite",
        })
    }
}

/// All special tokens in `text`, in order.
///
/// Takes time in proportion to the length of the text, and no memory if there are none.
#[must_use]
pub fn find(text: &str) -> Vec<Special> {
    let mut found = Vec::new();
    let mut markup = Markup::default();
    let mut end = 0;
    for at in memchr::memchr2_iter(b'<', b'[', text.as_bytes()) {
        if at < end {
            continue;
        }
        markup.see(&text[at..], found.len());
        let Some((length, token)) = token_at(&text[at..]) else { continue };
        end = at + length;
        found.push((at..end, token));
    }
    let certain = |token: Option<&Token>| token.is_none_or(|token| !token.is_ordinary);
    let families: Vec<Family> = (found.iter())
        .filter(|(_, token)| certain(*token))
        .flat_map(|(_, token)| token.map_or(&[][..], |token| token.families))
        .copied()
        .collect();
    let is_beside = |token: &Token| token.families.iter().any(|family| families.contains(family));
    let is_found = |at: usize, token: Option<&Token>| {
        certain(token) || token.is_some_and(is_beside) || markup.lone.binary_search(&at).is_ok()
    };
    (found.into_iter().enumerate())
        .filter(|(at, (_, token))| is_found(*at, *token))
        .map(|(_, (range, token))| Special {
            range,
            families: token.map_or(&[], |token| token.families),
        })
        .collect()
}

/// The token that a text begins with, and its length; no token if it only looks like one.
fn token_at(text: &str) -> Option<(usize, Option<&'static Token>)> {
    for (open, close) in [("<|", "|>"), ("<｜", "｜>")] {
        let Some(inner) = text.strip_prefix(open) else { continue };
        let mut most = inner.len().min(LONGEST);
        while !inner.is_char_boundary(most) {
            most -= 1;
        }
        let name = &inner[..inner[..most].find(close)?];
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '▁');
        let is_named = name.contains(char::is_alphanumeric) && name.chars().all(is_name);
        let length = open.len() + name.len() + close.len();
        return is_named.then(|| (length, named(name, open)));
    }
    let found = PLAIN.iter().find(|token| text.starts_with(token.text))?;
    Some((found.text.len(), Some(found)))
}

/// The token of this name between bars.
fn named(name: &str, open: &str) -> Option<&'static Token> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    BARRED.iter().find(|token| {
        let inner = token.text.strip_prefix(open);
        let inner = inner.and_then(|rest| rest.strip_suffix(['|', '｜']));
        inner.is_some_and(|inner| match inner.strip_suffix('#') {
            Some(inner) => inner == stem && stem.len() < name.len(),
            None => inner == name,
        })
    })
}

/// `<s>` and `</s>` that are no pair, by their place among what was found.
#[derive(Debug, Default)]
struct Markup {
    /// Those that are open, and whether each may be a token: with attributes it is markup.
    open: Vec<bool>,
    /// In order.
    lone: Vec<usize>,
}

impl Markup {
    fn see(&mut self, text: &str, place: usize) {
        if text.starts_with("<s>") {
            self.lone.push(place);
            self.open.push(true);
        } else if text.starts_with("<s ") {
            self.open.push(false);
        } else if text.starts_with("</s>") {
            match self.open.pop() {
                // What was opened last is the last that is alone so far.
                Some(true) => drop(self.lone.pop()),
                Some(false) => {}
                None => self.lone.push(place),
            }
        }
    }
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests;
