//! What a module is and what it says of itself, for people. Nothing is compiled or run for it.

use serde_json::{Map, Value};
use stepwell_run::{Module, ModuleRefused};

use crate::check::look_at;
use crate::form::Form;
use crate::imports::uncovered;
use crate::spec_section;

/// What a look at a module found. All of it comes from the module and is as trustworthy as that.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Which form of the step ABI it has.
    pub form: Form,
    /// The interfaces that it imports, of a preview 1 command the modules; sorted, unique.
    pub imports: Vec<String>,
    /// The members of its section `step-spec`; none if it has no such section, or one that cannot be read.
    pub section: Option<Map<String, Value>>,
    /// What keeps the engine from running it, whatever its function file says: imports that are not served, a section
    /// that cannot be read. One line each.
    pub problems: Vec<String>,
}

/// Looks at a module, without any function file.
///
/// # Errors
/// Says why the file is no step.
pub fn inspect(module: &Module) -> Result<Inspection, ModuleRefused> {
    let look = look_at(module)?;
    let mut problems: Vec<String> = match look.form {
        Form::Typed | Form::Command => uncovered(&look.imports, true).iter().map(ToString::to_string).collect(),
        // The form says already what it imports.
        Form::Preview1 => Vec::new(),
    };
    let section = spec_section::read(&look.spec_sections).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let imports = look.imports.iter().map(|import| (*import).to_owned()).collect();
    Ok(Inspection { form: look.form, imports, section, problems })
}
