//! The program: compiled once, run on each value.

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{self, bome};
use jaq_core::{Compiler, Ctx, Error, Exn, Filter, Vars, compile, data};
use jaq_json::{Val, bytes_valrs, read};
use stepwell_sdk::{Failure, Step, serde_json};

use crate::depth::{MAX_DEPTH, too_deep};
use crate::results::Results;
use crate::{source, value};

/// Longest program, in bytes. The parser calls itself for each operator to the right of another.
const MAX_PROGRAM_BYTES: usize = 64 * 1024;

/// What the interpreter carries along: nothing of ours.
type Data = data::JustLut<Val>;

/// A compiled program with the values of its arguments.
pub(crate) struct Program {
    filter: Filter<Data>,
    arguments: Vec<Val>,
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// A failure that names the line of the program and what is wrong there.
    pub(crate) fn compile(text: &str, arguments: &serde_json::Map<String, serde_json::Value>) -> Result<Self, Failure> {
        check_form(text)?;
        let names: Vec<_> = arguments.keys().map(|name| format!("${name}")).collect();
        let arena = Arena::default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let modules = Loader::new(definitions)
            .load(&arena, File { code: text, path: () })
            .map_err(|errors| failure(errors.into_iter().map(|(file, error)| (file.code, load_problem(&error)))))?;
        let functions = own().into_iter().chain(jaq_core::funs()).chain(jaq_std::funs()).chain(jaq_json::funs());
        let filter = Compiler::default()
            .with_funs(functions)
            .with_global_vars(names.iter().map(String::as_str))
            .compile(modules)
            .map_err(|errors| failure(errors.into_iter().map(|(file, errors)| (file.code, undefined(&errors)))))?;
        let arguments = arguments.values().map(source::of_json).collect::<Result<_, _>>()?;
        Ok(Self { filter, arguments })
    }

    /// Runs the program on a value and hands its results on.
    ///
    /// # Errors
    ///
    /// A failure that names the place of the value, if the program ends with an error; or that of `results`.
    pub(crate) fn run(&self, step: &Step, place: &str, value: Val, results: &mut Results) -> Result<(), Failure> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new(self.arguments.iter().cloned()));
        for result in self.filter.id.run((context, value)) {
            step.check_cancelled()?;
            results.add(result.map_err(|error| ended(place, error))?)?;
        }
        Ok(())
    }
}

fn ended(place: &str, exception: Exn<'_, Val>) -> Failure {
    let what = match exception.get_err() {
        Ok(error) => told(error),
        Err(other) => match other.get_halt() {
            Ok(code) => format!("it was halted with exit code {code}"),
            Err(_) => "it left a label that is not there".to_owned(),
        },
    };
    Failure::failed(format!("the program failed on {place}")).cause(what)
}

/// Returns what an error says. One that is a text is shown without quotes.
fn told(error: Error<Val>) -> String {
    let shown = value::excerpt(&error);
    match shown.starts_with('"').then(|| error.into_val()) {
        Some(Val::TStr(text)) => value::excerpt(String::from_utf8_lossy(&text)),
        Some(_) | None => shown,
    }
}

/// Functions in place of the library's own: what comes first is found first.
fn own() -> [native::Fun<Data>; 1] {
    [native::run::<Data>(("fromjson", native::v(0), |cv| match from_json(cv.1) {
        Ok(values) => values,
        Err(error) => bome(Err(error)),
    }))]
}

/// Reads the JSON in a text, unless it is nested too deeply.
fn from_json<'a>(text: Val) -> Result<jaq_core::ValXs<'a, Val>, Error<Val>> {
    let bytes = text.try_as_utf8_bytes_owned()?;
    if too_deep(&bytes).is_some() {
        return Err(Error::str(format!("cannot parse JSON that is nested deeper than {MAX_DEPTH} levels")));
    }
    let values = bytes_valrs(bytes, |bytes| {
        Box::new(
            read::parse_many(bytes).map(|read| read.map_err(|error| Error::str(format!("cannot parse JSON: {error}")))),
        )
    });
    Ok(Box::new(values.map(|read| read.map_err(Exn::from))))
}

/// Refuses what the parser would have to call itself too often for.
fn check_form(text: &str) -> Result<(), Failure> {
    if text.len() > MAX_PROGRAM_BYTES {
        let problem = format!("input `program` has {} bytes; at most {MAX_PROGRAM_BYTES} are read", text.len());
        return Err(Failure::invalid_input(problem));
    }
    match too_deep(&text.replace('(', "[").replace(')', "]").into_bytes()) {
        None => Ok(()),
        Some(place) => {
            let line = value::line(text.as_bytes(), place);
            Err(Failure::invalid_input(format!("input `program`, line {line}: this is nested too deeply"))
                .cause(format!("at most {MAX_DEPTH} levels are read")))
        }
    }
}

/// A part of the program, and what is wrong there.
type Problems<'p> = Vec<(&'p str, String)>;

fn load_problem<'p>(error: &load::Error<&'p str>) -> Problems<'p> {
    match error {
        load::Error::Io(errors) => errors.iter().map(|(path, what)| (*path, format!("`{path}`: {what}"))).collect(),
        load::Error::Lex(errors) => {
            errors.iter().map(|(expected, found)| (*found, unexpected(expected.as_str(), found))).collect()
        }
        load::Error::Parse(errors) => {
            errors.iter().map(|(expected, found)| (*found, unexpected(expected.as_str(), found))).collect()
        }
    }
}

fn unexpected(expected: &str, found: &str) -> String {
    let found = found.lines().next().unwrap_or_default();
    match found {
        "" => format!("expected {expected}, found the end"),
        found => format!("expected {expected}, found `{}`", value::excerpt(found)),
    }
}

fn undefined<'p>(errors: &[compile::Error<&'p str>]) -> Problems<'p> {
    let told = |(name, kind): &compile::Error<&'p str>| match kind {
        compile::Undefined::Filter(arity) => (*name, format!("there is no filter `{name}/{arity}`")),
        other => (*name, format!("there is no {} `{name}`", other.as_str())),
    };
    errors.iter().map(told).collect()
}

/// Returns one failure for all problems.
fn failure<'p>(problems: impl Iterator<Item = (&'p str, Problems<'p>)>) -> Failure {
    let problems: Vec<_> = problems
        .flat_map(|(code, problems)| {
            problems.into_iter().map(move |(part, what)| (load::span(code, part).start, code, what))
        })
        .map(|(place, code, what)| format!("line {}: {what}", value::line(code.as_bytes(), place)))
        .collect();
    match problems.as_slice() {
        [problem] => Failure::invalid_input(format!("input `program`, {problem}")),
        problems => problems.iter().fold(
            Failure::invalid_input(format!("input `program` has {} mistakes", problems.len())),
            |failure, problem| failure.cause(problem),
        ),
    }
}
