//! Foreign text made harmless for a terminal and honest for the eye: what would
//! act or hide is shown as a mark instead.

use std::borrow::Cow;

/// `text` with every character that acts on a terminal or cannot be seen
/// replaced by a mark: `␛` for ESC, `⏎` for a line end, `⇥` for a tab,
/// `⟨202E⟩` for a bidi override, `⟨200B×4⟩` for four zero-width spaces.
///
/// Joiners and variation selectors that belong to an emoji or a letter before
/// them are kept, since they are part of what is seen.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    visible_except(text, |_| false)
}

/// As [`visible`], but keeps line ends and tabs, for texts of several lines
/// such as SQL and plans.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    visible_except(text, |c| c == '\n' || c == '\t')
}

/// A text that was made visible, parted into what is seen and the mark of zero-width
/// spaces at its end, which the site leaves behind very many posts.
pub(super) fn unseen_end(text: &str) -> Option<(&str, &str)> {
    let (seen, mark) = text.split_at(text.rfind("⟨200B")?);
    let times = mark.strip_prefix("⟨200B")?.strip_suffix('⟩')?;
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_mark = times.is_empty() || times.strip_prefix('×').is_some_and(is_number);
    is_mark.then_some((seen, mark))
}

fn visible_except(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(|c| hides(c) && !keep(c)) else { return Cow::Borrowed(text) };
    // One character earlier, for what belongs to the character before it.
    let start = text[..first].char_indices().next_back().map_or(0, |(at, _)| at);
    let mut out = String::with_capacity(text.len() + 8);
    out.push_str(&text[..start]);
    let mut before = None;
    let mut rest = text[start..].chars().peekable();
    while let Some(c) = rest.next() {
        if !hides(c) || keep(c) || belongs(before, c, rest.peek().copied()) {
            out.push(c);
        } else {
            let mut times = 1;
            while rest.next_if_eq(&c).is_some() {
                times += 1;
            }
            push_mark(&mut out, c, times);
        }
        before = Some(c);
    }
    Cow::Owned(out)
}

/// Whether `c` acts on a terminal, changes the order of its neighbours, or
/// takes no room that the eye could find.
fn hides(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether the hidden `c` is part of how its neighbours are seen.
fn belongs(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        '\u{200D}' => joins(before) && after.is_some_and(pictographic),
        // Text or emoji style.
        '\u{FE0E}' | '\u{FE0F}' => !hides(before) && !before.is_whitespace(),
        // A glyph variant of a Chinese character.
        '\u{FE00}'..='\u{FE02}' | '\u{E0100}'..='\u{E01EF}' => ideograph(before),
        // The tags that make the flags of England, Scotland and Wales.
        '\u{E0020}'..='\u{E007F}' => {
            before == '\u{1F3F4}' || matches!(before, '\u{E0020}'..='\u{E007E}')
        }
        _ => false,
    }
}

fn joins(c: char) -> bool {
    pictographic(c) || c == '\u{FE0F}' || ('\u{1F3FB}'..='\u{1F3FF}').contains(&c)
}

/// The blocks that hold emoji.
fn pictographic(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}'
        | '\u{1F000}'..='\u{1FAFF}')
}

fn ideograph(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Marks a character that stands `times` times in a row: crawlers leave rows of
/// zero-width blanks behind, which need not push the text aside.
fn push_mark(out: &mut String, c: char, times: usize) {
    let mark = match c {
        '\n' => Some('⏎'),
        '\t' => Some('⇥'),
        // The pictures of the control characters stand in the same order.
        '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7F}' => Some('␡'),
        _ => None,
    };
    match mark {
        Some(mark) => out.extend(std::iter::repeat_n(mark, times)),
        None if times > 1 => out.push_str(&format!("⟨{:04X}×{times}⟩", u32::from(c))),
        None => out.push_str(&format!("⟨{:04X}⟩", u32::from(c))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_chinese_text_is_not_copied() {
        assert!(matches!(visible("外交小灵通 abc é ﷺ"), Cow::Borrowed(_)));
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(visible("a\u{1b}[2Jb\r\n\tc\u{7f}\0"), "a␛[2Jb␍⏎⇥c␡␀");
        assert_eq!(visible("\u{9b}31m"), "⟨009B⟩31m");
    }

    #[test]
    fn bidi_and_zero_width_characters_are_shown() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{feff}"), "a⟨202E⟩b⟨200B⟩c⟨FEFF⟩");
        assert_eq!(visible("\u{2066}x\u{2069}\u{61c}"), "⟨2066⟩x⟨2069⟩⟨061C⟩");
        assert_eq!(visible("a\u{2028}b"), "a⟨2028⟩b");
        assert_eq!(visible("a\u{200b}\u{200b}\u{200b}\n\n"), "a⟨200B×3⟩⏎⏎");
    }

    #[test]
    fn zero_width_spaces_at_the_end_of_a_text_are_found_by_their_mark() {
        let parted = |text: &str| {
            let shown = visible(text).into_owned();
            unseen_end(&shown).map(|(seen, mark)| format!("{seen}|{mark}"))
        };
        let end = parted("a\u{200b}b\u{200b}\u{200b}");
        assert_eq!(end.as_deref(), Some("a⟨200B⟩b|⟨200B×2⟩"));
        assert_eq!(parted("\u{200b}").as_deref(), Some("|⟨200B⟩"));
        assert_eq!(parted("微博\u{202e}"), None);
        assert_eq!(parted("a\u{200b}b"), None);
        assert_eq!(parted("微博"), None);
    }

    #[test]
    fn joiners_inside_emoji_are_kept_and_others_are_shown() {
        for emoji in
            ["👨‍👩‍👧", "👩🏽‍🚀", "❤️", "🏳️‍🌈", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"]
        {
            assert_eq!(visible(emoji), emoji);
        }
        assert_eq!(visible("a\u{200d}b"), "a⟨200D⟩b");
        assert_eq!(visible("\u{200d}👩"), "⟨200D⟩👩");
        assert_eq!(visible("\u{fe0f}x"), "⟨FE0F⟩x");
        assert_eq!(visible("x\u{fe0f}\u{fe0f}"), "x\u{fe0f}⟨FE0F⟩");
        assert_eq!(visible("a\u{E0041}"), "a⟨E0041⟩");
    }

    #[test]
    fn lines_may_be_kept() {
        assert_eq!(visible_lines("a\n\tb\u{1b}"), "a\n\tb␛");
    }

    #[test]
    fn nothing_hidden_survives_twice() {
        let nasty: String = (0..0x2100).filter_map(char::from_u32).collect();
        assert!(!visible(&nasty).chars().any(char::is_control));
    }
}
