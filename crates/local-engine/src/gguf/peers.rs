//! Models in GGUF beside llama.cpp: the same files, the same tokens, the same logits.
//!
//! `tests/python/llama_cpp` makes the files, and its README says what is in them.

use std::path::PathBuf;

use openai_api::Message;
use serde::Deserialize;

use crate::files::ModelFiles;
use crate::model::LoadedModel;
use crate::network::Cache;
use crate::request;

#[derive(Deserialize)]
struct Expected {
    messages: Vec<Message>,
    prompt: Vec<u32>,
    more: Vec<u32>,
}

macro_rules! models {
    ($($test:ident: $name:literal within $plain:literal and $own:literal,)*) => {$(
        #[test]
        #[ignore = "`cargo xtask test` runs it, with the files that it makes"]
        fn $test() {
            check($name, $plain, $own);
        }
    )*};
}

// Where weights are quantised, both round what they multiply them by to eight bits.
models! {
    f32_with_a_tied_head_is_as_in_llama_cpp: "llama-f32" within 1e-4 and 1e-4,
    f16_with_stretched_positions_is_as_in_llama_cpp: "llama-f16" within 1e-4 and 5e-3,
    bf16_and_sentence_piece_are_as_in_llama_cpp: "llama-bf16" within 1e-4 and 2e-2,
    q8_0_and_qwen_2_are_as_in_llama_cpp: "qwen2-q8_0" within 5e-2 and 5e-2,
    q4_0_and_qwen_3_are_as_in_llama_cpp: "qwen3-q4_0" within 5e-2 and 5e-2,
    q4_1_is_as_in_llama_cpp: "llama-q4_1" within 5e-2 and 5e-2,
    q5_0_is_as_in_llama_cpp: "llama-q5_0" within 5e-2 and 5e-2,
    q5_1_is_as_in_llama_cpp: "llama-q5_1" within 5e-2 and 5e-2,
    q4_k_is_as_in_llama_cpp: "llama-q4_k" within 5e-2 and 5e-2,
    q5_k_and_qwen_2_are_as_in_llama_cpp: "qwen2-q5_k" within 5e-2 and 5e-2,
    // There llama.cpp is off by as much itself.
    q6_k_is_as_in_llama_cpp: "llama-q6_k" within 6e-2 and 5e-2,
}

/// Compares the tokens of a prompt, and the logits after each token of it and of some more.
///
/// They are to be those of the same numbers as `f32`, and those that llama.cpp computes from the file
/// itself, each within a share of how large they are.
fn check(name: &str, plain: f64, own: f64) {
    let folder = made().join("models");
    let expected = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    let Expected { messages, prompt, more } = serde_json::from_slice(&expected).unwrap();
    let files = ModelFiles::Gguf(folder.join(format!("{name}.gguf")));
    let model = LoadedModel::load(&files).unwrap();
    assert_eq!(model.prompt(&request::turns(&messages).unwrap(), None).unwrap(), prompt);

    let mut cache = Cache::new(model.network.config());
    let rows: Vec<Vec<f32>> = prompt
        .iter()
        .chain(&more)
        .map(|token| model.network.advance(&[*token], None, &mut cache))
        .collect();
    for (file, tolerance) in [(format!("{name}.plain.f32"), plain), (format!("{name}.f32"), own)] {
        let theirs = std::fs::read(folder.join(&file)).unwrap();
        let theirs = theirs.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let theirs: Vec<f32> = theirs.collect();
        let ours = rows.concat();
        assert_eq!(ours.len(), theirs.len(), "{file}");
        let off = ours.iter().zip(&theirs).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let size = theirs.iter().map(|b| f64::from(*b).powi(2)).sum::<f64>();
        let off = (off / size).sqrt();
        assert!(off <= tolerance, "{file}: off by {off:e}");
        // Where one token is clearly the likeliest, it is in both.
        for (ours, theirs) in rows.iter().zip(theirs.chunks_exact(rows[0].len())) {
            let (best, gap) = best(theirs);
            let spread = (size / theirs.len() as f64 / rows.len() as f64).sqrt();
            if f64::from(gap) > tolerance * spread * 6.0 {
                assert_eq!(self::best(ours).0, best, "{file}");
            }
        }
    }
}

/// The likeliest token, and how far the next one is behind.
fn best(logits: &[f32]) -> (usize, f32) {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    (order[0], logits[order[0]] - logits[order[1]])
}

/// The folder with what llama.cpp says.
pub(crate) fn made() -> PathBuf {
    let folder = std::env::var_os("ATTUNE_TEST_ENGINE_GGUF");
    folder.expect("ATTUNE_TEST_ENGINE_GGUF names no folder of models").into()
}

/// A script that runs where llama.cpp is, beside that folder.
pub(crate) fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/python/llama_cpp", name].iter().collect()
}
