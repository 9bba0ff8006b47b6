//! The moments of a group: how many numbers there are, their mean, and the sums of the
//! second to fourth powers of their distances from it.
//!
//! They are brought up to date number by number and part by part (Pébay 2008), since
//! sums of powers of large counts would leave nothing of the differences.

/// Adds the one value of `row` to the `moments` of a group, if it is known.
pub(super) fn add(moments: &mut Vec<f64>, row: &[Option<f64>]) {
    if let Some(value) = row.first().copied().flatten() {
        merge(moments, &[1.0, value, 0.0, 0.0, 0.0]);
    }
}

/// Adds the moments of another part of the group.
pub(super) fn merge(moments: &mut Vec<f64>, others: &[f64]) {
    let &[m, mean_b, b2, b3, b4] = others else { return };
    let &[n, mean_a, a2, a3, a4] = moments.as_slice() else {
        others.clone_into(moments);
        return;
    };
    let all = n + m;
    let apart = mean_b - mean_a;
    let step = apart / all;
    let square = apart * step * n * m;
    let third = a3 + b3 + square * step * (n - m) + 3.0 * step * (n * b2 - m * a2);
    let fourth = a4
        + b4
        + square * step * step * (n * n - n * m + m * m)
        + 6.0 * step * step * (n * n * b2 + m * m * a2)
        + 4.0 * step * (n * b3 - m * a3);
    moments.copy_from_slice(&[all, mean_a + step * m, a2 + b2 + square, third, fourth]);
}

/// How far the mean may be off.
pub(super) fn standard_error(moments: &[f64]) -> Option<f64> {
    let &[n, _, second, ..] = moments else { return None };
    Some((second / n / n).sqrt())
}

/// How lopsided the numbers are, as a sample tells it.
pub(super) fn skewness(moments: &[f64]) -> Option<f64> {
    let &[n, _, second, third, _] = moments else { return None };
    let spread = (second / n).powf(1.5);
    let factor = (n * (n - 1.0)).sqrt() / (n - 2.0);
    (n > 2.0 && spread > 0.0).then(|| factor * (third / n) / spread)
}

/// How far beyond the normal distribution's the tails of the numbers are.
pub(super) fn kurtosis_of_all(moments: &[f64]) -> Option<f64> {
    let &[n, _, second, _, fourth] = moments else { return None };
    let spread = (second / n).powi(2);
    (n > 1.0 && spread > 0.0).then(|| fourth / n / spread - 3.0)
}

/// The same as a sample tells it.
pub(super) fn kurtosis(moments: &[f64]) -> Option<f64> {
    let n = *moments.first()?;
    let of_all = kurtosis_of_all(moments)?;
    (n > 3.0).then(|| (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * of_all + 6.0))
}

#[cfg(test)]
mod tests {
    use super::{add, kurtosis, kurtosis_of_all, merge, skewness, standard_error};

    fn of(values: &[f64]) -> Vec<f64> {
        let mut moments = Vec::new();
        values.iter().for_each(|value| add(&mut moments, &[Some(*value)]));
        moments
    }

    #[test]
    fn parts_and_the_whole_agree_and_large_numbers_do_too() {
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-7;
        for split in 0..=4 {
            for far in [0.0, 1e6] {
                let values = [1.0, 2.0, 2.0, 10.0].map(|value| value + far);
                let (one, other) = values.split_at(split);
                let mut moments = of(one);
                merge(&mut moments, &of(other));
                // As DuckDB computes them.
                assert!(near(skewness(&moments), 1.922_521_714_141_274_3), "{split} {far}");
                assert!(near(kurtosis(&moments), 3.769_996_181_577_235), "{split} {far}");
                assert!(near(kurtosis_of_all(&moments), -0.697_333_842_456_368_6), "{split} {far}");
            }
        }
    }

    #[test]
    fn too_few_or_like_values_tell_nothing() {
        assert_eq!(skewness(&of(&[1.0, 2.0])), None);
        assert_eq!(kurtosis(&of(&[1.0, 2.0, 2.0])), None);
        assert_eq!((skewness(&of(&[0.1; 9])), kurtosis(&of(&[0.1; 9]))), (None, None));
        assert_eq!((skewness(&[]), kurtosis_of_all(&of(&[1.0]))), (None, None));
        assert_eq!((standard_error(&[]), standard_error(&of(&[7.0]))), (None, Some(0.0)));
    }
}
