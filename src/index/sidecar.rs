//! The file beside a data file: named sections, each with its own checksum, so
//! that one can be read alone and a damaged one is noticed.
//!
//! ```text
//! sections | directory | SHA-256 of the directory | its length | version | magic
//! ```
//!
//! The directory begins with the SHA-256 of the data file that the sections
//! were made from: beside another file they count as damaged.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// How the file ends.
const MAGIC: &[u8; 8] = b"weikuidx";

/// The form of directory and sections.
const VERSION: u32 = 1;

/// Bytes after the directory.
const TRAILER: usize = 32 + 8 + 4 + MAGIC.len();

/// Bytes of a section's checksum.
const SUM: usize = 16;

/// Bytes of a section's line in the directory: kind, end, checksum.
const LINE: usize = 4 + 8 + SUM;

/// How the name of the file ends.
const SUFFIX: &str = "index";

/// Where the file beside `data_file` lies.
pub(crate) fn path(data_file: &Path) -> PathBuf {
    data_file.with_extension(SUFFIX)
}

/// The name of the data file beside which a file called `name` lies, if that is
/// the name of one.
pub(crate) fn data_file_name(name: &str) -> Option<String> {
    let (stem, suffix) = name.rsplit_once('.')?;
    (suffix == SUFFIX).then(|| format!("{stem}.parquet"))
}

/// One section: what it holds, and its bytes.
#[derive(Debug)]
pub(super) struct Section {
    /// What it holds.
    pub(super) kind: Kind,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// How the text index is laid out, and the first term of each shelf.
    TextHead = 1,
    /// Terms of the text index, in order, with their blocks.
    TextShelf = 2,
    /// Posts summed up by time.
    RollupByTime = 3,
    /// Posts summed up by account.
    RollupByAccount = 4,
    /// Posts summed up by the hour of the day.
    RollupByHour = 5,
    /// Posts summed up by hour.
    RollupByClock = 6,
}

/// The bytes of the file beside the data file with the given checksum.
pub(super) fn encode(data_sha256: &str, sections: &[Section]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = data_sha256.as_bytes().to_vec();
    for section in sections {
        bytes.extend_from_slice(&section.bytes);
        directory.extend_from_slice(&(section.kind as u32).to_le_bytes());
        directory.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        directory.extend_from_slice(&Sha256::digest(&section.bytes)[..SUM]);
    }
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(&Sha256::digest(&directory));
    bytes.extend_from_slice(&(directory.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    bytes
}

/// An open file beside a data file, whose directory is whole.
#[derive(Debug)]
pub(crate) struct Sidecar {
    path: PathBuf,
    file: File,
    places: Vec<Place>,
}

/// Where a section lies.
#[derive(Debug)]
struct Place {
    kind: u32,
    from: u64,
    to: u64,
    sum: [u8; SUM],
}

impl Sidecar {
    /// Opens the file beside `data_file`, whose checksum is `data_sha256`; none
    /// if there is none, or none of a form that is known.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(crate) fn open(data_file: &Path, data_sha256: Option<&str>) -> Result<Option<Self>> {
        let path = path(data_file);
        let Some(data_sha256) = data_sha256 else { return Ok(None) };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| Error::io("read", &path, &error))?,
        };
        let Some(directory) = read_directory(&mut file, &path)? else { return Ok(None) };
        let places = directory
            .strip_prefix(data_sha256.as_bytes())
            .and_then(places)
            .ok_or_else(|| damaged(&path))?;
        Ok(Some(Self { path, file, places }))
    }

    /// The numbers of the sections of `kind`, in order.
    pub(super) fn sections(&self, kind: Kind) -> Vec<usize> {
        let is_of_kind = |number: &usize| self.places[*number].kind == kind as u32;
        (0..self.places.len()).filter(is_of_kind).collect()
    }

    /// The bytes of section `number`, after a check.
    pub(super) fn read(&self, number: usize) -> Result<Vec<u8>> {
        let place = self.places.get(number).ok_or_else(|| self.damaged())?;
        let length = place.to.checked_sub(place.from).and_then(|length| length.try_into().ok());
        let bytes =
            read_at(&self.file, &self.path, place.from, length.ok_or_else(|| self.damaged())?)?;
        if Sha256::digest(&bytes)[..SUM] == place.sum { Ok(bytes) } else { Err(self.damaged()) }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// When a section is damaged.
    pub(crate) fn check(&self) -> Result<()> {
        (0..self.places.len()).try_for_each(|number| self.read(number).map(drop))
    }

    /// The error for a file that holds other things than it should.
    pub(super) fn damaged(&self) -> Error {
        damaged(&self.path)
    }
}

/// The directory, whole; none when the file is of an unknown form.
fn read_directory(file: &mut File, path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = |error: std::io::Error| Error::io("read", path, &error);
    let size = file.metadata().map_err(failed)?.len();
    let end = size.checked_sub(TRAILER as u64).ok_or_else(|| damaged(path))?;
    let trailer = read_at(file, path, end, TRAILER)?;
    let (sum, rest) = trailer.split_at(32);
    let (length, rest) = rest.split_at(8);
    let (version, magic) = rest.split_at(4);
    if magic != MAGIC {
        return Err(damaged(path));
    }
    if version != VERSION.to_le_bytes() {
        return Ok(None);
    }
    let length = u64_at(length, 0).filter(|length| *length <= end).ok_or_else(|| damaged(path))?;
    let bytes = usize::try_from(length).map_err(|_| damaged(path))?;
    let directory = read_at(file, path, end - length, bytes)?;
    if Sha256::digest(&directory)[..] != *sum {
        return Err(damaged(path));
    }
    Ok(Some(directory))
}

/// The sections that the lines of a directory name.
fn places(lines: &[u8]) -> Option<Vec<Place>> {
    let mut from = 0;
    let mut places = Vec::with_capacity(lines.len() / LINE);
    for line in lines.chunks(LINE) {
        let kind = u32::from_le_bytes(line.get(..4)?.try_into().ok()?);
        let to = u64_at(line, 4)?;
        let sum = line.get(12..LINE)?.try_into().ok()?;
        places.push(Place { kind, from, to, sum });
        from = to;
    }
    Some(places)
}

/// The number of eight bytes at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// `length` bytes of a file from `at`.
fn read_at(mut file: &File, path: &Path, at: u64, length: usize) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::io("read", path, &error);
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    let mut bytes = Vec::with_capacity(length.min(1 << 24));
    file.take(length as u64).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() == length { Ok(bytes) } else { Err(damaged(path)) }
}

fn damaged(path: &Path) -> Error {
    Error::store(format!("index file {} is damaged", path.display()))
        .hint("weiku optimize makes it anew; until then queries do without it")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sections of the file at `path` as far as they can be read.
    fn sections(data: &Path) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(sidecar) = Sidecar::open(data, Some("ab"))? else { return Ok(None) };
        (0..sidecar.places.len())
            .map(|number| sidecar.read(number))
            .collect::<Result<_>>()
            .map(Some)
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("part-1.parquet");
        assert!(sections(&data).unwrap().is_none(), "no file is no damage");
        let written = [b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let whole =
            encode("ab", &written.clone().map(|bytes| Section { kind: Kind::TextShelf, bytes }));
        std::fs::write(path(&data), &whole).unwrap();
        assert_eq!(sections(&data).unwrap().unwrap(), written);
        assert!(Sidecar::open(&data, Some("cd")).is_err(), "it is of another data file");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(path(&data), &bytes).unwrap();
            assert!(!matches!(sections(&data), Ok(Some(_))), "byte {at}");
            std::fs::write(path(&data), &whole[..at]).unwrap();
            assert!(sections(&data).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_name_leads_to_the_data_file_and_back() {
        let data = Path::new("posts/part-1.parquet");
        let name = path(data).file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(data_file_name(&name).as_deref(), Some("part-1.parquet"));
        assert_eq!(data_file_name("part-1.parquet"), None);
    }
}
