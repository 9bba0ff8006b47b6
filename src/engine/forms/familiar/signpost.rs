//! The functions of other databases as the engine knows them: by name and description,
//! so that they are listed. Who comes this far has called one as it cannot be called.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, DocSection, Documentation,
    DocumentationBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::prelude::SessionContext;

use super::table::{AGGREGATE_NAMES, AGGREGATES, COMPUTED, EXPRESSIONS, NAMES, Renamed, Text};
use crate::error::Error;

/// Makes all of them known to `context`.
pub(super) fn register(context: &SessionContext) {
    for signpost in rows(EXPRESSIONS, NAMES, true) {
        context.register_udf(ScalarUDF::new_from_impl(signpost));
    }
    for signpost in rows(AGGREGATES, AGGREGATE_NAMES, false) {
        context.register_udaf(AggregateUDF::new_from_impl(signpost));
    }
}

/// How a function is called, and what that gives.
#[derive(Debug, Default)]
struct Told {
    calls: Vec<String>,
    about: Vec<String>,
}

/// What there is to say of each function.
fn rows(
    texts: &'static [Text],
    names: &'static [Renamed],
    with_computed: bool,
) -> impl Iterator<Item = Signpost> {
    let mut all: BTreeMap<&'static str, Told> = BTreeMap::new();
    for (names, parameters, text, about) in texts {
        for name in names.split(' ') {
            let told = all.entry(name).or_default();
            told.calls.push(format!("{name}({parameters})"));
            told.about.push(format!("{about} The same as {text}."));
        }
    }
    for (names, here, about) in names {
        for name in names.split(' ') {
            let told = all.entry(name).or_default();
            told.calls.push(format!("{name}(...)"));
            told.about.push(format!("{about} The same as {here}."));
        }
    }
    for (names, calls, about, _) in COMPUTED.iter().filter(|_| with_computed) {
        for name in names.split(' ') {
            let told = all.entry(name).or_default();
            told.calls.extend(calls.iter().map(|call| format!("{name}{call}")));
            told.about.push((*about).to_owned());
        }
    }
    all.into_iter().map(|(name, told)| Signpost::new(name, &told))
}

/// A function that only says how it is called.
#[derive(Debug)]
struct Signpost {
    name: &'static str,
    calls: String,
    signature: Signature,
    documentation: Documentation,
}

impl Signpost {
    fn new(name: &'static str, told: &Told) -> Self {
        let section = DocSection { include: true, ..DOC_SECTION_OTHER };
        let (calls, about) = (told.calls.join(" or "), told.about.join(" "));
        let any = TypeSignature::OneOf(vec![TypeSignature::VariadicAny, TypeSignature::Nullary]);
        Self {
            name,
            documentation: DocumentationBuilder::new_with_details(section, about, &calls).build(),
            calls,
            signature: Signature::new(any, Volatility::Immutable),
        }
    }

    /// What is wrong with a call that means nothing here.
    fn refusal(&self) -> DataFusionError {
        let error = Error::query(format!("{} is not called like this", self.name));
        DataFusionError::External(Box::new(error.hint(format!("it is {}", self.calls))))
    }
}

impl PartialEq for Signpost {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Signpost {}

impl Hash for Signpost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Signpost {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Err(self.refusal())
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} was planned", self.name)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl AggregateUDFImpl for Signpost {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Err(self.refusal())
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} was planned", self.name)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
