//! Saved queries: plain SQL files whose one leading comment says the rest.
//!
//! A [`Library`] finds [`SavedQuery`]s by name. The same file is a shell
//! command, a batch job, a section of a report and a test; this module reads it
//! and turns given parameters into typed values, and runs nothing.
//!
//! ```sql
//! /*---
//! title = "Accounts per ministry"
//! params.n = { type = "int", default = 20, min = 1 }
//! chart = { kind = "bar", x = "organization", y = "accounts" }
//! expect = [ { rows = ">= 1" }, { unique = ["organization"] } ]
//! ---*/
//! SELECT organization, count(*) AS accounts FROM accounts
//! GROUP BY organization ORDER BY accounts DESC, organization LIMIT $n;
//! ```

mod expect;
mod fields;
mod library;
mod moment;
mod param;
mod query;
mod script_text;
mod sweep;

pub use expect::{Condition, Expectation, Literal, RowCount, Rule, by_condition};
pub use library::{Entry, Library, Origin};
pub use moment::Clock;
pub use param::{Param, ParamType, plain};
pub(crate) use query::behind_front_matter;
pub use query::{ChartSettings, SavedQuery, parse_duration};
pub(crate) use script_text::{read_script, script_at};
pub use sweep::Grid;
