//! Counts as people and crawlers write them, and how exact they are.

use super::known;

/// A count and the unit to which its source rounded it; 1 is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) value: i64,
    pub(crate) precision: i64,
}

/// What pages show in place of a count that they do not give.
const WORDS: [&str; 13] = [
    "转发", "评论", "赞", "点赞", "回复", "收藏", "分享", "-", "--", "—", "Repost", "Comment",
    "Like",
];

/// Marks before or after a number that is only about right.
const ABOUT: [&str; 12] =
    ["大约", "大概", "超过", "约", "近", "超", "逾", "~", "≈", ">", "+", "余"];

/// Reads `4047`, `4047.0`, `12,345`, `1.2万`, `1.36亿`, `100万+`, `约21.5万`,
/// `1000多万`. A word such as `转发` stands for an unknown count.
pub(crate) fn parse(text: &str) -> Result<Option<Count>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    if let Some(value) = plain(text) {
        return Ok(Some(Count { value, precision: 1 }));
    }
    if WORDS.contains(&text) {
        return Ok(None);
    }
    written(text).map(Some).ok_or_else(|| format!("`{text}` is not a count"))
}

/// Reads the size of an account as Weibo gives it: a negative number, such as -3
/// for the accounts that somebody follows in secret, stands for one that Weibo
/// does not tell.
pub(crate) fn parse_told(text: &str) -> Result<Option<Count>, String> {
    let hidden = known(text).and_then(|text| text.strip_prefix('-')).and_then(plain);
    if hidden.is_some() { Ok(None) } else { parse(text) }
}

/// The common case: digits only.
fn plain(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number with a unit, a decimal point, separators or a mark of vagueness.
fn written(text: &str) -> Option<Count> {
    let mut text = text.replace([',', '，', ' ', '\u{A0}'], "");
    let mut about = false;
    for mark in ABOUT {
        while let Some(rest) = text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)) {
            text = rest.to_owned();
            about = true;
        }
    }
    for mark in ["多", "余", "几"] {
        if text.contains(mark) {
            text = text.replacen(mark, "", 1);
            about = true;
        }
    }
    let (number, unit) = split_unit(&text)?;
    let (whole, fraction) = number.split_once(['.', '．']).unwrap_or((&number, ""));
    scaled(whole, fraction, unit, about)
}

/// Splits `1.2万` into `1.2` and 10,000; full-width digits become plain ones.
fn split_unit(text: &str) -> Option<(String, i64)> {
    let end = text.trim_end_matches(|c: char| unit_of(c).is_some());
    let mut units = text[end.len()..].chars().filter_map(unit_of);
    let unit = units.try_fold(1_i64, i64::checked_mul)?;
    let number = end
        .chars()
        .map(|c| match c {
            '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
            _ => c,
        })
        .collect();
    Some((number, unit))
}

/// What a unit multiplies by.
fn unit_of(c: char) -> Option<i64> {
    match c {
        '百' => Some(100),
        '千' | 'k' | 'K' => Some(1_000),
        '万' | '萬' | 'w' | 'W' => Some(10_000),
        'M' => Some(1_000_000),
        '亿' | '億' => Some(100_000_000),
        _ => None,
    }
}

/// `whole.fraction` times `unit`, if that is a whole number that fits.
fn scaled(whole: &str, fraction: &str, unit: i64, about: bool) -> Option<Count> {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let kept = if unit == 1 { fraction.trim_end_matches('0') } else { fraction };
    let divisor = 10_i64.checked_pow(u32::try_from(kept.len()).ok()?)?;
    if unit % divisor != 0 {
        return None;
    }
    let mut precision = unit / divisor;
    let value = format!("{whole}{kept}").parse::<i64>().ok()?.checked_mul(precision)?;
    // "1000多万" tells no more digits than it has before its zeros.
    while about
        && value != 0
        && precision.checked_mul(10).is_some_and(|coarser| value % coarser == 0)
    {
        precision *= 10;
    }
    Some(Count { value, precision })
}

#[cfg(test)]
mod tests {
    use super::{Count, parse, parse_told};

    #[test]
    fn counts_keep_their_precision() {
        for (text, value, precision) in [
            ("0", 0, 1),
            ("40226751", 40_226_751, 1),
            (" 12 ", 12, 1),
            ("4047.0", 4_047, 1),
            ("12,345", 12_345, 1),
            ("１２", 12, 1),
            ("1.2万", 12_000, 1_000),
            ("3063万", 30_630_000, 10_000),
            ("1.36亿", 136_000_000, 1_000_000),
            ("1.2w", 12_000, 1_000),
            ("100万+", 1_000_000, 1_000_000),
            ("约21.5万", 215_000, 1_000),
            ("约500", 500, 100),
            ("1000多万", 10_000_000, 10_000_000),
            ("280万", 2_800_000, 10_000),
            ("5千", 5_000, 1_000),
            ("1.2万亿", 1_200_000_000_000, 100_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Some(Count { value, precision })), "{text}");
        }
    }

    #[test]
    fn a_word_in_place_of_a_count_is_unknown_and_not_zero() {
        for text in ["", "转发", "评论", "赞", "无", "null", "-"] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_negative_count_is_refused_unless_weibo_hides_the_size_of_an_account() {
        assert!(parse("-3").is_err());
        assert_eq!(parse_told("-3"), Ok(None));
        assert!(parse_told("-x").is_err());
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in
            ["abc", "4047.5", "-3.5", "万", "1.2.3", "99999999999999999999", "9999999亿亿亿"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
