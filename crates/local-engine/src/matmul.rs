//! Products of matrices, by the `gemm` crate.

use std::ops::Range;

use gemm::Parallelism;

/// A matrix in a slice: row by row, or the transpose of one that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    /// How far apart two rows are, and two columns. No step leads out of the values.
    row_step: usize,
    col_step: usize,
}

impl<'a> View<'a> {
    /// The rows of `cols` values each that lie in a slice.
    ///
    /// # Panics
    ///
    /// If they do not fill it.
    pub(crate) fn of(values: &'a [f32], cols: usize) -> Self {
        let rows = rows_in(values.len(), cols);
        Self { values, rows, cols, row_step: cols, col_step: 1 }
    }

    /// A part of the rows of `width` values each that lie in a slice.
    ///
    /// # Panics
    ///
    /// If there is no such part.
    pub(crate) fn part(
        values: &'a [f32],
        width: usize,
        rows: Range<usize>,
        cols: Range<usize>,
    ) -> Self {
        assert!(cols.end <= width, "the columns are there");
        let values = &values[rows.start * width..rows.end * width];
        let values = values.get(cols.start..).unwrap_or(&[]);
        Self { values, rows: rows.len(), cols: cols.len(), row_step: width, col_step: 1 }
    }

    /// The transpose: what were rows are columns.
    pub(crate) fn transposed(self) -> Self {
        let Self { values, rows, cols, row_step, col_step } = self;
        Self { values, rows: cols, cols: rows, row_step: col_step, col_step: row_step }
    }
}

/// Where a product goes: row by row.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    values: &'a mut [f32],
    cols: usize,
    how: How,
}

/// What becomes of a product.
#[derive(Clone, Copy, Debug)]
struct How {
    /// What it is multiplied by.
    scale: f32,
    /// Whether it is added to what is there.
    adds: bool,
    threads: Parallelism,
}

impl Default for How {
    fn default() -> Self {
        Self { scale: 1.0, adds: false, threads: Parallelism::Rayon(0) }
    }
}

impl<'a> Place<'a> {
    /// In place of what is there.
    ///
    /// # Panics
    ///
    /// If rows of `cols` values do not fill the slice.
    pub(crate) fn of(values: &'a mut [f32], cols: usize) -> Self {
        rows_in(values.len(), cols);
        Self { values, cols, how: How::default() }
    }

    /// Adds the product to what is there.
    pub(crate) fn adding(mut self) -> Self {
        self.how.adds = true;
        self
    }

    /// Multiplies the product by a number.
    pub(crate) fn scaled(mut self, scale: f32) -> Self {
        self.how.scale = scale;
        self
    }

    /// Wakes no other thread.
    pub(crate) fn alone(mut self) -> Self {
        self.how.threads = Parallelism::None;
        self
    }

    /// Puts `a · b` there.
    ///
    /// # Panics
    ///
    /// If a row of `a` is not as long as a column of `b`, or the product is not as large as its
    /// place.
    pub(crate) fn product(self, a: View<'_>, b: View<'_>) {
        let rows = rows_in(self.values.len(), self.cols);
        assert_eq!(a.cols, b.rows, "a row of one is as long as a column of the other");
        assert_eq!((rows, self.cols), (a.rows, b.cols), "the product has its place");
        let how = self.how;
        // SAFETY: the place is as large as the product.
        #[expect(unsafe_code, reason = "as `multiply` says")]
        unsafe {
            multiply(self.values.as_mut_ptr(), how, a, b);
        }
    }
}

/// `a · b`, row by row.
///
/// # Panics
///
/// If a row of `a` is not as long as a column of `b`.
pub(crate) fn product(a: View<'_>, b: View<'_>) -> Vec<f32> {
    assert_eq!(a.cols, b.rows, "a row of one is as long as a column of the other");
    let size = a.rows * b.cols;
    let mut out = Vec::with_capacity(size);
    // Filling it with zeros first would take a good part of the time of a small product.
    // SAFETY: there is room for the product, and what does not add writes all of it.
    #[expect(unsafe_code, reason = "as `multiply` says")]
    unsafe {
        multiply(out.as_mut_ptr(), How::default(), a, b);
        out.set_len(size);
    }
    out
}

fn rows_in(values: usize, cols: usize) -> usize {
    let rows = values.checked_div(cols).unwrap_or(0);
    assert_eq!(rows * cols, values, "rows of {cols} do not fill {values} values");
    rows
}

/// Puts `a · b` into `out`, row by row, and reads what is there only if the product is added to it.
///
/// # Safety
///
/// A row of `a` is as long as a column of `b`, and `out` is nobody else's and has room for as many
/// values as the product has, which are set if the product is added to them.
#[expect(unsafe_code, reason = "`gemm` takes pointers; there is no safe one as fast")]
unsafe fn multiply(out: *mut f32, how: How, a: View<'_>, b: View<'_>) {
    let size = a.rows * b.cols;
    if size == 0 {
        return;
    }
    if a.cols == 0 {
        if !how.adds {
            // SAFETY: there is room for so many, as the caller promises.
            unsafe { out.write_bytes(0, size) };
        }
        return;
    }
    // No slice is longer than `isize::MAX` bytes, so neither is a step.
    let step = |step: usize| step as isize;
    // SAFETY: a view's steps stay within its slice, whose length its constructors checked, and
    // there is room for every row of the product, as the caller promises.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out,
            1,
            step(b.cols),
            how.adds,
            a.values.as_ptr(),
            step(a.col_step),
            step(a.row_step),
            b.values.as_ptr(),
            step(b.col_step),
            step(b.row_step),
            1.0,
            how.scale,
            false,
            false,
            false,
            how.threads,
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_hand(a: View<'_>, b: View<'_>) -> Vec<f32> {
        let at = |view: View<'_>, row: usize, col: usize| {
            f64::from(view.values[row * view.row_step + col * view.col_step])
        };
        let cell = |row, col| (0..a.cols).map(|i| at(a, row, i) * at(b, i, col)).sum::<f64>();
        let cells = (0..a.rows).flat_map(|row| (0..b.cols).map(move |col| (row, col)));
        cells.map(|(row, col)| cell(row, col) as f32).collect()
    }

    proptest! {
        #[test]
        fn a_product_is_the_sums_of_products_however_the_matrices_lie(
            (m, n, k) in (1..40_usize, 1..40_usize, 1..70_usize),
            turned: [bool; 2],
            seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut noise = |len| (0..len).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
            let (a, b) = (noise(m * k), noise(k * n));
            let a = if turned[0] { View::of(&a, m).transposed() } else { View::of(&a, k) };
            let b = if turned[1] { View::of(&b, k).transposed() } else { View::of(&b, n) };
            let expected = by_hand(a, b);
            let found = product(a, b);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_product_of_nothing_is_zero_and_one_without_rows_is_empty() {
        let (empty, some) = ([0.0_f32; 0], [1.0_f32; 6]);
        assert!(product(View::of(&empty, 2), View::of(&some, 3)).is_empty());
        let nothing = View { values: &empty, rows: 2, cols: 0, row_step: 0, col_step: 1 };
        assert_eq!(product(nothing, nothing.transposed()), [0.0; 4]);
    }

    #[test]
    #[should_panic = "a row of one is as long as a column of the other"]
    fn matrices_that_do_not_fit_are_a_fault_of_the_caller() {
        let values = [0.0_f32; 6];
        product(View::of(&values, 3), View::of(&values, 3));
    }
}
