//! Pieces of objects, kept in files here, each with its checksum: a piece that
//! a power cut or a bad disk left damaged is fetched again.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Bytes of a piece, but for the last one of an object.
pub(super) const BLOCK: u64 = 256 << 10;

/// Pieces that are fetched with one request, at most.
const RUN: u64 = 32;

/// Bytes of a checksum.
const SUM: usize = 32;

/// The folder of the pieces of all objects of a database.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    folder: PathBuf,
}

impl Blocks {
    /// Those kept in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Piece `number` of the object called `name`, if it is here and whole.
    pub(super) fn read(&self, name: &str, number: u64) -> Option<Bytes> {
        let path = self.path(name, number);
        let mut bytes = std::fs::read(&path).ok()?;
        let at = bytes.len().checked_sub(SUM)?;
        if Sha256::digest(&bytes[..at])[..] != bytes[at..] {
            return None;
        }
        touch(&path);
        bytes.truncate(at);
        Some(bytes.into())
    }

    /// Keeps piece `number` of the object called `name`. A full disk is no
    /// reason to fail: it is fetched again when it is needed.
    pub(super) fn keep(&self, name: &str, number: u64, bytes: &[u8]) {
        let path = self.path(name, number);
        let whole = [bytes, &Sha256::digest(bytes)[..]].concat();
        let _ = write_whole(&path, &whole);
    }

    fn path(&self, name: &str, number: u64) -> PathBuf {
        self.folder.join(name).join(number.to_string())
    }
}

/// Puts a file at `path` in one step, together with its folder.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut staged = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut staged, bytes)?;
    staged.persist(path)?;
    Ok(())
}

/// Notes that the file at `path` was used, so that it is kept longer.
pub(super) fn touch(path: &Path) {
    let file = std::fs::OpenOptions::new().append(true).open(path);
    // At worst it goes earlier than it should.
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// The numbers of the pieces that hold `range`.
pub(super) fn numbers(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK..range.end.div_ceil(BLOCK)
}

/// Sorted `numbers` as runs of neighbours, each to be fetched with one request.
pub(super) fn runs(numbers: &[u64]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some(run) if run.end == number && run.end - run.start < RUN => run.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_piece_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let blocks = Blocks::new(folder.path().to_owned());
        assert_eq!(blocks.read("posts/a", 3), None);
        blocks.keep("posts/a", 3, b"piece");
        assert_eq!(blocks.read("posts/a", 3).unwrap(), "piece");
        let path = folder.path().join("posts/a/3");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(blocks.read("posts/a", 3), None, "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(blocks.read("posts/a", 3), None, "cut at {at}");
        }
    }

    #[test]
    fn neighbours_are_fetched_together() {
        assert_eq!(numbers(&(0..1)), 0..1);
        assert_eq!(numbers(&(BLOCK - 1..BLOCK + 1)), 0..2);
        assert_eq!(numbers(&(BLOCK..2 * BLOCK)), 1..2);
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
        let many: Vec<u64> = (0..2 * RUN + 1).collect();
        assert_eq!(runs(&many), [0..RUN, RUN..2 * RUN, 2 * RUN..2 * RUN + 1]);
    }
}
