//! Weighted round robin without state: a turn's number in, a place in the rotation out (FD-D11).
//!
//! With W = sum of the weights divided by their greatest common divisor, turn t falls on place (t · s) mod W, where
//! s is coprime to W and near W times the golden ratio. Because s is coprime to W, any W turns in a row fall on
//! every place once, so counts are exact; because of the golden ratio, an origin's places are spread evenly over
//! time instead of coming in a run.

/// The rotation of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Number of equal turns after which the rotation begins anew.
    pub places: u64,
    divisor: u64,
    step: u64,
}

impl Rotation {
    /// The rotation of these weights; None for an empty or all-zero list.
    pub fn of(weights: impl Iterator<Item = u32>) -> Option<Self> {
        let (mut sum, mut divisor) = (0_u64, 0_u64);
        for weight in weights {
            sum += u64::from(weight);
            divisor = gcd(divisor, weight.into());
        }
        let places = sum.checked_div(divisor)?;
        // 0.618… of the places, in whole numbers.
        let wanted = (places * 618).div_ceil(1000).max(1);
        let step = (wanted..=wanted + places).find(|s| gcd(*s, places) == 1)?;
        Some(Self { places, divisor, step })
    }

    /// The place of a turn: below `places`.
    pub const fn place(&self, turn: u64) -> u64 {
        (turn % self.places) * self.step % self.places
    }

    /// How many of the places belong to one of the weights.
    pub fn share(&self, weight: u32) -> u64 {
        u64::from(weight).checked_div(self.divisor).unwrap_or(0)
    }

    /// Which of `weights` holds a place.
    pub fn holder(&self, weights: impl Iterator<Item = u32>, place: u64) -> Option<usize> {
        // In the weights' own unit, so that nothing has to be divided on the way.
        let mut left = place * self.divisor;
        for (at, weight) in weights.enumerate() {
            match left.checked_sub(weight.into()) {
                Some(less) => left = less,
                None => return Some(at),
            }
        }
        None
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Which of `weights` has turn number `turn`. None for an empty or all-zero list.
pub fn whose(weights: impl Iterator<Item = u32> + Clone, turn: u64) -> Option<usize> {
    let rotation = Rotation::of(weights.clone())?;
    rotation.holder(weights, rotation.place(turn))
}
