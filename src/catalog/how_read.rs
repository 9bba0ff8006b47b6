//! What a call such as `read_csv('x*.csv', header = true)` asks for beside the files.
//!
//! Files are known by their names. What else is asked stands before the name, as a part
//! that no name of a file begins with.

use crate::error::Error;

/// Says that columns are told by their names.
const BY_NAME: &str = "union_by_name:";

/// Says that the first lines name the columns.
const WITH_HEADER: &str = "header=true:";

/// Says that the first lines are rows.
const WITHOUT_HEADER: &str = "header=false:";

/// Says that an option was asked for that is not done: the function, the option and the file
/// follow.
const REFUSED: &str = "no option:";

/// How the files of a call are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HowRead {
    /// Whether the columns of several files are told by their names.
    pub(crate) is_by_name: bool,
    /// Whether the first lines name the columns, if that is said.
    pub(crate) has_header: Option<bool>,
}

impl HowRead {
    /// The name under which `file` is asked for so.
    pub(crate) fn name(self, file: &str) -> String {
        let by_name = if self.is_by_name { BY_NAME } else { "" };
        let header = match self.has_header {
            Some(true) => WITH_HEADER,
            Some(false) => WITHOUT_HEADER,
            None => "",
        };
        format!("{by_name}{header}{file}")
    }

    /// How the files called `name` are asked for, and what they are called themselves.
    pub(crate) fn of(name: &str) -> (Self, &str) {
        let (is_by_name, name) = match name.strip_prefix(BY_NAME) {
            Some(name) => (true, name),
            None => (false, name),
        };
        let (has_header, name) =
            match (name.strip_prefix(WITH_HEADER), name.strip_prefix(WITHOUT_HEADER)) {
                (Some(name), _) => (Some(true), name),
                (None, Some(name)) => (Some(false), name),
                (None, None) => (None, name),
            };
        (Self { is_by_name, has_header }, name)
    }
}

/// The name that stands for `file`, for which `function` was asked an `option` that it does
/// not take so.
pub(crate) fn refusal(function: &str, option: &str, file: &str) -> String {
    format!("{REFUSED}{function}:{option}:{file}")
}

/// The error for files called `name`, if that is a refusal.
pub(super) fn refused_option(name: &str) -> Option<Error> {
    let (function, rest) = name.strip_prefix(REFUSED)?.split_once(':')?;
    let (option, file) = rest.split_once(':')?;
    let known = match function.starts_with("read_csv") {
        true => &["header", "union_by_name"][..],
        false => &["union_by_name"],
    };
    // A message that begins with the function is told at its place.
    if known.contains(&option) {
        let error = Error::query(format!("{function} takes true or false for its option {option}"));
        return Some(error.hint(format!("write {option} = true")));
    }
    let error = Error::query(format!("{function} has no option {option} here"));
    let told = match option {
        "delim" | "delimiter" | "sep" => {
            "for other signs than a comma, a semicolon, a tab or |, which are recognised, write CREATE \
             EXTERNAL TABLE t STORED AS CSV LOCATION '...' OPTIONS ('format.delimiter' '...'); else \
             leave it out"
        }
        "all_varchar" => "write x::text for a column that has to be text, and leave it out",
        _ => "leave it out",
    };
    let (file, there) = (file.replace('\'', "''"), known.join(" and "));
    let options = if known.len() == 1 { "the option is" } else { "the options are" };
    Some(error.hint(format!("{told}: FROM '{file}'; {options} {there}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_from_the_name() {
        for is_by_name in [false, true] {
            for has_header in [None, Some(true), Some(false)] {
                let how = HowRead { is_by_name, has_header };
                assert_eq!(HowRead::of(&how.name("a:b.csv")), (how, "a:b.csv"));
            }
        }
        assert!(refused_option("x.csv").is_none());
        let error = refused_option(&refusal("read_json", "format", "a:'.json")).unwrap();
        let advice = error.advice().unwrap();
        assert_eq!(advice, "leave it out: FROM 'a:''.json'; the option is union_by_name");
    }
}
