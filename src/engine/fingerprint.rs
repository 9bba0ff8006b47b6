//! What tells two things apart, wherever and whenever they are compared.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

/// A SHA-256 of things that can be hashed: what their `Hash` says of them is
/// digested whole, so that two things have one fingerprint only if that is equal.
///
/// It is good between processes of one build: how a type hashes may change
/// with the compiler and with the crate that it comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Takes in what `thing` says of itself.
    pub(super) fn add(&mut self, thing: impl Hash) {
        thing.hash(self);
    }

    /// The digest of all that was taken in.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The beginning of the digest; nobody needs so little.
    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn where_one_text_ends_and_the_next_begins_matters() {
        let of = |texts: [&str; 2]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.add(texts);
            fingerprint.digest()
        };
        assert_eq!(of(["ab", "c"]), of(["ab", "c"]));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
