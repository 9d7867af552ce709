//! Policies, each by itself, and which of them may be about an action and a resource.

use std::collections::HashMap;
use std::thread;

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet, ResourceConstraint};

use super::known::Condition;
use super::seen::Seen;

/// The longest text of a policy that is looked into: 2 KiB, a screen full of conditions. Longer ones are put to the library
/// each time.
pub(super) const MAX_TEXT_BYTES: usize = 2 << 10;

/// The stack for that. The library makes its tree by calls that nest as deep as the policy, and a row of parts joined by `+`
/// nests as often as it has parts. No level has less than a byte of text, and its calls take 32 KiB at most, even without
/// optimisation. Only what is used of it takes memory.
const STACK_BYTES: usize = MAX_TEXT_BYTES * (32 << 10);

/// What is known of a policy that is not looked into.
const NOTHING_KNOWN: (Condition, Seen) = (Condition::Unknown, Seen::ALL);

/// A policy by itself: a question is put to as few as possible, and which these are differs from question to question.
pub(super) struct Single {
    /// The policy alone.
    pub(super) set: PolicySet,
    pub(super) effect: Effect,
    /// What is known of it without the library.
    pub(super) condition: Condition,
    /// What it looks at. What cannot be told counts as looked at.
    pub(super) seen: Seen,
}

/// The policies that may be about one action, by their numbers in ascending order.
pub(super) struct Shelf {
    /// Those about any resource, or a kind or group of resources.
    general: Vec<usize>,
    /// Those about exactly one resource.
    by_resource: HashMap<EntityUid, Vec<usize>>,
}

impl Single {
    /// Takes each policy by itself.
    pub(super) fn all(policies: &[&Policy]) -> Vec<Self> {
        let looked_into = on_a_deep_stack(|| policies.iter().map(|policy| look_into(policy)).collect());
        let looked_into: Vec<_> = looked_into.unwrap_or_else(|| vec![NOTHING_KNOWN; policies.len()]);
        policies.iter().zip(looked_into).map(|(policy, (condition, seen))| Self::new(policy, condition, seen)).collect()
    }

    fn new(policy: &Policy, condition: Condition, seen: Seen) -> Self {
        let mut set = PolicySet::new();
        set.add(policy.clone()).expect("one policy that has no slots does not clash with another");
        Self { set, effect: policy.effect(), condition, seen }
    }
}

/// Returns what is known of a policy and what it looks at.
fn look_into(policy: &Policy) -> (Condition, Seen) {
    if policy.to_cedar().is_none_or(|text| text.len() > MAX_TEXT_BYTES) {
        return NOTHING_KNOWN;
    }
    match policy.to_pst() {
        Ok(tree) => (Condition::of(tree.body()), Seen::by(tree.body())),
        Err(_) => NOTHING_KNOWN,
    }
}

/// Does something that calls itself for each level of a policy; none where there is no memory for that.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        worker.ok()?.join().ok()
    })
}

impl Shelf {
    /// Picks the policies that may be about an action.
    pub(super) fn new<'a>(action: &EntityUid, policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut shelf = Self { general: Vec::new(), by_resource: HashMap::new() };
        for (number, policy) in policies.enumerate() {
            if may_be_about(&policy.action_constraint(), action) {
                shelf.place(&policy.resource_constraint()).push(number);
            }
        }
        shelf
    }

    /// Returns the numbers of those that may be about a resource, in ascending order.
    pub(super) fn policies(&self, resource: &EntityUid) -> impl Iterator<Item = usize> {
        let named = self.by_resource.get(resource).into_iter().flatten();
        let mut numbers: Vec<usize> = self.general.iter().chain(named).copied().collect();
        numbers.sort_unstable();
        numbers.into_iter()
    }

    fn place(&mut self, constraint: &ResourceConstraint) -> &mut Vec<usize> {
        match constraint {
            ResourceConstraint::Eq(resource) => self.by_resource.entry(resource.clone()).or_default(),
            ResourceConstraint::Any
            | ResourceConstraint::In(_)
            | ResourceConstraint::Is(_)
            | ResourceConstraint::IsIn(..) => &mut self.general,
        }
    }
}

/// The schema has no groups of actions, so being in one is being it.
pub(super) fn may_be_about(constraint: &ActionConstraint, action: &EntityUid) -> bool {
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::In(actions) => actions.contains(action),
        ActionConstraint::Eq(only) => only == action,
    }
}
