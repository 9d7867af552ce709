//! Values that are not for logs.

use std::fmt::{self, Debug};

use crate::{FromValue, IntoValue, Value};

/// A value that is not shown: it has no `Display`, and its `Debug` is `***`.
///
/// As an input or output it marks the field as sensitive in the `step-spec` section; the function file says the same.
/// The host masks it wherever it would be shown.
///
/// ```
/// use stepwell_sdk::{Input, Sensitive};
///
/// #[derive(Debug, Input)]
/// struct Request {
///     password: Sensitive<String>,
/// }
///
/// let request = Request { password: "hunter2".to_owned().into() };
/// assert_eq!(format!("{request:?}"), "Request { password: *** }");
/// assert_eq!(request.password.expose(), "hunter2");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Returns the value. Whoever calls this takes care where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Returns the value as one's own.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: FromValue> FromValue for Sensitive<T> {
    const TYPE: &'static str = T::TYPE;
    const OPTIONAL: bool = T::OPTIONAL;
    const SENSITIVE: bool = true;
    const VARIANTS: &'static [&'static str] = T::VARIANTS;

    fn from_value(value: Value) -> Result<Self, String> {
        T::from_value(value).map(Self)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self)
    }

    fn is_nothing(value: &Value) -> bool {
        T::is_nothing(value)
    }
}

impl<T: IntoValue> IntoValue for Sensitive<T> {
    const TYPE: &'static str = T::TYPE;
    const SENSITIVE: bool = true;

    fn into_value(self) -> Result<Value, String> {
        self.0.into_value()
    }
}
