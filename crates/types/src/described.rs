//! Values of this room in the description of the management API: one place for how a word or a name looks there.

use utoipa::openapi::{
    RefOr,
    schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
};

/// A text that is one of some words.
pub(crate) fn word(what: &str, words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("A {what}.")))
        .enum_values(Some(words))
        .into()
}

/// A text that fits a regular expression (ECMA 262), with an example.
pub(crate) fn text(pattern: &str, longest: usize, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .min_length(Some(1))
        .max_length(Some(longest))
        .examples([example])
        .into()
}

/// A point in time.
pub(crate) fn time() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-11-20T11:54:12Z"])
        .into()
}

/// Gives a type its place in the description of the management API, under its own name.
macro_rules! described {
    ($name:ident, $schema:expr) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    };
}

pub(crate) use described;

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::{prelude::*, string::string_regex};
    use utoipa::PartialSchema;

    use super::*;
    use crate::{
        AccountName, CrateName, Digest, NamePattern, PrincipalRef, PublisherName, RegistryName,
    };

    fn object<T: PartialSchema>() -> utoipa::openapi::schema::Object {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object,
            _ => panic!("not a text"),
        }
    }

    /// Whatever the description lets through, the type takes; but for names that are reserved.
    fn takes_what_is_described<T: FromStr + PartialSchema>() -> Result<(), TestCaseError> {
        let object = object::<T>();
        let pattern = object.pattern.expect("a text has a pattern");
        let bare = pattern.trim_start_matches('^').trim_end_matches('$');
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let outcome = runner.run(&string_regex(bare).expect("a pattern"), |text| {
            let is_reserved = RegistryName::RESERVED.contains(&text.as_str());
            prop_assert!(
                is_reserved || text.parse::<T>().is_ok(),
                "{pattern}: {text}"
            );
            Ok(())
        });
        outcome.map_err(|error| TestCaseError::fail(error.to_string()))
    }

    /// O6.
    #[test]
    fn what_the_description_of_a_name_lets_through_is_one() -> Result<(), TestCaseError> {
        takes_what_is_described::<AccountName>()?;
        takes_what_is_described::<CrateName>()?;
        takes_what_is_described::<Digest>()?;
        takes_what_is_described::<NamePattern>()?;
        takes_what_is_described::<PrincipalRef>()?;
        takes_what_is_described::<PublisherName>()?;
        takes_what_is_described::<RegistryName>()
    }
}
