//! `weiku demo` and `weiku generate`: made-up worlds to try things on.

use std::path::Path;

use super::{DONE, Exit, Program, say};
use crate::cli::{Common, Generate};
use crate::error::{Error, Result};

/// `weiku demo [DB]`.
pub(super) async fn execute(database: &Path, common: &Common, program: &Program) -> Result<Exit> {
    let _ = (database, common, program);
    Err(Error::internal("not there yet"))
}

/// `weiku generate DB`.
pub(super) async fn generate(generate: &Generate, program: &Program) -> Result<Exit> {
    let _ = (generate, program);
    say(&mut program.stderr(), "")?;
    Ok(DONE)
}
