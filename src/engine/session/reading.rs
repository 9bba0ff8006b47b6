//! From the text of a statement to what the planner takes.

use std::sync::Arc;

use datafusion::common::{plan_datafusion_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{CteAsMaterialized, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, TokenWithSpan, Tokenizer};

use super::context::config;
use super::{Session, foreign};
use crate::engine::at_time_zone;
use crate::engine::attach;
use crate::engine::copy_options;
use crate::engine::dialect;
use crate::engine::forms::{self, all_columns, pivot_statement};
use crate::engine::from_first;
use crate::engine::habits;
use crate::engine::names;
use crate::engine::own_tables;
use crate::engine::passed_over;
use crate::engine::scalar_clauses;
use crate::engine::script::Statement;
use crate::engine::set_back;
use crate::engine::set_time_zone;
use crate::engine::versions::{self, Versions};
use crate::error::Result;

impl Session {
    /// The statement as the engine takes it, and how it writes if it is a COPY. From here
    /// on all its tables are of one commit.
    pub(super) async fn parse(
        &self,
        statement: &Statement,
    ) -> Result<(Parsed, Option<copy_options::Writer>), DataFusionError> {
        let (sql, versions) = versions::hide(&statement.sql);
        let tokens = Tokenizer::new(self.dialect()?.as_ref(), &sql)
            .tokenize_with_location()
            .map_err(ParserError::from)?;
        let tokens = dialect::plain_numbers(tokens, statement).map_err(foreign)?;
        let tokens = forms::texts_in_a_row::join(tokens, statement).map_err(foreign)?;
        let tokens = forms::positions::number(tokens, statement).map_err(foreign)?;
        match pivot_statement::find(tokens)? {
            pivot_statement::Statement::Plain(tokens) => {
                // What cannot be read asks for no commit.
                let (mut parsed, writer) = self.parse_tokens(tokens, &versions, statement).await?;
                self.pin().await.map_err(foreign)?;
                self.merge(&mut parsed, statement).await?;
                Ok((parsed, writer))
            }
            pivot_statement::Statement::Open(pivot) => {
                let question = pivot.question()?;
                let (mut question, _) = self.parse_tokens(question, &versions, statement).await?;
                self.pin().await.map_err(foreign)?;
                self.merge(&mut question, statement).await?;
                self.call_cluster().await.map_err(foreign)?;
                let plan = self.unbound(question).await?;
                let frame = self.inner.context.execute_logical_plan(plan).await?;
                let tokens = pivot.closed(&frame.collect().await?)?;
                let (mut parsed, writer) = self.parse_tokens(tokens, &versions, statement).await?;
                self.merge(&mut parsed, statement).await?;
                Ok((parsed, writer))
            }
        }
    }

    /// Merges the columns that joins share, which may ask for those of tables.
    async fn merge(
        &self,
        parsed: &mut Parsed,
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        Box::pin(forms::using_joins::merge(parsed, statement, &self.inner.context)).await
    }

    fn dialect(&self) -> Result<Box<dyn Dialect>, DataFusionError> {
        // A look at the state: a copy of it takes as long as all of the parsing.
        let state = self.inner.context.state_ref();
        let name = state.read().config_options().sql_parser.dialect;
        dialect::named(name).ok_or_else(|| plan_datafusion_err!("no SQL dialect `{name}`"))
    }

    async fn parse_tokens(
        &self,
        tokens: Vec<TokenWithSpan>,
        versions: &Versions,
        statement: &Statement,
    ) -> Result<(Parsed, Option<copy_options::Writer>), DataFusionError> {
        let wished = forms::common_tables::wished(&tokens);
        let mut parsed = self.read_tokens(tokens, versions, statement)?;
        own_tables::rewrite(&mut parsed, statement, &self.inner.context).map_err(foreign)?;
        self.list_columns(&mut parsed, &wished, statement).await?;
        self.spell(&mut parsed, &wished, statement)?;
        let writer = copy_options::choose(&mut parsed).map_err(foreign)?;
        Ok((parsed, writer))
    }

    /// The statement as it was typed.
    fn read_tokens(
        &self,
        tokens: Vec<TokenWithSpan>,
        versions: &Versions,
        statement: &Statement,
    ) -> Result<Parsed, DataFusionError> {
        let state = self.inner.context.state_ref();
        let recursion_limit = state.read().config_options().sql_parser.recursion_limit.get();
        let dialect = self.dialect()?;
        let dialect = attach::dialect(&tokens).unwrap_or(dialect.as_ref());
        let tokens = from_first::complete(forms::spell(tokens));
        let tokens = copy_options::plain(tokens).map_err(foreign)?;
        let mut parsed = DFParserBuilder::new(tokens)
            .with_dialect(dialect)
            .with_recursion_limit(recursion_limit)
            .build()?
            .parse_statements()?;
        let (Some(mut parsed), 0) = (parsed.pop_front(), parsed.len()) else {
            return plan_err!("one statement was expected");
        };
        versions.apply(&mut parsed);
        passed_over::check(&mut parsed, statement).map_err(foreign)?;
        scalar_clauses::check(&mut parsed, statement, &state.read()).map_err(foreign)?;
        habits::check_patterns(&mut parsed, statement).map_err(foreign)?;
        forms::no_columns::check(&parsed, statement).map_err(foreign)?;
        Ok(parsed)
    }

    /// Lists the columns that `parsed` asks for all at once, which may ask for those of
    /// tables.
    async fn list_columns(
        &self,
        parsed: &mut Parsed,
        wished: &[(Location, CteAsMaterialized)],
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        if !all_columns::are_asked(parsed) {
            return Ok(());
        }
        self.pin().await.map_err(foreign)?;
        let mut known = all_columns::Known::new();
        loop {
            let mut tried = parsed.clone();
            let Some(asked) = all_columns::list(&mut tried, &known).map_err(foreign)? else {
                *parsed = tried;
                return Ok(());
            };
            let text = asked.to_string();
            let mut asked = Parsed::Statement(Box::new(SqlStatement::Query(asked)));
            self.spell(&mut asked, wished, statement)?;
            self.merge(&mut asked, statement).await?;
            let plan = self.unbound(asked).await?;
            known.insert(text, Arc::clone(plan.schema()));
        }
    }

    /// Brings a statement to what the planner knows.
    fn spell(
        &self,
        parsed: &mut Parsed,
        wished: &[(Location, CteAsMaterialized)],
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        let state = self.inner.context.state_ref();
        set_time_zone::spell(parsed, &self.inner.settings.timezone);
        let begun = || config(&self.inner.settings).options().as_ref().clone();
        set_back::spell(parsed, begun).map_err(foreign)?;
        forms::rewrite(parsed, &self.inner.context);
        let is_aggregate = |name: &str| {
            let state = state.read();
            state.aggregate_functions().contains_key(name)
                || state.window_functions().contains_key(name)
        };
        forms::reused_names::fill_in(parsed, &is_aggregate);
        names::give(parsed, &is_aggregate);
        at_time_zone::spell(parsed, state.read().config_options());
        forms::column_aliases::complete(parsed);
        forms::named_windows::fill_in(parsed, statement).map_err(foreign)?;
        forms::common_tables::check(parsed, wished, statement).map_err(foreign)
    }
}
