//! The SQL functions that weiku adds: one per file, each with its description,
//! the source of its formula and an example that a test runs.
//!
//! All take NULL for "unknown" and answer it with NULL; none fails on the value
//! of a row, so that one odd post cannot stop a report. Only what tells how, such as
//! a path or a pattern, is refused if it makes no sense.

mod aggregate;
mod arguments;
mod compared;
mod counted;
mod dictionaries;
mod digits;
mod directives;
mod extreme;
mod grouped;
mod json;
mod judged;
mod moments;
mod patterns;
mod scalar;
mod tallies;

mod approx_top_k;
mod arg_max;
mod arg_min;
mod bar;
mod bci;
mod bid;
mod bin;
mod bit_count;
mod bit_not;
mod calendar_difference;
mod city_competitiveness;
mod damerau_levenshtein;
mod dormancy;
mod emojis;
mod engagement_rate;
mod entropy;
mod formality;
mod format;
mod format_bytes;
mod g_index;
mod geomean;
mod gini;
mod h_index;
mod hamming;
mod hashtags;
mod hex;
mod histogram;
mod jaccard;
mod jaro_similarity;
mod jaro_winkler_similarity;
mod json_array_length;
mod json_exists;
mod json_extract;
mod json_extract_string;
mod json_items;
mod json_keys;
mod json_minified;
mod json_type;
mod json_valid;
mod json_value;
mod kurtosis;
mod kurtosis_pop;
mod mad;
mod mentions;
mod mid;
mod mode;
mod originality;
mod own_words;
mod plain_text;
mod post_style;
mod post_url;
mod printf;
mod product;
mod quantile_disc;
mod quantile_disc_desc;
mod regexp_extract;
mod regexp_extract_all;
mod regexp_split;
mod repost_chain;
mod sem;
mod skewness;
mod split_text;
mod strip_accents;
mod style;
mod text_width;
mod to_base;
mod type_of;
mod url_decode;
mod url_encode;
mod urls;
mod weibo_time;
mod whole_days;
mod whole_months;
mod width_bucket;
mod words;
mod xor;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use aggregate::{Aggregate, AggregateCall};
use arguments::Argument;
use counted::{Counted, CountedCall};
pub use dictionaries::{Dictionaries, Judgement};
use extreme::{Extreme, ExtremeCall};
use scalar::{Environment, Scalar, ScalarCall};

/// Every function, in alphabetical order.
pub static ALL: &[&Function] = &[
    &approx_top_k::FUNCTION,
    &arg_max::FUNCTION,
    &arg_min::FUNCTION,
    &bar::FUNCTION,
    &bci::FUNCTION,
    &bid::FUNCTION,
    &bin::FUNCTION,
    &bit_count::FUNCTION,
    &bit_not::FUNCTION,
    &calendar_difference::FUNCTION,
    &city_competitiveness::FUNCTION,
    &damerau_levenshtein::FUNCTION,
    &dormancy::FUNCTION,
    &emojis::FUNCTION,
    &engagement_rate::FUNCTION,
    &entropy::FUNCTION,
    &formality::FUNCTION,
    &format::FUNCTION,
    &format_bytes::FUNCTION,
    &g_index::FUNCTION,
    &geomean::FUNCTION,
    &gini::FUNCTION,
    &h_index::FUNCTION,
    &hamming::FUNCTION,
    &hashtags::FUNCTION,
    &hex::FUNCTION,
    &histogram::FUNCTION,
    &jaccard::FUNCTION,
    &jaro_similarity::FUNCTION,
    &jaro_winkler_similarity::FUNCTION,
    &json_minified::FUNCTION,
    &json_array_length::FUNCTION,
    &json_exists::FUNCTION,
    &json_extract::FUNCTION,
    &json_extract_string::FUNCTION,
    &json_items::FUNCTION,
    &json_keys::FUNCTION,
    &json_type::FUNCTION,
    &json_valid::FUNCTION,
    &json_value::FUNCTION,
    &kurtosis::FUNCTION,
    &kurtosis_pop::FUNCTION,
    &mad::FUNCTION,
    &mentions::FUNCTION,
    &mid::FUNCTION,
    &mode::FUNCTION,
    &originality::FUNCTION,
    &own_words::FUNCTION,
    &plain_text::FUNCTION,
    &post_style::FUNCTION,
    &post_url::FUNCTION,
    &printf::FUNCTION,
    &product::FUNCTION,
    &quantile_disc::FUNCTION,
    &quantile_disc_desc::FUNCTION,
    &regexp_extract::FUNCTION,
    &regexp_extract_all::FUNCTION,
    &regexp_split::FUNCTION,
    &repost_chain::FUNCTION,
    &sem::FUNCTION,
    &skewness::FUNCTION,
    &split_text::FUNCTION,
    &strip_accents::FUNCTION,
    &style::FUNCTION,
    &text_width::FUNCTION,
    &to_base::FUNCTION,
    &type_of::FUNCTION,
    &url_decode::FUNCTION,
    &url_encode::FUNCTION,
    &urls::FUNCTION,
    &weibo_time::FUNCTION,
    &whole_days::FUNCTION,
    &whole_months::FUNCTION,
    &width_bucket::FUNCTION,
    &words::FUNCTION,
    &xor::FUNCTION,
];

/// One SQL function.
#[derive(Debug)]
pub struct Function {
    /// The name in SQL.
    pub name: &'static str,
    /// How it is called and what it gives, as in `bid(mid) -> text`.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// Where its formula or rule comes from, if it is not evident.
    pub source: Option<&'static str>,
    /// A statement that shows it at work.
    pub example: Example,
    /// The types of its arguments, in order.
    arguments: &'static [Argument],
    /// How it is computed.
    body: Body,
}

/// A statement and the one value that it gives.
#[derive(Debug)]
pub struct Example {
    /// The statement.
    pub sql: &'static str,
    /// What it gives, as text.
    pub result: &'static str,
}

/// How a function is computed.
#[derive(Debug)]
enum Body {
    /// Row by row.
    Scalar(Scalar),
    /// Over the rows of a group.
    Aggregate(Aggregate),
    /// From one row of a group.
    Extreme(Extreme),
    /// From how often each value of a group comes.
    Counted(Counted),
}

impl Function {
    /// Whether it makes one value of many rows.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.body, Body::Aggregate(_) | Body::Extreme(_) | Body::Counted(_))
    }
}

/// Makes every function known to `context`; those that weigh words look them up
/// in `dictionaries`.
pub fn register(context: &SessionContext, dictionaries: Arc<Dictionaries>) {
    let time_zone = context.copied_config().options().execution.time_zone.clone();
    let environment = Environment { time_zone: time_zone.map(Arc::from), dictionaries };
    for function in ALL {
        match &function.body {
            Body::Scalar(body) => {
                let call = ScalarCall::new(function, body, environment.clone());
                context.register_udf(ScalarUDF::new_from_impl(call));
            }
            Body::Aggregate(body) => {
                let call = AggregateCall::new(function, body);
                context.register_udaf(AggregateUDF::new_from_impl(call));
            }
            Body::Extreme(body) => {
                let call = ExtremeCall::new(function, body);
                context.register_udaf(AggregateUDF::new_from_impl(call));
            }
            Body::Counted(body) => {
                let call = CountedCall::new(function, body);
                context.register_udaf(AggregateUDF::new_from_impl(call));
            }
        }
    }
}

#[cfg(test)]
mod tests;
