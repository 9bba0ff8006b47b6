//! Randomness that is the same on every machine: `ChaCha` streams named by what
//! they are for, and draws made of integers and software floating point only.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for; streams of one seed never overlap.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// The directory entry of the account with this index.
    Account(u32),
    /// Who posts when on a day, for one group of accounts.
    Schedule {
        /// The day, counted from the first.
        day: u32,
        /// The group of accounts.
        group: u32,
    },
    /// How a post is received.
    Reception(u64),
    /// What a post says.
    Text(u64),
    /// What kind of post it is.
    Kind(u64),
    /// What a field talks about.
    Topic(u64),
    /// What happens in the world of the posts.
    Events,
}

/// A source of random draws.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

/// The key that a seed stands for, from which streams are opened cheaply.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed([u8; 24]);

impl Seed {
    /// The key for `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 24];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(b"weiku generate 1");
        Self(key)
    }

    /// The draws of one stream, from its beginning.
    pub(super) fn dice(&self, stream: Stream) -> Dice {
        let (kind, number) = match stream {
            Stream::Account(index) => (1, u64::from(index)),
            Stream::Schedule { day, group } => (2, u64::from(day) << 8 | u64::from(group)),
            Stream::Reception(post) => (3, post),
            Stream::Text(post) => (4, post),
            Stream::Events => (5, 0),
            Stream::Topic(number) => (6, number),
            Stream::Kind(post) => (7, post),
        };
        let mut key = [0; 32];
        key[..24].copy_from_slice(&self.0);
        key[24] = kind;
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(number);
        Dice(rng)
    }
}

impl Dice {
    /// A whole number in `0..bound`; `bound` is at least 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// A whole number in `least..=greatest`.
    pub(super) fn between(&mut self, least: usize, greatest: usize) -> usize {
        least + self.below(greatest - least + 1)
    }

    /// A number in the open interval from 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A draw from the standard normal distribution: the sum of twelve uniform
    /// draws of 16 bits, which needs no transcendental function and ends at six
    /// standard deviations.
    pub(super) fn normal(&mut self) -> f64 {
        let mut sum = 0_u32;
        for _ in 0..3 {
            let bits = self.0.next_u64();
            for shift in [0, 16, 32, 48] {
                sum += (bits >> shift) as u32 & 0xffff;
            }
        }
        (f64::from(sum) + 6.0) / 65_536.0 - 6.0
    }

    /// A draw from the normal distribution of this mean and deviation.
    pub(super) fn gauss(&mut self, mean: f64, deviation: f64) -> f64 {
        mean + deviation * self.normal()
    }

    /// One of `items`, each as likely; there is at least one.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// The position of one of `weights`, as likely as its weight says.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (position, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return position;
            }
        }
        weights.len() - 1
    }
}

/// e to the power of `x`, the same on every machine.
pub(super) fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm of `x`, the same on every machine.
pub(super) fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// An alias table: a weighted choice among many in constant time.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    /// For each position, the chance to stay, and where to go otherwise.
    slots: Vec<(f32, u32)>,
    /// The sum of the weights.
    total: f64,
}

impl Alias {
    /// The table of `weights`, none of which is negative (Vose's method).
    pub(super) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let scale = if total > 0.0 { weights.len() as f64 / total } else { 0.0 };
        let mut share: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let mut slots: Vec<(f32, u32)> =
            (0..weights.len()).map(|position| (1.0, position as u32)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..share.len()).partition(|&position| share[position] < 1.0);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            slots[low] = (share[low] as f32, high as u32);
            share[high] -= 1.0 - share[low];
            if share[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Self { slots, total }
    }

    /// The sum of the weights.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// A position, as likely as its weight says. The table is not empty.
    pub(super) fn draw(&self, dice: &mut Dice) -> usize {
        let position = dice.below(self.slots.len());
        let (stay, other) = self.slots[position];
        if dice.unit() < f64::from(stay) { position } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice() -> Dice {
        Seed::new(7).dice(Stream::Events)
    }

    #[test]
    fn streams_repeat_for_one_seed_and_differ_for_others() {
        let draws = |seed: u64, stream: Stream| {
            let mut dice = Seed::new(seed).dice(stream);
            (0..8).map(|_| dice.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draws(1, Stream::Text(5)), draws(1, Stream::Text(5)));
        assert_ne!(draws(1, Stream::Text(5)), draws(2, Stream::Text(5)));
        assert_ne!(draws(1, Stream::Text(5)), draws(1, Stream::Text(6)));
        assert_ne!(draws(1, Stream::Text(5)), draws(1, Stream::Reception(5)));
    }

    #[test]
    fn the_normal_draw_has_the_moments_and_tails_of_a_normal_distribution() {
        let mut dice = dice();
        let draws: Vec<f64> = (0..200_000).map(|_| dice.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 200_000.0;
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
        let beyond_two = draws.iter().filter(|x| x.abs() > 1.959_96).count() as f64 / 200_000.0;
        assert!((beyond_two - 0.05).abs() < 0.003, "beyond 1.96: {beyond_two}");
    }

    #[test]
    fn the_alias_table_draws_by_weight() {
        let table = Alias::new(&[1.0, 0.0, 3.0, 6.0]);
        let mut dice = dice();
        let mut counts = [0_u32; 4];
        for _ in 0..100_000 {
            counts[table.draw(&mut dice)] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((f64::from(counts[0]) - 10_000.0).abs() < 500.0, "{counts:?}");
        assert!((f64::from(counts[3]) - 60_000.0).abs() < 1_000.0, "{counts:?}");
    }
}
