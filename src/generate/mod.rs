//! A made-up world of government micro-blogs in the shape of 2012, at three
//! sizes, the same for the same seed on every machine.

mod account;
mod batches;
mod calendar;
mod dice;
mod grammar;
mod places;
mod reception;
mod relay;
mod schedule;
mod systems;
mod wording;
mod world;

pub use world::{Scale, World};
