//! Words that everybody says alike.

use std::fmt::Display;

/// `1 error`, `2 errors`.
pub fn plural<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    if count == N::from(1) { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_only_singular() {
        assert_eq!(plural(0_usize, "file"), "0 files");
        assert_eq!(plural(1_u64, "file"), "1 file");
        assert_eq!(plural(2_u32, "round trip"), "2 round trips");
    }
}
