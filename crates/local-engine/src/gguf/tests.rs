use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::Gguf;
use crate::config::Config;
use crate::files::CONFIG;
use crate::quant::Dtype;

/// A file, written piece by piece.
#[derive(Clone)]
struct Writer {
    pairs: u64,
    tensors: u64,
    metadata: Vec<u8>,
    directory: Vec<u8>,
    data: Vec<u8>,
}

impl Writer {
    fn new() -> Self {
        Self { pairs: 0, tensors: 0, metadata: vec![], directory: vec![], data: vec![] }
    }

    fn string(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.pairs += 1;
        self.metadata
            .extend([Self::string(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat());
        self
    }

    fn number(self, key: &str, value: u32) -> Self {
        self.pair(key, 4, &value.to_le_bytes())
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.pair(key, 8, &Self::string(value))
    }

    fn list(self, key: &str, kind: u32, elements: &[Vec<u8>]) -> Self {
        let start = [&kind.to_le_bytes()[..], &(elements.len() as u64).to_le_bytes()].concat();
        self.pair(key, 9, &[start, elements.concat()].concat())
    }

    /// A tensor of ones of `f32`, columns first.
    fn tensor(mut self, name: &str, dims: &[u64]) -> Self {
        let count = dims.iter().product::<u64>() as usize;
        let offset = self.data.len() as u64;
        self.data.extend([1.0_f32.to_le_bytes()].iter().cycle().take(count).flatten());
        self.entry(name, dims, 0, offset)
    }

    fn entry(mut self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors += 1;
        self.directory.extend(Self::string(name));
        self.directory.extend((dims.len() as u32).to_le_bytes());
        self.directory.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        self.directory.extend(kind.to_le_bytes());
        self.directory.extend(offset.to_le_bytes());
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.tensors.to_le_bytes());
        bytes.extend(self.pairs.to_le_bytes());
        bytes.extend(&self.metadata);
        bytes.extend(&self.directory);
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(&self.data);
        bytes
    }
}

fn open(bytes: Vec<u8>) -> Result<Gguf, String> {
    Gguf::parse(bytes.into(), "m.gguf".to_owned()).map_err(|error| error.to_string())
}

/// A model of one layer, four values wide, with five tokens.
fn model() -> Writer {
    let text = |text: &str| Writer::string(text);
    let mut writer = Writer::new()
        .text("general.architecture", "llama")
        .number("llama.embedding_length", 4)
        .number("llama.block_count", 1)
        .number("llama.feed_forward_length", 8)
        .number("llama.attention.head_count", 2)
        .number("llama.attention.head_count_kv", 1)
        .number("llama.context_length", 16)
        .pair("llama.attention.layer_norm_rms_epsilon", 6, &1e-5_f32.to_le_bytes())
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .list("tokenizer.ggml.tokens", 8, &["a", "b", "Ġ", "ab", "<end>"].map(text))
        .list(
            "tokenizer.ggml.token_type",
            5,
            &[1, 1, 1, 1, 3].map(|kind: i32| kind.to_le_bytes().to_vec()),
        )
        .list("tokenizer.ggml.merges", 8, &["a b"].map(text))
        .number("tokenizer.ggml.eos_token_id", 4)
        .text("tokenizer.chat_template", "{{ messages[0].content }}")
        .tensor("token_embd.weight", &[4, 5])
        .tensor("output_norm.weight", &[4]);
    for (name, dims) in [
        ("attn_norm", &[4][..]),
        ("attn_q", &[4, 4]),
        ("attn_k", &[4, 2]),
        ("attn_v", &[4, 2]),
        ("attn_output", &[4, 4]),
        ("ffn_norm", &[4]),
        ("ffn_gate", &[4, 8]),
        ("ffn_up", &[4, 8]),
        ("ffn_down", &[8, 4]),
    ] {
        writer = writer.tensor(&format!("blk.0.{name}.weight"), dims);
    }
    writer
}

/// Reads all that a model needs.
fn load(bytes: Vec<u8>) -> Result<(Config, Vec<String>), String> {
    let gguf = open(bytes)?;
    let text = |error: crate::Error| error.to_string();
    let config = gguf.file(CONFIG).map_err(text)?.unwrap_or_default();
    let config = Config::parse(&config, "m.gguf").map_err(text)?;
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        gguf.file(name).map_err(text)?;
    }
    let tensors = gguf.tensors(&config).map_err(text)?;
    Ok((config, tensors.into_keys().collect()))
}

#[test]
fn a_model_is_read_as_the_folder_that_it_was() {
    let (config, tensors) = load(model().bytes()).unwrap();
    assert_eq!((config.vocabulary, config.hidden, config.window), (5, 4, 16));
    assert!(config.is_tied);
    assert_eq!(config.end, [4]);
    let mut expected: Vec<String> = config.tensors().into_iter().map(|(name, _)| name).collect();
    expected.sort();
    assert_eq!(tensors, expected);
    let gguf = open(model().bytes()).unwrap();
    let file = String::from_utf8(gguf.file("tokenizer_config.json").unwrap().unwrap()).unwrap();
    expect![[r#"{"eos_token":"<end>","chat_template":[{"name":"default","template":"{{ messages[0].content }}"}],"tokenizer_class":"PreTrainedTokenizerFast"}"#]]
        .assert_eq(&file);
    assert!(gguf.file("about.json").unwrap().is_none());
}

#[track_caller]
fn refused(writer: &Writer, expected: Expect) {
    expected.assert_eq(&load(writer.bytes()).unwrap_err());
}

#[test]
fn what_is_wrong_is_named() {
    let empty = Writer::new;
    refused(&empty().number("a", 1).number("a", 2), expect!["m.gguf: key a stands there twice"]);
    refused(
        &empty().pair("a", 13, &[]),
        expect!["m.gguf: key a is of type 13, or a list of such, which GGUF does not have"],
    );
    refused(
        &empty().pair("a", 8, &u64::MAX.to_le_bytes()),
        expect!["m.gguf: key a is cut short; copy the file anew"],
    );
    let huge = [&4_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    refused(
        &empty().pair("a", 9, &huge),
        expect!["m.gguf: key a is cut short; copy the file anew"],
    );
    refused(
        &empty().number("general.alignment", 3),
        expect!["m.gguf: key general.alignment must be a power of two"],
    );
    refused(
        &empty().entry("t", &[1 << 40, 1 << 40], 0, 0),
        expect![
            "m.gguf: tensor t of F32 and shape [1099511627776, 1099511627776], at 0, does not lie in the file; copy it anew"
        ],
    );
    refused(
        &empty().entry("t", &[100], 12, 0),
        expect![
            "m.gguf: tensor t of Q4_K and shape [100], at 0, does not lie in the file; copy it anew"
        ],
    );
    refused(
        &empty().entry("t", &[1], 0, u64::MAX),
        expect![
            "m.gguf: tensor t of F32 and shape [1], at 18446744073709551615, does not lie in the file; copy it anew"
        ],
    );
    refused(
        &empty().entry("t", &[1; 5], 0, 0),
        expect!["m.gguf: tensor t has 5 dimensions, and GGUF has at most 4"],
    );
    refused(
        &empty().tensor("t", &[1]).tensor("t", &[1]),
        expect!["m.gguf: tensor t stands there twice"],
    );
    refused(
        &empty(),
        expect![[
            r#"m.gguf: key general.architecture is "", and this engine knows llama, qwen2, qwen3"#
        ]],
    );
    refused(
        &empty().number("general.architecture", 1),
        expect!["m.gguf: key general.architecture must be a text"],
    );
    refused(
        &empty().text("general.architecture", "llama"),
        expect!["m.gguf: key llama.embedding_length is missing"],
    );
    refused(
        &model().entry("rope_freqs.weight", &[1], 99, 0),
        expect![
            "m.gguf: tensor rope_freqs.weight is of type 99 of ggml, and this engine reads F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K"
        ],
    );
}

#[test]
fn a_vocabulary_that_is_not_known_is_not_guessed() {
    let change = |from: &str, to: &str| {
        let mut bytes = model().bytes();
        let at = bytes.windows(from.len()).position(|it| it == from.as_bytes()).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        load(bytes).unwrap_err()
    };
    expect![[r#"m.gguf: key tokenizer.ggml.pre is "gpt-9", and this engine knows gpt-2, smollm, llama-bpe, qwen2 and tekken; take the model as a folder, with its tokenizer.json"#]].assert_eq(&change("gpt-2", "gpt-9"));
    expect![[
        r#"m.gguf: key tokenizer.ggml.model is "bert", and this engine knows "gpt2" and "llama""#
    ]]
    .assert_eq(&change("gpt2", "bert"));
    expect!["m.gguf: key tokenizer.ggml.tokens has the same token at 2 and 3"]
        .assert_eq(&change("Ġ", "ab"));
    expect![[r#"m.gguf: key tokenizer.ggml.merges has "a_b", which is not two tokens"#]]
        .assert_eq(&change("a b", "a_b"));
}

#[test]
fn a_file_that_begins_otherwise_is_refused() {
    expect!["m.gguf: the file does not begin as GGUF files do; take a .gguf file"]
        .assert_eq(&open(b"PK".to_vec()).unwrap_err());
    let mut bytes = model().bytes();
    bytes[4..8].copy_from_slice(&1_u32.to_le_bytes());
    expect!["m.gguf: the file is of version 1, and this engine reads 2 and 3"]
        .assert_eq(&open(bytes.clone()).unwrap_err());
    bytes[4..8].copy_from_slice(&3_u32.to_be_bytes());
    expect!["m.gguf: the file is one for big-endian machines; take one for little-endian ones"]
        .assert_eq(&open(bytes).unwrap_err());
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let whole = model().bytes();
    for end in 0..whole.len() {
        let error = open(whole[..end].to_vec()).unwrap_err();
        assert!(error.starts_with("m.gguf: "), "{error}");
    }
}

#[test]
fn every_type_has_the_number_that_ggml_gives_it() {
    for (number, dtype) in super::header::TYPES {
        let (values, bytes) = dtype.block();
        let mut writer = Writer::new().entry("t", &[values as u64, 2], number, 0);
        writer.data = vec![0; bytes * 2];
        let gguf = open(writer.bytes()).unwrap();
        assert_eq!(gguf.tensor("t").unwrap().dtype, Ok(dtype));
        assert_eq!(gguf.tensor("t").unwrap().shape, [2, values]);
        writer.data.pop();
        assert!(open(writer.bytes()).is_err(), "{dtype:?} has more bytes");
    }
    assert!(super::header::TYPES.contains(&(12, Dtype::Q4K)));
}

proptest! {
    #[test]
    fn no_changed_byte_makes_reading_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = model().bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Whether it is refused or not; a count that was made huge must not be believed.
        let _ = load(bytes);
    }

    #[test]
    fn no_bytes_make_reading_panic(rest in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = load([&b"GGUF\x03\0\0\0"[..], &rest].concat());
    }
}

#[test]
fn what_begins_a_text_is_in_the_tokenizer_where_the_file_says_so() {
    let processor = |writer: &Writer| {
        let gguf = open(writer.bytes()).unwrap();
        let file = gguf.file("tokenizer.json").unwrap().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&file).unwrap();
        json["post_processor"].clone()
    };
    assert!(processor(&model()).is_null());
    let begun = model().number("tokenizer.ggml.bos_token_id", 4);
    assert!(processor(&begun).is_null());
    let begun = processor(&begun.pair("tokenizer.ggml.add_bos_token", 7, &[1]));
    assert_eq!(begun["type"], "TemplateProcessing");
    assert_eq!(begun["single"][0]["SpecialToken"]["id"], "<end>");
    assert_eq!(begun["special_tokens"]["<end>"]["ids"], serde_json::json!([4]));
}
