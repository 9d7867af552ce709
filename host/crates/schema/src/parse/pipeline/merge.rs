//! The deep merge of GitLab: mappings are merged key by key, anything else is replaced.

use std::collections::HashMap;
use std::rc::Rc;

use super::budget::Budget;
use crate::yaml::{Member, Tree, TreeKind};

/// Lays one value over another. Keys stay in the order of `base`, new ones come behind; where both have a key, place and
/// value are those of `over`, null too. Where the budget is spent the answer is `over`.
pub(super) fn merge(base: &Tree, over: &Tree, budget: &mut Budget) -> Tree {
    let (TreeKind::Mapping(below), TreeKind::Mapping(above)) = (&base.kind, &over.kind) else { return over.clone() };
    if !budget.take(below.len() + above.len()) {
        return over.clone();
    }
    let mut members: Vec<Member> = below.to_vec();
    let places: HashMap<&str, usize> =
        below.iter().enumerate().map(|(index, member)| (&*member.key.value, index)).collect();
    for member in &**above {
        match places.get(&*member.key.value).and_then(|index| members.get_mut(*index)) {
            Some(place) => {
                *place = Member { key: member.key.clone(), value: merge(&place.value, &member.value, budget) };
            }
            None => members.push(member.clone()),
        }
    }
    Tree { kind: TreeKind::Mapping(members.into()), span: over.span }
}

/// Returns a mapping without some of its keys.
pub(super) fn without(members: &[Member], keys: &[&str]) -> Rc<[Member]> {
    members.iter().filter(|member| !keys.contains(&&*member.key.value)).cloned().collect()
}
