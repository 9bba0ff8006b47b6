//! Ids, which are names and never numbers to compute with.

use std::borrow::Cow;

use super::known;
use crate::ingest::Text;
use crate::text::weibo_id;

/// The largest whole number up to which a 64-bit float tells all of them apart.
const EXACT_FLOAT: u64 = 1 << 53;

/// The fewest characters of a bid: those of Weibo's first posts had as many.
const SHORTEST_BID: usize = 5;

/// A post named by its address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) account_id: Option<Text<'a>>,
    pub(crate) post_id: Text<'a>,
}

/// An id of any service, as text.
pub(crate) fn any(text: &str) -> Result<Option<Text<'_>>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    match whole_float(text) {
        Some(id) => id.map(|id| Some(Cow::Owned(id))),
        None => Ok(Some(Cow::Borrowed(text))),
    }
}

/// The numeric id of a Weibo post, given as mid, bid or address.
pub(crate) fn weibo_post(text: &str) -> Result<Option<Text<'_>>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    if is_digits(text) {
        return match text.parse::<u64>() {
            Ok(mid) if mid > 0 => Ok(Some(Cow::Borrowed(text.trim_start_matches('0')))),
            _ => Err(format!("`{text}` is not a Weibo post id")),
        };
    }
    if text.contains('/') {
        return weibo_address(text).map(|address| address.map(|address| address.post_id));
    }
    if let Some(id) = whole_float(text) {
        return id.map(|id| Some(Cow::Owned(id)));
    }
    // Any word could be a bid; where none is expected it must carry a time.
    let carries_time =
        |mid: &Text<'_>| mid.parse().is_ok_and(|mid| weibo_id::instant_from_mid(mid).is_some());
    weibo_bid(text)?
        .filter(carries_time)
        .map(Some)
        .ok_or_else(|| format!("`{text}` is not a Weibo post id"))
}

/// The numeric id of a Weibo post, given as bid, even where the bid happens to
/// be digits only.
pub(crate) fn weibo_bid(text: &str) -> Result<Option<Text<'_>>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    let long_enough = text.len() >= SHORTEST_BID;
    weibo_id::mid_from_bid(text)
        .filter(|_| long_enough)
        .map(|mid| Some(Cow::Owned(mid.to_string())))
        .ok_or_else(|| format!("`{text}` is not a Weibo post id"))
}

/// Account and post of an address such as `https://weibo.com/2656274875/Io7T5lkPS?from=..`
/// or `https://m.weibo.cn/status/5106121943814622`.
pub(crate) fn weibo_address(text: &str) -> Result<Option<Address<'_>>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    let wrong = || format!("`{text}` is not the address of a Weibo post");
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut pieces = path.rsplit('/').filter(|piece| !piece.is_empty());
    let post = pieces.next().ok_or_else(wrong)?;
    let before = pieces.next().unwrap_or_default();
    let is_account = !before.is_empty() && is_digits(before);
    let id = if is_account { weibo_bid_or_mid(post) } else { weibo_post(post) };
    let post_id = id.ok().flatten().ok_or_else(wrong)?;
    Ok(Some(Address { account_id: is_account.then(|| before.into()), post_id }))
}

/// After an account stands a bid, unless it is as long as only a mid can be.
fn weibo_bid_or_mid(text: &str) -> Result<Option<Text<'_>>, String> {
    if text.len() > 12 { weibo_post(text) } else { weibo_bid(text) }
}

/// The account that a file is named after: `<uid>.csv`, `<uid>_posts.csv`.
pub(crate) fn account_of_file(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next()?;
    let digits = file.len() - file.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let follows = file[digits..].chars().next();
    ((5..=19).contains(&digits) && !follows.is_some_and(char::is_alphanumeric))
        .then(|| file[..digits].to_owned())
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of `4047.0`, or why they cannot be trusted; `None` if the text is
/// no float at all.
fn whole_float(text: &str) -> Option<Result<String, String>> {
    if is_digits(text) {
        return None;
    }
    text.parse::<f64>().ok()?;
    let rounded = || format!("the id `{text}` was rounded by another program");
    let digits = text.strip_suffix(".0").and_then(|digits| digits.parse::<u64>().ok());
    Some(digits.filter(|&id| id < EXACT_FLOAT).map(|id| id.to_string()).ok_or_else(rounded))
}

#[cfg(test)]
mod tests {
    use super::{account_of_file, any, weibo_address, weibo_post};

    #[test]
    fn a_weibo_post_has_one_id_whatever_names_it() {
        let id = Ok(Some("4457103168440352".into()));
        let mid = weibo_post("Io7T5lkPS");
        assert!(mid.as_ref().is_ok_and(Option::is_some));
        assert_eq!(weibo_post("4457103168440352\t"), id);
        assert_eq!(weibo_post("4457103168440352.0"), id);
        assert_eq!(weibo_post("https://m.weibo.cn/status/4457103168440352"), id);
        for address in [
            "https://weibo.com/2656274875/Io7T5lkPS?from=page_1002062656274875_profile&wvr=6",
            "//weibo.com/2656274875/Io7T5lkPS",
            "https://m.weibo.cn/status/Io7T5lkPS",
        ] {
            assert_eq!(weibo_post(address), mid, "{address}");
        }
    }

    #[test]
    fn an_address_names_the_account_too() {
        let address = weibo_address("https://weibo.com/2656274875/Io7T5lkPS?a").unwrap().unwrap();
        assert_eq!(address.account_id.as_deref(), Some("2656274875"));
    }

    #[test]
    fn an_id_that_went_through_a_rounding_float_is_refused() {
        assert!(weibo_post("5.10612E+15").is_err());
        assert!(any("9223372036854775807.0").is_err());
        assert_eq!(any("9223372036854775807"), Ok(Some("9223372036854775807".into())));
    }

    #[test]
    fn what_is_no_id_is_refused_and_nothing_is_none() {
        for text in ["不是", "x", "hello", "null-ish", "x/", "https://weibo.com/"] {
            assert!(weibo_post(text).is_err(), "{text}");
        }
        assert!(weibo_post("0").is_err());
        assert_eq!(weibo_post("无"), Ok(None));
    }

    #[test]
    fn a_file_named_after_its_account_tells_it() {
        for name in ["2803301701.csv", "weibo/人民日报/2803301701.csv", "2803301701__gb18030.csv"]
        {
            assert_eq!(account_of_file(name).as_deref(), Some("2803301701"), "{name}");
        }
        for name in ["users.csv", "2021.csv", "2803301701a.csv", ""] {
            assert_eq!(account_of_file(name), None, "{name}");
        }
    }
}
