//! Training beside PEFT and TRL: the same adapter, batches and optimizer, the same losses.
//!
//! `tests/python/engine` makes what is compared with, and its README says what is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::files::ModelFiles;
use crate::model::LoadedModel;
use crate::network::{Adapter, Cache, Network, Tuning};
use crate::peft;
use crate::train::encode::Encoded;
use crate::train::learner::Learner;
use crate::train::objective;
use crate::train::optimizer::{Optimizer, Rates};
use crate::weights;

/// What a training went through, step by step.
#[derive(Debug, Deserialize)]
struct Curve {
    loss: Vec<f64>,
    norm: Vec<f64>,
    rate: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Examples {
    batches: Vec<Labelled>,
    probe: Vec<u32>,
}

/// A padded batch of PEFT's.
#[derive(Debug, Deserialize)]
struct Labelled {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u8>>,
    labels: Vec<Vec<i64>>,
}

#[derive(Debug, Deserialize)]
struct Preferences {
    batches: Vec<Masked>,
}

/// A padded batch of TRL's: preferred ones, then the rejected in the same order.
#[derive(Debug, Deserialize)]
struct Masked {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u8>>,
    completion_mask: Vec<Vec<u8>>,
}

#[test]
#[ignore = "`cargo xtask test` runs it, with what it makes"]
fn lora_learns_as_in_peft() {
    check_lora("plain");
}

#[test]
#[ignore = "`cargo xtask test` runs it, with what it makes"]
fn rank_stabilised_lora_learns_as_in_peft() {
    check_lora("rslora");
}

#[test]
#[ignore = "`cargo xtask test` runs it, with what it makes"]
fn dora_learns_as_in_peft() {
    check_lora("dora");
}

#[test]
#[ignore = "`cargo xtask test` runs it, with what it makes"]
fn direct_preference_optimisation_learns_as_in_trl() {
    let (network, lora) = (base(), peers().join("lora"));
    let given: Preferences = json(&peers().join("dpo/batches.json"));
    let curve: Curve = json(&peers().join("dpo/curve.json"));
    let reference = Learner::full(network.clone());
    let mut learner = Learner::beside(network.clone(), read(&lora.join("plain/initial"), &network));
    let mut optimizer = Optimizer::new(&learner);
    assert_eq!(given.batches.len(), curve.loss.len());
    for (step, batch) in given.batches.iter().enumerate() {
        let examples: Vec<Encoded> = batch.rows().collect();
        let (preferred, rejected) = examples.split_at(examples.len() / 2);
        let pairs: Vec<[Encoded; 2]> =
            preferred.iter().cloned().zip(rejected.iter().cloned()).map(Into::into).collect();
        let margins = objective::margins(&reference, &pairs);
        let pairs: Vec<&[Encoded; 2]> = pairs.iter().collect();
        let scale = 1.0 / pairs.len() as f64;
        let rates = rates(curve.rate[step]);
        let sum = optimizer
            .step(&mut learner, &[()], rates, |learner, _, ()| {
                let (losses, gradients) =
                    objective::preferences(learner, &pairs, &margins, BETA, scale);
                (gradients, losses.iter().sum())
            })
            .unwrap();
        close("loss", step, sum * scale, curve.loss[step], 1e-3);
    }
    let examples: Examples = json(&lora.join("batches.json"));
    let found = logits(&network, learner.adapter.as_ref().unwrap(), &examples.probe);
    all_close(&found, &peers().join("dpo/final/logits.f32"), 1e-3);
}

#[track_caller]
fn check_lora(kind: &str) {
    let (network, folder) = (base(), peers().join("lora").join(kind));
    let examples: Examples = json(&peers().join("lora/batches.json"));
    let curve: Curve = json(&folder.join("curve.json"));
    let adapter = read(&folder.join("initial"), &network);
    let probe = &examples.probe;
    all_close(&logits(&network, &adapter, probe), &folder.join("initial/logits.f32"), 1e-4);

    let mut learner = Learner::beside(network.clone(), adapter);
    check_gradients(&learner, &examples.batches[0], &folder.join("gradients.safetensors"));
    let mut optimizer = Optimizer::new(&learner);
    for (step, expected) in curve.loss.iter().enumerate() {
        let rows: Vec<Encoded> = examples.batches[step % examples.batches.len()].rows().collect();
        let rates = rates(curve.rate[step]);
        let (loss, norm) = (optimizer
            .step(&mut learner, &[()], rates, |learner, _, ()| supervised(learner, &rows)))
        .map(|loss| (loss, optimizer.last_norm()))
        .unwrap();
        close("loss", step, loss, *expected, 1e-4);
        close("norm", step, norm, curve.norm[step], 1e-3);
    }
    let adapter = learner.adapter.unwrap();
    all_close(&logits(&network, &adapter, probe), &folder.join("final/logits.f32"), 1e-4);

    // PEFT's own last adapter, read here; and ours, read there.
    let theirs = read(&folder.join("final"), &network);
    all_close(&logits(&network, &theirs, probe), &folder.join("final/logits.f32"), 1e-4);
    let ours = tempfile::tempdir().unwrap();
    peft::write(&adapter, "base", ours.path()).unwrap();
    read_by_peft(ours.path());
    all_close(&logits(&network, &adapter, probe), &ours.path().join("logits.f32"), 1e-4);
    assert_eq!(read(ours.path(), &network), adapter);
}

/// The mean loss over a batch's labels, and its gradients.
fn supervised(learner: &Learner, rows: &[Encoded]) -> (Vec<Vec<f32>>, f64) {
    let rows: Vec<&Encoded> = rows.iter().collect();
    let scale = 1.0 / rows.iter().map(|row| row.targets.len()).sum::<usize>() as f64;
    let (losses, gradients) = objective::supervised(learner, &rows, scale, 0.0, 0);
    (gradients, losses.iter().sum::<f64>() * scale)
}

/// Compares the gradients of the first step, by the names of what is learned.
#[track_caller]
fn check_gradients(learner: &Learner, batch: &Labelled, file: &Path) {
    let rows: Vec<Encoded> = batch.rows().collect();
    let found = supervised(learner, &rows).0;
    let adapter = learner.adapter.as_ref().unwrap();
    let names = peft::names_of(adapter);
    let folder = ModelFiles::Folder(file.parent().unwrap().to_owned());
    let expected = weights::read_file(&folder, "gradients.safetensors").unwrap();
    assert_eq!(names.len(), expected.len());
    for (name, found) in names.iter().zip(found) {
        let expected = expected[name].values();
        assert_eq!(found.len(), expected.len(), "{name}");
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 1e-5, "{name}: off by {off:e}");
    }
}

/// Has PEFT write what the base and this adapter make of the probe.
fn read_by_peft(folder: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/engine/read_adapter.py");
    let python = peers().join("../bin/python");
    let read = Command::new(python).arg(script).arg(peers()).arg(folder).output().unwrap();
    let complaint = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "PEFT cannot read what was written: {complaint}");
}

impl Labelled {
    fn rows(&self) -> impl Iterator<Item = Encoded> {
        let rows = self.input_ids.iter().zip(&self.attention_mask).zip(&self.labels);
        rows.map(|((ids, mask), labels)| {
            let learned = labels.iter().map(|label| *label >= 0);
            encoded(ids, mask, learned)
        })
    }
}

impl Masked {
    fn rows(&self) -> impl Iterator<Item = Encoded> {
        let rows = self.input_ids.iter().zip(&self.attention_mask).zip(&self.completion_mask);
        rows.map(|((ids, mask), learned)| encoded(ids, mask, learned.iter().map(|it| *it == 1)))
    }
}

/// A padded row as the engine has it: without the padding.
fn encoded(ids: &[u32], mask: &[u8], learned: impl Iterator<Item = bool>) -> Encoded {
    let length = mask.iter().filter(|it| **it == 1).count();
    let targets = learned.take(length).enumerate().skip(1).filter(|(_, learned)| *learned);
    let targets = targets.map(|(place, _)| (place - 1, ids[place])).collect();
    Encoded { input: ids[..length - 1].to_vec(), targets }
}

fn rates(learning_rate: f64) -> Rates {
    Rates { learning_rate, weight_decay: 0.0, clip: 1.0, ..Rates::default() }
}

fn base() -> Network {
    let files = ModelFiles::Folder(peers().join("lora/base"));
    LoadedModel::load(&files).unwrap().network
}

fn read(folder: &Path, network: &Network) -> Adapter {
    let mut adapter = peft::read(&ModelFiles::Folder(folder.to_owned()), network.config()).unwrap();
    adapter.measure(network);
    adapter
}

/// The logits after each token, row by row.
fn logits(network: &Network, adapter: &Adapter, tokens: &[u32]) -> Vec<f32> {
    let mut cache = Cache::new(network.config());
    let one = |token: &u32| network.advance(&[*token], Some(Tuning::new(adapter)), &mut cache);
    tokens.iter().flat_map(one).collect()
}

#[track_caller]
fn all_close(found: &[f32], file: &Path, most: f32) {
    let bytes = fs::read(file).unwrap();
    let expected: Vec<f32> =
        bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
    assert_eq!(found.len(), expected.len());
    let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= most, "{}: off by {off:e}", file.display());
}

#[track_caller]
fn close(what: &str, step: usize, found: f64, expected: f64, most: f64) {
    assert!((found - expected).abs() <= most, "{what} of step {step}: {found}, not {expected}");
}

fn json<T: DeserializeOwned>(file: &Path) -> T {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The folder that `cargo xtask test` makes.
fn peers() -> PathBuf {
    PathBuf::from(std::env::var_os("ATTUNE_TEST_ENGINE_PEERS").expect("the folder of peers"))
}

const BETA: f64 = 0.1;
