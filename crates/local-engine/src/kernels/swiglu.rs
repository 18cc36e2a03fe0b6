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

/// [`swiglu`] once more, with its derivatives by `gate` and `up` in their places.
#[cfg(feature = "train")]
pub(crate) fn swiglu_slopes(gate: &mut [f32], up: &mut [f32]) -> Vec<f32> {
    let mut y = vec![0.0; gate.len()];
    y.par_chunks_mut(BLOCK)
        .zip(gate.par_chunks_mut(BLOCK))
        .zip(up.par_chunks_mut(BLOCK))
        .for_each(|((y, gate), up)| block_slopes(y, gate, up));
    y
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
    fn block_slopes(y: &mut [f32], gate: &mut [f32], up: &mut [f32]) {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            let sigmoid = 1.0 / (1.0 + exp(-*gate));
            let silu = *gate * sigmoid;
            *y = silu * *up;
            *gate = *up * (sigmoid + silu * (1.0 - sigmoid));
            *up = silu;
        }
    }
}

/// Values that one task takes.
const BLOCK: usize = 8192;

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;
    use crate::kernels::multiply;
    use crate::kernels::tests::{check_gradient, noise, total};

    #[test]
    fn the_gradient_of_swiglu_agrees_with_differences() {
        let (gate, up, grad) = (noise(1, 20), noise(2, 20), noise(3, 20));
        let (mut by_gate, mut by_up) = (gate.clone(), up.clone());
        let y = swiglu_slopes(&mut by_gate, &mut by_up);
        for (again, y) in y.iter().zip(swiglu(&gate, &up)) {
            assert!((again - y).abs() < 1e-6, "{again} and {y}");
        }
        multiply(&mut by_gate, &grad);
        multiply(&mut by_up, &grad);
        check_gradient(&gate, &by_gate, |gate| total(&swiglu(gate, &up), &grad));
        check_gradient(&up, &by_up, |up| total(&swiglu(&gate, up), &grad));
    }
}
