//! Where the columns of a file stand among those of all files.

use super::Column;
use super::values::Values;
use crate::catalog::alike::{are_alike, places_among};

/// Where the columns called `names` stand among `columns`, of which missing ones are made
/// some.
pub(super) fn places_of(columns: &mut Vec<Column>, names: Vec<String>) -> Vec<usize> {
    let places = {
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        places_among(&known, &names)
    };
    let place = |(name, place): (String, Option<usize>)| {
        place.unwrap_or_else(|| {
            columns.push(Column { name, values: Values::default() });
            columns.len() - 1
        })
    };
    names.into_iter().zip(places).map(place).collect()
}

/// Whether a column is called `name`, in whatever letters.
pub(super) fn is_known(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|column| are_alike(&column.name, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_not_there_yet_come_behind_the_others() {
        let mut columns = Vec::new();
        for (header, wanted) in [
            (["id", "Name"], [0_usize, 1]),
            (["NAME", "ID"], [1, 0]),
            (["ID", "id"], [2, 0]),
            (["ID", "x"], [2, 3]),
            (["Id", "iD"], [0, 2]),
        ] {
            let names = header.map(str::to_owned).to_vec();
            assert_eq!(places_of(&mut columns, names), wanted, "{header:?}");
        }
        assert!(is_known(&columns, "X") && !is_known(&columns, "y"));
    }
}
