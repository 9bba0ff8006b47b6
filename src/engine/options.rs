//! The settings that SQL can change: `SET weiku.text_index = false`.

use datafusion::common::config::ConfigExtension;

pub(super) use crate::catalog::Levers as Options;

/// The whole name of a setting: DataFusion lists those of an extension without
/// the part that all of them begin with.
#[must_use]
pub fn setting_name(key: String) -> String {
    if key.contains('.') { key } else { format!("{}.{key}", Options::PREFIX) }
}
