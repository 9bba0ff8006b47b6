//! Whole data files on their way to and from a bucket, and pieces of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StoreError, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};

use super::blocks::{self, BLOCK};
use super::{Bucket, network};
use crate::error::{Error, Result};

/// Bytes of a file that travel with one request.
const PART: u64 = 8 << 20;

/// Requests of one kind that are under way at the same time.
const AT_ONCE: usize = 8;

/// Files that are sent at the same time.
const FILES_AT_ONCE: usize = 3;

/// What is known of a file before it is fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its SHA-256 in hexadecimal digits, if it is known.
    pub(crate) sha256: Option<&'a str>,
}

/// An object that was fetched into a file which is not in its place yet.
struct Fetched {
    file: tempfile::NamedTempFile,
    size: u64,
    sha256: String,
}

impl Bucket {
    /// Sends the files here that are called `names`.
    pub(crate) fn send(self: &Arc<Self>, names: Vec<String>) -> Result<()> {
        let bucket = Arc::clone(self);
        network::wait(async move {
            let sent = stream::iter(names).map(|name| {
                let bucket = &bucket;
                async move { bucket.send_one(&name).await }
            });
            sent.buffer_unordered(FILES_AT_ONCE).try_collect::<()>().await
        })?
    }

    async fn send_one(&self, name: &str) -> Result<()> {
        let path = self.copy(name);
        let unread = |error: std::io::Error| Error::io("read", &path, &error);
        let failed = |error: StoreError| self.failed("write", name, &error);
        let key = self.address.key(name)?;
        let mut file = File::open(&path).map_err(unread)?;
        let size = file.metadata().map_err(unread)?.len();
        if size <= PART {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(unread)?;
            return self.store.put(&key, PutPayload::from(bytes)).await.map(drop).map_err(failed);
        }
        let upload = self.store.put_multipart(&key).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART as usize);
        let mut part = vec![0; PART as usize];
        loop {
            let read = read_part(&mut file, &mut part).map_err(unread)?;
            if read == 0 {
                break;
            }
            if let Err(error) = upload.wait_for_capacity(AT_ONCE / 2).await {
                // The first failure is what the caller must hear of.
                let _ = upload.abort().await;
                return Err(failed(error));
            }
            upload.write(&part[..read]);
        }
        upload.finish().await.map(drop).map_err(failed)
    }

    /// Opens the copy of the object called `name`, fetched if it is not here;
    /// none if there is no such object.
    ///
    /// # Errors
    /// When it cannot be fetched, or is not what is `expected`.
    pub(crate) fn open(
        self: &Arc<Self>,
        name: &str,
        expected: Option<Expected<'_>>,
    ) -> Result<Option<File>> {
        let path = self.copy(name);
        match File::open(&path) {
            Ok(file) => {
                blocks::touch(&path);
                return Ok(Some(file));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &path, &error)),
        }
        if self.absent.lock().contains(name) {
            return Ok(None);
        }
        let fetched = self.fetch(name)?;
        let is_it = fetched.as_ref().zip(expected).is_none_or(|(fetched, expected)| {
            expected.size == fetched.size
                && expected.sha256.is_none_or(|expected| expected == fetched.sha256)
        });
        if !is_it {
            return Err(Error::store(format!("{} is damaged", self.url(name)))
                .hint(format!("weiku verify {self}")));
        }
        if !self.settle(name, fetched)? {
            return Ok(None);
        }
        File::open(&path).map(Some).map_err(|error| Error::io("read", &path, &error))
    }

    /// Fetches those of the objects called `names` that are not here, several at
    /// the same time.
    pub(crate) fn bring(self: &Arc<Self>, names: Vec<String>) -> Result<()> {
        let is_wanted =
            |name: &String| !self.copy(name).exists() && !self.absent.lock().contains(name);
        let names: Vec<String> = names.into_iter().filter(is_wanted).collect();
        if names.len() < 2 {
            // The one is fetched as well when it is opened.
            return Ok(());
        }
        let bucket = Arc::clone(self);
        network::wait(async move {
            let brought = stream::iter(names).map(|name| {
                let bucket = &bucket;
                async move {
                    let fetched = bucket.fetch_parts(&name).await?;
                    bucket.settle(&name, fetched).map(drop)
                }
            });
            brought.buffer_unordered(FILES_AT_ONCE).try_collect::<()>().await
        })?
    }

    /// Puts what was fetched in its place; whether there was something.
    fn settle(&self, name: &str, fetched: Option<Fetched>) -> Result<bool> {
        let path = self.copy(name);
        let Some(fetched) = fetched else {
            self.absent.lock().insert(name.to_owned());
            // A copy of what is not there would be a lie.
            let _ = std::fs::remove_file(&path);
            return Ok(false);
        };
        let put = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        put.and_then(|()| Ok(fetched.file.persist(&path)?))
            .map_err(|error| Error::io("write", &path, &error))?;
        self.absent.lock().remove(name);
        self.sweep.note(fetched.size);
        Ok(true)
    }

    /// Fetches the object called `name` whatever is here, in the place of its
    /// copy; whether it is there.
    pub(crate) fn renew(self: &Arc<Self>, name: &str) -> Result<bool> {
        self.settle(name, self.fetch(name)?)
    }

    fn fetch(self: &Arc<Self>, name: &str) -> Result<Option<Fetched>> {
        let (bucket, name) = (Arc::clone(self), name.to_owned());
        network::wait(async move { bucket.fetch_parts(&name).await })?
    }

    /// Fetches an object, several parts at the same time; none if it is not
    /// there.
    async fn fetch_parts(&self, name: &str) -> Result<Option<Fetched>> {
        let key = self.address.key(name)?;
        let failed = |error: StoreError| self.failed("read", name, &error);
        let size = match self.store.head(&key).await {
            Ok(meta) => meta.size,
            Err(error @ StoreError::NotFound { .. }) => {
                return self.absent("read", name, &error);
            }
            Err(error) => return Err(failed(error)),
        };
        let path = self.copy(name);
        let unwritten = |error: std::io::Error| Error::io("write", &path, &error);
        let mut file = self.staged().map_err(unwritten)?;
        let mut hasher = Sha256::new();
        let parts = (0..size.div_ceil(PART)).map(|part| part * PART..size.min((part + 1) * PART));
        let mut parts = stream::iter(parts)
            .map(|part| {
                let (store, key) = (Arc::clone(&self.store), key.clone());
                async move { store.get_range(&key, part).await }
            })
            .buffered(AT_ONCE);
        while let Some(bytes) = parts.try_next().await.map_err(failed)? {
            hasher.update(&bytes);
            file.write_all(&bytes).map_err(unwritten)?;
        }
        file.as_file().sync_all().map_err(unwritten)?;
        Ok(Some(Fetched { file, size, sha256: hex::encode(hasher.finalize()) }))
    }

    /// Ranges of the object called `name`, from pieces that are kept here; those
    /// that are not are fetched.
    pub(super) async fn ranges(
        self: &Arc<Self>,
        name: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let mut numbers: Vec<u64> = ranges.iter().flat_map(blocks::numbers).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (bucket, name) = (Arc::clone(self), name.to_owned());
        let ranges = ranges.to_vec();
        let read = network::start(async move {
            let pieces = bucket.pieces(&name, numbers).await?;
            let cut = |range| cut(&pieces, range);
            let cut: Option<Vec<Bytes>> = ranges.iter().map(cut).collect();
            cut.ok_or_else(|| Error::store(format!("{} is cut short", bucket.url(&name))))
        })?;
        read.await.map_err(|error| Error::internal(error.to_string()))?
    }

    /// The pieces with the given numbers.
    async fn pieces(
        self: &Arc<Self>,
        name: &str,
        numbers: Vec<u64>,
    ) -> Result<BTreeMap<u64, Bytes>> {
        let (blocks, owned) = (self.blocks.clone(), name.to_owned());
        let kept = tokio::task::spawn_blocking(move || {
            let read = |number| (number, blocks.read(&owned, number));
            numbers.into_iter().map(read).collect::<Vec<_>>()
        });
        let kept = kept.await.map_err(|error| Error::internal(error.to_string()))?;
        let missing: Vec<u64> =
            kept.iter().filter(|(_, bytes)| bytes.is_none()).map(|(number, _)| *number).collect();
        let mut pieces: BTreeMap<u64, Bytes> =
            kept.into_iter().filter_map(|(number, bytes)| Some((number, bytes?))).collect();
        let fetched = stream::iter(blocks::runs(&missing))
            .map(|run| self.fetch_run(name, run))
            .buffer_unordered(AT_ONCE);
        let fetched: Vec<Vec<(u64, Bytes)>> = fetched.try_collect().await?;
        pieces.extend(fetched.into_iter().flatten());
        Ok(pieces)
    }

    /// Fetches neighbouring pieces with one request, and keeps them.
    async fn fetch_run(self: &Arc<Self>, name: &str, run: Range<u64>) -> Result<Vec<(u64, Bytes)>> {
        let key = self.address.key(name)?;
        let range = run.start * BLOCK..run.end * BLOCK;
        let read = self.store.get_range(&key, range).await;
        let bytes = read.map_err(|error| self.failed("read", name, &error))?;
        let pieces: Vec<(u64, Bytes)> = run
            .zip((0..bytes.len()).step_by(BLOCK as usize))
            .map(|(number, at)| (number, bytes.slice(at..bytes.len().min(at + BLOCK as usize))))
            .collect();
        let (bucket, name, kept) = (Arc::clone(self), name.to_owned(), pieces.clone());
        let keeping = tokio::task::spawn_blocking(move || {
            for (number, bytes) in kept {
                bucket.blocks.keep(&name, number, &bytes);
                bucket.sweep.note(bytes.len() as u64);
            }
        });
        keeping.await.map_err(|error| Error::internal(error.to_string()))?;
        Ok(pieces)
    }
}

/// The bytes in `range`, if the pieces hold all of it.
fn cut(pieces: &BTreeMap<u64, Bytes>, range: &Range<u64>) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    let length = usize::try_from(range.end - range.start).ok()?;
    for number in blocks::numbers(range) {
        let piece = pieces.get(&number)?;
        let from = usize::try_from(range.start.saturating_sub(number * BLOCK)).ok()?;
        let to = usize::try_from(range.end - number * BLOCK).ok()?.min(piece.len());
        if from > to {
            return None;
        }
        if to - from == length {
            return Some(piece.slice(from..to));
        }
        whole.extend_from_slice(&piece[from..to]);
    }
    (whole.len() == length).then(|| whole.freeze())
}

/// Fills `part` as far as the file goes.
fn read_part(file: &mut File, part: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < part.len() {
        match file.read(&mut part[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_from_pieces() {
        let bytes: Vec<u8> = (0..BLOCK * 2 + 10).map(|at| (at % 251) as u8).collect();
        let pieces: BTreeMap<u64, Bytes> = (0..)
            .zip(bytes.chunks(BLOCK as usize))
            .map(|(number, piece)| (number, Bytes::copy_from_slice(piece)))
            .collect();
        let size = bytes.len() as u64;
        for range in [0..1, 0..BLOCK, BLOCK - 3..BLOCK + 3, 5..size, size - 1..size, 7..7] {
            let expected = &bytes[range.start as usize..range.end as usize];
            assert_eq!(cut(&pieces, &range).unwrap(), expected, "{range:?}");
        }
        assert_eq!(cut(&pieces, &(size - 1..size + 1)), None);
    }
}
