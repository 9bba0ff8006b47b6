//! The settings that SQL can change: `SET weiku.text_index = false`.

pub(super) use crate::catalog::Levers as Options;
