//! What kernels are made of, in forms that compilers turn into vector code.

/// Declares a function that is compiled for wide vectors as well, and calls what the machine can run.
///
/// Both do the same operations in the same order: no multiplication is fused with an addition, so
/// the results are the same bits. What is called within must be `#[inline(always)]` to be wide too.
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn plain($($arg: $type),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide($($arg: $type),*) $(-> $out)? {
                    plain($($arg),*)
                }

                if is_x86_feature_detected!("avx2") {
                    #[expect(unsafe_code, reason = "the compiler does not see what was just asked")]
                    // SAFETY: the machine has what the function is compiled for.
                    return unsafe { wide($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}

pub(super) use wide;

/// `exp(x)`, exact to about 1e-7 of the value, in a form that compilers turn into vector code.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // 2^n · e^f with |f| ≤ ln 2 / 2; adding and taking away 1.5 · 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let f = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * f + 1.398_2e-3;
    let p = p * f + 8.333_452e-3;
    let p = p * f + 4.166_579_6e-2;
    let p = p * f + 1.666_666_5e-1;
    let p = p * f + 0.5;
    let y = p * f * f + f + 1.0;
    f32::from_bits((((n as i32) + 127) << 23) as u32) * y
}

#[inline(always)]
pub(super) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (mut xs, mut ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for (x, y) in (&mut xs).zip(&mut ys) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// `y += a · x`
#[inline(always)]
pub(super) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

#[inline(always)]
pub(super) fn max(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            best[lane] = if chunk[lane] > best[lane] { chunk[lane] } else { best[lane] };
        }
    }
    best.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |a, b| a.max(*b))
}

/// Replaces each value by `exp(value - shift)` and returns the sum.
#[inline(always)]
pub(super) fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let mut chunks = x.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            sums[lane] += chunk[lane];
        }
    }
    let mut total: f32 = sums.iter().sum();
    for value in chunks.into_remainder() {
        *value = exp(*value - shift);
        total += *value;
    }
    total
}

/// Asks for so many values, from `at` on, which are looked at soon if there are such.
///
/// Machines foresee what comes next, but not beyond the end of a page.
#[inline(always)]
pub(super) fn prefetch(values: &[f32], at: usize, count: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in (0..count).step_by(64 / size_of::<f32>()) {
            let ahead = values.as_ptr().wrapping_add(at + line).cast();
            #[expect(unsafe_code, reason = "the compiler asks whether the machine has SSE")]
            // SAFETY: all of these machines have it; and nothing is read: it is a hint, which any
            // address may be in.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(ahead);
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at, count);
}

#[inline(always)]
pub(super) fn softmax(x: &mut [f32]) {
    let shift = max(x);
    let scale = 1.0 / exp_and_sum(x, shift);
    for value in x {
        *value *= scale;
    }
}

/// Values handled side by side.
pub(super) const LANES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let relative = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 3e-7, "exp({x}) is off by {relative}");
        }
    }
}
