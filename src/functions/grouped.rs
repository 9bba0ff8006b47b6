//! What functions over groups say of themselves alike, whatever they keep of a group.
//!
//! Their calls have a `function`, a `signature` and a `documentation`.

/// Calls of the same function are the same.
macro_rules! same_by_name {
    ($call:ty) => {
        impl PartialEq for $call {
            fn eq(&self, other: &Self) -> bool {
                self.function.name == other.function.name
            }
        }

        impl Eq for $call {}

        impl std::hash::Hash for $call {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                std::hash::Hash::hash(self.function.name, state);
            }
        }
    };
}

/// The methods of an `AggregateUDFImpl` that are the same for all of them.
macro_rules! told_of_all {
    () => {
        fn name(&self) -> &str {
            self.function.name
        }

        fn signature(&self) -> &Signature {
            &self.signature
        }

        fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs<'_>) -> bool {
            true
        }

        fn order_sensitivity(&self) -> AggregateOrderSensitivity {
            AggregateOrderSensitivity::Insensitive
        }

        fn documentation(&self) -> Option<&Documentation> {
            Some(&self.documentation)
        }
    };
}

pub(super) use {same_by_name, told_of_all};
