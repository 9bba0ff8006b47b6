//! The generated world as the files that crawlers write, for trying import at
//! any size.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, stream};

use super::write::blocking;
use super::{Scale, Summary, World};
use super::{mastodon, mediacrawler, weibo_api, weibo_crawler};
use crate::error::{Error, Result, nearest};

/// A kind of export that a world can be written as.
pub(super) struct Export {
    /// The name on the command line.
    name: &'static str,
    /// The file of accounts and its content.
    accounts: (&'static str, fn(&World) -> Vec<u8>),
    /// The file of posts and what stands before the first of them.
    posts: (&'static str, &'static [u8]),
    /// Appends the posts of a block; gives how many there are.
    block: fn(&World, usize, &mut Vec<u8>) -> Result<u64>,
}

impl Export {
    /// A kind of export.
    pub(super) const fn new(
        name: &'static str,
        accounts: (&'static str, fn(&World) -> Vec<u8>),
        posts: (&'static str, &'static [u8]),
        block: fn(&World, usize, &mut Vec<u8>) -> Result<u64>,
    ) -> Self {
        Self { name, accounts, posts, block }
    }
}

/// All kinds of export.
const EXPORTS: [&Export; 4] =
    [&mastodon::EXPORT, &mediacrawler::EXPORT, &weibo_api::EXPORT, &weibo_crawler::EXPORT];

/// Writes the world of `scale` and `seed` to the new folder `folder` as export
/// files of the kind `format`. Calls `progress` with the posts written so far.
///
/// # Errors
/// When there is no such kind, the folder is there already, or a file cannot be
/// written.
pub async fn export(
    folder: &Path,
    format: &str,
    scale: Scale,
    seed: u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary> {
    let export = find(format)?;
    std::fs::create_dir(folder).map_err(|error| Error::io("make", folder, &error))?;
    let written = write(folder, export, scale, seed, progress).await;
    if written.is_err() {
        // Half a world helps nobody; the error is what to tell of.
        let _ = std::fs::remove_dir_all(folder);
    }
    written
}

/// Writes the files of an export to an empty folder.
async fn write(
    folder: &Path,
    export: &'static Export,
    scale: Scale,
    seed: u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary> {
    let world = Arc::new(blocking(move || World::new(scale, seed)).await?);
    let path = folder.join(export.accounts.0);
    std::fs::write(&path, (export.accounts.1)(&world))
        .map_err(|error| Error::io("write", &path, &error))?;
    let path = folder.join(export.posts.0);
    let failed = |error| Error::io("write", &path, &error);
    let mut file = BufWriter::new(File::create_new(&path).map_err(failed)?);
    file.write_all(export.posts.1).map_err(failed)?;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut blocks = stream::iter(0..world.blocks())
        .map(|block| {
            let world = Arc::clone(&world);
            blocking(move || {
                let mut text = Vec::new();
                let posts = (export.block)(&world, block, &mut text)?;
                Ok((posts, text))
            })
        })
        .buffered(threads);
    let accounts = world.all_accounts().len() as u64;
    let mut summary = Summary { accounts, account_snapshots: accounts, ..Summary::default() };
    while let Some(block) = blocks.next().await {
        let (posts, text) = block?;
        file.write_all(&text).map_err(failed)?;
        summary.posts += posts;
        progress(summary.posts);
    }
    file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    Ok(summary)
}

/// The kind of export called `name`.
fn find(name: &str) -> Result<&'static Export> {
    let names = || EXPORTS.iter().map(|export| export.name);
    EXPORTS.iter().find(|export| export.name == name).copied().ok_or_else(|| {
        let error = Error::usage(format!("a world cannot be written as `{name}`"));
        match nearest(name, names()) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint(format!("there is {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}
