//! Weighted round robin without state: turn number in, place in the rotation out (FD-D11).

/// Which of `weights` has turn number `turn`: over any run of sum(weights)/gcd turns the counts are exact,
/// and equal weights alternate. None for an empty or all-zero list.
pub fn whose(_weights: &mut dyn Iterator<Item = u32>, _turn: u64) -> Option<usize> {
    todo!()
}
