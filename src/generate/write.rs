//! Puts a generated world into a database, in one transaction.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use futures::{StreamExt, stream};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Scale, World};
use crate::error::{Error, Result};
use crate::model::{ACCOUNT_SNAPSHOTS, ACCOUNTS, POST_SNAPSHOTS, POSTS, TABLES, Table};
use crate::store::{Store, Transaction};

/// How many rows were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows of `accounts`.
    pub accounts: u64,
    /// Rows of `account_snapshots`.
    pub account_snapshots: u64,
    /// Rows of `posts`.
    pub posts: u64,
    /// Rows of `post_snapshots`.
    pub post_snapshots: u64,
}

/// Writes the world of `scale` and `seed` to an empty database. Calls `progress`
/// with the posts written so far; there will be about [`Scale::posts`].
///
/// Memory is bounded by the blocks of posts that are made at once, one for each
/// thread, and by the rows that the store collects for a file.
///
/// # Errors
/// When the database holds rows, or cannot be written.
pub async fn generate(
    store: &Store,
    scale: Scale,
    seed: u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary> {
    let mut transaction = store.begin_for("generate").await?;
    expect_empty(store).await?;
    let world = Arc::new(blocking(move || World::new(scale, seed)).await?);
    let mut summary = Summary::default();
    // Snapshots do not wait for posts, nor posts for them.
    let of_world = |make: fn(&World) -> Result<Vec<RecordBatch>>| {
        let world = Arc::clone(&world);
        tokio::spawn(blocking(move || make(&world)))
    };
    let accounts = of_world(|world| world.accounts().collect());
    let account_snapshots = of_world(|world| world.account_snapshots().collect());
    let post_snapshots = of_world(|world| world.post_snapshots().collect());
    summary.accounts = append(&mut transaction, &ACCOUNTS, made(accounts).await?).await?;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut blocks = stream::iter(0..world.blocks())
        .map(|block| {
            let world = Arc::clone(&world);
            blocking(move || world.posts_of_block(block))
        })
        .buffered(threads);
    while let Some(batches) = blocks.next().await {
        summary.posts += append(&mut transaction, &POSTS, batches?).await?;
        progress(summary.posts);
    }
    let snapshots = made(account_snapshots).await?;
    summary.account_snapshots = append(&mut transaction, &ACCOUNT_SNAPSHOTS, snapshots).await?;
    let snapshots = made(post_snapshots).await?;
    summary.post_snapshots = append(&mut transaction, &POST_SNAPSHOTS, snapshots).await?;
    transaction.commit().await?;
    Ok(summary)
}

/// Refuses a database that holds rows: theirs could have the keys of the
/// generated ones.
async fn expect_empty(store: &Store) -> Result<()> {
    for table in TABLES {
        let rows = store.snapshot(table, None).await?.rows();
        if rows > 0 {
            let message =
                format!("{} is not empty: table `{}` has {rows} rows", store.name(), table.name);
            return Err(Error::usage(message).hint("generate into a new database"));
        }
    }
    Ok(())
}

/// Adds batches to a table; gives the number of rows.
async fn append(
    transaction: &mut Transaction,
    table: &'static Table,
    batches: Vec<RecordBatch>,
) -> Result<u64> {
    let mut rows = 0;
    for batch in batches {
        rows += batch.num_rows() as u64;
        transaction.append(table, batch).await?;
    }
    Ok(rows)
}

/// What a task has made.
async fn made(task: JoinHandle<Result<Vec<RecordBatch>>>) -> Result<Vec<RecordBatch>> {
    task.await.map_err(|error| Error::internal(error.to_string()))?
}

/// Does work that takes long on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::internal(error.to_string()))?
}
