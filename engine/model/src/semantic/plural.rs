//! Plurals of type names (language.md 4.4). The rules are those of the crate `pluralizer`, which the contract names;
//! they are three dozen regular expressions, and making those takes longer than compiling a small project.

use std::sync::{LazyLock, RwLock};

use rustc_hash::FxHashMap;

/// Endings after which a word only takes an `s`: no rule and no exception of the crate is about them.
const PLAIN: &[&str] = &[
    "ace", "ad", "ader", "ag", "aim", "air", "al", "ale", "ame", "ament", "amp", "annel", "ant", "ap", "ar",
    "ark", "ase", "ason", "ath", "ating", "ay", "bel", "ber", "ble", "bum", "cation", "cel", "cer", "chat",
    "cher", "cise", "ck", "cle", "con", "ct", "ction", "de", "del", "den", "dent", "dge", "ding", "dle",
    "draft", "dure", "ea", "eat", "eature", "ece", "ee", "eel", "een", "ek", "eld", "email", "eme", "ement",
    "eo", "eting", "etter", "evice", "ew", "fer", "fice", "forum", "gent", "ger", "get", "gine", "gion",
    "gment", "gn", "heet", "hen", "hine", "hipment", "hment", "hot", "house", "ht", "iation", "ider", "ient",
    "ier", "ift", "ig", "ile", "iment", "inder", "int", "ip", "ist", "it", "itation", "iter", "ition", "ive",
    "kage", "ken", "ker", "ket", "key", "king", "kout", "lage", "lan", "lation", "lder", "leet", "let",
    "line", "lio", "ll", "lot", "lt", "lter", "lub", "mage", "main", "mer", "mment", "mn", "mple", "nation",
    "nature", "nce", "nd", "nent", "ner", "nge", "nic", "nion", "nk", "nment", "nre", "nse", "nth", "oan",
    "ob", "odo", "og", "oice", "ok", "old", "ole", "om", "ome", "one", "ong", "ool", "op", "or", "ore",
    "ost", "otice", "otion", "oto", "ow", "oy", "page", "pe", "pet", "pic", "pon", "pot", "price", "pt",
    "pter", "ption", "put", "ram", "rd", "rder", "reet", "rent", "rer", "rest", "rge", "ric", "rm", "rn",
    "rney", "rse", "rt", "rter", "rvice", "sage", "sent", "ser", "set", "sher", "sion", "sk", "sson",
    "station", "sting", "sure", "tage", "te", "team", "teer", "tel", "tem", "tent", "tep", "test", "time",
    "tle", "tment", "tour", "tration", "tting", "tton", "tution", "twork", "uage", "ue", "uest", "uestion",
    "ule", "ument", "unt", "up", "uration", "urce", "vation", "vel", "vent", "ver", "vey", "vie", "wer",
    "xam", "xt", "yer", "yle", "yment", "yout", "zation",
];

/// Endings that lose their `y` to `ies`.
const TO_IES: &[&str] = &["ary", "bby", "cy", "ny", "ory", "ply", "py", "try", "ty", "uery", "very"];

/// Endings that take `es`.
const WITH_ES: &[&str] = &["ass", "ax", "box", "cess", "dish", "ech", "nch", "ress", "tatus", "tch"];

/// The longest ending of the lists.
const LONGEST: usize = 7;

/// Plurals of earlier compilations: a watched project asks for the same ones on every save.
static PLURALS: LazyLock<RwLock<FxHashMap<String, String>>> = LazyLock::new(RwLock::default);

/// Bounds the memory of [`PLURALS`].
const MAX_PLURALS: usize = 20_000;

/// The plural of a name: another word, if need be by an `s`.
pub(crate) fn automatic(name: &str) -> String {
    if let Some(plural) = regular(name) {
        return plural;
    }
    let known = PLURALS.read().ok().and_then(|plurals| plurals.get(name).cloned());
    if let Some(plural) = known {
        return plural;
    }
    let plural = by_the_rules(name);
    if let Ok(mut plurals) = PLURALS.write() {
        if plurals.len() >= MAX_PLURALS {
            plurals.clear();
        }
        plurals.insert(name.to_owned(), plural.clone());
    }
    plural
}

fn by_the_rules(name: &str) -> String {
    let plural = pluralizer::pluralize(name, 2, false);
    if plural == name { format!("{name}s") } else { plural }
}

/// The plural of a name whose end tells it.
fn regular(name: &str) -> Option<String> {
    let last = *name.as_bytes().last().filter(|_| name.is_ascii())?;
    // A word all in capitals is continued in capitals.
    if last.is_ascii_digit() {
        return name.bytes().any(|byte| byte.is_ascii_lowercase()).then(|| [name, "s"].concat());
    }
    for length in 2..=LONGEST.min(name.len()) {
        let end = &name[name.len() - length..];
        if PLAIN.binary_search(&end).is_ok() {
            return Some([name, "s"].concat());
        }
        if TO_IES.binary_search(&end).is_ok() {
            return Some([&name[..name.len() - 1], "ies"].concat());
        }
        if WITH_ES.binary_search(&end).is_ok() {
            return Some([name, "es"].concat());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONGEST, PLAIN, TO_IES, WITH_ES, automatic, by_the_rules, regular};

    #[test]
    fn lists_can_be_searched() {
        for list in [PLAIN, TO_IES, WITH_ES] {
            assert!(list.is_sorted());
            assert!(list.iter().all(|end| (2..=LONGEST).contains(&end.len())));
        }
    }

    #[test]
    fn plurals_are_those_of_the_crate() {
        let nouns = "Person Category Data News Series Status Child Mouse Box Knife Leaf Hero Photo Analysis Criterion Index \
            Matrix Sheep Fish Equipment Information Software Money Rice Media Staff Police Energy Machinery Health \
            Homework Aircraft Music Mail Police Traffic Human Schema Quiz Proof Thief Canvas Axe Ox Die Goose Foot Tooth \
            This Us Me Buffalo Advice Agenda Aid Cash Salmon Tuna Tennis Research Butter Order Flounder Message Sewage \
            Question Digestion Action Pollution Shipment Key Money Monkey Journey Day Toy Query Address Bus Class Tax \
            Quality Company Country User Book2 ISBN ISBN2 A B1 y ss book_copy BookCopy bookCopy SalesPerson";
        for noun in nouns.split_whitespace() {
            for noun in [noun.to_owned(), noun.to_lowercase(), noun.to_uppercase(), format!("My{noun}")] {
                assert_eq!(automatic(&noun), by_the_rules(&noun), "{noun}");
            }
        }
    }

    #[test]
    fn an_ending_is_a_word_of_its_own_too() {
        for end in PLAIN.iter().chain(TO_IES).chain(WITH_ES) {
            assert_eq!(regular(end).as_deref(), Some(&*by_the_rules(end)), "{end}");
        }
    }

    proptest! {
        #[test]
        fn words_with_a_known_end(stem in "[A-Za-z_]{0,9}", end in any::<prop::sample::Index>()) {
            let ends: Vec<&str> = PLAIN.iter().chain(TO_IES).chain(WITH_ES).copied().collect();
            let name = stem + ends[end.index(ends.len())];
            prop_assert_eq!(regular(&name), Some(by_the_rules(&name)));
        }

        #[test]
        fn words_of_any_kind(name in "[A-Za-z_][A-Za-z0-9_]{0,9}") {
            prop_assert_eq!(automatic(&name), by_the_rules(&name));
        }
    }
}
