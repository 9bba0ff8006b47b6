//! How programs pack the files that they write, and what tells it.

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// One way in which files are packed.
#[derive(Debug)]
pub(crate) struct Packing {
    /// What people call it.
    pub(crate) name: &'static str,
    /// The suffix by which files that are packed so are known.
    pub(crate) suffix: &'static str,
    /// What undoes it.
    pub(crate) compression: FileCompressionType,
    /// What all files that are packed so begin with.
    pub(crate) begins: &'static [u8],
    /// What tells it where no name does, and where that stands.
    sign: (usize, &'static [u8]),
}

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTANDARD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

const PACKINGS: &[Packing] = &[
    Packing {
        name: "gzip",
        suffix: "gz",
        compression: FileCompressionType::GZIP,
        begins: GZIP,
        sign: (0, GZIP),
    },
    Packing {
        name: "Zstandard",
        suffix: "zst",
        compression: FileCompressionType::ZSTD,
        begins: ZSTANDARD,
        sign: (0, ZSTANDARD),
    },
    Packing {
        name: "bzip2",
        suffix: "bz2",
        compression: FileCompressionType::BZIP2,
        begins: b"BZh",
        // A header may begin with BZh: this is how the first block does.
        sign: (4, b"1AY&SY"),
    },
    Packing {
        name: "xz",
        suffix: "xz",
        compression: FileCompressionType::XZ,
        begins: &[0xFD, b'7', b'z'],
        sign: (0, &[0xFD, b'7', b'z', b'X', b'Z', 0]),
    },
];

impl Packing {
    /// How a file is packed whose name ends in `suffix`, in small letters.
    pub(crate) fn named(suffix: &str) -> Option<&'static Self> {
        PACKINGS.iter().find(|packing| packing.suffix == suffix)
    }

    /// What the engine calls `compression`, unless that is none.
    pub(crate) fn of(compression: FileCompressionType) -> Option<&'static Self> {
        PACKINGS.iter().find(|packing| packing.compression == compression)
    }

    /// How a file is packed that begins with `start`, as far as that tells.
    pub(crate) fn seen(start: &[u8]) -> Option<&'static Self> {
        PACKINGS.iter().find(|packing| {
            let (at, sign) = packing.sign;
            start.get(at..).is_some_and(|rest| rest.starts_with(sign))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Packing;

    #[test]
    fn the_beginning_tells_how_a_file_is_packed_and_texts_are_not() {
        let starts: [(&[u8], Option<&str>); 7] = [
            (b"\x1f\x8b\x08\0", Some("gz")),
            (b"\x28\xb5\x2f\xfd\x04", Some("zst")),
            (b"BZh91AY&SY\x01", Some("bz2")),
            (b"\xfd7zXZ\0\0\x04", Some("xz")),
            (b"BZh,1AY\n", None),
            (b"BZh", None),
            (b"", None),
        ];
        for (start, suffix) in starts {
            let seen = Packing::seen(start);
            assert_eq!(seen.map(|packing| packing.suffix), suffix, "{start:?}");
            assert!(seen.is_none_or(|packing| start.starts_with(packing.begins)), "{start:?}");
        }
    }

    #[test]
    fn a_packing_is_found_by_its_suffix_and_by_what_undoes_it() {
        for suffix in ["gz", "zst", "bz2", "xz"] {
            let compression = Packing::named(suffix).unwrap().compression;
            assert_eq!(Packing::of(compression).unwrap().suffix, suffix);
        }
        assert!(Packing::named("zip").is_none());
    }
}
