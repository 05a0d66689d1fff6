//! "Did you mean": the nearest known word to an unknown one.

/// The nearest of `known` when it is near enough to be what was meant (up to a third of the word wrong).
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = unknown.to_lowercase().chars().collect();
    known
        .into_iter()
        .map(|word| (distance(&wanted, &word.to_lowercase().chars().collect::<Vec<_>>()), word))
        .filter(|(distance, word)| *distance * 3 <= wanted.len().max(word.chars().count()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Edit distance where swapping two neighbours counts as one edit.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut best = (last[j] + usize::from(l != r)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_and_far() {
        let known = ["operation", "variable", "response", "auth"];
        assert_eq!(nearest("variables", known), Some("variable"));
        assert_eq!(nearest("respnose", known), Some("response"));
        assert_eq!(nearest("Auth", known), Some("auth"));
        assert_eq!(nearest("cookies", known), None);
    }
}
