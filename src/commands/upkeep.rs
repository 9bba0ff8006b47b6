//! `weiku optimize` and `weiku verify`: a database in good order.

use std::path::Path;

use super::{DONE, Exit, Program, say};
use crate::database::Database;
use crate::error::{Kind, Result};
use crate::render::{group_digits, visible};
use crate::store::{Repair, Store};

/// `weiku optimize DB`.
pub(super) async fn optimize(path: &Path, program: &Program) -> Result<Exit> {
    let database = Database::open(path).await?;
    let Some(store) = database.store() else { return Ok(DONE) };
    let bar = program.bar("writing");
    let done = store
        .optimize(&|written, total| {
            bar.set_length(total);
            bar.set_position(written);
        })
        .await;
    bar.finish_and_clear();
    let mut stderr = program.stderr();
    for table in done? {
        let text = format!(
            "{}: {} files merged into {}, {} packed tightly, {} old files removed\n",
            table.table,
            table.files_before,
            table.files_after,
            table.files_packed,
            table.files_removed
        );
        say(&mut stderr, &text)?;
    }
    Ok(DONE)
}

/// `weiku verify DB [--repair]`.
pub(super) async fn verify(path: &Path, repair: bool, program: &Program) -> Result<Exit> {
    // A database that is too damaged to be opened can still be verified.
    let store = Store::at(path)?;
    let findings = store.verify(Repair::Plan).await?;
    let mut stderr = program.stderr();
    for finding in &findings {
        say(
            &mut stderr,
            &format!("damaged: {}\n  repair: {}\n", visible(&finding.problem), finding.remedy),
        )?;
    }
    if findings.is_empty() {
        say(&mut stderr, &format!("{}: no damage found\n", path.display()))?;
        return Ok(DONE);
    }
    let count = group_digits(findings.len() as u64);
    if !repair {
        say(
            &mut stderr,
            &format!(
                "{count} damaged; `weiku verify {} --repair` does what is said above\n",
                path.display()
            ),
        )?;
        return Ok(Kind::Store.exit_code());
    }
    store.verify(Repair::Execute).await?;
    let left = store.verify(Repair::Plan).await?;
    say(&mut stderr, &format!("{count} repaired, {} left\n", left.len()))?;
    Ok(if left.is_empty() { DONE } else { Kind::Store.exit_code() })
}
