//! What can be read off the text of a post, and off a Weibo id.
//!
//! Importers and SQL functions share these, so that a hashtag is the same thing
//! to both.

pub mod entities;
pub mod plain;
pub mod weibo_id;
pub mod width;
