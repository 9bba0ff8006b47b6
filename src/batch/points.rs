//! The points of a sweep: run side by side as far as there is room, and read
//! one after the other, so that their rows come in the order of the grid.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::job::bytes_read;
use crate::engine::{Params, Session, Statement};
use crate::error::{Error, Result};

/// Batches that a point may be ahead of its reader.
const AHEAD: usize = 4;

/// What comes of a point, in this order.
#[derive(Debug)]
pub(super) enum Piece {
    /// The columns of the rows that follow.
    Columns(SchemaRef),
    /// Some rows.
    Rows(RecordBatch),
    /// All is read.
    End {
        /// Bytes read from data files.
        bytes_read: u64,
        /// Whether the rows were kept from an earlier time.
        from_cache: bool,
    },
}

/// One point that runs.
struct Running<'a> {
    point: &'a Params,
    pieces: mpsc::Receiver<Result<Piece>>,
}

/// Runs `statements` at each of `points` in a sibling of `session`, and hands
/// what the last statement gives to `take`. The first point always runs; others
/// begin before it has ended while `room` has a place for them.
pub(super) async fn run(
    session: &Session,
    statements: &[Statement],
    points: &[Params],
    room: &Arc<Semaphore>,
    mut take: impl FnMut(Piece, &Params) -> Result<()>,
) -> Result<()> {
    let mut waiting = points.iter();
    let mut running: VecDeque<Running<'_>> = VecDeque::new();
    // Dropped, it stops those that still run.
    let mut tasks = JoinSet::new();
    loop {
        while let Some(place) = place(room, running.is_empty()).await {
            let Some(point) = waiting.next() else { break };
            let (sender, pieces) = mpsc::channel(AHEAD);
            let session = session.sibling()?;
            tasks.spawn(send(session, statements.to_vec(), point.clone(), sender, place));
            running.push_back(Running { point, pieces });
        }
        let Some(mut first) = running.pop_front() else { return Ok(()) };
        let mut ended = false;
        while let Some(piece) = first.pieces.recv().await {
            let piece = piece?;
            ended = matches!(piece, Piece::End { .. });
            take(piece, first.point)?;
        }
        if !ended {
            return Err(Error::internal("a point of the sweep stopped on a fault"));
        }
    }
}

/// A place for one more point; waits for it if none runs.
async fn place(room: &Arc<Semaphore>, is_first: bool) -> Option<OwnedSemaphorePermit> {
    if is_first {
        return Arc::clone(room).acquire_owned().await.ok();
    }
    Arc::clone(room).try_acquire_owned().ok()
}

/// Runs a point and sends what it gives, until nobody listens.
async fn send(
    session: Session,
    statements: Vec<Statement>,
    point: Params,
    sender: mpsc::Sender<Result<Piece>>,
    _place: OwnedSemaphorePermit,
) {
    if let Err(error) = pieces(&session, &statements, &point, &sender).await {
        // Without a reader there is nobody to tell.
        let _ = sender.send(Err(error)).await;
    }
}

async fn pieces(
    session: &Session,
    statements: &[Statement],
    point: &Params,
    sender: &mpsc::Sender<Result<Piece>>,
) -> Result<()> {
    let Some((last, before)) = statements.split_last() else {
        return Err(Error::internal("a saved query without a statement"));
    };
    for statement in before {
        let mut answer = session.run(statement, point).await?;
        while let Some(batch) = answer.next().await {
            batch?;
        }
    }
    let mut answer = session.run(last, point).await?;
    let gone = |_| Error::internal("nobody reads the point of the sweep");
    sender.send(Ok(Piece::Columns(Arc::clone(&answer.schema)))).await.map_err(gone)?;
    while let Some(batch) = answer.next().await {
        sender.send(Ok(Piece::Rows(batch?))).await.map_err(gone)?;
    }
    let bytes_read = bytes_read(answer.plan.as_ref());
    let from_cache = answer.from_cache.is_some();
    sender.send(Ok(Piece::End { bytes_read, from_cache })).await.map_err(gone)
}
