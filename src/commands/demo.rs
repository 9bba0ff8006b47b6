//! `weiku demo` and `weiku generate`: made-up worlds to try things on.

use std::path::Path;

use super::{DONE, Exit, Program, lists, query, report, say};
use crate::cli::{Common, Generate, Output, Query};
use crate::database::Database;
use crate::engine::Settings;
use crate::error::{Error, Result};
use crate::generate::{self, Scale, Summary, World};
use crate::render::value::Column;
use crate::render::{group_digits, plain, visible};
use crate::store::Store;

/// The seed of the sample database.
const SEED: u64 = 2012;

/// The folder of saved queries that the demo prints.
const REPORT: &str = "ministry_report";

/// The ministry with the most accounts.
const HEADLINE: &str = "SELECT organization, count(*) AS accounts, sum(followers) AS followers
    FROM account_latest WHERE level IN ('ministry', 'ministry_level')
    GROUP BY organization ORDER BY accounts DESC, organization LIMIT 1";

/// What can be typed at the prompt that follows.
const NEXT: &str = "\
What to try next, at the prompt:
  .report ministry_report report.html                                   the same as a page with charts
  SELECT posted_at, text FROM posts WHERE text LIKE '%地震%' LIMIT 5;   a question of your own
  .run sections/account_ranking n=5                                     a saved query; then .chart draws it

";

/// `weiku demo [DB]`.
pub(super) async fn execute(path: &Path, common: &Common, program: &Program) -> Result<Exit> {
    let database = sample(path, program).await?;
    let exit = report::print(&database, &[REPORT.to_owned()], common, program).await?;
    let environment = &program.environment;
    if environment.stdin_terminal && environment.stdout_terminal {
        if !common.quiet {
            say(&mut program.stderr(), &closing(&database).await)?;
        }
        let query = Query::shell(path, common);
        return query::execute(&query, program).await;
    }
    Ok(exit)
}

/// What the report comes down to, and what to type next: its beginning has left the
/// screen by now.
async fn closing(database: &Database) -> String {
    let headline = headline(database).await.unwrap_or_default();
    format!("That was the ministry report. {headline}\n{NEXT}")
}

/// The first figure of the report of 2012, or nothing if there is none.
async fn headline(database: &Database) -> Option<String> {
    let session = database.session(Settings::default()).ok()?;
    let batches = session.collect(HEADLINE).await.ok()?;
    let batch = batches.first().filter(|batch| batch.num_rows() > 0)?;
    let cell = |column: usize| {
        let column = Column::new(batch.column(column)).ok()?;
        Some(plain(&column.get(0)))
    };
    let grouped = |column: usize| Some(group_digits(cell(column)?.parse().ok()?));
    let organization = visible(&cell(0)?).into_owned();
    let (accounts, followers) = (grouped(1)?, grouped(2)?);
    Some(format!("{organization} runs the most accounts, {accounts}, with {followers} followers."))
}

/// The sample database in the folder `path`, made if it is not there or was not made whole.
async fn sample(path: &Path, program: &Program) -> Result<Database> {
    if Database::is_there(path).await? && begun(path).await?.is_none() {
        return Database::open(path).await;
    }
    make(path, Scale::Small, SEED, program).await
}

/// `weiku generate DB`.
pub(super) async fn generate(generate: &Generate, program: &Program) -> Result<Exit> {
    let scale: Scale = generate.scale.parse()?;
    if let Some(format) = &generate.export {
        return export(generate, format, scale, program).await;
    }
    make(&generate.database, scale, generate.seed, program).await?;
    if generate.check {
        let seed = generate.seed;
        let made =
            tokio::task::spawn_blocking(move || generate::check(&World::new(scale, seed)?, scale));
        let table = made.await.map_err(|error| Error::internal(error.to_string()))??;
        lists::table(&table, &Output::default(), program)?;
    }
    Ok(DONE)
}

/// The world as the files of a crawler.
async fn export(
    generate: &Generate,
    format: &str,
    scale: Scale,
    program: &Program,
) -> Result<Exit> {
    let bar = program.bar("writing posts");
    bar.set_length(scale.posts());
    let (folder, seed) = (&generate.database, generate.seed);
    let written =
        generate::export(folder, format, scale, seed, &mut |posts| bar.set_position(posts)).await;
    bar.finish_and_clear();
    let text = format!("{}: {} posts\n", folder.display(), group_digits(written?.posts));
    say(&mut program.stderr(), &text)?;
    Ok(DONE)
}

/// The database at `path`, if there is one without a row: a world comes into it in one
/// piece, so that nothing is left of one whose making was interrupted but that.
async fn begun(path: &Path) -> Result<Option<Database>> {
    if !Database::is_there(path).await? {
        return Ok(None);
    }
    let database = Database::open(path).await?;
    let is_empty = match database.store() {
        Some(store) => store.is_empty().await?,
        None => false,
    };
    Ok(is_empty.then_some(database))
}

/// Makes a database with a world in it, whole or not at all.
async fn make(path: &Path, scale: Scale, seed: u64, program: &Program) -> Result<Database> {
    let began = std::time::Instant::now();
    let (database, is_new) = match begun(path).await? {
        Some(database) => (database, false),
        None => (Database::create(path).await?, true),
    };
    let Some(store) = database.store() else {
        return Err(Error::internal("a new database has no store"));
    };
    match fill(store, scale, seed, program).await {
        Ok(summary) => {
            let seconds = began.elapsed().as_secs_f64();
            let text = format!(
                "{}: {} accounts and {} posts in {seconds:.1} s\n",
                path.display(),
                group_digits(summary.accounts),
                group_digits(summary.posts),
            );
            say(&mut program.stderr(), &text)?;
            Ok(database)
        }
        Err(error) => {
            // Nothing was committed, so what was made for it goes again. A database that was
            // there may have files of its owner in its folder.
            if is_new {
                store.abandon().await;
            }
            Err(error)
        }
    }
}

async fn fill(store: &Store, scale: Scale, seed: u64, program: &Program) -> Result<Summary> {
    let bar = program.bar("making posts");
    bar.set_length(scale.posts());
    let summary =
        generate::generate(store, scale, seed, &mut |posts| bar.set_position(posts)).await;
    bar.finish_and_clear();
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_world_whose_making_was_interrupted_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert!(begun(&path).await.unwrap().is_none(), "there is nothing");
        drop(Database::create(&path).await.unwrap());
        // The transaction of one that is interrupted never ends.
        let database = begun(&path).await.unwrap().expect("it is empty");
        let store = database.store().unwrap();
        drop(store.begin_for("generate").await.unwrap());
        let database = begun(&path).await.unwrap().expect("it is empty still");
        let store = database.store().unwrap();
        let made = generate::generate(store, Scale::Small, SEED, &mut |_| {}).await.unwrap();
        assert!(made.posts > 100_000);
        assert!(begun(&path).await.unwrap().is_none(), "it is whole");
    }
}
