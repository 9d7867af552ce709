//! Expectations: what policies are to decide, as a table that is checked like tests are.
//!
//! ```toml
//! [[case]]
//! action = "connect"
//! resource = "api.example.com:443"
//! methods = ["GET"]
//! function = { name = "./upload", digest = "sha256:77e0…" }
//! expect = "deny"
//! by = ["no-network"]    # optional; an empty list: no policy allows it
//! ```
//!
//! Who asks is `tenant` and `source`; without `function` it is a script of the job, which has the action `exec` and no
//! resource of its own.

use std::path::Path;
use std::sync::Arc;

use stepwell_schema::{Place, Problems, Source, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::code;
use crate::decision::Verdict;
use crate::facts::{FunctionFacts, Subject};
use crate::grants::Limits;
use crate::policy::Policy;
use crate::question::{Act, Action, Deed, Question};
use crate::ruling::Ruling;
use crate::toml_text::{TomlText, Wanted, span};
use crate::work_path::WorkPath;

/// What policies are to decide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectations(pub Vec<Expectation>);

/// What policies are to decide about one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Where it stands.
    pub place: Place,
    /// The question.
    pub question: Question,
    /// The answer.
    pub verdict: Verdict,
    /// The policies that decide it, in their order; none where that does not matter.
    pub by: Option<Vec<String>>,
}

/// What came of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<'e> {
    /// What was expected.
    pub expectation: &'e Expectation,
    /// What the policies decide.
    pub found: Ruling,
}

impl Expectations {
    /// Reads a table of expectations.
    ///
    /// # Errors
    /// All problems: a text that is no TOML, keys that there are not, values that cannot be.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Problems> {
        TomlText::read(source, |text, table| {
            text.only(table, &["case"]);
            let wanted = Wanted { what: "a list of tables", example: "[[case]]" };
            let cases = text.value(table, "case", &wanted, |value| {
                let cases = value.as_array()?.iter().map(|case| Some((span(case), case.get_ref().as_table()?)));
                cases.collect::<Option<Vec<_>>>()
            });
            let cases = cases.into_iter().flatten();
            Self(cases.filter_map(|(at, case)| Case { text: &mut *text, table: case, at }.read()).collect())
        })
    }

    /// Puts all questions to the policies. The rules of the engine are not asked.
    pub fn check<'e>(&'e self, policy: &Policy) -> Vec<Outcome<'e>> {
        let check = |expectation: &'e Expectation| Outcome { expectation, found: policy.ask(&expectation.question) };
        self.0.iter().map(check).collect()
    }
}

impl Outcome<'_> {
    /// Tells whether the policies decide as expected.
    pub fn holds(&self) -> bool {
        let Expectation { verdict, by, .. } = self.expectation;
        let found = || self.found.decided_by.policies().iter().map(|policy| &policy.id);
        *verdict == self.found.verdict && by.as_ref().is_none_or(|by| found().eq(by))
    }
}

/// The keys of a case; those behind `by` belong to some actions only.
const KEYS: [&str; 12] = [
    "tenant", "source", "function", "action", "resource", "expect", "by", "bytes", "files", "methods", "paths", "host",
];

/// The keys of a function.
const FUNCTION_KEYS: [&str; 8] = ["name", "protocol", "host", "path", "digest", "pinned", "kind", "module"];

/// One case that is being read.
struct Case<'c, 't> {
    text: &'c mut TomlText,
    table: &'c DeTable<'t>,
    at: Span,
}

impl Case<'_, '_> {
    fn read(mut self) -> Option<Expectation> {
        self.text.only(self.table, &KEYS);
        let subject = Subject {
            tenant: self.optional("tenant").unwrap_or_else(|| Subject::DEFAULT_TENANT.to_owned()),
            source: self.optional("source").unwrap_or_else(|| "job.yml".to_owned()),
        };
        let verdict = self.word("expect", &[("allow", Verdict::Allowed), ("deny", Verdict::Denied)]);
        let by = self.text.texts(self.table, "by");
        let actions = Action::ALL.map(|action| (action.as_str(), action));
        let action = self.word("action", &actions);
        let function = self.function();
        let deed = match function {
            Some(function) => Deed::Function { act: self.act(action?, &function)?, function },
            None if action? == Action::Exec && !self.table.contains_key("function") => Deed::Script,
            None => {
                self.missing("function", "only a script, with the action `exec`, has none");
                return None;
            }
        };
        let question = Question { job: Arc::new(subject), deed };
        Some(Expectation { place: self.text.place(self.at), question, verdict: verdict?, by })
    }

    fn act(&mut self, action: Action, function: &FunctionFacts) -> Option<Act> {
        if action == Action::Run {
            let resource = self.optional("resource").filter(|resource| *resource != function.name);
            if resource.is_some() {
                self.wrong("resource", "`resource` is another than the name of `function`");
            }
            return Some(Act::Run);
        }
        let name = self.required("resource")?;
        Some(match action {
            // Dealt with above.
            Action::Run => Act::Run,
            Action::Exec => Act::Exec { program: name },
            Action::Read => Act::Read { path: self.path(&name)? },
            Action::Write => Act::Write {
                path: self.path(&name)?,
                bytes: self.text.number(self.table, "bytes").unwrap_or(Limits::DEFAULT_WRITE_BYTES),
                files: self.text.number(self.table, "files").unwrap_or(Limits::DEFAULT_WRITE_FILES),
            },
            Action::Connect => {
                let address =
                    name.rsplit_once(':').and_then(|(host, port)| Some((host.to_lowercase(), port.parse().ok()?)));
                let Some((host, port)) = address else {
                    self.wrong("resource", "`resource` must be a host with its port, such as `example.com:443`");
                    return None;
                };
                let methods = self.text.texts(self.table, "methods").unwrap_or_default();
                Act::Connect { host, port, methods, paths: self.text.texts(self.table, "paths").unwrap_or_default() }
            }
            Action::UseSecret => Act::UseSecret { name, host: self.required("host")? },
            Action::RevealSecret => Act::RevealSecret { name },
            Action::ReadEnv => Act::ReadEnv { name },
            Action::Export => Act::Export { name },
        })
    }

    fn path(&mut self, text: &str) -> Option<WorkPath> {
        // Nothing but a relative path lies beneath this one.
        let path = WorkPath::parse(text, Path::new("/\0"));
        if let Err(invalid) = &path {
            self.wrong("resource", &invalid.to_string());
        }
        path.ok()
    }

    fn function(&mut self) -> Option<Arc<FunctionFacts>> {
        let wanted = Wanted { what: "a table", example: "{ name = \"./pack\" }" };
        let table = self.text.value(self.table, "function", &wanted, |value| value.as_table())?;
        let at = self.table.get("function").map_or(self.at, span);
        let mut case = Case { text: &mut *self.text, table, at };
        case.text.only(table, &FUNCTION_KEYS);
        let name = case.required("name")?;
        let protocols = ["file", "built-in", "git", "oci"].map(|word| (word, word));
        let kinds = ["exec", "sequence", "wasm"].map(|word| (word, word));
        let flag = Wanted { what: "true or false", example: "true" };
        Some(Arc::new(FunctionFacts {
            protocol: if table.contains_key("protocol") { case.word("protocol", &protocols)? } else { "file" },
            host: case.optional("host").unwrap_or_default(),
            path: case.optional("path").unwrap_or_else(|| name.clone()),
            digest: case.optional("digest").unwrap_or_default(),
            pinned: case.text.value(table, "pinned", &flag, DeValue::as_bool).unwrap_or(true),
            kind: if table.contains_key("kind") { case.word("kind", &kinds)? } else { "wasm" },
            module: case.optional("module"),
            name,
        }))
    }

    fn optional(&mut self, key: &str) -> Option<String> {
        self.text.text(self.table, key)
    }

    fn required(&mut self, key: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.missing(key, "every such case needs it");
        }
        self.optional(key)
    }

    /// Returns what a word stands for.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let word = self.required(key)?;
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, meant)| *meant);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            self.wrong(key, &format!("`{key}` must be one of: {}", known.join(", ")));
        }
        found
    }

    fn missing(&mut self, key: &str, help: &str) {
        self.text.push(code::SETTING_VALUE, format!("`{key}` is missing"), self.at, Some(help.to_owned()));
    }

    fn wrong(&mut self, key: &str, message: &str) {
        let at = self.table.get(key).map_or(self.at, |value: &Spanned<DeValue<'_>>| span(value));
        self.text.push(code::SETTING_VALUE, message, at, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Expectations, Problems> {
        Expectations::parse(&Source::new("cases.toml", text))
    }

    /// Checks one case against a profile; the answer is what `found` says.
    #[track_caller]
    fn check(profile: &str, case: &str, holds: bool, found: &str) {
        let expectations = parse(&format!("[[case]]\n{case}")).unwrap_or_else(|problems| panic!("{problems}"));
        let policy = Policy::profile(profile).unwrap();
        let outcomes = expectations.check(&policy);
        let [outcome] = outcomes.as_slice() else { panic!("{} outcomes", outcomes.len()) };
        assert_eq!((outcome.holds(), outcome.found.decided_by.to_string().as_str()), (holds, found), "{outcome:?}");
    }

    #[track_caller]
    fn check_problems(text: &str, expected: &[&str]) {
        let problems = parse(text).expect_err("the table has no problems");
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn cases_against_the_profiles() {
        let pack = "function = { name = \"./pack\" }\n";
        check("local", "action = \"exec\"\nexpect = \"allow\"", true, "local-exec");
        check("local", "action = \"exec\"\nexpect = \"deny\"", false, "local-exec");
        check("hardened", "action = \"exec\"\nexpect = \"deny\"\nby = []", true, "no-policy");
        check("hardened", "action = \"exec\"\nexpect = \"deny\"\nby = [\"x\"]", false, "no-policy");
        let case = |text: &str| format!("{pack}{text}");
        check("local", &case("action = \"run\"\nexpect = \"allow\"\nby = [\"local-run\"]"), true, "local-run");
        check("local", &case("action = \"exec\"\nresource = \"cargo\"\nexpect = \"allow\""), true, "local-exec");
        check("local", &case("action = \"read\"\nresource = \"./src/\"\nexpect = \"allow\""), true, "workspace-read");
        check(
            "local",
            &case("action = \"write\"\nresource = \".\"\nbytes = 9\nexpect = \"allow\""),
            true,
            "workspace-write",
        );
        let connect = "action = \"connect\"\nresource = \"A.example.com:443\"\nmethods = [\"GET\"]\nexpect = \"deny\"";
        check("local", &case(connect), true, "no-policy");
        check(
            "hardened",
            &case("action = \"revealSecret\"\nresource = \"k\"\nexpect = \"deny\""),
            true,
            "hardened-no-reveal",
        );
        check(
            "local",
            &case("action = \"useSecret\"\nresource = \"k\"\nhost = \"h\"\nexpect = \"allow\""),
            true,
            "local-use-secret",
        );
        check("local", &case("action = \"readEnv\"\nresource = \"CI\"\nexpect = \"allow\""), true, "env-by-name");
        check("local", &case("action = \"export\"\nresource = \"A\"\nexpect = \"allow\""), true, "local-export");
        let moving =
            "function = { name = \"x@v1\", protocol = \"git\", pinned = false }\naction = \"run\"\nexpect = \"deny\"";
        check("hardened", moving, true, "hardened-pinned");
    }

    #[test]
    fn mistakes_have_a_place() {
        check_problems("[[cases]]\n", &["cases.toml:1:3: unknown key `cases`"]);
        check_problems(
            "[[case]]\naction = \"reed\"\nexpect = 1\n",
            &[
                "cases.toml:2:10: `action` must be one of: \
                 run, exec, read, write, connect, useSecret, revealSecret, readEnv, export",
                "cases.toml:3:10: `expect` must be a text",
            ],
        );
        check_problems("[[case]]\naction = \"read\"\nexpect = \"deny\"\n", &["cases.toml:1:1: `function` is missing"]);
        check_problems(
            "[[case]]\naction = \"read\"\nresource = \"/etc\"\nexpect = \"deny\"\nfunction = { name = \"a\", knid = 1 }\n",
            &["cases.toml:3:12: `/etc` lies outside the job's work dir", "cases.toml:5:26: unknown key `knid`"],
        );
        check_problems(
            "[[case]]\naction = \"connect\"\nresource = \"h\"\nexpect = \"deny\"\nfunction = { name = \"a\" }\n",
            &["cases.toml:3:12: `resource` must be a host with its port, such as `example.com:443`"],
        );
    }
}
