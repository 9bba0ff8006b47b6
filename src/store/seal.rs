//! A checksum that a small text file carries of itself.
//!
//! The text holds `"seal":"` and 64 hexadecimal digits: the SHA-256 of the
//! whole text with these digits replaced by zeros. So every bit of the file is
//! covered, its own name of the checksum included.

use sha2::{Digest, Sha256};

use super::files::sha256;

/// What stands before the digits.
const MARK: &str = "\"seal\":\"";

/// How many digits a seal has.
const DIGITS: usize = 64;

/// What stands in the place of the digits before a text is sealed.
pub(super) const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The text with its blank seal filled in. A text without a seal comes back as
/// it is.
pub(super) fn seal(mut text: String) -> String {
    if let Some(at) = digits_at(text.as_bytes()) {
        let digest = sha256(text.as_bytes());
        text.replace_range(at..at + DIGITS, &digest);
    }
    text
}

/// Whether the bytes carry a seal and are as they were when it was made.
pub(super) fn is_intact(bytes: &[u8]) -> bool {
    let Some(at) = digits_at(bytes) else { return false };
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..at]);
    hasher.update(BLANK);
    hasher.update(&bytes[at + DIGITS..]);
    hex::encode(hasher.finalize()).as_bytes() == &bytes[at..at + DIGITS]
}

/// Where the digits of the seal begin, if there is room for all of them.
fn digits_at(bytes: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(bytes, MARK.as_bytes())? + MARK.len();
    (bytes.len() >= at + DIGITS).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_breaks_the_seal() {
        let sealed = seal(format!("{{\"a\":\"微\",\"seal\":\"{BLANK}\",\"b\":1}}"));
        assert!(is_intact(sealed.as_bytes()));
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_intact(&bytes), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(!is_intact(&sealed.as_bytes()[..length]), "cut at {length}");
        }
    }
}
