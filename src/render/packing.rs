//! Files that are packed while they are written, by the suffix of their name:
//! `posts.csv.gz`, `posts.jsonl.zst`.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::write::GzEncoder;
use parking_lot::Mutex;

use super::Sink;

/// How a file is packed while it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As it is.
    #[default]
    Not,
    /// As `gzip` does.
    Gzip,
    /// As `zstd` does.
    Zstd,
}

impl Packing {
    /// How the file called `path` is packed, and its name without the suffix that says
    /// so.
    pub(crate) fn of(path: &Path) -> (Self, &Path) {
        let packing = match path.extension().and_then(|suffix| suffix.to_str()) {
            Some(suffix) if suffix.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(suffix) if suffix.eq_ignore_ascii_case("zst") => Self::Zstd,
            _ => return (Self::Not, path),
        };
        let name = path.file_stem().map_or(path, Path::new);
        (packing, name)
    }
}

/// A handle on what is packed: whoever writes rows has one, and one ends it.
#[derive(Clone)]
pub(crate) struct Packer(Arc<Mutex<Packed>>);

enum Packed {
    Not(Sink),
    Gzip(GzEncoder<Sink>),
    Zstd(zstd::Encoder<'static, Sink>),
}

impl Packer {
    /// Packs what is written and passes it on to `sink`.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn new(sink: Sink, packing: Packing) -> io::Result<Self> {
        let packed = match packing {
            Packing::Not => Packed::Not(sink),
            Packing::Gzip => Packed::Gzip(GzEncoder::new(sink, flate2::Compression::default())),
            Packing::Zstd => {
                Packed::Zstd(zstd::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
        };
        Ok(Self(Arc::new(Mutex::new(packed))))
    }

    /// Writes what has to stand at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match &mut *self.0.lock() {
            Packed::Not(sink) => sink.flush(),
            Packed::Gzip(sink) => sink.try_finish(),
            Packed::Zstd(sink) => sink.do_finish(),
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Packed::Not(sink) => sink.write(bytes),
            Packed::Gzip(sink) => sink.write(bytes),
            Packed::Zstd(sink) => sink.write(bytes),
        }
    }

    /// What is packed is not flushed between rows, which would pack it badly.
    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.lock() {
            Packed::Not(sink) => sink.flush(),
            Packed::Gzip(_) | Packed::Zstd(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_tells_how_a_file_is_packed() {
        let of = |path: &'static str| Packing::of(Path::new(path));
        assert_eq!(of("a/x.csv.gz"), (Packing::Gzip, Path::new("x.csv")));
        assert_eq!(of("x.jsonl.ZST"), (Packing::Zstd, Path::new("x.jsonl")));
        assert_eq!(of("a/x.csv"), (Packing::Not, Path::new("a/x.csv")));
    }
}
