//! Words of a text that is written without blanks between them.

use std::sync::{Arc, LazyLock};

use jieba_rs::Jieba;
use unicode_segmentation::UnicodeSegmentation;

use super::entities;

/// Cuts texts into words.
#[derive(Debug, Clone)]
pub struct Segmenter(Arc<Jieba>);

/// The one with the dictionary that comes with Jieba, made ready once: its
/// half a million words take a moment.
static GENERAL: LazyLock<Segmenter> = LazyLock::new(|| Segmenter(Arc::new(Jieba::new())));

impl Segmenter {
    /// One that knows the words of the general dictionary.
    #[must_use]
    pub fn general() -> Self {
        GENERAL.clone()
    }

    /// One that knows `own` words, too, and does not cut them.
    #[must_use]
    pub fn with_words<'a>(own: impl IntoIterator<Item = &'a str>) -> Self {
        let mut segmenter = Jieba::clone(&GENERAL.0);
        for word in own {
            segmenter.add_word(word, None, None);
        }
        Self(Arc::new(segmenter))
    }

    /// The words of `text` in their order, repeated ones each time: what has a
    /// letter or digit, outside addresses, mentions and emoji.
    ///
    /// ```
    /// use weiku::text::segmenter::Segmenter;
    /// let words = Segmenter::general().words("感谢@外交小灵通，台风来了！");
    /// assert_eq!(words, ["感谢", "台风", "来", "了"]);
    /// ```
    #[must_use]
    pub fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = Vec::new();
        for piece in entities::prose(text) {
            // Jieba would cut letters that it does not know one by one.
            if piece.chars().all(is_for_jieba) {
                self.cut(piece, &mut words);
                continue;
            }
            let mut from = 0;
            for (start, word) in piece.unicode_word_indices() {
                if !word.chars().all(is_for_jieba) {
                    self.cut(&piece[from..start], &mut words);
                    words.push(word);
                    from = start + word.len();
                }
            }
            self.cut(&piece[from..], &mut words);
        }
        words
    }

    /// Adds the words of `piece` to `words`.
    fn cut<'a>(&self, piece: &'a str, words: &mut Vec<&'a str>) {
        let tokens = self.0.cut(piece, true).into_iter();
        let inner = tokens.map(|token| {
            let word = token.word.trim_start_matches(|c: char| !c.is_alphanumeric());
            // C++ and 3.5% are words.
            word.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '%'))
        });
        words.extend(inner.filter(|word| !word.is_empty()));
    }
}

/// Whether Jieba knows how `c` makes words, or `c` makes none.
fn is_for_jieba(c: char) -> bool {
    c.is_ascii() || ('\u{4E00}'..='\u{9FD5}').contains(&c) || !c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ones_own_are_not_cut() {
        let text = "请关注外交小灵通的发布";
        assert!(!Segmenter::general().words(text).contains(&"外交小灵通"));
        let own = Segmenter::with_words(["外交小灵通"]);
        assert_eq!(own.words(text), ["请", "关注", "外交小灵通", "的", "发布"]);
        assert!(!Segmenter::general().words(text).contains(&"外交小灵通"));
    }

    #[test]
    fn what_is_no_word_is_left_out_and_nothing_else() {
        let general = Segmenter::general();
        assert_eq!(
            general.words("2012年7月21日，C++与A股：3.5%！"),
            ["2012", "年", "7", "月", "21", "日", "C++", "与", "A股", "3.5%"]
        );
        assert_eq!(
            general.words("Hello, wörld！テスト，請看"),
            ["Hello", "wörld", "テスト", "請", "看"]
        );
        for none in ["", " \n", "，。！？", "http://t.cn/zWx1 @人民日报 [哈哈]👍🏽"] {
            assert_eq!(general.words(none), Vec::<&str>::new(), "{none}");
        }
    }

    #[test]
    fn a_text_of_a_hundred_thousand_characters_keeps_them_all() {
        for long in ["地震预警".repeat(25_000), "哈".repeat(100_000), "a1".repeat(50_000)] {
            let words = Segmenter::general().words(&long);
            assert_eq!(words.concat(), long);
        }
    }
}
