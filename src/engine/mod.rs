//! SQL to batches: the one road for the shell, `-c`, saved queries and tests.
//!
//! Text becomes a [`script`] of statements; a [`Session`] plans and runs them
//! one by one, under its limits, and gives an [`Answer`]: a stream of batches.

mod answer;
mod bounded_text;
mod checked_arithmetic;
mod checked_sum;
mod clashes;
mod cluster;
mod copy_options;
mod copy_sink;
mod copy_to;
mod counted_median;
mod decoded_files;
mod describe;
mod diagnose;
mod distinct_texts;
pub(crate) mod fence;
mod fingerprint;
mod forms;
mod from_first;
mod gauge;
mod group_names;
mod guard;
mod habits;
mod interrupt;
mod memory;
mod named_beside;
mod names;
mod note;
mod optimize;
mod parameters;
mod parsed;
mod passed_over;
mod process;
mod reads;
mod remembered_part;
mod remembered_trunc;
mod result_cache;
mod rewrite;
mod rollups;
pub mod script;
mod session;
mod settings;
mod spill;
mod text_index;
mod versions;
mod wording;
mod wrapped;
mod zoned_casts;
mod zoned_texts;

pub use answer::Answer;
pub use cluster::{Cluster, Run, Verdict, running_options};
pub(crate) use guard::READ_ONLY;
pub use memory::runtime_builder;
pub use parameters::Parameters;
pub use process::Process;
pub(crate) use process::own_memory;
pub use reads::Reads;
pub use result_cache::KeepAnswers;
pub use script::Statement;
pub use session::{Params, Session, running_state};
pub use settings::Settings;
pub use spill::Spill;
