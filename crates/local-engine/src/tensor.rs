//! Weights in memory.

mod packing;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub(crate) use self::packing::{pack, packed_size};
use crate::kernels::{FEW, Packed, few_rows, many_rows, widen};
use crate::matmul::{View, product};
use crate::quant::Dtype;
use crate::store::Bytes;

/// Tensors by the names that Hugging Face gives them.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// Numbers in row-major order; copies share them until one of them is changed.
#[derive(Clone)]
pub(crate) struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Clone)]
enum Values {
    #[cfg_attr(
        not(any(test, feature = "train")),
        expect(dead_code, reason = "without training, all that there is lies in files")
    )]
    Floats(Arc<Vec<f32>>),
    /// As they lie in a file.
    Stored(Arc<Stored>),
}

struct Stored {
    dtype: Dtype,
    bytes: Bytes,
    /// As floats, once somebody asked for them.
    floats: OnceLock<Vec<f32>>,
    /// As answers are computed from it, once [`pack`] was asked for that; `None` where there was no
    /// memory for it.
    packed: OnceLock<Option<Bytes>>,
}

impl Tensor {
    /// Of as many values as the shape has places.
    #[cfg(any(test, feature = "train"))]
    pub(crate) fn new(shape: Vec<usize>, values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape, values: Values::Floats(Arc::new(values)) }
    }

    /// As it lies in a file; `None` if it is not of whole blocks, or of other many bytes.
    pub(crate) fn stored(shape: Vec<usize>, dtype: Dtype, bytes: Bytes) -> Option<Self> {
        let (width, above) = shape.split_last().map_or((1, &[][..]), |(last, all)| (*last, all));
        let rows = above.iter().try_fold(1_usize, |rows, dim| rows.checked_mul(*dim))?;
        let needed = dtype.row_bytes(width)?.checked_mul(rows)?;
        let (floats, packed) = (OnceLock::new(), OnceLock::new());
        let stored = Stored { dtype, bytes, floats, packed };
        let is_whole = stored.bytes.len() == needed;
        is_whole.then(|| Self { shape, values: Values::Stored(Arc::new(stored)) })
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type that the numbers are in.
    pub(crate) fn dtype(&self) -> Dtype {
        match &self.values {
            Values::Floats(_) => Dtype::F32,
            Values::Stored(stored) => stored.dtype,
        }
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> u64 {
        let row = self.dtype().row_bytes(self.width()).unwrap_or(0);
        (row * self.rows()) as u64
    }

    /// The bytes, if it lies as it does in a file.
    pub(crate) fn stored_bytes(&self) -> Option<&[u8]> {
        match &self.values {
            Values::Floats(_) => None,
            Values::Stored(stored) => Some(&stored.bytes),
        }
    }

    /// The values; those that are stored otherwise are widened when this is first asked for.
    pub(crate) fn values(&self) -> &[f32] {
        match &self.values {
            Values::Floats(values) => values,
            Values::Stored(stored) => stored.floats(),
        }
    }

    /// A copy of the values.
    pub(crate) fn to_vec(&self) -> Vec<f32> {
        match &self.values {
            Values::Floats(values) => values.to_vec(),
            Values::Stored(stored) => stored.to_vec(),
        }
    }

    /// Becomes floats in memory, unless it lies in a file as such.
    ///
    /// What is trained upon should be: its values are asked for in every step.
    #[cfg(feature = "train")]
    pub(crate) fn widen(&mut self) {
        if let Values::Stored(stored) = &self.values
            && stored.plain().is_none()
        {
            self.values = Values::Floats(Arc::new(stored.to_vec()));
        }
    }

    /// The values to change, which others that share them do not see.
    #[cfg(feature = "train")]
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        if let Values::Stored(stored) = &self.values {
            self.values = Values::Floats(Arc::new(stored.to_vec()));
        }
        match &mut self.values {
            Values::Floats(values) => {
                let values: &mut Vec<f32> = Arc::make_mut(values);
                values
            }
            Values::Stored(_) => &mut [],
        }
    }

    /// How long a row is.
    pub(crate) fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.shape.split_last().map_or(1, |(_, above)| above.iter().product())
    }

    /// Adds a row of a matrix to the end of `out`.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub(crate) fn push_row(&self, row: usize, out: &mut Vec<f32>) {
        let (width, start) = (self.width(), out.len());
        match &self.values {
            Values::Floats(values) => out.extend_from_slice(&values[row * width..][..width]),
            Values::Stored(stored) => {
                let bytes = stored.dtype.row_bytes(width).unwrap_or(0);
                out.resize(start + width, 0.0);
                widen(stored.dtype, &stored.bytes[row * bytes..][..bytes], &mut out[start..]);
            }
        }
    }

    /// `x · selfᵀ`, row by row.
    ///
    /// What is stored stays as it is. Where it is quantised, a few rows of `x` are rounded to eight
    /// bits on the way, as in llama.cpp; many are not.
    ///
    /// # Panics
    ///
    /// If a row of `x` is not as long as one of this matrix.
    pub(crate) fn product(&self, x: &[f32]) -> Vec<f32> {
        let width = self.width();
        let floats = match &self.values {
            Values::Floats(values) => values,
            Values::Stored(stored) => {
                let (dtype, bytes, is_few) = (stored.dtype, &*stored.bytes, x.len() <= width * FEW);
                if let Some(Some(packed)) = stored.packed.get() {
                    let packed = Packed::new(dtype, self.rows(), width, packed);
                    return if is_few { packed.few_rows(x) } else { packed.many_rows(x) };
                }
                match stored.plain() {
                    _ if is_few => return few_rows(dtype, bytes, width, x),
                    None => return many_rows(dtype, bytes, width, x),
                    Some(floats) => floats,
                }
            }
        };
        product(View::of(x, width), View::of(floats, width).transposed())
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.values() == other.values()
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{:?}", self.shape)
    }
}

impl Stored {
    fn floats(&self) -> &[f32] {
        self.plain().unwrap_or_else(|| self.floats.get_or_init(|| self.to_vec()))
    }

    fn to_vec(&self) -> Vec<f32> {
        let (values, bytes) = self.dtype.block();
        let mut floats = vec![0.0; self.bytes.len() / bytes * values];
        widen(self.dtype, &self.bytes, &mut floats);
        floats
    }

    /// The bytes, if they are floats as this machine has them in memory.
    fn plain(&self) -> Option<&[f32]> {
        if self.dtype != Dtype::F32 || cfg!(target_endian = "big") {
            return None;
        }
        #[expect(unsafe_code, reason = "there is no safe way to see bytes as floats")]
        // SAFETY: any four bytes are a float.
        let (before, floats, after) = unsafe { self.bytes.align_to::<f32>() };
        (before.is_empty() && after.is_empty()).then_some(floats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::tests::random_blocks;

    #[test]
    fn what_is_stored_is_what_it_stands_for() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8_0, Dtype::Q4K] {
            // From an odd place on, so that no float is where a machine would have it.
            let bytes = [vec![0], random_blocks(dtype, 512, 7)].concat();
            let bytes = Bytes::from(bytes).part(1..dtype.row_bytes(512).unwrap() + 1).unwrap();
            let tensor = Tensor::stored(vec![2, 256], dtype, bytes).unwrap();
            let values = tensor.values().to_vec();
            let mut rows = Vec::new();
            tensor.push_row(0, &mut rows);
            tensor.push_row(1, &mut rows);
            assert_eq!(rows, values);
            assert_eq!(tensor, Tensor::new(vec![2, 256], values));
        }
    }

    #[test]
    fn bytes_that_are_not_the_shape_are_none() {
        let stored = |shape, dtype, bytes: usize| {
            Tensor::stored(shape, dtype, Bytes::from(vec![0; bytes])).is_some()
        };
        assert!(stored(vec![2, 32], Dtype::Q8_0, 68));
        assert!(stored(vec![], Dtype::F32, 4));
        assert!(!stored(vec![2, 32], Dtype::Q8_0, 67));
        assert!(!stored(vec![2, 31], Dtype::Q8_0, 68));
        assert!(!stored(vec![usize::MAX, 32], Dtype::Q8_0, 34));
        assert!(!stored(vec![usize::MAX, 2], Dtype::F32, 0));
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_change_is_seen_by_none_of_those_that_shared() {
        let bytes: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let tensor = Tensor::stored(vec![2], Dtype::F32, bytes.into()).unwrap();
        let mut other = tensor.clone();
        other.values_mut()[0] = 3.0;
        assert_eq!((tensor.values(), other.values()), (&[1.0, 2.0][..], &[3.0, 2.0][..]));
        let halves = Tensor::stored(vec![2], Dtype::F16, vec![0, 0x3c, 0, 0x40].into()).unwrap();
        let mut widened = halves.clone();
        widened.widen();
        assert!(matches!(
            (&halves.values, &widened.values),
            (Values::Stored(_), Values::Floats(_))
        ));
        assert_eq!((&halves, halves.to_vec()), (&widened, vec![1.0, 2.0]));
    }
}
