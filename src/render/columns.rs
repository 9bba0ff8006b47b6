//! Which columns of a table are shown on a terminal, and how wide each is.

/// What a column needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The cells that show all of it.
    pub(crate) natural: usize,
    /// The cells below which it is not worth showing.
    pub(crate) least: usize,
    /// What it holds.
    pub(crate) holds: Holds,
}

/// What a column holds, as far as that decides whether it is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Sentences, and not names or ids.
    Prose,
    /// Numbers.
    Numbers,
    /// Dates and times.
    Times,
    /// Names, ids, lists and whatever else there is.
    Others,
    /// The same in all rows that are shown.
    Same,
    /// What the rows are ordered by.
    Order,
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

/// A text that stays while others are left out takes this part of the width.
const PROSE_PART: usize = 4;

/// Fits columns into `width` cells, borders included; `elided` is the width of
/// a column that stands for those left out.
///
/// Wide columns are made narrower first, then the columns that say least are
/// left out; [`rank`] tells which. A terminal too narrow for even one column
/// shows part of it.
pub(crate) fn fit(needs: &[Need], width: Option<usize>, elided: usize) -> Vec<Slot> {
    let all: Vec<usize> = (0..needs.len()).collect();
    let Some(width) = width else {
        return all.iter().map(|&index| Slot::Shown(index, needs[index].natural)).collect();
    };
    if least(needs, &all) <= width {
        return widths(needs, &all, width);
    }
    let needs: Vec<Need> = needs.iter().map(|need| readable(need, width)).collect();
    let shown = chosen(&needs, width, elided + AROUND);
    let dots = gaps(&shown, needs.len());
    let slots = widths(&needs, &shown, width.saturating_sub(dots.len() * (elided + AROUND)));
    with_dots(slots, &dots)
}

/// Prose cut to a few characters says nothing, so it takes its part of the width.
fn readable(need: &Need, width: usize) -> Need {
    let least = match need.holds {
        Holds::Prose => need.natural.min(need.least.max(width / PROSE_PART)),
        _ => need.least,
    };
    Need { least, ..*need }
}

/// The columns that are shown, in the order of the table: those of the lowest
/// rank, from the left, as long as they fit beside the dots of `dots` cells that
/// stand for the others.
fn chosen(needs: &[Need], width: usize, dots: usize) -> Vec<usize> {
    let telling = needs.iter().position(|need| need.holds != Holds::Same).unwrap_or(0);
    let mut by_rank: Vec<usize> = (0..needs.len()).collect();
    by_rank.sort_by_key(|&index| rank(needs, index, telling));
    let mut shown: Vec<usize> = Vec::new();
    for index in by_rank {
        let place = shown.partition_point(|&other| other < index);
        shown.insert(place, index);
        let used = least(needs, &shown) + gaps(&shown, needs.len()).len() * dots;
        if used > width && shown.len() > 1 {
            shown.remove(place);
        }
    }
    shown
}

/// Which columns stay when not all fit: the first that tells the rows apart, what
/// the rows are ordered by, and the last if it is a number, for that is what was
/// computed; then prose; then
/// numbers and times; then all others; and those that are the same in all rows
/// only when there is still room.
fn rank(needs: &[Need], index: usize, first: usize) -> usize {
    match needs[index].holds {
        _ if index == first => 0,
        Holds::Order => 0,
        Holds::Numbers if index + 1 == needs.len() => 0,
        Holds::Prose => 1,
        Holds::Numbers | Holds::Times => 2,
        Holds::Others => 3,
        Holds::Same => 4,
    }
}

/// Before which of the columns shown others are left out; one more than there
/// are stands for the end.
fn gaps(shown: &[usize], count: usize) -> Vec<usize> {
    // Beside a single column there is hardly room to say so once.
    if shown.len() == 1 {
        return if count > 1 { vec![1] } else { Vec::new() };
    }
    let after = |place: usize| place.checked_sub(1).map_or(0, |before| shown[before] + 1);
    let is_gap = |place: &usize| after(*place) != shown.get(*place).copied().unwrap_or(count);
    (0..=shown.len()).filter(is_gap).collect()
}

/// `slots` with the dots at `places`.
fn with_dots(slots: Vec<Slot>, places: &[usize]) -> Vec<Slot> {
    let dots = |place: usize| places.contains(&place).then_some(Slot::Elided);
    let count = slots.len();
    let shown = slots.into_iter().enumerate();
    shown
        .flat_map(|(place, slot)| dots(place).into_iter().chain([slot]))
        .chain(dots(count))
        .collect()
}

fn least(needs: &[Need], columns: &[usize]) -> usize {
    EDGE + columns.iter().map(|&index| needs[index].least + AROUND).sum::<usize>()
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
        Need { natural, least, holds: Holds::Others }
    }

    fn holding(holds: Holds, natural: usize) -> Need {
        Need { natural, least: natural.min(12), holds }
    }

    /// The columns that are shown, and where dots stand.
    fn shown(slots: &[Slot]) -> Vec<Option<usize>> {
        let index = |slot: &Slot| match slot {
            Slot::Shown(index, _) => Some(*index),
            Slot::Elided => None,
        };
        slots.iter().map(index).collect()
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
    fn what_says_least_is_left_out_when_all_are_at_their_least() {
        use Holds::{Numbers, Others, Prose, Same, Times};
        let posts = [
            (Same, 5),
            (Others, 10),
            (Times, 11),
            (Prose, 200),
            (Others, 10),
            (Numbers, 7),
            (Numbers, 8),
            (Others, 12),
        ];
        let posts = posts.map(|(holds, natural)| holding(holds, natural));
        let at = |width| shown(&fit(&posts, Some(width), 1));
        assert_eq!(at(99), [None, Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), None]);
        assert_eq!(at(95), [Some(0), Some(1), Some(2), Some(3), None, Some(5), Some(6), None]);
        assert_eq!(at(80), [Some(0), Some(1), Some(2), Some(3), None, Some(5), None]);
        assert_eq!(at(50), [Some(0), Some(1), None, Some(3), None]);
        // The text is not only there, but can be read.
        assert_eq!(fit(&posts, Some(50), 1)[3], Slot::Shown(3, 17));
    }

    #[test]
    fn the_last_number_stays_because_it_was_computed() {
        let numbers = [holding(Holds::Numbers, 12); 9];
        assert_eq!(shown(&fit(&numbers, Some(60), 1)), [Some(0), Some(1), None, Some(8)]);
        let lists = [need(12, 12); 9];
        assert_eq!(shown(&fit(&lists, Some(60), 1)), [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn what_the_rows_are_ordered_by_stays() {
        let mut columns = [holding(Holds::Others, 12); 9];
        columns[6] = holding(Holds::Order, 12);
        assert_eq!(shown(&fit(&columns, Some(60), 1)), [Some(0), Some(1), None, Some(6), None]);
    }

    #[test]
    fn columns_of_one_value_fill_the_room_that_is_left() {
        let all = [holding(Holds::Same, 12); 9];
        assert_eq!(shown(&fit(&all, Some(60), 1)), [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn no_table_is_wider_than_the_terminal() {
        for width in 9..140 {
            for count in 1..12 {
                use Holds::{Numbers, Others, Prose, Same};
                let holds = |n: usize| [Same, Others, Prose, Numbers, Others][n * 7 % 5];
                let needs: Vec<Need> =
                    (0..count).map(|n| holding(holds(n), 1 + n * 37 % 60)).collect();
                let slots = fit(&needs, Some(width), 1);
                assert!(total(&slots) <= width, "{width} {needs:?} {slots:?}");
            }
        }
    }
}
