//! Given parameters: one value each, or several that make a grid of runs.

use datafusion::common::ScalarValue;

use super::moment::Clock;
use super::param::{Param, ParamType};
use crate::engine::Params;
use crate::error::{Error, Result, nearest};

/// Most runs that one sweep makes of a query.
const MAX_POINTS: usize = 10_000;

/// The values a query runs with: one set, or every combination of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// The swept parameters, in the order of their declaration; empty when every
    /// parameter has one value.
    pub swept: Vec<String>,
    /// The sets of values in order: the last swept parameter changes fastest.
    pub points: Vec<Params>,
}

impl Grid {
    /// Makes typed values of `given` names and texts for the declared `params`.
    ///
    /// A parameter is swept when it is given several times, when its value is
    /// a range (`1..5`, `2012-08-01..2012-08-27`), or when its value has commas
    /// and its type is neither text nor list.
    ///
    /// # Errors
    /// When a name is not declared, a value does not fit, a required one is
    /// missing, or the grid has more than `MAX_POINTS` points.
    pub fn new(params: &[Param], given: &[(String, String)], clock: &Clock) -> Result<Self> {
        for (name, _) in given {
            refuse_unknown(name, params)?;
        }
        let mut grid = Self { swept: Vec::new(), points: vec![Params::new()] };
        for param in params {
            let texts = given.iter().filter(|(name, _)| *name == param.name);
            let mut values = Vec::new();
            for (_, text) in texts {
                values.extend(expand(param, text, clock)?);
            }
            if values.is_empty() {
                values.push(param.unset(clock)?);
            }
            grid.multiply(&param.name, &values)?;
        }
        Ok(grid)
    }

    /// Combines every point with every one of `values`.
    fn multiply(&mut self, name: &str, values: &[ScalarValue]) -> Result<()> {
        if self.points.len().saturating_mul(values.len()) > MAX_POINTS {
            let message = format!("the sweep has more than {MAX_POINTS} combinations");
            return Err(Error::usage(message).hint("sweep over fewer values"));
        }
        if values.len() > 1 {
            self.swept.push(name.to_owned());
        }
        let mut points = Vec::with_capacity(self.points.len() * values.len());
        for point in &self.points {
            for value in values {
                let mut point = point.clone();
                point.insert(name.to_owned(), value.clone());
                points.push(point);
            }
        }
        self.points = points;
        Ok(())
    }
}

/// Refuses a name that is not declared.
fn refuse_unknown(name: &str, params: &[Param]) -> Result<()> {
    if params.iter().any(|param| param.name == name) {
        return Ok(());
    }
    let error = Error::usage(format!("no parameter `{name}`"));
    let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => error.hint("the query has no parameters"),
        None => error.hint(format!("the parameters are {}", names.join(", "))),
    })
}

/// The values that one given text stands for.
fn expand(param: &Param, text: &str, clock: &Clock) -> Result<Vec<ScalarValue>> {
    if matches!(param.kind, ParamType::Text | ParamType::List(_)) {
        return Ok(vec![param.parse(text, clock)?]);
    }
    let single = param.parse(text, clock);
    if single.is_ok() || !(text.contains(',') || text.contains("..")) {
        return Ok(vec![single?]);
    }
    let mut values = Vec::new();
    for piece in text.split(',').map(str::trim) {
        match piece.split_once("..") {
            Some((first, last)) => {
                let bounds = (param.parse(first.trim(), clock)?, param.parse(last.trim(), clock)?);
                values.extend(range(param, piece, &bounds)?);
            }
            None => values.push(param.parse(piece, clock)?),
        }
    }
    Ok(values)
}

/// All values from the first to the last, both included.
fn range(
    param: &Param,
    piece: &str,
    bounds: &(ScalarValue, ScalarValue),
) -> Result<Vec<ScalarValue>> {
    let (first, last, make): (i64, i64, fn(i64) -> ScalarValue) = match bounds {
        (ScalarValue::Int64(Some(first)), ScalarValue::Int64(Some(last))) => {
            (*first, *last, |number| ScalarValue::Int64(Some(number)))
        }
        (ScalarValue::Date32(Some(first)), ScalarValue::Date32(Some(last))) => {
            (i64::from(*first), i64::from(*last), day)
        }
        _ => {
            let message = format!("parameter `{}` cannot be swept over `{piece}`", param.name);
            return Err(Error::usage(message).hint("ranges are for int and date; list the values"));
        }
    };
    if last < first {
        let message = format!("parameter `{}`: `{piece}` runs backwards", param.name);
        return Err(Error::usage(message));
    }
    if last.abs_diff(first) >= MAX_POINTS as u64 {
        let message =
            format!("parameter `{}`: `{piece}` has more than {MAX_POINTS} values", param.name);
        return Err(Error::usage(message));
    }
    Ok((first..=last).map(make).collect())
}

/// The day `number` days after 1970-01-01.
fn day(number: i64) -> ScalarValue {
    ScalarValue::Date32(i32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::super::param::plain;
    use super::super::query::SavedQuery;
    use super::*;

    fn grid(front: &str, given: &[(&str, &str)]) -> Result<Grid> {
        let text = format!("/*---\n{front}\n---*/\nSELECT 1");
        let query = SavedQuery::parse("q", "q.sql", &text).unwrap();
        let clock =
            Clock::new(DateTime::UNIX_EPOCH + TimeDelta::hours(20), "Asia/Shanghai").unwrap();
        let given: Vec<(String, String)> =
            given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Grid::new(&query.params, &given, &clock)
    }

    fn values(grid: &Grid) -> Vec<String> {
        let show = |point: &Params| point.values().map(plain).collect::<Vec<_>>().join(" ");
        grid.points.iter().map(show).collect()
    }

    #[test]
    fn a_range_and_a_list_make_every_combination() {
        let front = "params.day = { type = \"date\" }\nparams.n = { type = \"int\" }";
        let grid = grid(front, &[("day", "2012-08-31..2012-09-01"), ("n", "1,5")]).unwrap();
        assert_eq!(grid.swept, ["day", "n"]);
        assert_eq!(values(&grid), ["2012-08-31 1", "2012-08-31 5", "2012-09-01 1", "2012-09-01 5"]);
    }

    #[test]
    fn commas_in_a_text_are_text_and_repetition_sweeps() {
        let front = "params.t = { type = \"text\" }";
        assert_eq!(values(&grid(front, &[("t", "a,b..c'; DROP")]).unwrap()), ["a,b..c'; DROP"]);
        assert_eq!(values(&grid(front, &[("t", "a"), ("t", "b")]).unwrap()), ["a", "b"]);
    }

    #[test]
    fn relative_days_count_from_the_clock() {
        let front = "params.day = { type = \"date\", default = \"yesterday\" }";
        // 20:00 in UTC is the next day in Shanghai.
        assert_eq!(values(&grid(front, &[]).unwrap()), ["1970-01-01"]);
        assert_eq!(grid(front, &[("day", "-2d..today")]).unwrap().points.len(), 3);
    }

    #[test]
    fn faults_name_the_parameter_and_what_to_type() {
        let front =
            "params.day = { type = \"date\" }\nparams.n = { type = \"int\", default = 1, min = 1 }";
        let message = |given: &[(&str, &str)]| grid(front, given).unwrap_err().to_string();
        assert_eq!(message(&[]), "parameter `day` (date) is missing; hint: -p day=2012-08-27");
        assert_eq!(
            message(&[("day", "x")]),
            "parameter `day` is a date (2012-08-27, today, -7d), not `x`; hint: for example -p day=2012-08-27"
        );
        assert_eq!(message(&[("dya", "today")]), "no parameter `dya`; hint: did you mean `day`?");
        assert_eq!(
            message(&[("day", "today"), ("n", "0")]),
            "parameter `n` is 0; the least it takes is 1"
        );
        assert_eq!(
            message(&[("day", "2012-08-02..2012-08-01")]),
            "parameter `day`: `2012-08-02..2012-08-01` runs backwards"
        );
        assert!(message(&[("day", "today"), ("n", "1..1000000")]).contains("more than 10000"));
    }

    #[test]
    fn an_optional_parameter_is_null_and_a_list_is_a_list() {
        let front = "params.who = { type = \"text\", required = false }\nparams.of = { type = \"list\", of = \"int\", default = [1, 2] }";
        let grid = grid(front, &[]).unwrap();
        assert!(grid.points[0]["who"].is_null());
        assert_eq!(plain(&grid.points[0]["of"]), "1,2");
    }
}
