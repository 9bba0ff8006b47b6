//! The settings that SQL can change: `SET weiku.text_index = false`.

use datafusion::common::config::ConfigExtension;
use datafusion::common::extensions_options;
use datafusion::config::ConfigOptions;

extensions_options! {
    /// What the engine may do to be fast. Answers are the same without.
    pub struct Options {
        /// Whether searches for words look them up in the index of the texts.
        pub text_index: bool, default = true
        /// Whether sums over posts are taken from the sums kept with each data file.
        pub rollups: bool, default = true
    }
}

impl ConfigExtension for Options {
    const PREFIX: &'static str = "weiku";
}

impl Options {
    /// The options of the session that `config` is of.
    pub(super) fn of(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}
