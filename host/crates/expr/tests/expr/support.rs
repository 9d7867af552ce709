//! A scope that owns its values, and the check functions.

use stepwell_expr::{ExprError, Marked, Scope, StepOutputs, Template, Values};
use stepwell_schema::Value;

/// What a [`Scope`] borrows from.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) env: Values,
    pub(crate) vars: Values,
    pub(crate) inputs: Values,
    pub(crate) steps: StepOutputs,
    pub(crate) work_dir: String,
    pub(crate) func_dir: String,
    pub(crate) output_file: Option<String>,
    pub(crate) export_file: Option<String>,
}

impl World {
    /// Reads the form that `docs/expressions.md` uses.
    pub(crate) fn from_json(text: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let text_of = |name: &str| json[name].as_str().map(str::to_owned);
        let steps = json["steps"].as_object();
        Self {
            env: values(&json["env"]),
            vars: values(&json["vars"]),
            inputs: values(&json["inputs"]),
            steps: steps.into_iter().flatten().map(|(name, outputs)| (name.clone(), values(outputs))).collect(),
            work_dir: text_of("work_dir").unwrap_or_default(),
            func_dir: text_of("func_dir").unwrap_or_default(),
            output_file: text_of("output_file"),
            export_file: text_of("export_file"),
        }
    }

    /// A scope with something in each context; what has `secret` in its name is sensitive.
    pub(crate) fn sample() -> Self {
        let mut world = Self::from_json(
            r#"{
                "env": {"A": "a", "MY-VAR": "dashed", "A.B": "dotted", "EMPTY": "", "1ST": "first",
                        "ProgramFiles(x86)": "C:", "A B": "blank", "F%%": "percent", "SECRET": "s3cret", "TEN": "10"},
                "vars": {"V": "v", "SECRET": "vs"},
                "inputs": {"n": 5, "zero": 0, "yes": true, "no": false, "null": null, "text": "text", "type": "t",
                           "list": [1, "two", [3]], "empty": [], "none": {}, "map": {"k": "v", "a-b": 1, "for": 2},
                           "secret": "hush", "secret_map": {"inner": "deep"}, "secret_list": ["x"]},
                "steps": {"build": {"id": 7, "secret": "token"}, "my step": {"x": "blank"}, "1st": {"y": "digit"},
                          "none": {}},
                "work_dir": "/work", "func_dir": "/func"
            }"#,
        );
        let outputs = world.steps.values_mut().flat_map(|outputs| outputs.iter_mut());
        for (name, marked) in world.env.iter_mut().chain(&mut world.vars).chain(&mut world.inputs).chain(outputs) {
            marked.sensitive = name.to_ascii_lowercase().contains("secret");
        }
        world
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope {
            env: &self.env,
            vars: &self.vars,
            inputs: &self.inputs,
            steps: &self.steps,
            work_dir: &self.work_dir,
            func_dir: &self.func_dir,
            output_file: self.output_file.as_deref(),
            export_file: self.export_file.as_deref(),
        }
    }

    pub(crate) fn evaluate(&self, text: &str) -> Result<Marked, ExprError> {
        Template::parse(text)?.evaluate(&self.scope())
    }
}

fn values(json: &serde_json::Value) -> Values {
    let members = json.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), Marked::plain(Value::from_json(value.clone())))).collect()
}

/// Reads an expected value.
#[track_caller]
pub(crate) fn json(text: &str) -> Value {
    Value::from_json(serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// Checks the value of a template, given as JSON.
#[track_caller]
pub(crate) fn check_template(text: &str, expected: &str) {
    match World::sample().evaluate(text) {
        Ok(marked) => assert_eq!(marked.value, json(expected), "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Checks the value of an expression, given as JSON.
#[track_caller]
pub(crate) fn check(expression: &str, expected: &str) {
    check_template(&format!("${{{{ {expression} }}}}"), expected);
}

/// Checks the message of a template that fails, in reading or evaluation.
#[track_caller]
pub(crate) fn check_template_error(text: &str, message: &str) -> ExprError {
    match World::sample().evaluate(text) {
        Ok(marked) => panic!("{text}: {marked:?}"),
        Err(error) => {
            assert_eq!(error.to_string(), message, "{text}");
            assert!(text.get(error.range.clone()).is_some(), "{text}: {:?}", error.range);
            error
        }
    }
}

/// Checks the message of an expression that fails.
#[track_caller]
pub(crate) fn check_error(expression: &str, message: &str) -> ExprError {
    check_template_error(&format!("${{{{ {expression} }}}}"), message)
}
