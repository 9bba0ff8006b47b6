//! Going over a statement as it was parsed.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{VisitMut, VisitorMut};

/// Shows `visitor` what `parsed` asks, has explained, or copies.
pub(super) fn visit<V: VisitorMut>(parsed: &mut Parsed, visitor: &mut V) -> ControlFlow<V::Break> {
    match parsed {
        Parsed::Statement(statement) => statement.visit(visitor),
        Parsed::Explain(explain) => visit(&mut explain.statement, visitor),
        Parsed::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => ControlFlow::Continue(()),
    }
}
