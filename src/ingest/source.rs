//! Where bytes come from: files, members of archives, standard input.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::expand;
use super::packing::Packing;
use super::record::Instant;
use crate::error::{Error, Kind, Result};

/// Bytes read from the disk at once.
const BUFFER: usize = 128 * 1024;

/// One thing to import: a file, a member of a ZIP archive, or a stream.
pub struct Source {
    name: String,
    origin: Origin,
    size: Option<u64>,
    modified_at: Option<Instant>,
    position: Position,
}

enum Origin {
    File(PathBuf),
    Member { archive: PathBuf, index: usize },
    Stream(Box<dyn Read + Send>),
}

/// How many bytes of a source were read; a handle for progress.
#[derive(Debug, Clone, Default)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    /// The bytes read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source {
    /// The sources in the file at `path`: the members of a ZIP archive, else the
    /// file itself. The path `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read or the archive is damaged.
    pub fn open(path: &Path) -> Result<Vec<Self>> {
        if is_stdin(path) {
            return Ok(vec![Self::stream("-", io::stdin())]);
        }
        let open = |error: io::Error| Error::io("read", path, &error);
        let metadata = std::fs::metadata(path).map_err(open)?;
        if metadata.is_dir() {
            return Err(Error::usage(format!("{} is a folder", path.display())));
        }
        let modified_at = metadata
            .modified()
            .ok()
            .and_then(|time| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok());
        // A pipe gives its bytes once, and may keep who opens it waiting.
        if metadata.is_file() {
            let mut file = File::open(path).map_err(open)?;
            let mut start = [0; 4];
            if file.read_exact(&mut start).is_ok() && &start == b"PK\x03\x04" {
                return members(path, file, modified_at);
            }
        }
        Ok(vec![Self {
            name: path.display().to_string(),
            origin: Origin::File(path.to_owned()),
            size: metadata.is_file().then_some(metadata.len()),
            modified_at,
            position: Position::default(),
        }])
    }

    /// A stream such as standard input, called `name` in messages.
    pub fn stream(name: impl Into<String>, stream: impl Read + Send + 'static) -> Self {
        Self {
            name: name.into(),
            origin: Origin::Stream(Box::new(stream)),
            size: None,
            modified_at: None,
            position: Position::default(),
        }
    }

    /// The same source once more from its beginning; none if it can be read only
    /// once.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let origin = match &self.origin {
            Origin::File(path) => Origin::File(path.clone()),
            Origin::Member { archive, index } => {
                Origin::Member { archive: archive.clone(), index: *index }
            }
            Origin::Stream(_) => return None,
        };
        let (name, position) = (self.name.clone(), Position::default());
        Some(Self { name, origin, position, ..*self })
    }

    /// The source as the person named it; a member of an archive as
    /// `archive.zip/member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes to read in all, if that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// When the file was last changed, if that is known.
    #[must_use]
    pub fn modified_at(&self) -> Option<Instant> {
        self.modified_at
    }

    /// A handle that tells how far reading has come.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position.clone()
    }

    /// Where to look for files that belong to this one.
    pub(super) fn beside(&self) -> Beside {
        match &self.origin {
            Origin::File(path) => Beside::Files(path.clone()),
            Origin::Member { archive, index } => Beside::Members(archive.clone(), *index),
            Origin::Stream(_) => Beside::Nothing,
        }
    }

    /// The bytes as they lie there, counted and summed up on the way.
    pub(super) fn into_raw(self) -> Result<Raw> {
        let name = self.name;
        let inner: Box<dyn Read + Send> = match self.origin {
            Origin::File(path) => {
                Box::new(File::open(&path).map_err(|error| Error::io("read", &path, &error))?)
            }
            Origin::Member { archive, index } => member(&archive, index, &name)?,
            Origin::Stream(stream) => stream,
        };
        Ok(Raw { inner, position: self.position, sum: Sum::default() })
    }
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The place that a source came from.
pub(super) enum Beside {
    Files(PathBuf),
    Members(PathBuf, usize),
    Nothing,
}

impl Beside {
    /// The bytes of the file or member called `file` in the same folder.
    pub(super) fn read(&self, file: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Files(path) => {
                File::open(path.with_file_name(file)).ok()?.read_to_end(&mut bytes).ok()?;
            }
            Self::Members(archive, index) => {
                let mut archive =
                    ZipArchive::new(BufReader::new(File::open(archive).ok()?)).ok()?;
                let own = archive.by_index_raw(*index).ok()?.name().ok()?.into_owned();
                let folder = own.rfind('/').map_or("", |end| &own[..=end]);
                let name = format!("{folder}{file}");
                archive.by_name(&name).ok()?.read_to_end(&mut bytes).ok()?;
            }
            Self::Nothing => return None,
        }
        Some(bytes)
    }

    /// The path, when the source is a plain file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Files(path) => Some(path),
            _ => None,
        }
    }
}

/// The members of an archive that have a suffix of an import format, in its
/// order.
fn members(path: &Path, file: File, modified_at: Option<Instant>) -> Result<Vec<Source>> {
    let damaged = |error: zip::result::ZipError| {
        Error::input(format!("cannot read the archive: {error}"))
            .in_file(path.display().to_string())
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut sources = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(damaged)?;
        let name = member.name().map_err(damaged)?.into_owned();
        if member.is_dir() || is_hidden(&name) || !expand::is_importable(name.as_ref()) {
            continue;
        }
        sources.push(Source {
            name: format!("{}/{name}", path.display()),
            origin: Origin::Member { archive: path.to_owned(), index },
            size: Some(member.size()),
            modified_at,
            position: Position::default(),
        });
    }
    if sources.is_empty() {
        let message = "no file in the archive has the name of an import file";
        let error = Error::new(Kind::Format, message).in_file(path.display().to_string());
        return Err(error.hint("save the sheets of a workbook as CSV"));
    }
    Ok(sources)
}

/// Whether a member is something that an operating system put there.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// The bytes of a member, checked against the archive's checksum at the end.
fn member(archive: &Path, index: usize, name: &str) -> Result<Box<dyn Read + Send>> {
    let damaged = |reason: String| Error::input(format!("cannot unpack: {reason}")).in_file(name);
    let open = || File::open(archive).map_err(|error| Error::io("read", archive, &error));
    let mut zip =
        ZipArchive::new(BufReader::new(open()?)).map_err(|error| damaged(error.to_string()))?;
    let member = zip.by_index_raw(index).map_err(|error| damaged(error.to_string()))?;
    if member.encrypted() {
        return Err(damaged("it is encrypted".to_owned()).hint("unpack it with its password first"));
    }
    let start = member.data_start().ok_or_else(|| damaged("it has no content".to_owned()))?;
    let (method, crc, packed) = (member.compression(), member.crc32(), member.compressed_size());
    let mut file = open()?;
    file.seek(SeekFrom::Start(start)).map_err(|error| Error::io("read", archive, &error))?;
    let bytes = BufReader::with_capacity(BUFFER, file.take(packed));
    match method {
        zip::CompressionMethod::Stored => Ok(Box::new(Checked::new(bytes, crc))),
        zip::CompressionMethod::Deflated => {
            Ok(Box::new(Checked::new(flate2::bufread::DeflateDecoder::new(bytes), crc)))
        }
        other => Err(damaged(format!("its compression {other} is not supported"))),
    }
}

/// A reader whose end is an error unless the bytes have the checksum.
struct Checked<R> {
    inner: flate2::CrcReader<R>,
    crc: u32,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, crc: u32) -> Self {
        Self { inner: flate2::CrcReader::new(inner), crc }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(target)?;
        if length == 0 && !target.is_empty() && self.inner.crc().sum() != self.crc {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of the archive does not match",
            ));
        }
        Ok(length)
    }
}

/// A source's own bytes.
pub(super) struct Raw {
    inner: Box<dyn Read + Send>,
    position: Position,
    sum: Sum,
}

/// The checksum of what was read, shared with who wants to know it at the end.
#[derive(Clone, Default)]
pub(super) struct Sum(Arc<Mutex<Sha256>>);

impl Sum {
    /// The SHA-256 so far, in lowercase hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        hex::encode(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize())
    }
}

impl Raw {
    /// The checksum of what will have been read.
    pub(super) fn sum(&self) -> Sum {
        self.sum.clone()
    }

    /// The bytes with `.gz` and `.zst` undone, as the content tells it.
    pub(super) fn unpacked(self) -> io::Result<Box<dyn Read + Send>> {
        let mut bytes = BufReader::with_capacity(BUFFER, self);
        let packing = Packing::seen(bytes.fill_buf()?);
        Ok(match packing.map(|packing| packing.compression) {
            Some(FileCompressionType::GZIP) => {
                Box::new(flate2::bufread::MultiGzDecoder::new(bytes))
            }
            Some(FileCompressionType::ZSTD) => {
                Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?)
            }
            _ => Box::new(bytes),
        })
    }
}

impl Read for Raw {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(target)?;
        self.sum.0.lock().unwrap_or_else(PoisonError::into_inner).update(&target[..length]);
        self.position.0.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        Ok(length)
    }
}

/// A reader from its beginning, though a part of it was looked at.
pub(super) type Whole<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// What a reader begins with, and the reader as if nothing had been read.
pub(super) fn peek<R: Read>(mut reader: R, most: u64) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut start = Vec::new();
    reader.by_ref().take(most).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(reader)))
}
