//! What the words of a column of posts say, read once for all functions of a
//! statement that ask.
//!
//! To read a text takes far longer than to count what was found, and a query
//! that asks for the tone of posts mostly asks for their kind too.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::Result;

use super::scalar::texts;
use super::{Dictionaries, Judgement};

thread_local! {
    /// What this thread judged last: an engine evaluates the functions of a
    /// projection one after the other, over the same columns.
    static LAST: RefCell<Option<Judged>> = const { RefCell::new(None) };
}

/// A column that was judged. It is not kept, but while there is a weak pointer
/// no other column can have its address.
struct Judged {
    column: Weak<dyn Array>,
    dictionaries: Weak<Dictionaries>,
    judgements: Rc<[Judgement]>,
}

/// What the words of each text of `column` say of it; unknown text says nothing.
pub(super) fn judged(
    column: &ArrayRef,
    dictionaries: &Arc<Dictionaries>,
) -> Result<Rc<[Judgement]>> {
    let (weak_column, weak_dictionaries) = (Arc::downgrade(column), Arc::downgrade(dictionaries));
    let is_same = |last: &&Judged| {
        last.column.ptr_eq(&weak_column) && last.dictionaries.ptr_eq(&weak_dictionaries)
    };
    let known = LAST
        .with_borrow(|last| last.as_ref().filter(is_same).map(|last| Rc::clone(&last.judgements)));
    if let Some(judgements) = known {
        return Ok(judgements);
    }
    let judge = |text: &str| dictionaries.judge(text);
    let judgements: Rc<[Judgement]> =
        texts(column)?.map(|text| text.map(judge).unwrap_or_default()).collect();
    LAST.set(Some(Judged {
        column: weak_column,
        dictionaries: weak_dictionaries,
        judgements: Rc::clone(&judgements),
    }));
    Ok(judgements)
}
