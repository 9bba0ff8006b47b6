//! DATETIME, which other databases call a TIMESTAMP.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TimezoneInfo};

/// Makes a TIMESTAMP of the type that something is cast to; whether it did.
pub(super) fn spell(expression: &mut Expr) -> bool {
    let data_type = match expression {
        Expr::Cast { data_type, .. } => data_type,
        Expr::TypedString(typed) => &mut typed.data_type,
        _ => return false,
    };
    let DataType::Datetime(precision) = data_type else { return false };
    *data_type = DataType::Timestamp(*precision, TimezoneInfo::None);
    true
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_datetime_is_a_timestamp_under_the_name_that_was_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for typed in ["'2012-08-27 10:00:00'::DATETIME", "CAST('2012-08-27 10:00:00' AS datetime)"]
        {
            let as_timestamp =
                typed.replace("DATETIME", "TIMESTAMP").replace("datetime", "timestamp");
            let same = format!("SELECT ({typed}) = ({as_timestamp}) AS same");
            assert_eq!(answer(&session, &same).await, ["same", "true"], "{typed}");
        }
        let named = answer(&session, "SELECT '2012-08-27'::DATETIME").await;
        assert_eq!(named[0], "'2012-08-27'::DATETIME");
        answer(&session, "SELECT DATETIME '2012-08-27 10:00:00' AS t").await;
    }
}
