//! What is looked for among the values of a group, each of which has a weight: the number
//! of its rows, or 1 where it counts once.
//!
//! How two values compare is told by who keeps them.

use std::cmp::Ordering;

/// The value that weighs most, and the least of several.
pub(super) fn heaviest<V: Copy>(
    weighed: impl Iterator<Item = (V, i64)>,
    compare: impl Fn(V, V) -> Ordering,
) -> Option<V> {
    let heaviest = weighed.max_by(|(one, weight), (other, of_other)| {
        weight.cmp(of_other).then_with(|| compare(*other, *one))
    });
    heaviest.map(|(value, _)| value)
}

/// The `most` values that weigh most: of those that weigh the same the lesser ones first.
pub(super) fn heaviest_few<V: Copy>(
    mut weighed: Vec<(V, i64)>,
    most: usize,
    compare: impl Fn(V, V) -> Ordering,
) -> Vec<V> {
    let order = |(one, weight): &(V, i64), (other, of_other): &(V, i64)| {
        of_other.cmp(weight).then_with(|| compare(*one, *other))
    };
    if 0 < most && most < weighed.len() {
        weighed.select_nth_unstable_by(most - 1, order);
    }
    weighed.truncate(most);
    weighed.sort_unstable_by(order);
    weighed.into_iter().map(|(value, _)| value).collect()
}

/// The value with which a `share` of all is reached that weigh `total` together, in the
/// order in which they come.
pub(super) fn at_share<V>(
    mut weighed: impl Iterator<Item = (V, i64)>,
    total: i64,
    share: f64,
) -> Option<V> {
    let mut left = rank(total, share);
    let reached = weighed.find(|(_, weight)| {
        left -= *weight;
        left <= 0
    });
    reached.map(|(value, _)| value)
}

/// Which of `total` values in order a share of them reaches, the first being 1.
fn rank(total: i64, share: f64) -> i64 {
    let scaled = total as f64 * share;
    // 0.55 of 100 values are 55, and not a little more.
    let near = scaled.round();
    let is_whole = (scaled - near).abs() <= scaled * 1e-14;
    let rank = if is_whole { near } else { scaled.ceil() };
    (rank as i64).max(1)
}

/// How much a value tells, in bits, of those with these `weights`, which are `total`
/// together. They come in the order of the values, so that the sum is always the same.
pub(super) fn entropy(weights: impl Iterator<Item = i64>, total: i64) -> Option<f64> {
    let total = total as f64;
    let told = weights.map(|weight| {
        let share = weight as f64 / total;
        -share * share.log2()
    });
    // Of a single value it would be a negative zero.
    (total > 0.0).then(|| told.sum::<f64>() + 0.0)
}
