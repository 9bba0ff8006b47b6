//! A made-up world of government micro-blogs in the shape of 2012, at three
//! sizes, the same for the same seed on every machine.
//!
//! A [`World`] knows its accounts and when each posts; everything about a post
//! is drawn from a stream of random numbers that its id names, so that posts
//! can be made in any order and at once. [`generate`] writes one to a database.

mod account;
mod batches;
mod calendar;
mod check;
mod dice;
mod export;
mod grammar;
mod mastodon;
mod mediacrawler;
mod places;
mod reception;
mod relay;
mod schedule;
mod systems;
mod weibo_api;
mod weibo_crawler;
mod wording;
mod world;
mod write;

pub use check::check;
pub use export::export;
pub use world::{Scale, World};
pub use write::{Summary, generate};
