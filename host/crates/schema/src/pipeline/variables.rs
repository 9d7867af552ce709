//! Variables whose values refer to each other: `$NAME` and `${NAME}`, by the rules of GitLab and its runner.
//!
//! Two programs share this work in GitLab. The server sorts the variables by what they refer to and puts values into
//! each other; the runner expands what is left with `os.Expand` of Go and knows raw variables. Here it is one function:
//! what a reference stands for is worked out first and put in as it is, so nothing is looked through twice.

use std::collections::HashMap;

/// Longest value, in bytes, given or expanded. Eight times what Linux takes as one environment variable.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Most bytes of all values together. Short values that name each other grow without end: thirty are enough for a
/// gigabyte.
pub const MAX_ALL_BYTES: usize = 16 << 20;

/// A variable before its value is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name; any text, though only names by the name rule can be referred to without braces.
    pub name: String,
    /// The value as it was written.
    pub value: String,
    /// Whether the value is taken as it is (`expand: false`). Others may refer to it.
    pub raw: bool,
}

/// Values have grown over [`MAX_VALUE_BYTES`] or [`MAX_ALL_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of variable `{name}` is too large: more than {limit} bytes, references expanded")]
pub struct TooLarge {
    /// The variable at which the limit was passed.
    pub name: String,
    /// The limit, in bytes.
    pub limit: usize,
}

/// Expands the references in the values of variables.
///
/// The answer has one entry for each name, in the order in which names first occur; of several entries of one name the
/// last wins. `$NAME` and `${NAME}` stand for the value of a variable, `$$` for `$`. A name that nothing has stands for
/// the empty text, as do the special parameters of a shell (`$1`, `$*`, `$?`, …). A `$` before anything else stays. `${`
/// goes as far as the next `}`, whatever stands between, and is dropped where there is none: so `${{ vars.A }} $B` becomes
/// `}` and a space, if nothing is called `B`. `%NAME%` is text.
///
/// A variable that refers to its own name means the entry before it. Variables that refer to each other in a circle stay
/// as they are written, and so does one that refers to itself and has no entry before it.
///
/// The rules are those of `os.Expand` of Go with the variables of GitLab Runner, behind
/// `Variables::Collection#sort_and_expand_all` of GitLab.
///
/// # Errors
/// A value, or all of them together, grow too large. Values are the user's, so this is to be expected.
pub fn expand(variables: &[Variable]) -> Result<Vec<(String, String)>, TooLarge> {
    let graph = Graph::new(variables);
    let mut values = Values { variables, expanded: vec![None; variables.len()], bytes: 0 };
    for component in graph.components() {
        match component.as_slice() {
            [only] if !graph.refers_to_itself(*only) => values.expand(*only, &graph)?,
            circle => circle.iter().try_for_each(|member| values.keep(*member))?,
        }
    }
    let mut expanded = values.expanded;
    let last = |name: &str| graph.by_name[name].last().copied().expect("a name is there by an entry of it");
    Ok(graph
        .names
        .iter()
        .map(|name| ((*name).to_owned(), expanded[last(name)].take().expect("every entry is in a component")))
        .collect())
}

/// Which entries the entries refer to.
struct Graph<'v> {
    variables: &'v [Variable],
    /// Entries by name, in order.
    by_name: HashMap<&'v str, Vec<usize>>,
    /// Names in the order in which they first occur.
    names: Vec<&'v str>,
    references: Vec<Vec<usize>>,
}

impl<'v> Graph<'v> {
    fn new(variables: &'v [Variable]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut names = Vec::new();
        for (index, variable) in variables.iter().enumerate() {
            let entries = by_name.entry(&variable.name).or_default();
            if entries.is_empty() {
                names.push(variable.name.as_str());
            }
            entries.push(index);
        }
        let mut graph = Self { variables, by_name, names, references: Vec::new() };
        graph.references = (0..variables.len()).map(|entry| graph.find_references(entry)).collect();
        graph
    }

    fn find_references(&self, entry: usize) -> Vec<usize> {
        if self.variables[entry].raw {
            return Vec::new();
        }
        let pieces = Pieces { rest: &self.variables[entry].value };
        let mut found: Vec<usize> = pieces
            .filter_map(|piece| match piece {
                Piece::Name(name) => self.entry(entry, name),
                Piece::Text(_) => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the entry that a name in the value of `from` means. Its own name means the one before it; where there is
    /// none, itself.
    fn entry(&self, from: usize, name: &str) -> Option<usize> {
        let entries = self.by_name.get(name)?;
        if self.variables[from].name != name {
            return entries.last().copied();
        }
        let before = entries.partition_point(|entry| *entry < from);
        entries.get(before.saturating_sub(1)).copied()
    }

    fn refers_to_itself(&self, entry: usize) -> bool {
        self.references[entry].contains(&entry)
    }

    /// Returns the strongly connected components, each behind those that it refers to: Tarjan's algorithm, with a stack
    /// of its own, since a chain of references may be as long as there are variables.
    fn components(&self) -> Vec<Vec<usize>> {
        let mut search = Search::new(self.variables.len());
        for entry in 0..self.variables.len() {
            if search.order[entry].is_none() {
                search.from(entry, &self.references);
            }
        }
        search.components
    }
}

/// The state of Tarjan's algorithm.
struct Search {
    order: Vec<Option<usize>>,
    lowest: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn new(entries: usize) -> Self {
        Self {
            order: vec![None; entries],
            lowest: vec![0; entries],
            on_stack: vec![false; entries],
            stack: Vec::new(),
            next: 0,
            components: Vec::new(),
        }
    }

    fn from(&mut self, first: usize, references: &[Vec<usize>]) {
        self.open(first);
        let mut calls = vec![(first, 0)];
        while let Some((entry, at)) = calls.pop() {
            let Some(&next) = references[entry].get(at) else {
                self.close(entry);
                if let Some((caller, _)) = calls.last() {
                    self.lowest[*caller] = self.lowest[*caller].min(self.lowest[entry]);
                }
                continue;
            };
            calls.push((entry, at + 1));
            match self.order[next] {
                None => {
                    self.open(next);
                    calls.push((next, 0));
                }
                Some(order) if self.on_stack[next] => self.lowest[entry] = self.lowest[entry].min(order),
                Some(_) => {}
            }
        }
    }

    fn open(&mut self, entry: usize) {
        self.order[entry] = Some(self.next);
        self.lowest[entry] = self.next;
        self.next += 1;
        self.on_stack[entry] = true;
        self.stack.push(entry);
    }

    fn close(&mut self, entry: usize) {
        if self.order[entry] != Some(self.lowest[entry]) {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            component.push(member);
            if member == entry {
                break;
            }
        }
        self.components.push(component);
    }
}

/// The values so far.
struct Values<'v> {
    variables: &'v [Variable],
    expanded: Vec<Option<String>>,
    bytes: usize,
}

impl Values<'_> {
    /// Takes a value as it is written.
    fn keep(&mut self, entry: usize) -> Result<(), TooLarge> {
        let mut value = String::new();
        self.append(entry, &mut value, &self.variables[entry].value)?;
        self.finish(entry, value);
        Ok(())
    }

    /// Expands a value; what it refers to has been expanded before.
    fn expand(&mut self, entry: usize, graph: &Graph<'_>) -> Result<(), TooLarge> {
        if self.variables[entry].raw {
            return self.keep(entry);
        }
        let mut value = String::new();
        for piece in (Pieces { rest: &self.variables[entry].value }) {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Name(name) => {
                    graph.entry(entry, name).and_then(|named| self.expanded[named].as_deref()).unwrap_or("")
                }
            };
            self.append(entry, &mut value, text)?;
        }
        self.finish(entry, value);
        Ok(())
    }

    fn append(&self, entry: usize, value: &mut String, text: &str) -> Result<(), TooLarge> {
        let length = value.len() + text.len();
        for (length, limit) in [(length, MAX_VALUE_BYTES), (self.bytes + length, MAX_ALL_BYTES)] {
            if length > limit {
                return Err(TooLarge { name: self.variables[entry].name.clone(), limit });
            }
        }
        value.push_str(text);
        Ok(())
    }

    fn finish(&mut self, entry: usize, value: String) {
        self.bytes += value.len();
        self.expanded[entry] = Some(value);
    }
}

/// One piece of a value.
enum Piece<'t> {
    /// Stands for itself.
    Text(&'t str),
    /// Stands for a variable.
    Name(&'t str),
}

/// The pieces of a value, read as `os.Expand` of Go reads it.
struct Pieces<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let text = self.rest.find('$').unwrap_or(self.rest.len());
        if text > 0 {
            return Some(Piece::Text(self.take(text)));
        }
        let (length, piece) = reference(self.rest);
        self.take(length);
        Some(piece)
    }
}

impl<'t> Pieces<'t> {
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

/// Reads what begins with a `$`; returns its length too.
fn reference(text: &str) -> (usize, Piece<'_>) {
    let behind = &text[1..];
    let Some(first) = behind.chars().next() else { return (1, Piece::Text("$")) };
    if first == '{' {
        return match behind.find('}') {
            Some(end) => (end + 2, named(&behind[1..end])),
            None => (2, Piece::Text("")),
        };
    }
    if is_special(first) {
        return (2, named(&behind[..1]));
    }
    let length = behind.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if length == 0 { (1, Piece::Text("$")) } else { (1 + length, Piece::Name(&behind[..length])) }
}

/// Returns what a name in braces, or a special one, stands for.
fn named(name: &str) -> Piece<'_> {
    match name {
        "$" => Piece::Text("$"),
        _ if name.len() == 1 && name.chars().all(is_special) => Piece::Text(""),
        _ => Piece::Name(name),
    }
}

/// Tells whether a shell has a parameter of this one character.
fn is_special(character: char) -> bool {
    matches!(character, '*' | '#' | '$' | '@' | '!' | '?' | '-' | '0'..='9')
}
