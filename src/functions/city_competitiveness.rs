//! `city_competitiveness(communication, service, interaction)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;

use super::scalar::{Scalar, number_type, numbers};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "city_competitiveness",
    signature: "city_competitiveness(communication, service, interaction) -> number",
    summary: "The competitiveness index of a city's government accounts (城市政务微博竞争力指数) \
              from its three scores: 0.30 传播力 + 0.35 服务力 + 0.35 互动力.",
    source: Some(
        "People's Daily Online and Weibo, ranking of the third quarter of 2023. The weights are \
         not printed there; they follow from the 30 published cities by least squares and \
         reproduce each within rounding.",
    ),
    example: Example {
        sql: "SELECT round(city_competitiveness(94.61, 86.91, 94.17), 2)",
        result: "91.76",
    },
    arguments: &[Argument::Number, Argument::Number, Argument::Number],
    body: Body::Scalar(Scalar { returns: number_type, compute: |columns, _| indices(columns) }),
};

/// The index for each row.
fn indices(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [communication, service, interaction] = [0, 1, 2].map(|at| numbers(&columns[at]));
    let rows = communication.iter().zip(service).zip(interaction);
    let indices: Float64Array = rows
        .map(|((communication, service), interaction)| {
            Some(0.30 * communication? + 0.35 * service? + 0.35 * interaction?)
        })
        .collect();
    Ok(Arc::new(indices))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Float64Type;

    use super::*;

    #[test]
    fn the_published_cities_come_out_within_rounding() {
        let Ok(folder) = std::env::var("WEIKU_REAL_DATA") else {
            println!("skipped: WEIKU_REAL_DATA is not set");
            return;
        };
        let file = format!("{folder}/published-rankings/city_competitiveness_2023Q3_top30.csv");
        let mut scores: [Vec<f64>; 4] = Default::default();
        for record in csv::Reader::from_path(file).unwrap().records() {
            let record = record.unwrap();
            for (column, scores) in scores.iter_mut().enumerate() {
                scores.push(record[column + 2].parse().unwrap());
            }
        }
        let columns: Vec<ArrayRef> =
            scores[..3].iter().map(|s| Arc::new(Float64Array::from(s.clone())) as _).collect();
        let computed = indices(&columns).unwrap();
        assert_eq!(computed.len(), 30);
        for (computed, published) in
            computed.as_primitive::<Float64Type>().values().iter().zip(&scores[3])
        {
            assert!((computed - published).abs() < 0.01, "{computed} {published}");
        }
    }
}
