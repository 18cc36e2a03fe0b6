//! The gated activation of the MLP: `silu(gate) · up` (Shazeer 2020).

use rayon::prelude::*;

use super::lanes::{exp, wide};

/// `silu(gate) · up`
pub(crate) fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; gate.len()];
    if gate.len() <= BLOCK {
        block(&mut y, gate, up);
    } else {
        y.par_chunks_mut(BLOCK)
            .zip(gate.par_chunks(BLOCK))
            .zip(up.par_chunks(BLOCK))
            .for_each(|((y, gate), up)| block(y, gate, up));
    }
    y
}

/// The gradients of [`swiglu`] by `gate` and `up`.
#[cfg(feature = "train")]
pub(crate) fn swiglu_back(gate: &[f32], up: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut by_gate, mut by_up) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
    by_gate
        .par_chunks_mut(BLOCK)
        .zip(by_up.par_chunks_mut(BLOCK))
        .zip(gate.par_chunks(BLOCK))
        .zip(up.par_chunks(BLOCK))
        .zip(grad.par_chunks(BLOCK))
        .for_each(|((((by_gate, by_up), gate), up), grad)| {
            block_back(by_gate, by_up, gate, up, grad);
        });
    (by_gate, by_up)
}

wide! {
    fn block(y: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

#[cfg(feature = "train")]
wide! {
    fn block_back(
        by_gate: &mut [f32],
        by_up: &mut [f32],
        gate: &[f32],
        up: &[f32],
        grad: &[f32],
    ) {
        let outputs = by_gate.iter_mut().zip(by_up);
        for ((((by_gate, by_up), gate), up), grad) in outputs.zip(gate).zip(up).zip(grad) {
            let sigmoid = 1.0 / (1.0 + exp(-gate));
            let silu = gate * sigmoid;
            *by_up = grad * silu;
            *by_gate = grad * up * (sigmoid + silu * (1.0 - sigmoid));
        }
    }
}

/// Values that one task takes.
const BLOCK: usize = 8192;

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;
    use crate::kernels::tests::{check_gradient, noise, total};

    #[test]
    fn the_gradient_of_swiglu_agrees_with_differences() {
        let (gate, up, grad) = (noise(1, 20), noise(2, 20), noise(3, 20));
        let (by_gate, by_up) = swiglu_back(&gate, &up, &grad);
        check_gradient(&gate, &by_gate, |gate| total(&swiglu(gate, &up), &grad));
        check_gradient(&up, &by_up, |up| total(&swiglu(&gate, up), &grad));
    }
}
