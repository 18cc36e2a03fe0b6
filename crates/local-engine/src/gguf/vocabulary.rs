//! The tokenizer, from the keys that begin with `tokenizer.ggml`.
//!
//! There are two kinds: byte-level BPE as in GPT-2, whose merges are listed and whose way to cut
//! text into words has a name; and BPE as `SentencePiece` makes it, with a score for each token, whose
//! merges follow from those. Both become a `tokenizer.json`.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::Gguf;
use super::cutter::{Cutter, byte_level};
use crate::error::Result;

impl Gguf {
    /// The text of a token that `key` names.
    pub(super) fn token(&self, key: &str, id: u64) -> Result<&str> {
        let tokens = self.texts(TOKENS)?.unwrap_or_default();
        let token = usize::try_from(id).ok().and_then(|id| tokens.get(id).copied());
        token.ok_or_else(|| {
            self.wrong(format!("key {key}"), format!("names token {id}, which is not there"))
        })
    }

    /// What `tokenizer.json` would say.
    pub(super) fn tokenizer_json(&self) -> Result<Json> {
        let missing = |key: &str| self.wrong(format!("key {key}"), "is missing");
        let tokens = self.texts(TOKENS)?.ok_or_else(|| missing(TOKENS))?;
        let kinds = self.integers(TYPES)?.unwrap_or_else(|| vec![NORMAL; tokens.len()]);
        if kinds.len() != tokens.len() {
            let problem = format!("has {} entries for {} tokens", kinds.len(), tokens.len());
            return Err(self.wrong(format!("key {TYPES}"), problem));
        }
        let mut ids: HashMap<&str, usize> = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            if let Some(first) = ids.insert(token, id) {
                let problem = format!("has the same token at {first} and {id}");
                return Err(self.wrong(format!("key {TOKENS}"), problem));
            }
        }
        let added: Vec<Json> = tokens
            .iter()
            .zip(&kinds)
            .enumerate()
            .filter(|(_, (token, kind))| {
                [UNKNOWN, CONTROL, OWN].contains(kind) && !token.is_empty()
            })
            .map(|(id, (token, kind))| {
                json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": *kind != OWN,
                })
            })
            .collect();
        let vocab: Map<String, Json> =
            tokens.iter().enumerate().map(|(id, it)| ((*it).to_owned(), id.into())).collect();
        let mut tokenizer = match self.text(MODEL)? {
            Some("gpt2") => self.byte_level(vocab)?,
            Some("llama") => self.sentence_piece(&tokens, &kinds, &ids, vocab)?,
            other => {
                let found = other.map_or("missing".to_owned(), |name| format!("{name:?}"));
                let problem = format!("is {found}, and this engine knows \"gpt2\" and \"llama\"");
                return Err(self.wrong(format!("key {MODEL}"), problem));
            }
        };
        tokenizer["post_processor"] = self.post_processor()?;
        tokenizer["version"] = "1.0".into();
        tokenizer["added_tokens"] = added.into();
        Ok(tokenizer)
    }

    /// What is put around a text that is no conversation: the tokens that begin and end it, where the
    /// file says so, or llama.cpp does of its kind.
    fn post_processor(&self) -> Result<Json> {
        let begins = match self.text(MODEL)? {
            Some("llama") => true,
            _ => matches!(self.text(PRE)?, Some("llama-bpe" | "tekken")),
        };
        let (mut parts, mut tokens) = (Vec::new(), Map::new());
        for (name, unless_said) in [("bos", begins), ("", false), ("eos", false)] {
            if name.is_empty() {
                parts.push(json!({"Sequence": {"id": "A", "type_id": 0}}));
                continue;
            }
            let (flag, key) = (
                format!("tokenizer.ggml.add_{name}_token"),
                format!("tokenizer.ggml.{name}_token_id"),
            );
            let id = self.number(&key)?;
            if let (true, Some(id)) = (self.flag(&flag)?.unwrap_or(unless_said), id) {
                let text = self.token(&key, id)?;
                parts.push(json!({"SpecialToken": {"id": text, "type_id": 0}}));
                tokens.insert(text.to_owned(), json!({"id": text, "ids": [id], "tokens": [text]}));
            }
        }
        if tokens.is_empty() {
            return Ok(Json::Null);
        }
        let pair = [
            json!({"Sequence": {"id": "A", "type_id": 0}}),
            json!({"Sequence": {"id": "B", "type_id": 0}}),
        ];
        Ok(json!({
            "type": "TemplateProcessing", "single": parts, "pair": pair, "special_tokens": tokens,
        }))
    }

    fn byte_level(&self, vocab: Map<String, Json>) -> Result<Json> {
        let merges = self.texts(MERGES)?.unwrap_or_default();
        let merges: Vec<[&str; 2]> = merges
            .iter()
            .map(|merge| match merge.split_once(' ') {
                Some((left, right)) if !left.is_empty() && !right.is_empty() => Ok([left, right]),
                _ => {
                    let problem = format!("has {merge:?}, which is not two tokens");
                    Err(self.wrong(format!("key {MERGES}"), problem))
                }
            })
            .collect::<Result<_>>()?;
        let pre = self.text(PRE)?;
        let Some(Cutter { normalizer, pre_tokenizer, takes_whole_words }) =
            pre.and_then(Cutter::named)
        else {
            let found = pre.map_or("missing".to_owned(), |name| format!("{name:?}"));
            let problem = format!(
                "is {found}, and this engine knows gpt-2, smollm, llama-bpe, qwen2 and tekken; \
                 take the model as a folder, with its tokenizer.json"
            );
            return Err(self.wrong(format!("key {PRE}"), problem));
        };
        Ok(json!({
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "decoder": byte_level(true),
            "model": {"type": "BPE", "fuse_unk": false, "byte_fallback": false,
                      "ignore_merges": takes_whole_words, "vocab": vocab, "merges": merges},
        }))
    }

    fn sentence_piece(
        &self,
        tokens: &[&str],
        kinds: &[i32],
        ids: &HashMap<&str, usize>,
        vocab: Map<String, Json>,
    ) -> Result<Json> {
        let scores = self.floats(SCORES)?.unwrap_or_default();
        if scores.len() != tokens.len() {
            let problem = format!("has {} entries for {} tokens", scores.len(), tokens.len());
            return Err(self.wrong(format!("key {SCORES}"), problem));
        }
        let pieces = tokens.iter().zip(kinds).zip(&scores);
        let pieces = pieces.filter(|((_, kind), _)| **kind == NORMAL);
        let merges = merges(pieces.map(|((token, _), score)| (*token, *score)), ids);
        let unknown = match self.number(UNKNOWN_ID)? {
            Some(id) => Some(self.token(UNKNOWN_ID, id)?),
            None => None,
        };
        let has_prefix = self.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
        let mut normalizers = vec![replace(" ", SPACE)];
        let mut decoders =
            vec![replace(SPACE, " "), json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
        if has_prefix {
            normalizers.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        Ok(json!({
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": null,
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {"type": "BPE", "unk_token": unknown, "fuse_unk": true, "byte_fallback": true,
                      "ignore_merges": false, "vocab": vocab, "merges": merges},
        }))
    }
}

/// The merges that make each piece out of two known ones, the piece with the greatest score first.
///
/// This is the order of `generate_merges` in transformers' `convert_slow_tokenizer.py`.
fn merges<'t>(
    pieces: impl Iterator<Item = (&'t str, f32)>,
    ids: &HashMap<&str, usize>,
) -> Vec<[&'t str; 2]> {
    let mut merges = Vec::new();
    // A text this long is no piece that was learnt, and to cut it everywhere takes long.
    for (piece, score) in pieces.filter(|(piece, _)| piece.len() <= LONGEST) {
        let cuts = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
        let mut known: Vec<_> = cuts
            .filter_map(|(left, right)| Some((*ids.get(left)?, *ids.get(right)?, left, right)))
            .collect();
        known.sort_unstable_by_key(|(left, right, ..)| (*left, *right));
        merges.extend(known.into_iter().map(|(_, _, left, right)| (score, [left, right])));
    }
    let chars = |text: &str| text.chars().count();
    merges.sort_by(|(a, [a_left, a_right]), (b, [b_left, b_right])| {
        let by_score = b.total_cmp(a);
        by_score
            .then_with(|| chars(b_left).cmp(&chars(a_left)))
            .then_with(|| chars(b_right).cmp(&chars(a_right)))
    });
    merges.into_iter().map(|(_, merge)| merge).collect()
}

pub(super) const MODEL: &str = "tokenizer.ggml.model";
pub(super) const PRE: &str = "tokenizer.ggml.pre";
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(super) const TYPES: &str = "tokenizer.ggml.token_type";
pub(super) const SCORES: &str = "tokenizer.ggml.scores";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";
pub(super) const UNKNOWN_ID: &str = "tokenizer.ggml.unknown_token_id";

/// Kinds of tokens; to read those for bytes and those that nobody uses, nothing is needed.
pub(super) const NORMAL: i32 = 1;
pub(super) const UNKNOWN: i32 = 2;
pub(super) const CONTROL: i32 = 3;
pub(super) const OWN: i32 = 4;
pub(super) const UNUSED: i32 = 5;
pub(super) const BYTE: i32 = 6;

/// What `SentencePiece` writes for a space.
pub(super) const SPACE: &str = "\u{2581}";
/// In bytes.
pub(super) const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_with_the_greatest_score_is_merged_first() {
        let pieces = [("a", 0.0), ("b", 0.0), ("ab", -2.0), ("ba", -1.0), ("aba", -1.0)];
        let ids = pieces.iter().enumerate().map(|(id, (piece, _))| (*piece, id)).collect();
        assert_eq!(
            merges(pieces.into_iter(), &ids),
            [["ab", "a"], ["a", "ba"], ["b", "a"], ["a", "b"]]
        );
    }
}
