//! The interface of a function as people read it: inputs, outputs, needs; as text and as JSON.

use serde_json::{Map, Value, json};
use stepwell_policy::Capability;
use stepwell_schema::{Input, Needs, Output, OutputsSpec, PathNeed};

use super::table;
use crate::PlannedFunction;

/// Longest default that is shown in a table, in characters. JSON has all of it.
const MAX_SHOWN_DEFAULT: usize = 40;

/// What goes into a function, what comes out, and what it asks for.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) description: Option<String>,
    inputs: Vec<Declared>,
    outputs: Vec<Declared>,
    needs: Vec<Need>,
}

/// A declared input or output.
#[derive(Debug)]
struct Declared {
    name: String,
    value_type: String,
    /// Whether it may be left out although no default is known.
    optional: bool,
    default: Option<Value>,
    sensitive: bool,
    description: Option<String>,
}

/// One thing that is asked for.
#[derive(Debug)]
struct Need {
    text: String,
    json: Value,
    /// Whether it gives access to something, rather than bounds something.
    is_access: bool,
    reason: Option<String>,
    optional: bool,
}

impl Interface {
    /// Reads the interface from the function file.
    pub(super) fn of(function: &PlannedFunction) -> Self {
        let spec = &function.function.spec;
        let outputs = match &spec.outputs {
            OutputsSpec::Declared(outputs) => {
                outputs.iter().map(|(name, output)| Declared::output(&name.value, output)).collect()
            }
            // Those of another step: nothing is known about them.
            OutputsSpec::Delegate(_) => Vec::new(),
        };
        let fixed = function.needs.fixed.iter();
        let fixed = fixed.map(|need| Need::of(&need.capability, need.reason.clone(), need.optional));
        Self {
            description: spec.description.clone(),
            inputs: spec.inputs.iter().map(|(name, input)| Declared::input(&name.value, input)).collect(),
            outputs,
            needs: path_needs(&spec.needs).chain(fixed).collect(),
        }
    }

    /// Reads the interface from what a module says of itself. Whatever is not as it should be is left out.
    pub(super) fn of_section(section: &Map<String, Value>) -> Self {
        let declared = |key: &str| {
            let members = section.get(key).and_then(Value::as_object);
            members.into_iter().flatten().map(|(name, member)| Declared::of_section(name, member)).collect()
        };
        let needs = section.get("needs").and_then(Value::as_object);
        Self {
            // What follows the first paragraph of a doc comment is for those who read the code.
            description: text_of(section.get("description"))
                .map(|text| text.split("\n\n").next().unwrap_or_default().to_owned()),
            inputs: declared("inputs"),
            outputs: declared("outputs"),
            needs: needs.into_iter().flatten().map(|(kind, asked)| Need::of_section(kind, asked)).collect(),
        }
    }

    /// Returns the tables, each with a heading; of what is empty nothing.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (heading, declared) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            let rows = declared.iter().map(Declared::row).collect();
            text += &block(heading, ["name", "type", "", "description"], rows);
        }
        let rows = self.needs.iter().map(Need::row).collect();
        text + &block("needs", ["asked", "", "reason"], rows)
    }

    /// Returns `description?`, `inputs`, `outputs` and `needs`: lists of objects in the order of the function file.
    pub(super) fn json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.extend(self.description.iter().map(|text| ("description".to_owned(), json!(text))));
        let declared = |list: &[Declared]| list.iter().map(Declared::json).collect::<Vec<_>>();
        object.insert("inputs".to_owned(), json!(declared(&self.inputs)));
        object.insert("outputs".to_owned(), json!(declared(&self.outputs)));
        object.insert("needs".to_owned(), json!(self.needs.iter().map(Need::json).collect::<Vec<_>>()));
        object
    }

    /// Returns what it gets access to in one line, without clock, random numbers and limits.
    pub(super) fn access_line(&self) -> String {
        let access = self.needs.iter().filter(|need| need.is_access);
        access.map(|need| need.text.as_str()).collect::<Vec<_>>().join("; ")
    }
}

/// Lists lines beneath a heading, indented, with an empty line in front.
pub(super) fn lines(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("\n{heading}\n{lines}")
}

/// Draws a table beneath a heading, indented, with an empty line in front.
fn block<const N: usize>(heading: &str, headings: [&str; N], rows: Vec<[String; N]>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = table::table(headings);
    for row in rows {
        table.add_row(row);
    }
    let lines: String = table::text(&table).lines().map(|line| format!(" {line}\n")).collect();
    format!("\n{heading}\n{lines}")
}

fn path_needs(needs: &Needs) -> impl Iterator<Item = Need> {
    let of = |need: &PathNeed, capability: Capability| Need::of(&capability, need.reason.clone(), need.optional);
    let reads = needs.read.iter().map(move |need| of(need, Capability::Read { path: need.path.value.clone() }));
    let writes = needs.write.iter().map(move |need| {
        let path = need.path.path.value.clone();
        of(&need.path, Capability::Write { path, bytes: need.bytes, files: need.files })
    });
    reads.chain(writes)
}

impl Declared {
    fn input(name: &str, input: &Input) -> Self {
        Self {
            name: name.to_owned(),
            value_type: input.value_type.to_string(),
            optional: !input.is_required(),
            // A default that has no JSON form is no number either, and the plan refuses it.
            default: input.default.as_ref().and_then(|value| value.to_json().ok()),
            sensitive: input.sensitive,
            description: input.description.clone(),
        }
    }

    fn output(name: &str, output: &Output) -> Self {
        Self {
            name: name.to_owned(),
            value_type: output.value_type.to_string(),
            optional: output.default.is_some(),
            default: output.default.as_ref().and_then(|value| value.to_json().ok()),
            sensitive: output.sensitive,
            description: output.description.clone(),
        }
    }

    fn of_section(name: &str, member: &Value) -> Self {
        let flag = |key: &str| member.get(key).and_then(Value::as_bool).unwrap_or(false);
        Self {
            name: name.to_owned(),
            value_type: text_of(member.get("type")).unwrap_or_default(),
            optional: flag("optional"),
            default: member.get("default").cloned(),
            sensitive: flag("sensitive"),
            description: text_of(member.get("description")),
        }
    }

    fn row(&self) -> [String; 4] {
        let mut notes: Vec<String> = Vec::new();
        match &self.default {
            Some(default) => notes.push(format!("default {}", shortened(&default.to_string()))),
            None if self.optional => notes.push("optional".to_owned()),
            None => {}
        }
        if self.sensitive {
            notes.push("sensitive".to_owned());
        }
        let description = self.description.clone().unwrap_or_default();
        [self.name.clone(), self.value_type.clone(), notes.join(", "), description]
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(self.name));
        object.insert("type".to_owned(), json!(self.value_type));
        object.insert("optional".to_owned(), json!(self.optional));
        object.extend(self.default.iter().map(|default| ("default".to_owned(), default.clone())));
        object.insert("sensitive".to_owned(), json!(self.sensitive));
        object.extend(self.description.iter().map(|text| ("description".to_owned(), json!(text))));
        Value::Object(object)
    }
}

impl Need {
    fn of(capability: &Capability, reason: Option<String>, optional: bool) -> Self {
        // The JSON form of a capability is an object of texts, numbers and lists.
        let json = serde_json::to_value(capability).unwrap_or_default();
        let is_access = !matches!(capability, Capability::Clock(_) | Capability::Random(_) | Capability::Limits { .. });
        Self { text: capability.to_string(), json, is_access, reason, optional }
    }

    fn of_section(kind: &str, asked: &Value) -> Self {
        let json = json!({ "kind": kind, "asked": asked });
        Self { text: format!("{kind} {asked}"), json, is_access: true, reason: None, optional: false }
    }

    fn row(&self) -> [String; 3] {
        let optional = if self.optional { "optional" } else { "" };
        [self.text.clone(), optional.to_owned(), self.reason.clone().unwrap_or_default()]
    }

    fn json(&self) -> Value {
        let mut object = self.json.as_object().cloned().unwrap_or_default();
        object.insert("optional".to_owned(), json!(self.optional));
        object.extend(self.reason.iter().map(|reason| ("reason".to_owned(), json!(reason))));
        Value::Object(object)
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_DEFAULT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_says_of_itself() {
        let section = json!({
            "description": "Greets.", "inputs": { "who": { "type": "string", "optional": true, "default": "you" } },
            "outputs": { "text": { "type": "string", "sensitive": true } }, "needs": { "read": ["src"] },
        });
        let interface = Interface::of_section(section.as_object().expect("an object"));
        let text = interface.text();
        for part in ["default \"you\"", "sensitive", "read [\"src\"]"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(interface.json()["inputs"][0]["default"], json!("you"));
        // Foreign JSON of any shape is shown as far as it makes sense.
        let odd = json!({ "inputs": [1], "outputs": { "x": 1 }, "needs": "all", "description": 1 });
        assert!(Interface::of_section(odd.as_object().expect("an object")).text().contains('x'));
    }

    #[test]
    fn long_defaults_are_cut() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(100)).chars().count(), MAX_SHOWN_DEFAULT + 1);
    }
}
