//! Where the columns of a file stand among those of all files.

use super::Column;
use super::values::Values;

/// Where the columns called `names` stand among `columns`, of which missing ones are made
/// some. A name in other letters, small or capital, is the same, unless its file has both.
pub(super) fn places_of(columns: &mut Vec<Column>, names: Vec<String>) -> Vec<usize> {
    let before = columns.len();
    let same = |name: &String| columns.iter().position(|column| column.name == *name);
    let same: Vec<Option<usize>> = names.iter().map(same).collect();
    let mut is_taken = vec![false; before];
    for place in same.iter().flatten() {
        is_taken[*place] = true;
    }
    let mut places = Vec::with_capacity(names.len());
    for (name, same) in names.into_iter().zip(same) {
        let place = same.or_else(|| {
            (0..before).find(|place| !is_taken[*place] && are_alike(&columns[*place].name, &name))
        });
        match place {
            Some(place) => {
                is_taken[place] = true;
                places.push(place);
            }
            None => {
                places.push(columns.len());
                columns.push(Column { name, values: Values::default() });
            }
        }
    }
    places
}

/// Whether a column is called `name`, in whatever letters.
pub(super) fn is_known(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|column| are_alike(&column.name, name))
}

fn are_alike(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_other_letters_are_the_same_unless_a_file_has_both() {
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
