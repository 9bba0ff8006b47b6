//! Reads everything there is and names what is damaged; on request puts right
//! what can be, with nothing deleted: what is taken out of the database is
//! moved to its folder `damaged`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use deltalake_core::kernel::Add;

use super::checkpoints::Checkpoints;
use super::layout::{Head, Layout};
use super::lock::{self, WriterLock};
use super::log::{self, Change};
use super::pending::{self, Pending, PendingEntry};
use super::place::Reach;
use super::{DataFile, Store, files, reindex, rows};
use crate::error::{Error, Kind, Result};
use crate::index;
use crate::model::{TABLES, Table};

/// What to do about damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Only say what would be done.
    Plan,
    /// Do it.
    Execute,
}

/// A damaged file, and what puts the database right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the file's name.
    pub problem: String,
    /// What [`Repair::Execute`] does about it, and what that costs.
    pub remedy: String,
    action: Remedy,
}

/// What puts the database right.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    /// Write a head that names the newest whole version of each table.
    RebuildHead,
    /// Undo the commit that was written down and cannot be read.
    ForgetPending,
    /// Do without the checkpoints of a table.
    DiscardCheckpoints(&'static str),
    /// Take a table back to an earlier version.
    GoBack(&'static str, i64),
    /// Take a data file out of its table.
    TakeOut(&'static str, String),
    /// Make the index of a data file anew.
    Reindex(&'static str, String),
}

impl Store {
    /// Reads everything in the database and names each damaged file, with what
    /// puts it right; with [`Repair::Execute`] does that too.
    ///
    /// A database that cannot be opened is verified through [`Store::at`].
    ///
    /// # Errors
    /// When a file cannot be read for another reason than damage, or another
    /// process writes while a repair is asked for.
    pub async fn verify(&self, repair: Repair) -> Result<Vec<Finding>> {
        if repair == Repair::Plan {
            return self.blocking(find).await;
        }
        let lock = match self.is_remote() {
            false => Some(WriterLock::take(&self.layout.lock(), lock::PATIENCE).await?),
            true => None,
        };
        let repaired = self.blocking(move |layout| {
            let findings = find(layout)?;
            execute(layout, &findings)?;
            drop(lock);
            Ok(findings)
        });
        let findings = repaired.await;
        self.cache.clear();
        findings
    }
}

/// All that is damaged, told in terms of the place where the database lies.
fn find(layout: &Layout) -> Result<Vec<Finding>> {
    // What was fetched before says nothing of what is there now.
    layout.distrust()?;
    let mut findings = find_all(layout)?;
    for finding in &mut findings {
        finding.problem = layout.worded(&finding.problem);
        finding.remedy = layout.worded(&finding.remedy);
    }
    Ok(findings)
}

/// All that is damaged.
fn find_all(layout: &Layout) -> Result<Vec<Finding>> {
    let head = Head::read(layout);
    // Without a head there is a database only if there are logs.
    let is_nothing = head.as_ref().is_err_and(|error| error.kind() != Kind::Store)
        && (layout.bucket().is_some() || !TABLES.iter().any(|table| layout.log(table).is_dir()));
    if is_nothing {
        return head.map(|_| Vec::new());
    }
    let mut findings = Vec::new();
    if let Err(error) = &head {
        if error.advice().is_some_and(|hint| hint.contains("newer")) {
            return Err(error.clone());
        }
        findings.push(Finding {
            path: layout.head(),
            problem: error.message().to_owned(),
            remedy: "write it anew with the newest whole version of each table".to_owned(),
            action: Remedy::RebuildHead,
        });
    }
    if let Err(error) = Pending::read(layout, head.as_ref().ok()) {
        findings.push(Finding {
            path: layout.pending(head.as_ref().map_or(0, |head| head.generation + 1)),
            problem: error.message().to_owned(),
            remedy: "undo the commit that it was about".to_owned(),
            action: Remedy::ForgetPending,
        });
    }
    for table in TABLES {
        let head = head.as_ref().ok();
        findings.extend(find_in_table(layout, table, head)?);
    }
    Ok(findings)
}

/// What is damaged in one table.
fn find_in_table(
    layout: &Layout,
    table: &'static Table,
    head: Option<&Head>,
) -> Result<Vec<Finding>> {
    layout.fetch_log(table, Reach::Whole)?;
    let mut findings = Vec::new();
    let entries = log::entries(layout, table)?;
    let newest = entries.last().copied().unwrap_or(-1);
    let latest = match head {
        Some(head) => head.version(table)?,
        None => newest,
    };
    let is_pending = Pending::read(layout, head).is_ok_and(|pending| pending.is_some());
    for version in 0..=latest {
        if let Err(error) = log::check_entry(layout, table, version) {
            findings.push(Finding {
                path: layout.entry(table, version),
                problem: error.message().to_owned(),
                remedy: go_back_words(layout, table, version - 1),
                action: Remedy::GoBack(table.name, version - 1),
            });
        }
    }
    if newest > latest && !is_pending {
        findings.push(Finding {
            path: layout.entry(table, newest),
            problem: format!(
                "log entry {} is of another program, or of a commit that was not finished",
                layout.entry(table, newest).display()
            ),
            remedy: go_back_words(layout, table, latest),
            action: Remedy::GoBack(table.name, latest),
        });
    }
    for error in Checkpoints::check_all(layout, table)? {
        findings.push(Finding {
            path: layout.log(table),
            problem: error.message().to_owned(),
            remedy: format!("remove the checkpoints of table `{}`; its log is whole", table.name),
            action: Remedy::DiscardCheckpoints(table.name),
        });
    }
    let whole = findings.iter().filter_map(|finding| match finding.action {
        Remedy::GoBack(_, version) => Some(version),
        _ => None,
    });
    let whole = whole.min().unwrap_or(latest);
    findings.extend(find_in_files(layout, table, whole)?);
    Ok(findings)
}

/// Which data files of the versions up to `version` are damaged.
fn find_in_files(layout: &Layout, table: &'static Table, version: i64) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let current = if version < 0 { BTreeMap::new() } else { log::replay(layout, table, version)? };
    let there = layout.names(table)?;
    for (name, add) in all_files(layout, table, version)? {
        let is_current = current.contains_key(&name);
        let file = match log::data_file(layout, table, &add) {
            Ok(file) => file,
            Err(error) => {
                findings.push(take_out(table, layout.table(table), &name, &add, error.message()));
                continue;
            }
        };
        // Old versions may be without their files: they are kept for a while.
        if !is_current && !there.contains(&name) {
            continue;
        }
        file.renew(table)?;
        if let Some(problem) = problem(&file)? {
            let mut finding = take_out(table, file.path.clone(), &name, &add, &problem);
            if !is_current {
                "move it to the folder `damaged`; only earlier versions of the table had it"
                    .clone_into(&mut finding.remedy);
            }
            findings.push(finding);
        } else if is_current
            && let Some(problem) = reindex::problem(table, &file, log::was_indexed(&add))
        {
            findings.push(Finding {
                path: index::path(&file.path),
                problem,
                remedy: "make it anew from its data file; until then queries do without it"
                    .to_owned(),
                action: Remedy::Reindex(table.name, name),
            });
        }
    }
    Ok(findings)
}

/// The data files of all versions up to `version`.
fn all_files(
    layout: &Layout,
    table: &'static Table,
    version: i64,
) -> Result<BTreeMap<String, Add>> {
    let mut files = BTreeMap::new();
    for version in 0..=version {
        let entry = log::read_entry(layout, table, version)?;
        files.extend(entry.added.into_iter().map(|add| (add.path.clone(), add)));
    }
    Ok(files)
}

/// What is wrong with a data file, if anything is.
fn problem(file: &DataFile) -> Result<Option<String>> {
    let path = file.path.display();
    let (size, sha256) = match files::checksum(&file.path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(format!("data file {path} is missing")));
        }
        Err(error) => return Err(Error::io("read", &file.path, &error)),
    };
    if size != file.size {
        let expected = file.size;
        return Ok(Some(format!("data file {path} has {size} bytes instead of {expected}")));
    }
    if file.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
        return Ok(Some(format!("data file {path} is damaged")));
    }
    match rows::count(file) {
        Ok(rows) if rows == file.rows => Ok(None),
        Ok(rows) => {
            let expected = file.rows;
            Ok(Some(format!("data file {path} has {rows} rows instead of {expected}")))
        }
        Err(error) if error.kind() == Kind::Store => Ok(Some(error.message().to_owned())),
        Err(error) => Err(error),
    }
}

/// The finding on a data file that has to go.
fn take_out(table: &'static Table, path: PathBuf, name: &str, add: &Add, problem: &str) -> Finding {
    let rows = add.get_stats().ok().flatten().map_or(0, |stats| stats.num_records);
    Finding {
        path,
        problem: problem.to_owned(),
        remedy: format!(
            "move it to the folder `damaged` and go on without its {rows} rows of table `{}`; \
             importing their source again brings them back",
            table.name
        ),
        action: Remedy::TakeOut(table.name, name.to_owned()),
    }
}

/// What going back to `version` means.
fn go_back_words(layout: &Layout, table: &'static Table, version: i64) -> String {
    let rows = |version: i64| -> Option<u64> {
        let files = log::replay(layout, table, version).ok()?;
        files.values().map(|add| Some(log::data_file(layout, table, add).ok()?.rows)).sum()
    };
    let rows = rows(version).map_or(String::new(), |rows| format!(" with its {rows} rows"));
    format!(
        "take table `{}` back to version {}{rows}; what came after is moved to the folder \
         `damaged`",
        table.name,
        version.max(0)
    )
}

/// Puts right what was found, most basic things first.
fn execute(layout: &Layout, findings: &[Finding]) -> Result<()> {
    if layout.bucket().is_some() {
        refuse_going_back(layout, findings)?;
    }
    let remedies: Vec<&Remedy> = findings.iter().map(|finding| &finding.action).collect();
    for finding in findings.iter().filter(|finding| finding.action == Remedy::ForgetPending) {
        move_away(layout, &finding.path, &layout.root.join("damaged"))?;
    }
    if remedies.contains(&&Remedy::RebuildHead) {
        let head = rebuilt_head(layout)?;
        layout.overwrite(&layout.head(), super::layout::sealed_json(&head)?.as_bytes())?;
    }
    let mut head = pending::recover(layout, false)?;
    let mut back: BTreeMap<&str, i64> = BTreeMap::new();
    for remedy in &remedies {
        match remedy {
            Remedy::DiscardCheckpoints(name) => Checkpoints::remove(layout, table(name)?)?,
            Remedy::GoBack(name, version) => {
                let earlier = back.entry(name).or_insert(*version);
                *earlier = (*earlier).min(*version);
            }
            _ => {}
        }
    }
    if !back.is_empty() {
        head = go_back(layout, head, &back)?;
    }
    reindex_files(layout, &head, &remedies)?;
    take_files_out(layout, &head, &remedies)
}

/// Refuses to take tables in a bucket back to earlier versions: other machines
/// may be about to write the versions that would have to go.
fn refuse_going_back(layout: &Layout, findings: &[Finding]) -> Result<()> {
    let goes_back = |finding: &&Finding| matches!(finding.action, Remedy::GoBack(..));
    let Some(finding) = findings.iter().find(goes_back) else { return Ok(()) };
    let message = format!("{}; this is not mended in a bucket", finding.problem);
    Err(Error::usage(message).hint(format!(
        "copy {} to a folder, mend it there with `weiku verify FOLDER --repair`, and copy it to a \
         new place",
        layout.name()
    )))
}

/// Takes tables back to the given versions; gives the new head.
fn go_back(layout: &Layout, mut head: Head, back: &BTreeMap<&str, i64>) -> Result<Head> {
    for (name, version) in back {
        head.versions.insert((*name).to_owned(), (*version).max(0));
    }
    let head = Head::new(head.generation + 1, head.versions);
    head.write(layout)?;
    for (name, version) in back {
        let table = table(name)?;
        clear_after(layout, table, *version)?;
        if *version < 0 {
            // Not even the entry that made the table was whole.
            let path = layout.entry(table, 0);
            files::create(&path, log::creation(table)?.as_bytes())
                .map_err(|error| Error::io("write", &path, &error))?;
        }
    }
    Ok(head)
}

/// A head that names the newest version of each table.
fn rebuilt_head(layout: &Layout) -> Result<Head> {
    // A commit that was written down is done again, whether or not it was.
    let newest = match layout.bucket() {
        Some(_) => Pending::newest(layout)?,
        None => Pending::read(layout, None).ok().flatten(),
    };
    if let Some(pending) = newest {
        return Ok(pending.head_before());
    }
    let mut versions = BTreeMap::new();
    for table in TABLES {
        let newest = log::entries(layout, table)?.last().copied().unwrap_or(0);
        versions.insert(table.name.to_owned(), newest);
    }
    // Every commit made at least one version, so this is not too small.
    let generation = versions.values().map(|version| version.unsigned_abs()).sum();
    let head = Head::new(generation, versions);
    Ok(match layout.bucket() {
        Some(_) => head.with_id(uuid::Uuid::new_v4().to_string()),
        None => head,
    })
}

/// Moves away the log entries of a table after `version`, its checkpoints after
/// it, and the data files that only these name.
fn clear_after(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
    Checkpoints::discard(layout, table)?;
    let folder = layout.root.join("damaged").join(table.name);
    let named =
        if version < 0 { HashSet::new() } else { log::named_files(layout, table, version)? };
    for later in log::entries(layout, table)?.into_iter().filter(|later| *later > version) {
        move_away(layout, &layout.entry(table, later), &folder)?;
    }
    for name in pending::files_in(&layout.table(table))? {
        let is_unnamed =
            pending::data_file_of(&name).is_some_and(|data_file| !named.contains(&data_file));
        if is_unnamed {
            move_away(layout, &layout.table(table).join(&name), &folder)?;
        }
    }
    Ok(())
}

/// Commits tables without their damaged files, and moves these away.
fn take_files_out(layout: &Layout, head: &Head, remedies: &[&Remedy]) -> Result<()> {
    let mut entries = Vec::new();
    let mut gone = Vec::new();
    for table in TABLES {
        let version = head.version(table)?;
        let current = log::replay(layout, table, version)?;
        let names: Vec<&String> = remedies
            .iter()
            .filter_map(|remedy| match remedy {
                Remedy::TakeOut(of, name) if *of == table.name => Some(name),
                _ => None,
            })
            .collect();
        gone.extend(names.iter().map(|name| (table, (*name).clone())));
        let removed: Vec<DataFile> = names
            .iter()
            .filter_map(|name| current.get(*name))
            .map(|add| log::data_file_unchecked(layout, table, add))
            .collect();
        if removed.is_empty() {
            continue;
        }
        let change = Change { added: Vec::new(), removed, rows_change: true };
        let entry = log::entry_for(table, "repair", &change)?;
        entries.push(PendingEntry { table: table.name.to_owned(), version: version + 1, entry });
    }
    if !entries.is_empty() {
        let pending = Pending::new(head, entries);
        pending.write(layout)?;
        pending.publish(layout)?;
    }
    for (table, name) in gone {
        let path = layout.table(table).join(&name);
        if log::file_name(&path) == name {
            for path in [index::path(&path), path] {
                move_away(layout, &path, &layout.root.join("damaged").join(table.name))?;
            }
        }
    }
    Ok(())
}

/// Makes the indexes anew that were found missing or damaged.
fn reindex_files(layout: &Layout, head: &Head, remedies: &[&Remedy]) -> Result<()> {
    for remedy in remedies {
        let Remedy::Reindex(name, file) = remedy else { continue };
        let table = table(name)?;
        let current = log::replay(layout, table, head.version(table)?)?;
        if let Some(add) = current.get(file) {
            reindex::reindex(table, &log::data_file(layout, table, add)?)?;
        }
    }
    Ok(())
}

/// Moves a file into `folder`, under a name that is free there.
fn move_away(layout: &Layout, path: &Path, folder: &Path) -> Result<()> {
    if layout.bucket().is_some() {
        return layout.move_object(path, &folder.join(log::file_name(path)));
    }
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::io("move", path, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let name = log::file_name(path);
    let mut target = folder.join(&name);
    let mut number = 1;
    while target.symlink_metadata().is_ok() {
        number += 1;
        target = folder.join(format!("{name}.{number}"));
    }
    std::fs::rename(path, &target).map_err(failed)?;
    files::sync_folder(folder).map_err(failed)?;
    files::sync_folder(&layout.root).map_err(failed)
}

/// The table called `name`.
fn table(name: &str) -> Result<&'static Table> {
    crate::model::table(name).ok_or_else(|| Error::internal(format!("no table `{name}`")))
}
