//! What makes queries fast and can be switched off: `SET weiku.column_cache = false`.
//!
//! No lever changes an answer. They can be switched off to see what each is worth,
//! and to look for the guilty one should an answer ever differ.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DataFusionError, Result, config_err};

/// The switches, as settings of the session.
#[derive(Debug, Clone)]
pub struct Levers {
    /// Whether columns that are read again are held in memory, decoded.
    pub column_cache: bool,
    /// Megabytes that held columns may take; if nothing is said, as many as the data
    /// files have, and no more than a quarter of the memory that was free.
    pub column_cache_mb: Option<usize>,
    /// Whether wide columns are read of those rows only that come out in the end.
    pub late_columns: bool,
    /// Whether rows are summed up early: a large table before it is joined with a small one,
    /// and by all columns together before they are grouped in several ways, as by CUBE.
    pub sum_before_join: bool,
    /// Whether rows that cannot be among the first of their group are dropped early.
    pub first_of_group: bool,
    /// Whether joins with conditions like `<=` look only at the rows within bounds.
    pub range_join: bool,
    /// Whether common window functions are computed in one pass over the rows.
    pub window_pass: bool,
    /// Whether window functions of whole partitions are computed once for each, as groups.
    pub whole_windows: bool,
    /// Whether an order of groups that nobody wants is given up.
    pub unordered_groups: bool,
    /// Whether a column is read once for all conditions on it.
    pub joint_conditions: bool,
    /// Whether plain words are looked for before patterns.
    pub plain_search: bool,
    /// Whether searches for words look them up in the index of the texts.
    pub text_index: bool,
    /// Whether sums over posts are taken from the sums kept with each data file.
    pub rollups: bool,
    /// Whether answers that are kept are given again.
    pub result_cache: bool,
}

/// A switch: its name, what it does, and where it is kept.
type Switch = (&'static str, &'static str, fn(&mut Levers) -> &mut bool);

/// Every switch, by its name after `weiku.`.
const SWITCHES: [Switch; 13] = [
    ("column_cache", "hold columns that are read again in memory, decoded", |levers| {
        &mut levers.column_cache
    }),
    ("late_columns", "find few rows first, and read wide columns of these only", |levers| {
        &mut levers.late_columns
    }),
    (
        "sum_before_join",
        "sum a large table up before it is joined with a small one, and rows before CUBE or ROLLUP",
        |levers| &mut levers.sum_before_join,
    ),
    ("first_of_group", "drop rows early that cannot be among the first of a group", |levers| {
        &mut levers.first_of_group
    }),
    ("range_join", "sort one side of joins with conditions like `<=`", |levers| {
        &mut levers.range_join
    }),
    ("window_pass", "compute common window functions in one pass over the rows", |levers| {
        &mut levers.window_pass
    }),
    ("whole_windows", "compute window functions of whole partitions as groups", |levers| {
        &mut levers.whole_windows
    }),
    ("unordered_groups", "give up an order of groups that nobody wants", |levers| {
        &mut levers.unordered_groups
    }),
    ("joint_conditions", "read a column once for all conditions on it", |levers| {
        &mut levers.joint_conditions
    }),
    ("plain_search", "look for plain words before patterns", |levers| &mut levers.plain_search),
    ("text_index", "look words up in the index of the texts", |levers| &mut levers.text_index),
    ("rollups", "take sums over posts from the sums kept with each data file", |levers| {
        &mut levers.rollups
    }),
    (
        "result_cache",
        "give answers again as long as nothing they depend on has changed",
        |levers| &mut levers.result_cache,
    ),
];

/// The one setting that is a number, or [`AUTO`].
const CACHE_MB: &str = "column_cache_mb";

/// What stands for a number that is not given.
const AUTO: &str = "auto";

impl Default for Levers {
    fn default() -> Self {
        Self {
            column_cache: true,
            column_cache_mb: None,
            late_columns: true,
            sum_before_join: true,
            first_of_group: true,
            range_join: true,
            window_pass: true,
            whole_windows: true,
            unordered_groups: true,
            joint_conditions: true,
            plain_search: true,
            text_index: true,
            rollups: true,
            result_cache: true,
        }
    }
}

impl ConfigExtension for Levers {
    const PREFIX: &'static str = "weiku";
}

impl ExtensionOptions for Levers {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let unusable =
            |_| DataFusionError::Configuration(format!("`{value}` is no value of weiku.{key}"));
        if key == CACHE_MB {
            let value = value.trim();
            let is_auto = value.eq_ignore_ascii_case(AUTO);
            let number = || value.parse().map_err(|_| unusable(()));
            self.column_cache_mb = if is_auto { None } else { Some(number()?) };
            return Ok(());
        }
        let Some((_, _, switch)) = SWITCHES.iter().find(|(name, _, _)| *name == key) else {
            return config_err!("no setting `weiku.{key}`");
        };
        *switch(self) = value.trim().to_lowercase().parse().map_err(|_| unusable(()))?;
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let mut levers = self.clone();
        let entry = |name: &str, value: String, description| ConfigEntry {
            key: format!("{}.{name}", Self::PREFIX),
            value: Some(value),
            description,
        };
        let mut entries = vec![entry(
            CACHE_MB,
            self.column_cache_mb.map_or_else(|| AUTO.to_owned(), |number| number.to_string()),
            "megabytes that held columns may take; auto: as many as the data files have",
        )];
        entries.extend(SWITCHES.iter().map(|(name, description, switch)| {
            entry(name, switch(&mut levers).to_string(), description)
        }));
        entries
    }
}

impl Levers {
    /// The switches of a session whose plans are run on other machines: those are
    /// off that need operators or memory of this one.
    #[must_use]
    pub fn for_cluster() -> Self {
        let levers = Self { column_cache: false, late_columns: false, ..Self::default() };
        let levers = Self { range_join: false, window_pass: false, ..levers };
        Self { first_of_group: false, rollups: false, ..levers }
    }

    /// The switches of a session.
    #[must_use]
    pub fn of(options: &ConfigOptions) -> Self {
        options.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

/// Whether the setting called `key` is one of the levers, which change no answer.
pub(crate) fn is_lever(key: &str) -> bool {
    key.strip_prefix(Levers::PREFIX).is_some_and(|rest| rest.starts_with('.'))
}

/// The whole name of a setting: DataFusion lists those of an extension without
/// the part that all of them begin with.
#[must_use]
pub fn setting_name(key: String) -> String {
    if key.contains('.') { key } else { format!("{}.{key}", Levers::PREFIX) }
}
