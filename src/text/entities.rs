//! Hashtags, mentions, addresses, emoji and repost chains in the text of a
//! post.
//!
//! Each function returns pieces of the text in the order in which they first
//! appear; hashtags, mentions, addresses and emoji each once.

use std::sync::LazyLock;

use memchr::{memchr, memchr3, memmem};
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;

/// The most characters that Weibo allows in a topic.
const TOPIC_CHARACTERS: usize = 64;

/// How far back a mark looks for the address it may be part of.
const ADDRESS_BYTES: usize = 256;

/// The longest name of a Weibo face, in bytes.
const FACE_BYTES: usize = 24;

/// Turns the preceding character into a picture.
const VARIATION_SELECTOR_16: char = '\u{FE0F}';

/// Finds [`VARIATION_SELECTOR_16`] in bytes.
static SELECTOR: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new("\u{FE0F}"));

/// Finds where the scheme of an address ends.
static SCHEME_END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("://"));

/// Turns the preceding character into a key.
const KEYCAP: char = '\u{20E3}';

/// The names of Weibo's faces, which its exports write as `[name]`; sorted.
static FACES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut names: Vec<&str> = include_str!("weibo_faces.txt").lines().collect();
    names.sort_unstable();
    names
});

/// A character that is a picture without a variation selector.
static PICTURE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\p{Emoji_Presentation}").expect("the pattern is valid"));

/// The hashtags of `text`, without their marks.
///
/// A mark inside an address, or of a character reference such as `&#39;`, is
/// none. Two forms are told apart, mark by mark from the left:
/// - `#topic#` as Weibo writes it: one to 64 characters on one line between two
///   marks, without a space just inside either and without an address.
///   The topic may hold spaces.
/// - `#tag` as X and Mastodon write it, when the first form does not hold: the
///   letters, digits and underscores after a mark that stands at the start or
///   after anything but a letter, digit, `_` or `/`. A tag of digits alone is a
///   number.
///
/// ```
/// use weiku::text::entities::hashtags;
/// assert_eq!(hashtags("#北京暴雨#请注意安全"), ["北京暴雨"]);
/// assert_eq!(hashtags("good #rust news, #sql too"), ["rust", "sql"]);
/// ```
#[must_use]
pub fn hashtags(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(mark) = find(b'#', text, at) {
        let (before, after) = (&text[..mark], &text[mark + 1..]);
        if before.ends_with('&') || in_address(before, after) {
            at = mark + 1;
            continue;
        }
        if let Some(topic) = topic(after) {
            push_once(&mut found, topic);
            at = mark + 1 + topic.len() + 1;
            continue;
        }
        let tag = if opens_tag(before) { tag(after) } else { None };
        if let Some(tag) = tag {
            push_once(&mut found, tag);
        }
        at = mark + 1 + tag.map_or(0, str::len);
    }
    found
}

/// The names that `text` mentions, without the `@`.
///
/// A name is the letters, digits, `_` and `-` after an `@` that no ASCII letter,
/// digit, `.`, `_` or `-` precedes, for that would be a mail address.
/// An ASCII name followed by `@` and a host, as on Mastodon, includes both.
///
/// ```
/// use weiku::text::entities::mentions;
/// assert_eq!(mentions("感谢@外交小灵通 和 @me@example.org"), ["外交小灵通", "me@example.org"]);
/// ```
#[must_use]
pub fn mentions(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    each_mention(text, |_, name| push_once(&mut found, name));
    found
}

/// Tells where each mention of `text` has its `@`, and its name.
fn each_mention<'a>(text: &'a str, mut found: impl FnMut(usize, &'a str)) {
    let mut at = 0;
    while let Some(mark) = find(b'@', text, at) {
        at = mark + 1;
        let name = full_name(&text[at..]);
        if !name.is_empty() && !ends_mail_user(&text[..mark]) {
            found(mark, name);
        }
        at += name.len();
    }
}

/// The web addresses that `text` holds.
///
/// An address begins with `http://` or `https://` and ends before the first
/// blank, quote, angle bracket or character outside ASCII, since Chinese text
/// follows addresses without a blank. Closing punctuation is not part of it.
///
/// ```
/// use weiku::text::entities::urls;
/// assert_eq!(urls("详见http://t.cn/zWx1，转发"), ["http://t.cn/zWx1"]);
/// ```
#[must_use]
pub fn urls(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    each_url(text, |_, address| push_once(&mut found, address));
    found
}

/// Tells where each web address of `text` begins, and the address.
fn each_url<'a>(text: &'a str, mut found: impl FnMut(usize, &'a str)) {
    let mut end = 0;
    for colon in SCHEME_END.find_iter(text.as_bytes()) {
        if colon < end {
            continue;
        }
        let Some(start) = scheme_start(&text.as_bytes()[end..colon]).map(|start| start + end)
        else {
            continue;
        };
        let host = colon + "://".len();
        let length = text[host..].bytes().take_while(|byte| is_address_byte(*byte)).count();
        let address = trim_address(&text[start..host + length]);
        if address.len() > host - start {
            found(start, address);
        }
        end = host + length;
    }
}

/// The emoji of `text`: pictures of Unicode, a joined sequence as one, and
/// Weibo's faces such as `[哈哈]`, with their brackets.
///
/// ```
/// use weiku::text::entities::emojis;
/// assert_eq!(emojis("[哈哈]👍🏽 [2012]"), ["[哈哈]", "👍🏽"]);
/// ```
#[must_use]
pub fn emojis(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    each_emoji(text, |_, emoji| push_once(&mut found, emoji));
    found
}

/// How many emoji `text` holds, repeated ones counted each time.
#[must_use]
pub fn count_emojis(text: &str) -> usize {
    let mut count = 0;
    each_emoji(text, |_, _| count += 1);
    count
}

/// Tells where each emoji of `text` begins, and the emoji.
fn each_emoji<'a>(text: &'a str, mut found: impl FnMut(usize, &'a str)) {
    let mut at = 0;
    while let Some((start, emoji)) = next_emoji(text, at) {
        found(start, emoji);
        at = start + emoji.len();
    }
}

/// The pieces of `text` between its addresses, mentions and emoji: what is
/// written, without what is pointed to.
///
/// ```
/// use weiku::text::entities::prose;
/// assert_eq!(prose("感谢@外交小灵通[哈哈]详见http://t.cn/zWx1，转"), ["感谢", "详见", "，转"]);
/// ```
#[must_use]
pub fn prose(text: &str) -> Vec<&str> {
    let mut left_out = Vec::new();
    each_url(text, |start, address| left_out.push(start..start + address.len()));
    each_mention(text, |at, name| left_out.push(at..at + "@".len() + name.len()));
    each_emoji(text, |start, emoji| left_out.push(start..start + emoji.len()));
    left_out.sort_unstable_by_key(|range| range.start);
    let mut pieces = Vec::with_capacity(left_out.len() + 1);
    let mut at = 0;
    for range in left_out.into_iter().chain(std::iter::once(text.len()..text.len())) {
        if range.start > at {
            pieces.push(&text[at..range.start]);
        }
        at = at.max(range.end);
    }
    pieces
}

/// One step of a repost chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The screen name that wrote the step.
    pub name: &'a str,
    /// What it said.
    pub text: &'a str,
}

/// The steps that a repost quotes as `//@name:text`, the latest first; they lead
/// from the one who was reposted back towards the author.
///
/// ```
/// use weiku::text::entities::{Link, repost_chain};
/// let chain = repost_chain("赞//@中国地震局:请转发//@四川:平安");
/// assert_eq!(chain[0], Link { name: "中国地震局", text: "请转发" });
/// assert_eq!(chain[1].name, "四川");
/// ```
#[must_use]
pub fn repost_chain(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut steps = steps(text).peekable();
    while let Some((_, name, start)) = steps.next() {
        let end = steps.peek().map_or(text.len(), |(slashes, ..)| *slashes);
        links.push(Link { name, text: text[start..end].trim() });
    }
    links
}

/// What the one who posts `text` adds to a repost chain: all before its first
/// `//@name:`, without blanks at the ends.
#[must_use]
pub fn own_words(text: &str) -> &str {
    let end = steps(text).next().map_or(text.len(), |(slashes, ..)| slashes);
    text[..end].trim()
}

/// The steps of a repost chain: where the slashes stand, the name, and where
/// the words after the colon begin.
fn steps(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    memmem::find_iter(text.as_bytes(), b"//@").filter_map(move |slashes| {
        let after = &text[slashes + "//@".len()..];
        let name = name(after);
        let colon = after[name.len()..].chars().next().filter(|c| matches!(c, ':' | '：'))?;
        let words = slashes + "//@".len() + name.len() + colon.len_utf8();
        (!name.is_empty()).then_some((slashes, name, words))
    })
}

/// The Weibo topic that `after`, the text behind a mark, begins with.
fn topic(after: &str) -> Option<&str> {
    let topic = &after[..memchr(b'#', after.as_bytes())?];
    let blank_inside =
        topic.starts_with(char::is_whitespace) || topic.ends_with(char::is_whitespace);
    let fits = topic.len() <= TOPIC_CHARACTERS || topic.chars().count() <= TOPIC_CHARACTERS;
    let one_line = !topic.contains(['\n', '\r']) && !topic.contains("://");
    (!topic.is_empty() && !blank_inside && fits && one_line).then_some(topic)
}

/// Whether a mark between `before` and `after` belongs to an address.
fn in_address(before: &str, after: &str) -> bool {
    let before = &before.as_bytes()[before.len().saturating_sub(ADDRESS_BYTES)..];
    let start = before.iter().rposition(|byte| !is_address_byte(*byte)).map_or(0, |last| last + 1);
    after.bytes().next().is_some_and(is_address_byte)
        && memmem::find(&before[start..], b"://").is_some()
}

/// Whether a single mark after `before` can open a tag.
fn opens_tag(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '/'))
}

/// The tag that `after`, the text behind a mark, begins with.
fn tag(after: &str) -> Option<&str> {
    let tag = leading(after, |c| c.is_alphanumeric() || c == '_');
    tag.contains(|c: char| !c.is_numeric()).then_some(tag)
}

/// The name, with its host if it has one, that `after` begins with.
fn full_name(after: &str) -> &str {
    let name = name(after);
    let Some(host) = after[name.len()..].strip_prefix('@').filter(|_| name.is_ascii()) else {
        return name;
    };
    let host = leading(host, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let host = host.trim_end_matches(['.', '-']);
    if name.is_empty() || !host.contains('.') {
        name
    } else {
        &after[..name.len() + 1 + host.len()]
    }
}

/// The screen name that `after` begins with.
fn name(after: &str) -> &str {
    leading(after, |c| c.is_alphanumeric() || matches!(c, '_' | '-')).trim_end_matches('-')
}

/// Whether an `@` after `before` belongs to a mail address.
fn ends_mail_user(before: &str) -> bool {
    before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Where `http` or `https` begins, if `before` ends with it.
fn scheme_start(before: &[u8]) -> Option<usize> {
    ["https", "http"].into_iter().find_map(|scheme| {
        let start = before.len().checked_sub(scheme.len())?;
        before[start..].eq_ignore_ascii_case(scheme.as_bytes()).then_some(start)
    })
}

/// Whether `byte` can stand in an address.
fn is_address_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`')
}

/// The address without the punctuation that closes the sentence around it; a
/// bracket that the address itself opens is its own.
fn trim_address(address: &str) -> &str {
    let mut rest = address;
    while let Some(last) = rest.chars().next_back() {
        let opening = match last {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' => '\0',
            _ => break,
        };
        if opening != '\0' && rest.matches(opening).count() >= rest.matches(last).count() {
            break;
        }
        rest = &rest[..rest.len() - 1];
    }
    rest
}

/// The first emoji of `text` at or after `from`, and where it starts.
fn next_emoji(text: &str, mut from: usize) -> Option<(usize, &str)> {
    while let Some(sign) = next_sign(text, from) {
        let (start, after) = around_sign(text, from, sign);
        if let Some(emoji) = emoji(&text[start..]) {
            return Some((start, emoji));
        }
        from = after;
    }
    None
}

/// Where the next byte stands at or after `from` that an emoji has to have:
/// most texts have none, and need not be read letter by letter.
fn next_sign(text: &str, from: usize) -> Option<usize> {
    let rest = &text.as_bytes()[from..];
    // A face begins with a bracket. Pictures, keycaps and their like hold a
    // character from U+2000 or U+10000 on, or a selector after the base.
    let sign = memchr3(b'[', 0xE2, 0xF0, rest);
    let selector = SELECTOR.find(&rest[..sign.unwrap_or(rest.len())]);
    selector.or(sign).map(|found| from + found)
}

/// Where an emoji can start whose sign stands at `sign`, not before `from`, and
/// where the character of the sign ends.
fn around_sign(text: &str, from: usize, sign: usize) -> (usize, usize) {
    let character = text[sign..].chars().next().unwrap_or_default();
    let before = text[from..sign].chars().next_back();
    let start = match (character, before) {
        (VARIATION_SELECTOR_16 | KEYCAP, Some(base)) => sign - base.len_utf8(),
        _ => sign,
    };
    (start, sign + character.len_utf8())
}

/// The emoji that `text` begins with.
fn emoji(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == '[' {
        return face(text);
    }
    let changed = matches!(characters.next(), Some(VARIATION_SELECTOR_16 | KEYCAP));
    if is_picture(first) || changed { text.graphemes(true).next() } else { None }
}

/// The Weibo face, with its brackets, that `text` begins with.
fn face(text: &str) -> Option<&str> {
    let close = memchr(b']', &text.as_bytes()[..text.len().min(FACE_BYTES)])?;
    FACES.binary_search(&&text[1..close]).is_ok().then(|| &text[..=close])
}

/// Whether `character` alone is shown as a picture.
fn is_picture(character: char) -> bool {
    // All other blocks, that is nearly all text, are sorted out here.
    if !matches!(u32::from(character), 0x231A..=0x2BFF | 0x1F000..=0x1FAFF) {
        return false;
    }
    PICTURE.is_match(character.encode_utf8(&mut [0; 4]))
}

/// The longest beginning of `text` whose characters all `belong`.
fn leading(text: &str, belong: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !belong(c)).unwrap_or(text.len())]
}

/// Where the next `byte` stands at or after `from`.
fn find(byte: u8, text: &str, from: usize) -> Option<usize> {
    memchr(byte, &text.as_bytes()[from..]).map(|offset| from + offset)
}

/// Adds `piece` unless it is there. Posts hold few pieces, so that looking
/// through them is faster than hashing.
fn push_once<'a>(found: &mut Vec<&'a str>, piece: &'a str) {
    if !found.contains(&piece) {
        found.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weibo_topics_are_pairs_and_may_hold_spaces() {
        for (text, expected) in [
            ("#a b#text#c#", vec!["a b", "c"]),
            ("【通报】#北京暴雨##7·21#", vec!["北京暴雨", "7·21"]),
            ("#同一# 和 #同一#", vec!["同一"]),
            ("##", vec![]),
            ("#", vec![]),
            ("# 空 #", vec![]),
            ("#one\ntwo#", vec!["one"]),
        ] {
            assert_eq!(hashtags(text), expected, "{text}");
        }
    }

    #[test]
    fn single_marks_are_tags_unless_in_a_word_or_address() {
        for (text, expected) in [
            ("#foo #bar", vec!["foo", "bar"]),
            ("(#foo_1, #1)", vec!["foo_1"]),
            ("C# and http://a/#b", vec![]),
            ("http://a.cn/x#b c#d", vec![]),
            ("http://t.cn/x#话题#", vec!["话题"]),
            ("&#39;quoted&#39;", vec![]),
            ("#微博", vec!["微博"]),
        ] {
            assert_eq!(hashtags(text), expected, "{text}");
        }
    }

    #[test]
    fn a_topic_longer_than_weibo_allows_is_no_topic() {
        let long = format!("x#{}#", "长".repeat(TOPIC_CHARACTERS + 1));
        assert!(hashtags(&long).is_empty());
    }

    #[test]
    fn mentions_end_at_punctuation_and_mail_is_none() {
        for (text, expected) in [
            ("@a:@b_c，@d-e-", vec!["a", "b_c", "d-e"]),
            ("write to me.too@example.org", vec![]),
            ("@ @@x", vec!["x"]),
            ("回复@外交小灵通:好", vec!["外交小灵通"]),
            ("@u@host.", vec!["u"]),
        ] {
            assert_eq!(mentions(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_end_where_chinese_or_punctuation_begins() {
        for (text, expected) in [
            ("见http://t.cn/a。", vec!["http://t.cn/a"]),
            ("(HTTPS://x.org/a_(b)), http://", vec!["HTTPS://x.org/a_(b)"]),
            ("ftp://x http://a.cn/?u=http://b.cn!", vec!["http://a.cn/?u=http://b.cn"]),
            ("://", vec![]),
            ("<a href=\"http://a.cn\">", vec!["http://a.cn"]),
        ] {
            assert_eq!(urls(text), expected, "{text}");
        }
    }

    #[test]
    fn emoji_are_whole_clusters_and_known_faces() {
        for (text, expected) in [
            ("👨‍👩‍👧‍👦和🇨🇳", vec!["👨‍👩‍👧‍👦", "🇨🇳"]),
            ("1️⃣ ©️ ©", vec!["1️⃣", "©️"]),
            ("[泪][not a face][", vec!["[泪]"]),
            ("☰〈⭐", vec!["⭐"]),
            ("中1\u{20E3}“引”㊗️。", vec!["1\u{20E3}", "㊗️"]),
        ] {
            assert_eq!(emojis(text), expected, "{text}");
        }
        assert_eq!(count_emojis("[泪][泪]👍👍"), 4);
    }

    #[test]
    fn a_repost_chain_gives_each_step_and_leaves_ones_own_words() {
        let text = "说得好 //@甲：是的//@乙:原话 http://a//@ //@";
        let chain = repost_chain(text);
        assert_eq!(
            chain,
            [Link { name: "甲", text: "是的" }, Link { name: "乙", text: "原话 http://a//@ //@" }]
        );
        assert_eq!(own_words(text), "说得好");
        assert_eq!(own_words("原创"), "原创");
    }
}
