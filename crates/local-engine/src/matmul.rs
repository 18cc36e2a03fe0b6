//! Products of matrices, by the `gemm` crate.

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
        let rows = values.len().checked_div(cols).unwrap_or(0);
        assert_eq!(rows * cols, values.len(), "rows of {cols} do not fill {} values", values.len());
        Self { values, rows, cols, row_step: cols, col_step: 1 }
    }

    /// The transpose: what were rows are columns.
    pub(crate) fn transposed(self) -> Self {
        let Self { values, rows, cols, row_step, col_step } = self;
        Self { values, rows: cols, cols: rows, row_step: col_step, col_step: row_step }
    }
}

/// `a · b`, row by row.
///
/// # Panics
///
/// If a row of `a` is not as long as a column of `b`.
pub(crate) fn product(a: View<'_>, b: View<'_>) -> Vec<f32> {
    let mut out = vec![0.0; a.rows * b.cols];
    multiply(&mut out, a, b, false);
    out
}

/// Adds `a · b` to `out`.
///
/// # Panics
///
/// If a row of `a` is not as long as a column of `b`, or `out` is not as large as their product.
#[cfg(feature = "train")]
pub(crate) fn add_product(out: &mut [f32], a: View<'_>, b: View<'_>) {
    multiply(out, a, b, true);
}

#[expect(unsafe_code, reason = "`gemm` takes pointers; there is no safe one as fast")]
fn multiply(out: &mut [f32], a: View<'_>, b: View<'_>, add: bool) {
    assert_eq!(a.cols, b.rows, "a row of one is as long as a column of the other");
    assert_eq!(out.len(), a.rows * b.cols, "the product has its place");
    if out.is_empty() || a.cols == 0 {
        return;
    }
    // No slice is longer than `isize::MAX` bytes, so neither is a step.
    let step = |step: usize| step as isize;
    // SAFETY: a view's steps stay within its slice, whose length its constructor checked, and `out`,
    // which is nobody else's, has room for every row of the product.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.as_mut_ptr(),
            1,
            step(b.cols),
            add,
            a.values.as_ptr(),
            step(a.col_step),
            step(a.row_step),
            b.values.as_ptr(),
            step(b.col_step),
            step(b.row_step),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
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
