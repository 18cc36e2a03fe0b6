//! The kernels on candle's tensors.
//!
//! candle's own element-wise steps are left aside: from 64 Ki values on they wait, spinning, for a
//! pool of threads of their own, which takes the cores from those who share them.

use candle_core::{CpuStorage, DType, Device, Layout, Result, Storage, Tensor};

use crate::kernels::{self, RopeTables};
#[cfg(feature = "train")]
use crate::kernels::{Heads, Span};

/// `x · weightᵀ`
pub(crate) fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}

pub(crate) fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let sum = with_values([x, y], |[x, y]| kernels::sum(x, y))?;
    like(sum, x)
}

pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let y = with_values([x, weight], |[x, weight]| kernels::rms_norm(x, weight, eps))?;
    like(y, x)
}

pub(crate) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    let y = with_values([gate, up], |[gate, up]| kernels::swiglu(gate, up))?;
    like(y, gate)
}

/// Turns the heads of each row by the row's position; back if `direction` is `-1.0`.
pub(crate) fn rotate(
    tables: &RopeTables,
    x: &Tensor,
    positions: &[u32],
    direction: f32,
) -> Result<Tensor> {
    let (_, width) = x.dims2()?;
    let y = with_values([x], |[x]| tables.rotate(x, width, positions, direction))?;
    like(y, x)
}

/// Causal attention within each span.
#[cfg(feature = "train")]
pub(crate) fn attention(
    heads: Heads,
    spans: &[Span],
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
) -> Result<Tensor> {
    let out = with_values([q, k, v], |[q, k, v]| kernels::attention(heads, spans, q, k, v))?;
    like(out, q)
}

/// Lends the values of some tensors, row-major.
pub(crate) fn with_values<const N: usize, T>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> T,
) -> Result<T> {
    let views = tensors.iter().map(|tensor| tensor.contiguous()).collect::<Result<Vec<_>>>()?;
    let borrowed: Vec<_> = views.iter().map(Tensor::storage_and_layout).collect();
    let mut slices = [&[][..]; N];
    for (slot, (storage, layout)) in slices.iter_mut().zip(&borrowed) {
        *slot = match &**storage {
            Storage::Cpu(storage) => slice(storage, layout)?,
            _ => candle_core::bail!("the engine's own steps run on the CPU only"),
        };
    }
    Ok(work(slices))
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("expected a contiguous tensor of {:?}", DType::F32),
    }
}

/// A tensor of these values in the shape of another.
pub(crate) fn like(values: Vec<f32>, tensor: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, tensor.shape(), &Device::Cpu)
}
