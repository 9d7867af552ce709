//! The environment of each place in a job, by the formula of section 5.4 of the contract: base, then exports so far,
//! then for each enclosing step, outermost first, the item's `env` and the definition's.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use stepwell_expr::{Marked, Values};
use stepwell_schema::Value;

/// The whole environment of one place; values are always text. Shared by all places that see the same one, so cloning
/// costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    values: Arc<Values>,
    plain: OnceLock<Arc<BTreeMap<String, String>>>,
}

/// One `env` block, evaluated, in the order of the document.
pub(crate) type Block = Vec<(String, Marked)>;

impl Environment {
    pub(crate) fn new(values: Values) -> Self {
        Self(Arc::new(Inner { values: Arc::new(values), plain: OnceLock::new() }))
    }

    /// Returns the variables with their marks.
    pub(crate) fn values(&self) -> &Arc<Values> {
        &self.0.values
    }

    /// Returns the variables as a command sees them.
    pub(crate) fn plain(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(self.0.plain.get_or_init(|| {
            Arc::new(self.0.values.iter().map(|(name, marked)| (name.clone(), text(&marked.value))).collect())
        }))
    }

    /// Returns this environment with a block laid over it.
    pub(crate) fn with(&self, block: &Block) -> Self {
        if block.is_empty() {
            return self.clone();
        }
        let mut values = Values::clone(&self.0.values);
        values.extend(block.iter().cloned());
        Self::new(values)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Every way into an environment makes text; this would be a variable without meaning, not a wrong one.
        other => other.to_text().unwrap_or_default(),
    }
}

/// Base and exports: what all places of the job have in common. Changes with every export.
#[derive(Debug)]
pub(crate) struct Ground {
    environment: Environment,
    /// Counts the changes.
    version: u64,
}

impl Ground {
    pub(crate) fn new(base: Values) -> Self {
        Self { environment: Environment::new(base), version: 0 }
    }

    /// Takes the exports of a step that succeeded.
    pub(crate) fn export(&mut self, exports: &BTreeMap<String, String>) {
        if exports.is_empty() {
            return;
        }
        let block: Block = exports.iter().map(|(name, value)| (name.clone(), Marked::plain(value.as_str()))).collect();
        self.environment = self.environment.with(&block);
        self.version += 1;
    }
}

/// All blocks of the steps that enclose a place, with the environment that follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    blocks: Arc<Values>,
    environment: Environment,
    version: u64,
}

impl Layers {
    /// Returns the layers of a job without blocks.
    pub(crate) fn ground(ground: &Ground) -> Self {
        Self { blocks: Arc::default(), environment: ground.environment.clone(), version: ground.version }
    }

    /// Returns the environment as it was when these layers were last refreshed.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Takes exports in that were made since.
    pub(crate) fn refresh(&mut self, ground: &Ground) {
        if self.version == ground.version {
            return;
        }
        let mut environment = ground.environment.clone();
        if !self.blocks.is_empty() {
            let mut values = Values::clone(environment.values());
            values.extend(self.blocks.iter().map(|(name, marked)| (name.clone(), marked.clone())));
            environment = Environment::new(values);
        }
        self.environment = environment;
        self.version = ground.version;
    }

    /// Returns these layers with one more block inside them.
    pub(crate) fn with(&self, block: &Block) -> Self {
        if block.is_empty() {
            return self.clone();
        }
        let mut blocks = Values::clone(&self.blocks);
        blocks.extend(block.iter().cloned());
        Self { blocks: Arc::new(blocks), environment: self.environment.with(block), version: self.version }
    }
}

#[cfg(test)]
mod tests;
