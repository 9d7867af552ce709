//! The least policies for what recorded jobs did.

use std::collections::{BTreeMap, BTreeSet};

use crate::question::{Action, quoted};

/// What jobs did, each thing once with the largest amounts.
#[derive(Clone, Debug, Default)]
pub struct Uses(BTreeMap<Use, Amounts>);

/// Something that a job did, as a policy would name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// What.
    pub action: Action,
    /// The identifier of the resource; for `run` the reference of the function.
    pub resource: String,
    /// The reference of the function that did it; none for a script of the job.
    pub function: Option<String>,
    /// The host that a secret goes to; only with [`Action::UseSecret`].
    pub host: Option<String>,
}

/// How much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Most growth of a folder in bytes, where an amount was asked for.
    pub bytes: Option<u64>,
    /// Most new files of a folder, where a number was asked for.
    pub files: Option<u64>,
    /// Methods of requests.
    pub methods: BTreeSet<String>,
    /// Patterns of the paths of requests.
    pub paths: BTreeSet<String>,
}

impl Uses {
    /// Adds something that a job did.
    pub fn add(&mut self, used: Use, amounts: Amounts) {
        let known = self.0.entry(used).or_insert_with(|| amounts.clone());
        // Where one asked for no amount, the engine's default held, which is no number here.
        known.bytes = known.bytes.zip(amounts.bytes).map(|(one, other)| one.max(other));
        known.files = known.files.zip(amounts.files).map(|(one, other)| one.max(other));
        known.methods.extend(amounts.methods);
        known.paths.extend(amounts.paths);
    }

    /// Adds all that others did.
    pub fn merge(&mut self, others: Self) {
        others.0.into_iter().for_each(|(used, amounts)| self.add(used, amounts));
    }

    /// Tells whether nothing was done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a policy for each of them, in the order of actions, resources and functions, as text for a policy file with
    /// an empty line between two; it permits these functions, of whatever content, to do just that.
    pub fn permits(&self) -> String {
        self.0.iter().map(|(used, amounts)| used.permit(amounts)).collect::<Vec<_>>().join("\n")
    }
}

impl Use {
    fn permit(&self, amounts: &Amounts) -> String {
        let (action, kind) = (self.action, self.action.resource_kind());
        let resource = quoted(&self.resource);
        let mut conditions = Vec::new();
        match (self.action, &self.function) {
            (Action::Run, _) => {}
            (Action::Exec, None) => conditions.push("context.script".to_owned()),
            (Action::Exec, Some(function)) => {
                conditions.push(format!("context has function && context.function.name == {}", quoted(function)));
            }
            (_, Some(function)) => conditions.push(format!("context.function.name == {}", quoted(function))),
            (_, None) => {}
        }
        conditions.extend(amounts.bytes.map(|bytes| format!("context.bytes <= {bytes}")));
        conditions.extend(amounts.files.map(|files| format!("context.files <= {files}")));
        conditions.extend(self.host.as_deref().map(|host| format!("context.host == {}", quoted(host))));
        conditions.extend(subset("methods", &amounts.methods));
        conditions.extend(subset("paths", &amounts.paths));
        let condition =
            if conditions.is_empty() { String::new() } else { format!("\nwhen {{ {} }}", conditions.join(" && ")) };
        format!("permit (principal, action == Action::\"{action}\", resource == {kind}::{resource}){condition};\n")
    }
}

fn subset(member: &str, texts: &BTreeSet<String>) -> Option<String> {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    // No pattern of a path means every path; then there is nothing to hold a request to.
    (!texts.is_empty()).then(|| format!("[{}].containsAll(context.{member})", texts.join(", ")))
}

#[cfg(test)]
mod tests {
    use stepwell_schema::Source;

    use super::*;
    use crate::Policy;

    fn used(action: Action, resource: &str, function: Option<&str>) -> Use {
        Use { action, resource: resource.into(), function: function.map(Into::into), host: None }
    }

    #[test]
    fn each_use_once_with_the_largest_amounts() {
        let mut uses = Uses::default();
        let write = used(Action::Write, "dist", Some("./pack"));
        uses.add(write.clone(), Amounts { bytes: Some(5), files: Some(1), ..Amounts::default() });
        uses.add(write, Amounts { bytes: Some(9), files: None, ..Amounts::default() });
        uses.add(used(Action::Exec, "sh", None), Amounts::default());
        let expected = "permit (principal, action == Action::\"exec\", resource == Program::\"sh\")\n\
            when { context.script };\n\n\
            permit (principal, action == Action::\"write\", resource == Path::\"dist\")\n\
            when { context.function.name == \"./pack\" && context.bytes <= 9 };\n";
        assert_eq!(uses.permits(), expected);
    }

    #[test]
    fn every_action_gives_a_policy_that_loads() {
        let mut uses = Uses::default();
        for action in Action::ALL {
            let is_secret = action == Action::UseSecret;
            let use_ = Use { host: is_secret.then(|| "h".to_owned()), ..used(action, "a\"b", Some("./f")) };
            let methods = if action == Action::Connect { BTreeSet::from(["GET".to_owned()]) } else { BTreeSet::new() };
            uses.add(use_, Amounts { methods, ..Amounts::default() });
        }
        let policy = Policy::load(&[Source::new("learnt.cedar", uses.permits())]).expect("what is learnt can be read");
        assert_eq!(policy.len(), Action::ALL.len());
    }
}
