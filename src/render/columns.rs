//! Which columns of a table are shown on a terminal, and how wide each is.

/// What a column needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The cells that show all of it.
    pub(crate) natural: usize,
    /// The cells below which it is not worth showing.
    pub(crate) least: usize,
}

/// One column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The column with this index, and its width in cells.
    Shown(usize, usize),
    /// The columns that had to be left out here.
    Elided,
}

/// The border at the left of the table.
const EDGE: usize = 1;
/// A blank on either side of a cell and the border at its right.
const AROUND: usize = 3;

/// Fits columns into `width` cells, borders included; `elided` is the width of
/// the column that stands for those left out.
///
/// Wide columns are made narrower first, then columns in the middle are left
/// out. A terminal too narrow for even one column shows part of the first.
pub(crate) fn fit(needs: &[Need], width: Option<usize>, elided: usize) -> Vec<Slot> {
    let all: Vec<usize> = (0..needs.len()).collect();
    let Some(width) = width else {
        return all.iter().map(|&index| Slot::Shown(index, needs[index].natural)).collect();
    };
    if least(needs, &all) <= width {
        return widths(needs, &all, width);
    }
    let (first, last) = ends(needs, width.saturating_sub(elided + AROUND));
    let mut slots = widths(needs, &first, width);
    if needs.len() > 1 {
        let shown: Vec<usize> = first.iter().chain(&last).copied().collect();
        slots = widths(needs, &shown, width.saturating_sub(elided + AROUND));
        slots.insert(first.len(), Slot::Elided);
    }
    slots
}

fn least(needs: &[Need], columns: &[usize]) -> usize {
    EDGE + columns.iter().map(|&index| needs[index].least + AROUND).sum::<usize>()
}

/// As many columns from both ends as fit, at least the first.
fn ends(needs: &[Need], width: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut first, mut last) = (vec![0], Vec::new());
    let mut used = EDGE + needs[0].least + AROUND;
    let (mut low, mut high) = (1, needs.len());
    let (mut low_open, mut high_open) = (true, true);
    while low < high && (low_open || high_open) {
        let from_end = high_open && (last.len() < first.len() || !low_open);
        let index = if from_end { high - 1 } else { low };
        let more = needs[index].least + AROUND;
        let fits = used + more <= width;
        match (from_end, fits) {
            (true, true) => {
                last.insert(0, index);
                high -= 1;
            }
            (false, true) => {
                first.push(index);
                low += 1;
            }
            (true, false) => high_open = false,
            (false, false) => low_open = false,
        }
        used += if fits { more } else { 0 };
    }
    (first, last)
}

/// The widths of the columns: the widest give way until all fit.
fn widths(needs: &[Need], columns: &[usize], width: usize) -> Vec<Slot> {
    let room = width.saturating_sub(EDGE + columns.len() * AROUND).max(columns.len());
    let capped = |cap: usize| -> Vec<usize> {
        columns.iter().map(|&index| needs[index].natural.min(cap.max(needs[index].least))).collect()
    };
    let widest = columns.iter().map(|&index| needs[index].natural).max().unwrap_or(0);
    let (mut low, mut high) = (0, widest);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if capped(middle).iter().sum::<usize>() <= room { low = middle } else { high = middle - 1 }
    }
    let mut result = capped(low);
    let mut left = room.saturating_sub(result.iter().sum());
    for (width, &index) in result.iter_mut().zip(columns) {
        if left > 0 && *width < needs[index].natural {
            *width += 1;
            left -= 1;
        }
    }
    // Only a single column can still be too wide here.
    if let [only] = result.as_mut_slice() {
        *only = (*only).min(room);
    }
    columns.iter().zip(result).map(|(&index, width)| Slot::Shown(index, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(natural: usize, least: usize) -> Need {
        Need { natural, least }
    }

    fn total(slots: &[Slot]) -> usize {
        let widths = slots.iter().map(|slot| match slot {
            Slot::Shown(_, width) => width + AROUND,
            Slot::Elided => 1 + AROUND,
        });
        EDGE + widths.sum::<usize>()
    }

    #[test]
    fn columns_that_fit_are_left_alone() {
        let needs = [need(5, 5), need(10, 4)];
        assert_eq!(fit(&needs, Some(22), 1), [Slot::Shown(0, 5), Slot::Shown(1, 10)]);
        assert_eq!(fit(&needs, None, 1), [Slot::Shown(0, 5), Slot::Shown(1, 10)]);
    }

    #[test]
    fn the_widest_column_gives_way_first_and_the_table_fills_the_width() {
        let needs = [need(19, 19), need(280, 12), need(10, 10)];
        let slots = fit(&needs, Some(80), 1);
        assert_eq!(slots, [Slot::Shown(0, 19), Slot::Shown(1, 41), Slot::Shown(2, 10)]);
    }

    #[test]
    fn columns_in_the_middle_are_left_out_when_all_are_at_their_least() {
        let needs = [need(19, 19); 10];
        let slots = fit(&needs, Some(80), 1);
        assert_eq!(
            slots,
            [Slot::Shown(0, 19), Slot::Shown(1, 19), Slot::Elided, Slot::Shown(9, 19)]
        );
    }

    #[test]
    fn no_table_is_wider_than_the_terminal() {
        for width in 9..140 {
            for count in 1..12 {
                let needs: Vec<Need> =
                    (0..count).map(|n| need(1 + n * 37 % 60, (1 + n * 37 % 60).min(12))).collect();
                let slots = fit(&needs, Some(width), 1);
                assert!(total(&slots) <= width, "{width} {needs:?} {slots:?}");
            }
        }
    }
}
