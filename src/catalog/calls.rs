//! What calls such as `read_csv(['a.csv', 'b*.csv'], header = true)` ask for.
//!
//! The planner asks for tables by their names only. So a call stands in a statement as a
//! table that is called like it, and what it asks for is kept here under that name.

use std::collections::HashMap;
use std::fmt;

use parking_lot::Mutex;

use crate::error::Error;

/// How files are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HowRead {
    /// Whether the columns of several files are told by their names.
    pub(crate) is_by_name: bool,
    /// Whether the first lines name the columns, if that is said.
    pub(crate) has_header: Option<bool>,
    /// What the column with the path of each row's file is called, if there is to be one.
    pub(crate) path_column: Option<String>,
}

/// A call that reads files.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Files, folders and patterns: the rows of all of them.
    pub(crate) files: Vec<String>,
    /// How they are to be read.
    pub(crate) how: HowRead,
}

impl Call {
    /// The only file, if nothing more is asked for.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.files.as_slice() {
            [file] if self.how == HowRead::default() => Some(file),
            _ => None,
        }
    }
}

/// What stands between the brackets. Calls that are shown alike are the same.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HowRead { is_by_name, has_header, path_column } = &self.how;
        write!(f, "{:?}", self.files)?;
        if *is_by_name {
            write!(f, ", union_by_name = true")?;
        }
        if let Some(has_header) = has_header {
            write!(f, ", header = {has_header}")?;
        }
        if let Some(column) = path_column {
            write!(f, ", filename = {column:?}")?;
        }
        Ok(())
    }
}

/// The calls of a session's statements by the names of their tables. One name always means
/// the same.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<HashMap<String, Result<Call, Error>>>);

impl Calls {
    /// Keeps what the table called `name` is: the rows of a call, or the error of one that
    /// asks for what is not done.
    pub(crate) fn keep(&self, name: String, call: Result<Call, Error>) {
        self.0.lock().insert(name, call);
    }

    /// The call that the table called `name` is, if it is one.
    pub(super) fn get(&self, name: &str) -> Option<Result<Call, Error>> {
        self.0.lock().get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Call, HowRead};

    #[test]
    fn calls_that_ask_for_other_things_are_shown_otherwise() {
        let mut shown = HashSet::new();
        for files in [&["a.csv"][..], &["b.csv"], &["a.csv", "b.csv"], &["a.csv\", \"b.csv"]] {
            for (is_by_name, has_header) in [(false, None), (true, Some(true)), (true, Some(false))]
            {
                for column in [None, Some("f"), Some("f\""), Some("f, header = true")] {
                    let files = files.iter().map(|file| (*file).to_owned()).collect();
                    let path_column = column.map(str::to_owned);
                    let call = Call { files, how: HowRead { is_by_name, has_header, path_column } };
                    assert!(shown.insert(call.to_string()), "{call}");
                    let is_plain = call.how == HowRead::default() && call.files.len() == 1;
                    assert_eq!(call.plain().is_some(), is_plain, "{call}");
                }
            }
        }
    }
}
