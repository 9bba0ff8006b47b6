//! Rules that see a statement as it was written, before the engine adds casts of its
//! own: there the casts are those that a person wrote, and each expression has the
//! type that it was written with.

use std::sync::Arc;

use datafusion::optimizer::{Analyzer, AnalyzerRule};

use super::beside_doubles::BesideDoubles;
use super::compared_intervals::OrderByLength;
use super::compared_times::CompareFractions;
use super::decimals::DivideParameters;
use super::list_lengths::CountItems;
use super::ordered_lists::FirstKnown;
use super::range_frames::CountDays;
use super::read_lists::ReadLists;
use super::rounding_casts::RoundCasts;
use super::whole_places::WholePlaces;
use super::zoned_texts::CastWithoutZone;

/// These rules, and after them the engine's own.
pub(super) fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(CastWithoutZone),
        Arc::new(DivideParameters),
        Arc::new(RoundCasts),
        Arc::new(BesideDoubles),
        Arc::new(OrderByLength),
        Arc::new(CompareFractions),
        Arc::new(CountDays),
        Arc::new(FirstKnown),
        Arc::new(WholePlaces),
        Arc::new(CountItems),
        Arc::new(ReadLists),
    ];
    rules.extend(Analyzer::new().rules);
    rules
}
