//! Weights in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Tensors by the names that Hugging Face gives them.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// Numbers in row-major order; copies share them until one of them is changed.
#[derive(Clone, PartialEq)]
pub(crate) struct Tensor {
    shape: Vec<usize>,
    values: Arc<Vec<f32>>,
}

impl Tensor {
    /// Of as many values as the shape has places.
    pub(crate) fn new(shape: Vec<usize>, values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape, values: Arc::new(values) }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values to change, which others that share them do not see.
    #[cfg(feature = "train")]
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        let values: &mut Vec<f32> = Arc::make_mut(&mut self.values);
        values
    }

    /// How long a row is.
    pub(crate) fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.values.len().checked_div(self.width()).unwrap_or(0)
    }

    /// One row of a matrix.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        let width = self.width();
        &self.values[row * width..(row + 1) * width]
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{:?}", self.shape)
    }
}
