//! From text to tokens and back.

#[cfg(feature = "train")]
use std::ops::Range;

use serde::de::IgnoredAny;
use tokenizers::Tokenizer;

use crate::error::{Error, Result};
use crate::files::{ModelFiles, TOKENIZER};

/// A model's tokenizer.
#[derive(Debug)]
pub(crate) struct TextCodec {
    tokenizer: Tokenizer,
    /// The texts of the tokens that stand for no text.
    special: Vec<String>,
    file: String,
}

impl TextCodec {
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        let file = files.display(TOKENIZER);
        let fail = |source| Error::Tokenizer { file: file.clone(), source };
        let bytes = files.read(TOKENIZER)?;
        // The library panics on what is no JSON, and on some that is not what it should be.
        serde_json::from_slice::<IgnoredAny>(&bytes)
            .map_err(|source| Error::Json { file: file.clone(), source })?;
        let read = std::panic::catch_unwind(|| Tokenizer::from_bytes(&bytes))
            .unwrap_or_else(|_| Err("it is not what the tokenizers library takes".into()));
        let mut tokenizer = read.map_err(fail)?;
        // Some folders carry the settings of their last training, which would cut or pad here.
        tokenizer.with_truncation(None).map_err(fail)?;
        tokenizer.with_padding(None);
        let added = tokenizer.get_added_tokens_decoder().into_values();
        let special = added.filter(|token| token.special && !token.content.is_empty());
        let special = special.map(|token| token.content).collect();
        Ok(Self { tokenizer, special, file })
    }

    /// Encodes text that holds its special tokens already, as a rendered template does: a token that
    /// the tokenizer would begin a text with is not added.
    ///
    /// So does `transformers`: its `apply_chat_template` encodes with `add_special_tokens=False`, and
    /// what a template leaves out is left out.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|e| self.failed(e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Whether it begins a text that is no conversation with this token.
    pub(crate) fn begins_with(&self, token: &str) -> Result<bool> {
        let encoding = self.tokenizer.encode_fast("", true).map_err(|e| self.failed(e))?;
        let first = encoding.get_ids().first();
        Ok(self.token_id(token).is_some_and(|id| first == Some(&id)))
    }

    /// Encodes like [`encode`](Self::encode), and tells which bytes each token came from.
    #[cfg(feature = "train")]
    pub(crate) fn encode_with_places(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>> {
        let encoding = self.tokenizer.encode(text, false).map_err(|e| self.failed(e))?;
        let places = encoding.get_offsets().iter().map(|(start, end)| *start..*end);
        Ok(encoding.get_ids().iter().copied().zip(places).collect())
    }

    /// The text of some tokens, special ones left out.
    pub(crate) fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.tokenizer.decode(tokens, true).map_err(|e| self.failed(e))
    }

    /// The text of one token, special or not; what is no whole character is `U+FFFD`.
    pub(crate) fn token_text(&self, token: u32) -> Result<String> {
        self.tokenizer.decode(&[token], false).map_err(|e| self.failed(e))
    }

    /// Refuses text that would be read as one of the special tokens, such as the end of a message.
    pub(crate) fn check_plain(&self, text: &str) -> Result<(), String> {
        match self.special.iter().find(|token| text.contains(token.as_str())) {
            Some(token) => Err(format!(
                "the text holds {token}, which is a control token of the model; leave it out, or \
                 write it with a space in it"
            )),
            None => Ok(()),
        }
    }

    /// The special tokens in a text.
    pub(crate) fn special_in(&self, text: &str) -> Vec<u32> {
        let there = self.special.iter().filter(|token| text.contains(token.as_str()));
        there.filter_map(|token| self.token_id(token)).collect()
    }

    /// The first special token in a text: where it is, how long its text is, and which it is.
    #[cfg(feature = "json")]
    pub(crate) fn first_special_in(&self, text: &str) -> Option<(usize, usize, u32)> {
        let places = self.special.iter().filter_map(|token| {
            Some((text.find(token.as_str())?, token.len(), self.token_id(token)?))
        });
        // Where two begin in one place, it is the longer one.
        places.min_by_key(|(place, length, _)| (*place, std::cmp::Reverse(*length)))
    }

    /// The bytes that each token stands for; none for special tokens, and where there is no token.
    ///
    /// # Errors
    ///
    /// [`Error::Tokenizer`] if its tokens are written in another way than byte by byte, as in
    /// GPT-2, or with `▁` for spaces and `<0x0A>` for bytes, as in `SentencePiece`.
    #[cfg(feature = "json")]
    pub(crate) fn bytes(&self) -> Result<Vec<Vec<u8>>> {
        let decoder = serde_json::to_value(self.tokenizer.get_decoder())
            .map_err(|source| self.failed(source.into()))?;
        let spelling = Spelling::of(&decoder).ok_or_else(|| {
            self.failed("its tokens are not spelled in a way that is known here".into())
        })?;
        let mut bytes = vec![Vec::new(); self.rows()];
        for (token, id) in self.tokenizer.get_vocab(false) {
            bytes[id as usize] = spelling.read(&token);
        }
        for (id, token) in self.tokenizer.get_added_tokens_decoder() {
            let plain = if token.special { Vec::new() } else { token.content.into_bytes() };
            bytes[id as usize] = plain;
        }
        Ok(bytes)
    }

    /// How many rows of embeddings the tokens need.
    pub(crate) fn rows(&self) -> usize {
        self.tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
    }

    /// The id of a token by its text.
    pub(crate) fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    fn failed(&self, source: tokenizers::Error) -> Error {
        Error::Tokenizer { file: self.file.clone(), source }
    }
}

/// How tokens are written.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Each byte as a character.
    Bytes,
    /// Spaces as `▁`, and bytes that are no whole character as `<0x0A>`.
    Pieces,
}

#[cfg(feature = "json")]
impl Spelling {
    fn of(decoder: &serde_json::Value) -> Option<Self> {
        match decoder["type"].as_str()? {
            "ByteLevel" => Some(Self::Bytes),
            "ByteFallback" | "Metaspace" => Some(Self::Pieces),
            "Sequence" => decoder["decoders"].as_array()?.iter().find_map(Self::of),
            _ => None,
        }
    }

    fn read(self, token: &str) -> Vec<u8> {
        let byte = |hex: &str| u8::from_str_radix(hex, 16).ok();
        match self {
            // What is no such character is no token that text is made of.
            Self::Bytes => token.chars().map(byte_of).collect::<Option<_>>().unwrap_or_default(),
            Self::Pieces => {
                let hex = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
                match hex.and_then(byte) {
                    Some(byte) => vec![byte],
                    None => token.replace('▁', " ").into_bytes(),
                }
            }
        }
    }
}

/// The byte that a character stands for in GPT-2's vocabulary: printable characters of Latin-1 are
/// themselves, and the others follow from U+0100 on (`bytes_to_unicode` in OpenAI's `encoder.py`).
#[cfg(feature = "json")]
fn byte_of(c: char) -> Option<u8> {
    let is_itself = |c: char| matches!(c, '!'..='~' | '¡'..='¬' | '®'..='ÿ');
    if is_itself(c) {
        return u8::try_from(c).ok();
    }
    let place = u32::from(c).checked_sub(0x100)?;
    (0..=u8::MAX).filter(|byte| !is_itself(char::from(*byte))).nth(place as usize)
}

/// Turns tokens into text as they come, never cutting a character in two.
#[derive(Debug)]
pub(crate) struct Incremental<'a> {
    codec: &'a TextCodec,
    /// Special tokens whose text is told all the same.
    shown: &'a [u32],
    tokens: Vec<u32>,
    /// Tokens from here on are decoded anew each time; those before `whole` give the others context.
    context: usize,
    /// The text of all tokens before this one has been told.
    whole: usize,
    /// How many bytes of the text from `context` on have been told.
    told: usize,
}

impl<'a> Incremental<'a> {
    pub(crate) fn new(codec: &'a TextCodec, shown: &'a [u32]) -> Self {
        Self { codec, shown, tokens: Vec::new(), context: 0, whole: 0, told: 0 }
    }

    /// Takes the next token and returns the text that is certain by now.
    pub(crate) fn push(&mut self, token: u32) -> Result<String> {
        if self.shown.contains(&token) {
            // It parts the text before it from the text after it.
            let mut piece = std::mem::replace(self, Self::new(self.codec, self.shown)).finish()?;
            piece.push_str(&self.codec.token_text(token)?);
            return Ok(piece);
        }
        self.tokens.push(token);
        let text = self.text()?;
        // The decoder writes U+FFFD for bytes that are no character yet.
        let certain = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        let piece = text.get(self.told..certain).unwrap_or_default().to_owned();
        if certain < text.len() {
            self.told = self.told.max(certain);
        } else if !piece.is_empty() {
            (self.context, self.whole) = (self.whole, self.tokens.len());
            self.told = self.text()?.len();
        }
        Ok(piece)
    }

    /// Returns what was held back, as far as it is text.
    pub(crate) fn finish(self) -> Result<String> {
        Ok(self.text()?.get(self.told..).unwrap_or_default().to_owned())
    }

    fn text(&self) -> Result<String> {
        self.codec.decode(&self.tokens[self.context..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::BASE_FILES;

    #[cfg(feature = "json")]
    #[test]
    fn the_bytes_of_tokens_add_up_to_the_text() {
        let codec = TextCodec::load(&BASE_FILES).unwrap();
        let bytes = codec.bytes().unwrap();
        let text: String = (0..=0xFF).map(char::from).chain("жук 🦀\n".chars()).collect();
        let tokens = codec.encode(&text).unwrap();
        let told: Vec<u8> =
            tokens.iter().flat_map(|token| bytes[*token as usize].clone()).collect();
        assert_eq!(String::from_utf8(told).unwrap(), text);
        assert_eq!(codec.first_special_in("a<|end|>"), Some((1, 7, 0)));
        assert_eq!(bytes[0], b"");
    }

    #[cfg(feature = "json")]
    #[test]
    fn sentence_pieces_are_read_as_bytes() {
        let decoder = serde_json::json!({"type": "Sequence", "decoders": [
            {"type": "Replace"}, {"type": "ByteFallback"}, {"type": "Fuse"},
        ]});
        let spelling = Spelling::of(&decoder).unwrap();
        assert_eq!(spelling.read("▁ж"), " ж".as_bytes());
        assert_eq!(spelling.read("<0x0A>"), b"\n");
        assert_eq!(spelling.read("<0xfoo>"), b"<0xfoo>");
        assert_eq!(Spelling::of(&serde_json::json!({"type": "WordPiece"})), None);
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused_wherever_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let whole = r#"{"version": "1.0", "added_tokens": [], "decoder": {"type": "Fuse"},
            "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#;
        let load = |text: &str| {
            std::fs::write(folder.path().join(TOKENIZER), text).unwrap();
            TextCodec::load(&ModelFiles::Folder(folder.path().to_owned()))
        };
        load(whole).unwrap();
        for end in 0..whole.len() {
            let error = load(&whole[..end]).unwrap_err();
            assert!(matches!(error, Error::Json { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_special_token_is_told_where_it_is_asked_for() {
        let codec = TextCodec::load(&BASE_FILES).unwrap();
        let tokens = codec.encode("a жб<|user|> c<|end|>").unwrap();
        let shown = codec.special_in("like <|user|>");
        let mut incremental = Incremental::new(&codec, &shown);
        let told: Result<String> = tokens.iter().map(|token| incremental.push(*token)).collect();
        assert_eq!(told.unwrap() + &incremental.finish().unwrap(), "a жб<|user|> c");
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back_whole_and_no_piece_cuts_a_character(text in "\\PC*") {
            let codec = TextCodec::load(&BASE_FILES).unwrap();
            let mut incremental = Incremental::new(&codec, &[]);
            let mut told = String::new();
            for token in codec.encode(&text).unwrap() {
                let piece = incremental.push(token).unwrap();
                proptest::prop_assert!(!piece.contains(char::REPLACEMENT_CHARACTER)
                    || text.contains(char::REPLACEMENT_CHARACTER));
                told.push_str(&piece);
            }
            told.push_str(&incremental.finish().unwrap());
            proptest::prop_assert_eq!(told, text);
        }
    }
}
