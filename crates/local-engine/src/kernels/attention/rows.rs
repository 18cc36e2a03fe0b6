//! Attention from a row or two, which are too few for products of matrices to pay.

use super::Span;
use crate::config::Heads;
use crate::kernels::lanes::{add_scaled, dot, softmax, wide};

wide! {
    /// What one head of a span's queries sees.
    pub(super) fn forward(
        heads: Heads,
        window: Option<usize>,
        span: &Span,
        head: usize,
        q: &[f32],
        k: &[f32],
        v: &[f32],
    ) -> Vec<f32> {
        let key_head = head / heads.group();
        let mut weights = vec![0.0; span.keys.len()];
        let mut part = vec![0.0; span.queries.len() * heads.dim];
        for (row, out) in span.queries.clone().zip(part.chunks_exact_mut(heads.dim)) {
            let visible = span.visible(row, window);
            let weights = &mut weights[..visible.len()];
            let query = &q[heads.at(row, heads.query, head)];
            for (weight, key) in weights.iter_mut().zip(visible.clone()) {
                *weight = dot(query, &k[heads.at(key, heads.key, key_head)]) * heads.scale();
            }
            softmax(weights);
            for (weight, row) in weights.iter().zip(visible) {
                add_scaled(out, *weight, &v[heads.at(row, heads.key, key_head)]);
            }
        }
        part
    }
}
