//! What can be read off the text of a post, off a Weibo id, and off a size as
//! people write it; and how Chinese is typed.
//!
//! Importers, SQL functions and the shell share these, so that a hashtag is the
//! same thing to all.

pub mod entities;
pub mod full_width;
pub mod pinyin;
pub mod plain;
pub mod segmenter;
pub mod size;
pub mod weibo_id;
pub mod width;
pub mod word_lists;
