//! The keys that begin with `tokenizer.ggml`, from a `tokenizer.json`.
//!
//! What llama.cpp would cut in another way is refused. Fields and types are those of the library
//! [tokenizers](https://huggingface.co/docs/tokenizers); the scores of pieces are made from merges.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Fault, Metadata};
use crate::gguf::cutter::Cutter;
use crate::gguf::vocabulary::{
    BYTE, CONTROL, LONGEST, MERGES, MODEL, NORMAL, OWN, PRE, SCORES, SPACE, TOKENS, TYPES, UNKNOWN,
    UNKNOWN_ID, UNUSED,
};

/// The fields of a `tokenizer.json` that tell what its tokens are.
#[derive(Debug, Deserialize)]
struct Stated {
    #[serde(default)]
    added_tokens: Vec<Added>,
    model: Model,
}

#[derive(Debug, Deserialize)]
struct Added {
    id: usize,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: BTreeMap<String, usize>,
    merges: Vec<Merge>,
    unk_token: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

/// Two tokens that become one: with a space between, as was usual once, or each for itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair([String; 2]),
}

impl Merge {
    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Text(text) => text.split_once(' '),
            Self::Pair([left, right]) => Some((left, right)),
        }
    }
}

/// A vocabulary that llama.cpp knows how to use.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    tokens: Vec<String>,
    kinds: Vec<i32>,
    way: Way,
    begins: bool,
    ends: bool,
}

#[derive(Debug)]
enum Way {
    /// Bytes, merged in the order of this list, in words that are cut in the way of this name.
    Bytes { pre: &'static str, merges: Vec<String> },
    /// Pieces, those with a greater score first; a space may be put in front of a text.
    Pieces { scores: Vec<f32>, prepends_space: bool, unknown: Option<usize> },
}

/// Special tokens, by what they are for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks<'a> {
    pub(crate) bos: Option<&'a str>,
    pub(crate) eos: Option<&'a str>,
    pub(crate) pad: Option<&'a str>,
}

impl Vocabulary {
    /// Reads a `tokenizer.json` for a model with so many rows of embeddings.
    ///
    /// # Errors
    ///
    /// The field that llama.cpp has no way to follow, or what makes no sense in it.
    pub(crate) fn read(json: &Json, rows: usize, marks: Marks<'_>) -> Result<Self, Fault> {
        let stated = Stated::deserialize(json)
            .map_err(|error| ("model", format!("is not that of a BPE tokenizer: {error}")))?;
        let model = &stated.model;
        if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
            let kind = model.kind.as_deref().unwrap_or_default();
            return Err(("model", format!("is {kind}, and BPE can be written; export a folder")));
        }
        for (field, affix) in [
            ("continuing_subword_prefix", &model.continuing_subword_prefix),
            ("end_of_word_suffix", &model.end_of_word_suffix),
        ] {
            if affix.as_ref().is_some_and(|affix| !affix.is_empty()) {
                return Err((field, UNFOLLOWED.to_owned()));
            }
        }
        if let Some(added) = stated.added_tokens.iter().find(|it| it.takes_more_than_itself()) {
            let problem = format!("has {:?} with lstrip, rstrip or single_word", added.content);
            let problem = format!("{problem}, which llama.cpp does not follow; export a folder");
            return Err(("added_tokens", problem));
        }
        let (tokens, mut kinds) = stated.tokens(rows)?;
        let way = match model.byte_fallback {
            true => stated.pieces(json, &tokens, &mut kinds)?,
            false => stated.bytes(json)?,
        };
        let adds = |mark: Option<&str>, first| mark.is_some_and(|it| adds(json, it, first));
        Ok(Self { tokens, kinds, way, begins: adds(marks.bos, true), ends: adds(marks.eos, false) })
    }

    /// Adds the keys; `end` are the tokens that end an answer, by their ids.
    pub(crate) fn write(&self, metadata: &mut Metadata, marks: Marks<'_>, end: &[u32]) {
        let texts = || self.tokens.iter().map(String::as_str);
        match &self.way {
            Way::Bytes { pre, merges } => {
                metadata.text(MODEL, "gpt2");
                metadata.text(PRE, pre);
                metadata.texts(MERGES, merges.iter().map(String::as_str));
            }
            Way::Pieces { scores, prepends_space, unknown } => {
                metadata.text(MODEL, "llama");
                metadata.text(PRE, "default");
                metadata.floats(SCORES, scores);
                metadata.flag("tokenizer.ggml.add_space_prefix", *prepends_space);
                if let Some(id) = unknown {
                    metadata.number(UNKNOWN_ID, *id as u32);
                }
            }
        }
        metadata.texts(TOKENS, texts());
        metadata.integers(TYPES, &self.kinds);
        let id_of = |text: &str| texts().position(|token| token == text).map(|id| id as u32);
        let bos = marks.bos.and_then(id_of);
        // Without a name for it, the first that ends an answer is the one.
        let eos = marks.eos.and_then(id_of).or_else(|| end.first().copied());
        let mut others: Vec<u32> = end.iter().copied().filter(|id| Some(*id) != eos).collect();
        others.sort_unstable();
        others.dedup();
        let mut others = others.into_iter();
        let ids = [
            ("bos", bos),
            ("eos", eos),
            ("padding", marks.pad.and_then(id_of)),
            ("eot", others.next()),
            ("eom", others.next()),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                metadata.number(&format!("tokenizer.ggml.{name}_token_id"), id);
            }
        }
        metadata.flag("tokenizer.ggml.add_bos_token", self.begins);
        metadata.flag("tokenizer.ggml.add_eos_token", self.ends);
    }
}

impl Metadata {
    /// The chat templates: that for all, and that for conversations with tools.
    pub(crate) fn templates(&mut self, chat: &str, tool_use: Option<&str>) {
        self.text("tokenizer.chat_template", chat);
        if let Some(tool_use) = tool_use {
            self.text("tokenizer.chat_template.tool_use", tool_use);
            self.texts("tokenizer.chat_templates", ["tool_use"].into_iter());
        }
    }
}

impl Added {
    fn takes_more_than_itself(&self) -> bool {
        self.single_word || self.lstrip || self.rstrip
    }
}

impl Stated {
    /// Each token and its kind; those that no row is left for are filled up with unused ones.
    fn tokens(&self, rows: usize) -> Result<(Vec<String>, Vec<i32>), Fault> {
        let mut tokens: Vec<Option<(&str, i32)>> = vec![None; rows];
        let known = self.model.vocab.iter().map(|(text, id)| (text.as_str(), *id, NORMAL));
        let added = self
            .added_tokens
            .iter()
            .map(|it| (it.content.as_str(), it.id, if it.special { CONTROL } else { OWN }));
        for (text, id, kind) in known.chain(added) {
            let Some(place) = tokens.get_mut(id) else {
                let problem = format!("has token {id}, and there are {rows} rows of embeddings");
                return Err(("vocab", problem));
            };
            match place {
                Some((other, _)) if *other != text => {
                    return Err(("vocab", format!("has {other:?} and {text:?} at {id}")));
                }
                _ => *place = Some((text, kind)),
            }
        }
        let filled = tokens.into_iter().enumerate().map(|(id, token)| match token {
            Some((text, kind)) => (text.to_owned(), kind),
            None => (format!("[PAD{id}]"), UNUSED),
        });
        let (texts, kinds): (Vec<String>, Vec<i32>) = filled.unzip();
        if texts.iter().collect::<HashSet<_>>().len() < texts.len() {
            return Err(("vocab", "has a token twice, under other ids".to_owned()));
        }
        Ok((texts, kinds))
    }

    fn bytes(&self, json: &Json) -> Result<Way, Fault> {
        let Some(pre) = Cutter::name_of(json) else {
            let problem = "cuts text, with normalizer and ignore_merges, in a way that is none of \
                           gpt-2, smollm, llama-bpe, qwen2 and tekken; export a folder, and have \
                           llama.cpp's own converter look at it";
            return Err(("pre_tokenizer", problem.to_owned()));
        };
        let merge = |merge: &Merge| {
            let (left, right) = merge.parts()?;
            let is_plain = ![left, right].iter().any(|it| it.is_empty() || it.contains(' '));
            is_plain.then(|| format!("{left} {right}"))
        };
        let merges: Option<_> = self.model.merges.iter().map(merge).collect();
        let merges =
            merges.ok_or_else(|| ("merges", "has one that is not two tokens".to_owned()))?;
        Ok(Way::Bytes { pre, merges })
    }

    /// Gives each piece a score by its place among the merges.
    ///
    /// llama.cpp makes a piece of any two that are one; so the merges must be all that there are of
    /// each piece, one piece after the other.
    fn pieces(&self, json: &Json, tokens: &[String], kinds: &mut [i32]) -> Result<Way, Fault> {
        let prepends_space = prepends_space(json)?;
        for (text, kind) in tokens.iter().zip(kinds.iter_mut()) {
            let is_byte = text.len() == "<0x0A>".len() && text.starts_with("<0x");
            if *kind == NORMAL && is_byte {
                *kind = BYTE;
            }
        }
        let unknown = match &self.model.unk_token {
            None => None,
            Some(text) => tokens.iter().position(|token| token == text),
        };
        if let Some(id) = unknown {
            kinds[id] = UNKNOWN;
        }
        let known: HashSet<&str> = tokens.iter().map(String::as_str).collect();
        let mut order: HashMap<String, f32> = HashMap::new();
        let mut merges: Vec<(String, HashSet<(&str, &str)>)> = Vec::new();
        for merge in &self.model.merges {
            let (left, right) =
                merge.parts().ok_or_else(|| ("merges", "has one that is not two tokens".into()))?;
            let piece = format!("{left}{right}");
            match merges.last_mut() {
                Some((last, ways)) if *last == piece => drop(ways.insert((left, right))),
                _ => merges.push((piece, HashSet::from([(left, right)]))),
            }
        }
        let apart = |piece: &str| {
            let problem = format!(
                "does not make {piece:?} in all ways at once, as SentencePiece would; export a folder"
            );
            ("merges", problem)
        };
        for (place, (piece, ways)) in merges.iter().enumerate() {
            let is_first = order.insert(piece.clone(), -(place as f32)).is_none();
            let cuts = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
            let mut all =
                cuts.filter(|(left, right)| known.contains(left) && known.contains(right));
            if !is_first || !all.all(|way| ways.contains(&way)) {
                return Err(apart(piece));
            }
        }
        let least = -(merges.len() as f32);
        let mut scores = Vec::with_capacity(tokens.len());
        for (token, kind) in tokens.iter().zip(kinds) {
            let score = order.get(token).copied();
            if score.is_none() && *kind == NORMAL && token.len() <= LONGEST {
                let mut cuts = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
                if cuts.any(|(left, right)| known.contains(left) && known.contains(right)) {
                    return Err(apart(token));
                }
            }
            scores.push(if *kind == NORMAL { score.unwrap_or(least) } else { 0.0 });
        }
        Ok(Way::Pieces { scores, prepends_space, unknown })
    }
}

/// Whether a space is put in front of each text, if that is all that happens to it.
fn prepends_space(json: &Json) -> Result<bool, Fault> {
    let steps = match &json["normalizer"] {
        Json::Null => &[][..],
        one => one["normalizers"].as_array().map_or(std::slice::from_ref(one), Vec::as_slice),
    };
    let replaces = |step: &Json| {
        step["type"] == "Replace" && step["pattern"]["String"] == " " && step["content"] == SPACE
    };
    let prepends = |step: &Json| step["type"] == "Prepend" && step["prepend"] == SPACE;
    let cutter = &json["pre_tokenizer"];
    match steps {
        [first, second] if prepends(first) && replaces(second) && cutter.is_null() => Ok(true),
        [only] if replaces(only) && cutter.is_null() => Ok(false),
        [] if cutter["type"] == "Metaspace"
            && cutter["replacement"] == SPACE
            && cutter["prepend_scheme"] == "never"
            && cutter["split"] == false =>
        {
            Ok(false)
        }
        _ => Err(("normalizer", SPACES.to_owned())),
    }
}

/// Whether a token is put in front of each text, or after it.
fn adds(json: &Json, token: &str, first: bool) -> bool {
    let processor = &json["post_processor"];
    let steps = processor["processors"].as_array().map_or(std::slice::from_ref(processor), |it| it);
    let template = steps.iter().find(|step| step["type"] == "TemplateProcessing");
    let parts = template.and_then(|step| step["single"].as_array());
    let part = parts.and_then(|parts| if first { parts.first() } else { parts.last() });
    part.is_some_and(|part| part["SpecialToken"]["id"] == token)
}

const UNFOLLOWED: &str = "is set, which llama.cpp does not follow; export a folder";
const SPACES: &str = "does with spaces what llama.cpp does not follow; export a folder";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gguf::cutter::byte_level;

    fn bytes() -> Json {
        json!({
            "added_tokens": [
                {"id": 3, "content": "<|end|>", "special": true},
                {"id": 4, "content": "<own>", "special": false},
            ],
            "normalizer": null,
            "pre_tokenizer": byte_level(true),
            "post_processor": null,
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<|end|>": 3},
                      "merges": ["a b"]},
        })
    }

    fn pieces() -> Json {
        let space = |step: &str| match step {
            "prepend" => json!({"type": "Prepend", "prepend": SPACE}),
            _ => json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE}),
        };
        json!({
            "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                             {"id": 1, "content": "<s>", "special": true}],
            "normalizer": {"type": "Sequence", "normalizers": [space("prepend"), space("replace")]},
            "pre_tokenizer": null,
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
            "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>",
                "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "a": 3, "b": 4, "ab": 5, "aba": 6,
                          "ba": 7},
                "merges": [["a", "b"], ["b", "a"], ["ab", "a"], ["a", "ba"]]},
        })
    }

    #[track_caller]
    fn refused(json: &Json, expected: &str) {
        let (field, problem) = Vocabulary::read(json, 8, Marks::default()).unwrap_err();
        let told = format!("{field} {problem}");
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn each_token_has_a_kind_and_rows_without_one_are_filled_up() {
        let read = Vocabulary::read(&bytes(), 6, Marks::default()).unwrap();
        assert_eq!(read.tokens, ["a", "b", "ab", "<|end|>", "<own>", "[PAD5]"]);
        assert_eq!(read.kinds, [NORMAL, NORMAL, NORMAL, CONTROL, OWN, UNUSED]);
        assert!(matches!(&read.way, Way::Bytes { pre: "gpt-2", merges } if *merges == ["a b"]));
        assert!(!read.begins && !read.ends);
    }

    #[test]
    fn pieces_have_scores_in_the_order_of_their_merges() {
        let marks = Marks { bos: Some("<s>"), eos: Some("<s>"), pad: None };
        let read = Vocabulary::read(&pieces(), 8, marks).unwrap();
        assert_eq!(read.kinds, [UNKNOWN, CONTROL, BYTE, NORMAL, NORMAL, NORMAL, NORMAL, NORMAL]);
        let Way::Pieces { scores, prepends_space: true, unknown: Some(0) } = &read.way else {
            panic!("{:?}", read.way)
        };
        assert_eq!(*scores, [0.0, 0.0, 0.0, -3.0, -3.0, 0.0, -2.0, -1.0]);
        assert!(read.begins && !read.ends);
    }

    #[test]
    fn what_llama_cpp_would_cut_in_another_way_is_refused_by_field() {
        let mut other = bytes();
        other["pre_tokenizer"] = json!({"type": "Whitespace"});
        refused(&other, "pre_tokenizer cuts text");
        let mut other = bytes();
        other["model"]["type"] = "Unigram".into();
        refused(&other, "model is Unigram");
        let mut other = bytes();
        other["added_tokens"][0]["rstrip"] = true.into();
        refused(&other, r#"added_tokens has "<|end|>" with lstrip"#);
        let mut other = bytes();
        other["model"]["end_of_word_suffix"] = "</w>".into();
        refused(&other, "end_of_word_suffix is set");
        let mut other = bytes();
        other["model"]["vocab"]["c"] = 9.into();
        refused(&other, "vocab has token 9, and there are 8 rows");
        let mut other = pieces();
        other["normalizer"] = json!({"type": "Lowercase"});
        refused(&other, "normalizer does with spaces");
        let mut other = pieces();
        other["model"]["merges"].as_array_mut().unwrap().pop();
        refused(&other, r#"merges does not make "aba" in all ways"#);
        let mut other = pieces();
        other["model"]["merges"].as_array_mut().unwrap().swap(0, 2);
        refused(&other, r#"merges does not make "aba" in all ways"#);
        let mut other = pieces();
        other["model"]["vocab"]["bb"] = 8.into();
        let (field, _) = Vocabulary::read(&other, 9, Marks::default()).unwrap_err();
        assert_eq!(field, "merges");
    }
}
