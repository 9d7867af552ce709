//! The functions that are shipped inside the library.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stepwell_resolve::{BuiltInFunction, BuiltInTable};

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Returns the table of shipped functions: `stepwell/NAME` for each.
pub(crate) fn functions() -> BuiltInTable {
    let mut table = BuiltInTable::default();
    for (name, text, module) in SHIPPED {
        let function = BuiltInFunction {
            file: Cow::Borrowed("func.yml"),
            text: Cow::Borrowed(text),
            files: BTreeMap::from([(format!("{name}.wasm"), Cow::Borrowed(module))]),
        };
        table.register(format!("stepwell/{name}"), function).expect("the names are valid and differ: tested below");
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shipped_function_can_be_registered() {
        let table = super::functions();
        let names: Vec<&str> = table.names().filter(|name| name.starts_with("stepwell/")).collect();
        let expected: Vec<String> = super::SHIPPED.iter().map(|(name, ..)| format!("stepwell/{name}")).collect();
        assert_eq!(names, expected);
    }
}
