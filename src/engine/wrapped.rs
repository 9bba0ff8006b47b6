//! Functions of the engine that are ours in some way, as in how they are called, and are in
//! all else what the engine says they are.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

/// The methods of a function that say what those of its `engine` say.
macro_rules! as_the_engine_says {
    ($(fn $method:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)+) => {
        $(fn $method(&self $(, $argument: $kind)*) -> $answer {
            self.engine.$method($($argument),*)
        })+
    };
}

pub(super) use as_the_engine_says;

/// How the function is called, given the engine's own.
type Call = fn(&ScalarUDF, ScalarFunctionArgs) -> Result<ColumnarValue>;

/// `engine`, called by way of `call`.
pub(super) fn wrapped(engine: Arc<ScalarUDF>, call: Call) -> ScalarUDF {
    ScalarUDF::from(Wrapped { engine, call })
}

#[derive(Debug)]
struct Wrapped {
    engine: Arc<ScalarUDF>,
    call: Call,
}

// Each function of the engine is wrapped in one way only.
impl PartialEq for Wrapped {
    fn eq(&self, other: &Self) -> bool {
        self.engine == other.engine
    }
}

impl Eq for Wrapped {}

impl Hash for Wrapped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.engine.hash(state);
    }
}

impl ScalarUDFImpl for Wrapped {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef>;
        fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties>;
        fn preimage(&self, args: &[Expr], literal: &Expr, context: &SimplifyContext)
            -> Result<PreimageResult>;
        fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.call)(&self.engine, args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let engine = self.engine.inner().with_updated_config(config)?;
        Some(wrapped(Arc::new(engine), self.call))
    }
}
