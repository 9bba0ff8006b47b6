//! Chinese text found by how it sounds: `wjb` or `waijiao` for 外交部.
//!
//! To type a name that is on the screen already, nobody should have to switch
//! to an input method.

use pinyin::{Pinyin, ToPinyinMulti};

/// Letters beyond which nobody spells a name.
const MOST_LETTERS: usize = 64;

/// Whether `typed`, which has no Chinese characters, spells the beginning of
/// `text`: each Chinese character by its pinyin without tones, or by the letter
/// or the letters (`zh`) that it begins with; any other character as itself.
/// Characters that are neither letters nor digits are passed over.
///
/// A text without Chinese characters is not spelled but typed: for it the
/// answer is `false`.
#[must_use]
pub fn begins(text: &str, typed: &str) -> bool {
    let latin = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_graphic());
    latin
        && typed.len() <= MOST_LETTERS
        && !text.is_ascii()
        && text.chars().any(is_chinese)
        && spells(&typed.to_ascii_lowercase(), text)
}

/// The characters that a spelling of `text` may begin with, each as its [`bit`]: a
/// quick test before [`begins`].
#[must_use]
pub fn beginnings(text: &str) -> u128 {
    let mut bits = 0;
    for c in text.chars() {
        bits |= bit(c.to_ascii_lowercase());
        bits |= readings(c).filter_map(|sound| sound.chars().next()).fold(0, |all, c| all | bit(c));
        // What is neither a letter nor a digit may be passed over.
        if c.is_alphanumeric() {
            break;
        }
    }
    bits
}

/// The place of an ASCII character among [`beginnings`]; any other has none.
#[must_use]
pub fn bit(c: char) -> u128 {
    if c.is_ascii() { 1 << u32::from(c) } else { 0 }
}

/// Whether `typed` spells a part of `text` that begins with a Chinese
/// character.
#[must_use]
pub fn holds(text: &str, typed: &str) -> bool {
    let mut starts = text.char_indices().filter(|(_, c)| is_chinese(*c));
    starts.any(|(start, _)| begins(&text[start..], typed))
}

fn spells(typed: &str, text: &str) -> bool {
    // How much of `typed` may be spelled by the characters so far: a set, since
    // a character sounds in several ways and may be cut down.
    let mut reached = vec![0];
    for c in text.chars() {
        let mut next = Vec::new();
        for &start in &reached {
            let left = &typed[start..];
            let Some(first) = left.chars().next() else {
                return true;
            };
            if !c.is_alphanumeric() {
                next.push(start);
            }
            if first.eq_ignore_ascii_case(&c) {
                next.push(start + 1);
            }
            for sound in readings(c) {
                // The last character need not be spelled to its end.
                if sound.starts_with(left) {
                    return true;
                }
                let parts = initials(&sound).chain([sound.as_str()]);
                next.extend(
                    parts.filter(|part| left.starts_with(part)).map(|part| start + part.len()),
                );
            }
        }
        next.sort_unstable();
        next.dedup();
        reached = next;
    }
    reached.contains(&typed.len())
}

/// How a Chinese character may sound, as it is typed: ü is the key v.
fn readings(c: char) -> impl Iterator<Item = String> {
    let sounds = c.to_pinyin_multi().into_iter().flatten();
    sounds.map(Pinyin::plain).map(typable)
}

fn typable(sound: &str) -> String {
    sound.replace('ü', "v").replace('ê', "e")
}

/// What a sound may be cut down to: its first letter, or `zh`, `ch`, `sh`.
fn initials(sound: &str) -> impl Iterator<Item = &str> {
    let pair = sound.get(..2).filter(|pair| pair.ends_with('h'));
    sound.get(..1).into_iter().chain(pair)
}

fn is_chinese(c: char) -> bool {
    c.to_pinyin_multi().is_some()
}

#[cfg(test)]
mod tests {
    use super::{beginnings, begins, bit, holds};

    #[test]
    fn a_name_is_spelled_by_sounds_and_by_initials_in_any_mixture() {
        for typed in ["w", "wjb", "waijiao", "waijiaobu", "waijb", "WJ", "wjiaob"] {
            assert!(begins("外交部", typed), "{typed}");
        }
        assert_eq!(beginnings("“外交部"), bit('w'));
        assert_eq!(beginnings("-重a") & bit('c'), bit('c'));
        assert_eq!(beginnings("-外a"), bit('-') | bit('w'));
        for typed in ["", "jb", "wjbx", "waa", "外", "w j", "'"] {
            assert!(!begins("外交部", typed), "{typed}");
        }
        assert!(begins("中国地震台网", "zhgdz") && begins("中国地震台网", "zgdztw"));
    }

    #[test]
    fn a_character_of_several_sounds_is_found_by_each() {
        assert!(begins("重庆", "cq") && begins("重庆", "chongqing") && begins("重庆", "zhong"));
        assert!(begins("女性", "nvxing") && begins("绿色", "lvse"));
    }

    #[test]
    fn other_characters_stand_for_themselves_or_are_passed_over() {
        assert!(begins("微博 weibo.com", "wbweibo"));
        assert!(begins("“平安北京”", "pabj"));
        assert!(begins("iPhone客户端", "iphonekhd") && begins("data/人民日报.csv", "data/rmrb"));
        // Without Chinese there is nothing to spell.
        assert!(!begins("weibo.com", "weibo"));
    }

    #[test]
    fn a_part_is_found_behind_the_beginning() {
        assert!(holds("外交小灵通", "xlt") && holds("外交小灵通", "wj"));
        assert!(!holds("外交小灵通", "tx"));
    }
}
