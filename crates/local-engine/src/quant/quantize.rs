//! From `f32` to the types that this engine writes.

use half::{bf16, f16};

use super::{Dtype, SMALL};

/// Adds values to the end of `out` in this type: whole blocks of it.
///
/// The blocks are those of gguf-py's `quants.py`, bit for bit. `None` if a value cannot be written
/// so, being no number or too large, if the values are not whole blocks, or if this is a type that
/// is only read; then `out` may have got some of them.
pub(crate) fn quantize(dtype: Dtype, values: &[f32], out: &mut Vec<u8>) -> Option<()> {
    if !values.len().is_multiple_of(dtype.block().0) {
        return None;
    }
    match dtype {
        Dtype::F32 => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        Dtype::F16 => values.iter().try_for_each(|value| half(*value, out))?,
        Dtype::Bf16 => values.iter().try_for_each(|value| {
            let short = bf16::from_f32(*value);
            out.extend(short.to_le_bytes());
            short.is_finite().then_some(())
        })?,
        Dtype::Q8_0 => values.chunks_exact(SMALL).try_for_each(|block| q8_0(block, out))?,
        Dtype::Q4_0 => values.chunks_exact(SMALL).try_for_each(|block| q4_0(block, out))?,
        Dtype::Q4_1 | Dtype::Q5_0 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K | Dtype::Q6K => {
            return None;
        }
    }
    Some(())
}

fn half(value: f32, out: &mut Vec<u8>) -> Option<()> {
    let half = f16::from_f32(value);
    out.extend(half.to_le_bytes());
    half.is_finite().then_some(())
}

/// The largest is 127 steps from zero.
fn q8_0(block: &[f32], out: &mut Vec<u8>) -> Option<()> {
    let step = greatest(block)?.abs() / 127.0;
    half(step, out)?;
    let per_step = inverse(step);
    out.extend(block.iter().map(|value| (value * per_step).round() as i8 as u8));
    Some(())
}

/// The one that is farthest from zero is eight steps below it, whatever its sign.
fn q4_0(block: &[f32], out: &mut Vec<u8>) -> Option<()> {
    let step = greatest(block)? / -8.0;
    half(step, out)?;
    let per_step = inverse(step);
    let steps = |value: &f32| ((value * per_step + 8.5) as u8).min(15);
    let (low, high) = block.split_at(SMALL / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| steps(low) | steps(high) << 4));
    Some(())
}

/// The value that is farthest from zero, the first of several; `None` if one is no number.
fn greatest(block: &[f32]) -> Option<f32> {
    let farther = |best: f32, value: &f32| if value.abs() > best.abs() { *value } else { best };
    block.iter().all(|value| value.is_finite()).then(|| block.iter().fold(0.0, farther))
}

fn inverse(step: f32) -> f32 {
    if step == 0.0 { 0.0 } else { 1.0 / step }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quant::dequantize;

    fn written(dtype: Dtype, values: &[f32]) -> Option<Vec<f32>> {
        let mut blocks = Vec::new();
        quantize(dtype, values, &mut blocks)?;
        let mut read = vec![0.0; values.len()];
        dequantize(dtype, &blocks, &mut read);
        Some(read)
    }

    #[test]
    fn zeros_and_the_ends_of_the_range_are_themselves() {
        let ends: Vec<f32> = (0..32).map(|i| [0.0, 2.0, -2.0, 1.0][i % 4]).collect();
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            assert_eq!(written(dtype, &ends).unwrap(), ends);
        }
        assert_eq!(written(Dtype::Q8_0, &[0.0; 32]).unwrap(), [0.0; 32]);
        assert_eq!(written(Dtype::Q4_0, &[0.0; 32]).unwrap(), [0.0; 32]);
        // The first of the largest is eight steps below zero, and the other side has but seven.
        let read = written(Dtype::Q4_0, &ends).unwrap();
        assert_eq!(read[..4], [0.0, 2.0, -1.75, 1.0]);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        assert_eq!(written(Dtype::F16, &[70_000.0]), None);
        assert_eq!(written(Dtype::Bf16, &[f32::NAN]), None);
        assert_eq!(written(Dtype::Q8_0, &[f32::INFINITY; 32]), None);
        assert_eq!(written(Dtype::Q4_0, &[1e9; 32]), None);
        assert_eq!(written(Dtype::Q4_0, &[1.0; 31]), None);
        assert_eq!(written(Dtype::Q4K, &[1.0; 256]), None);
    }

    proptest! {
        #[test]
        fn no_value_is_moved_by_more_than_a_step(
            values in prop::collection::vec(-30.0_f32..30.0, 64),
        ) {
            for (dtype, steps) in [(Dtype::Q8_0, 127.0 * 2.0), (Dtype::Q4_0, 8.0)] {
                let read = written(dtype, &values).unwrap();
                for (block, read) in values.chunks(32).zip(read.chunks(32)) {
                    let most = block.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                    for (value, read) in block.iter().zip(read) {
                        // The step is rounded too.
                        let off = (value - read).abs();
                        prop_assert!(off <= most / steps * 1.01 + most * 1e-3, "{value} {read}");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod peers {
    use std::process::Command;

    use super::*;
    use crate::gguf::peers::{made, script};

    #[test]
    #[ignore = "`cargo xtask test` runs it, with the files that it makes"]
    fn every_block_is_the_one_that_gguf_py_makes() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = fastrand::Rng::with_seed(3);
        // Blocks of many sizes, one of zeros, and one whose least and greatest differ by sign alone.
        let mut values: Vec<f32> = (0..4096)
            .map(|i| (rng.f32() - 0.5) * 10_f32.powi(i / 32 % 9 - 6))
            .chain([0.0; 32])
            .chain((0..32).map(|i| [-1.5, 1.5][i % 2]))
            .collect();
        // Halfway between two steps.
        values.extend((0..32).map(|i| (i as f32 - 16.0) * 0.5));
        values.extend((0..32).map(|i| if i == 0 { 127.0 } else { i as f32 - 16.5 }));
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(folder.path().join("values.f32"), bytes).unwrap();
        let python = made().join("../bin/python");
        let done = Command::new(python).arg(script("quantize.py")).arg(folder.path()).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for dtype in [Dtype::Q8_0, Dtype::Q4_0] {
            let theirs = std::fs::read(folder.path().join(format!("{}.bin", dtype.name())));
            let mut ours = Vec::new();
            quantize(dtype, &values, &mut ours).unwrap();
            assert!(ours == theirs.unwrap(), "{dtype:?}");
        }
    }
}
