//! Which columns of a table are shown on a terminal, and how wide each is.

/// What a column needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The cells that show all of it.
    pub(crate) natural: usize,
    /// The cells below which it is not worth showing.
    pub(crate) least: usize,
    /// The cells that are better than that it is missing.
    pub(crate) narrowest: usize,
    /// The same with little of its name, for one that was asked for.
    pub(crate) tightest: usize,
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

/// Sentences that stay while others are left out take this part of the width.
const PROSE_PART: usize = 8;

/// Fits columns into `width` cells, borders included; `elided` is the width of
/// a column that stands for those left out.
///
/// Wide columns are made narrower first, as narrow as they can be before one is
/// missing; then the columns that say least are left out: [`rank`] tells which. Of a
/// whole table, whose columns were not `listed` one by one, sentences keep a part of the
/// width. A terminal too narrow for even one column shows part of it.
pub(crate) fn fit(needs: &[Need], listed: bool, width: Option<usize>, elided: usize) -> Vec<Slot> {
    let all: Vec<usize> = (0..needs.len()).collect();
    let Some(width) = width else {
        return all.iter().map(|&index| Slot::Shown(index, needs[index].natural)).collect();
    };
    if least(needs, &all) <= width {
        return widths(needs, &all, width);
    }
    let dots = elided + AROUND;
    if !listed {
        let needs: Vec<Need> = needs.iter().map(|need| readable(need, width)).collect();
        return laid_out(&needs, &chosen(&needs, listed, width, dots), width, dots);
    }
    let shown = chosen(needs, listed, width, dots);
    let is_there = |index: &usize| needs[*index].holds == Holds::Same || shown.contains(index);
    if all.iter().all(is_there) {
        return laid_out(needs, &shown, width, dots);
    }
    let as_narrow = |cells: fn(&Need) -> usize| -> Vec<Need> {
        needs.iter().map(|need| Need { least: cells(need), ..*need }).collect()
    };
    let narrow = as_narrow(|need| need.narrowest);
    if least(&narrow, &all) <= width {
        return laid_out(&narrow, &all, width, dots);
    }
    let tight = as_narrow(|need| need.tightest);
    if least(&tight, &all) <= width {
        return laid_out(&tight, &all, width, dots);
    }
    laid_out(&narrow, &chosen(&narrow, listed, width, dots), width, dots)
}

/// Whether all columns fit into `width` cells with all that they hold.
pub(crate) fn fit_whole(needs: &[Need], width: usize) -> bool {
    EDGE + needs.iter().map(|need| need.natural + AROUND).sum::<usize>() <= width
}

/// The columns that are `shown`, with dots that stand for the others.
fn laid_out(needs: &[Need], shown: &[usize], width: usize, dots: usize) -> Vec<Slot> {
    let place = gap(shown, needs.len());
    let taken = if place.is_some() { dots } else { 0 };
    let mut slots = widths(needs, shown, width.saturating_sub(taken));
    if let Some(place) = place {
        slots.insert(place, Slot::Elided);
    }
    slots
}

/// A column as narrow as it can be, but for sentences: on a wide terminal they are what
/// is read.
fn readable(need: &Need, width: usize) -> Need {
    let least = match need.holds {
        Holds::Prose => need.natural.min(need.narrowest.max(width / PROSE_PART)),
        _ => need.narrowest,
    };
    Need { least, ..*need }
}

/// The columns that are shown, in the order of the table: those of the lowest
/// rank, from the left, as long as they fit beside the dots of `dots` cells that
/// stand for the others.
fn chosen(needs: &[Need], listed: bool, width: usize, dots: usize) -> Vec<usize> {
    let telling = needs.iter().position(|need| need.holds != Holds::Same).unwrap_or(0);
    // What is the same in all rows can be told once; a text makes more of the room.
    let has_prose = needs.iter().any(|need| need.holds == Holds::Prose);
    let is_wanted = |index: &usize| needs[*index].holds != Holds::Same || !has_prose;
    let mut by_rank: Vec<usize> = (0..needs.len()).filter(is_wanted).collect();
    by_rank.sort_by_key(|&index| rank(needs, index, telling, listed));
    let mut shown: Vec<usize> = Vec::new();
    for index in by_rank {
        let place = shown.partition_point(|&other| other < index);
        shown.insert(place, index);
        let dots = if shown.len() < needs.len() { dots } else { 0 };
        if least(needs, &shown) + dots > width && shown.len() > 1 {
            shown.remove(place);
        }
    }
    shown
}

/// Which columns stay when not all fit: the first that tells the rows apart, what
/// the rows are ordered by, and the last if it is a number, for that is what was
/// computed; then all that were listed. Of a whole table it is prose; then numbers
/// and times; then all others. Those that are the same in all rows come only when
/// there is still room.
fn rank(needs: &[Need], index: usize, first: usize, listed: bool) -> usize {
    match needs[index].holds {
        _ if index == first => 0,
        Holds::Order => 0,
        Holds::Numbers if index + 1 == needs.len() => 0,
        Holds::Same => 4,
        _ if listed => 1,
        Holds::Prose => 1,
        Holds::Numbers | Holds::Times => 2,
        Holds::Others => 3,
    }
}

/// Before which of the columns shown the dots stand for those left out; one more than
/// there are stands for the end. They stand once, where most are missing: the names of
/// all stand below the table, and dots in each gap would take the room of a column.
fn gap(shown: &[usize], count: usize) -> Option<usize> {
    // Beside a single column there is hardly room to say so once.
    if shown.len() == 1 {
        return (count > 1).then_some(1);
    }
    let after = |place: usize| place.checked_sub(1).map_or(0, |before| shown[before] + 1);
    let missing = |place: usize| shown.get(place).copied().unwrap_or(count) - after(place);
    let most = (0..=shown.len()).max_by_key(|place| missing(*place));
    most.filter(|place| missing(*place) > 0)
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
        Need { natural, least, narrowest: least, tightest: least, holds: Holds::Others }
    }

    fn holding(holds: Holds, natural: usize) -> Need {
        let least = natural.min(12);
        let is_whole = matches!(holds, Holds::Numbers | Holds::Times);
        let narrowest = if is_whole { least } else { natural.min(8) };
        Need { natural, least, narrowest, tightest: narrowest, holds }
    }

    /// The columns of a whole table, fitted.
    fn fit(needs: &[Need], width: Option<usize>, elided: usize) -> Vec<Slot> {
        super::fit(needs, false, width, elided)
    }

    /// The columns that were asked for one by one, fitted.
    fn listed(needs: &[Need], width: usize) -> Vec<Slot> {
        super::fit(needs, true, Some(width), 1)
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
        assert_eq!(at(99)[0], None);
        assert_eq!(at(99)[1..], [1, 2, 3, 4, 5, 6, 7].map(Some));
        assert_eq!(at(80), [Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), None]);
        assert_eq!(at(50), [Some(1), Some(2), Some(3), None]);
        // The text is not only there, but can be read.
        assert_eq!(fit(&posts, Some(50), 1)[2], Slot::Shown(3, 15));
        assert_eq!(fit(&posts, Some(80), 1)[2], Slot::Shown(3, 11));
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
        let slots = fit(&columns, Some(60), 1);
        assert_eq!(shown(&slots), [Some(0), Some(1), Some(2), Some(3), Some(6), None]);
    }

    #[test]
    fn columns_that_were_asked_for_are_rather_narrow_than_missing() {
        use Holds::{Numbers, Others, Prose, Times};
        let tags = [(Others, 10), (Times, 10), (Others, 30), (Numbers, 6), (Numbers, 7)]
            .map(|(holds, natural)| holding(holds, natural));
        let slots = listed(&tags, 57);
        assert_eq!(shown(&slots), [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert!(slots.contains(&Slot::Shown(2, 9)), "{slots:?}");
        // Beyond that it is the first ones and the last number.
        let many = [(Others, 20), (Others, 20), (Prose, 200), (Others, 20), (Numbers, 7)]
            .map(|(holds, natural)| holding(holds, natural));
        assert_eq!(shown(&listed(&many, 49)), [Some(0), Some(1), Some(2), None, Some(4)]);
    }

    #[test]
    fn of_columns_that_were_asked_for_the_names_are_cut_before_one_is_missing() {
        use Holds::{Numbers, Others, Prose, Times};
        let whole = |holds, natural: usize, tightest: usize| {
            let (least, narrowest) = (natural, natural);
            Need { natural, least, narrowest, tightest, holds }
        };
        let posts = [
            whole(Others, 16, 16),
            whole(Times, 19, 19),
            whole(Numbers, 5, 5),
            whole(Numbers, 7, 5),
            whole(Numbers, 8, 5),
            holding(Prose, 200),
        ];
        assert_eq!(shown(&listed(&posts, 80)), [0, 1, 2, 3, 4, 5].map(Some));
        assert!(shown(&listed(&posts, 70)).contains(&None));
        // Of a whole table, in which one is missing anyway, a name tells more.
        assert!(shown(&fit(&posts, Some(80), 1)).contains(&None));
    }

    #[test]
    fn columns_of_one_value_go_before_others_are_made_too_narrow() {
        use Holds::{Numbers, Others, Same};
        let growth = [(Others, 20), (Same, 10), (Numbers, 12), (Numbers, 12), (Numbers, 12)]
            .map(|(holds, natural)| holding(holds, natural));
        let slots = listed(&growth, 70);
        assert_eq!(shown(&slots), [Some(0), None, Some(2), Some(3), Some(4)]);
        assert_eq!(slots[0], Slot::Shown(0, 17));
    }

    #[test]
    fn columns_of_one_value_fill_the_room_that_is_left() {
        let all = [holding(Holds::Same, 12); 9];
        let slots = fit(&all, Some(60), 1);
        assert_eq!(shown(&slots), [Some(0), Some(1), Some(2), Some(3), Some(4), None]);
    }

    #[test]
    fn texts_are_narrow_before_a_column_is_missing_and_numbers_and_times_are_never_cut() {
        use Holds::{Numbers, Others, Prose, Times};
        let whole = |holds| Need { least: 19, narrowest: 19, tightest: 19, ..holding(holds, 19) };
        let texts = [(Prose, 200), (Numbers, 7), (Numbers, 8), (Others, 30)];
        let texts = texts.map(|(holds, natural)| holding(holds, natural));
        let mut posts = vec![whole(Others), whole(Times)];
        posts.extend(texts);
        let slots = fit(&posts, Some(83), 1);
        let widths = [(0, 19), (1, 19), (2, 10), (3, 7), (4, 8)];
        let mut expected = widths.map(|(index, width)| Slot::Shown(index, width)).to_vec();
        expected.push(Slot::Elided);
        assert_eq!(slots, expected);
    }

    #[test]
    fn no_table_is_wider_than_the_terminal() {
        for width in 9..140 {
            for count in 1..12 {
                use Holds::{Numbers, Others, Prose, Same};
                let holds = |n: usize| [Same, Others, Prose, Numbers, Others][n * 7 % 5];
                let needs: Vec<Need> =
                    (0..count).map(|n| holding(holds(n), 1 + n * 37 % 60)).collect();
                for slots in [fit(&needs, Some(width), 1), listed(&needs, width)] {
                    assert!(total(&slots) <= width, "{width} {needs:?} {slots:?}");
                }
            }
        }
    }
}
