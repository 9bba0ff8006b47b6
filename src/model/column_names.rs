//! Names of columns, told apart.

use std::collections::HashSet;

/// `names` told apart: the second `id` is `id_2`.
pub(crate) fn unique_names(names: &[&str]) -> Vec<String> {
    let all: HashSet<&str> = names.iter().copied().collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut unique = Vec::with_capacity(names.len());
    for &given in names {
        let mut name = given.to_owned();
        let mut number = 2;
        while taken.contains(&name) || (name != given && all.contains(name.as_str())) {
            name = format!("{given}_{number}");
            number += 1;
        }
        taken.insert(name.clone());
        unique.push(name);
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::unique_names;

    #[test]
    fn a_number_tells_names_apart_and_takes_no_other_name() {
        assert_eq!(
            unique_names(&["id", "id", "n", "id_2", "id"]),
            ["id", "id_3", "n", "id_2", "id_4"]
        );
    }
}
