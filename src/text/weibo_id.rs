//! Weibo post ids: the short `bid` of addresses, the numeric `mid`, and the
//! time that the `mid` carries.
//!
//! A `bid` is the `mid` cut from the right into groups of seven decimal digits,
//! each written as four digits to base 62. Both name the same post, so that the
//! exports of crawlers that know only one of them can be joined.

/// The digits of a `bid`, in order of value; upper and lower case differ.
const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// One more than the largest group of decimal digits.
const GROUP: u64 = 10_000_000;

/// How many base-62 digits stand for a group.
const GROUP_DIGITS: usize = 4;

/// The instant, in Unix seconds, from which a `mid` counts its time.
const EPOCH: i64 = 515_483_463;

/// The bits of a `mid` below its time.
const SEQUENCE_BITS: u32 = 22;

/// Weibo opened on 2009-08-14 (Beijing); a time before it is no time.
const OPENED: i64 = 1_250_179_200;

/// The first second of 2100 (UTC); an id that claims a later time is none.
const FAR_FUTURE: i64 = 4_102_444_800;

/// The numeric id of the post whose short id is `bid`, or `None` if `bid` is
/// not a short id in the form in which Weibo writes it.
#[must_use]
pub fn mid_from_bid(bid: &str) -> Option<u64> {
    if bid.is_empty() || bid.starts_with('0') {
        return None;
    }
    let mut mid = 0_u64;
    // The leftmost group may be short.
    let (first, rest) = bid.as_bytes().split_at(bid.len() % GROUP_DIGITS);
    for group in std::iter::once(first).chain(rest.chunks(GROUP_DIGITS)) {
        mid = mid.checked_mul(GROUP)?.checked_add(group_value(group)?)?;
    }
    Some(mid)
}

/// The short id of the post whose numeric id is `mid`, or `None` for 0, which
/// is no post.
#[must_use]
pub fn bid_from_mid(mid: u64) -> Option<String> {
    if mid == 0 {
        return None;
    }
    let mut reversed = Vec::with_capacity(3 * GROUP_DIGITS);
    let mut rest = mid;
    while rest > 0 {
        let mut group = rest % GROUP;
        rest /= GROUP;
        for _ in 0..GROUP_DIGITS {
            reversed.push(char::from(DIGITS[(group % 62) as usize]));
            group /= 62;
        }
    }
    let bid: String = reversed.into_iter().rev().collect();
    Some(bid.trim_start_matches('0').to_owned())
}

/// The instant at which the post `mid` was made, in microseconds since 1970
/// (UTC) and exact to a second or two, or `None` if the id carries no time: ids
/// of ten or eleven digits, given until about 2011, do not.
#[must_use]
pub fn instant_from_mid(mid: u64) -> Option<i64> {
    let seconds = i64::try_from(mid >> SEQUENCE_BITS).ok()? + EPOCH;
    (OPENED..FAR_FUTURE).contains(&seconds).then_some(seconds * 1_000_000)
}

/// The decimal group that base-62 `digits` stand for; `None` if one is no digit
/// or the value has more than seven decimal digits.
fn group_value(digits: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for digit in digits {
        value = value * 62 + digit_value(*digit)?;
    }
    (value < GROUP).then_some(value)
}

/// The value of one base-62 digit.
fn digit_value(digit: u8) -> Option<u64> {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'z' => digit - b'a' + 10,
        b'A'..=b'Z' => digit - b'A' + 36,
        _ => return None,
    };
    Some(u64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_and_its_mid_name_the_same_post() {
        for (bid, mid) in
            [("z0JH2lOMb", 3_501_756_485_200_075), ("Ok2mdBBmH", 5_047_756_258_961_771)]
        {
            assert_eq!(mid_from_bid(bid), Some(mid));
            assert_eq!(bid_from_mid(mid).as_deref(), Some(bid));
        }
    }

    #[test]
    fn every_mid_survives_the_way_there_and_back() {
        for mid in [1, 61, 62, 9_999_999, 10_000_000, 3_500_000_000_000_001, u64::MAX] {
            let bid = bid_from_mid(mid).unwrap();
            assert_eq!(mid_from_bid(&bid), Some(mid), "{bid}");
        }
    }

    #[test]
    fn what_weibo_would_not_write_is_no_bid() {
        for text in ["", "0", "0abc", "abc!", "微博", "ZZZZ", "z0JH2lOMbz0JH2lOMb", "é123"] {
            assert_eq!(mid_from_bid(text), None, "{text}");
        }
        assert_eq!(bid_from_mid(0), None);
    }

    #[test]
    fn a_mid_carries_its_second() {
        // 2012-08-27 12:00:00 in Beijing.
        let seconds = 1_346_040_000_i64;
        let mid = u64::try_from(seconds - EPOCH).unwrap() << SEQUENCE_BITS;
        assert_eq!(instant_from_mid(mid | 4_194_303), Some(seconds * 1_000_000));
    }

    #[test]
    fn old_short_ids_and_absurd_ones_carry_no_time() {
        for mid in [0, 6_211_130_000, 211_110_000_000, u64::MAX] {
            assert_eq!(instant_from_mid(mid), None, "{mid}");
        }
    }
}
