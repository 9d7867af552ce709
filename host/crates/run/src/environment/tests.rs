//! The formula of section 5.4 of the contract, and what is shared.

use proptest::prelude::*;

use super::*;

fn block(entries: &[(String, String)]) -> Block {
    entries.iter().map(|(name, value)| (name.clone(), Marked::plain(value.as_str()))).collect()
}

#[test]
fn what_does_not_change_is_shared() {
    let mut ground = Ground::new(Values::from([("A".to_owned(), Marked::plain("1"))]));
    let layers = Layers::ground(&ground);
    let mut inner = layers.with(&Block::new());
    assert!(Arc::ptr_eq(inner.environment().values(), layers.environment().values()));
    ground.export(&BTreeMap::new());
    inner.refresh(&ground);
    assert!(Arc::ptr_eq(inner.environment().values(), layers.environment().values()));
    assert!(Arc::ptr_eq(&inner.environment().plain(), &layers.environment().plain()));
}

#[test]
fn marks_stay_in_the_environment() {
    let ground = Ground::new(Values::new());
    let layers = Layers::ground(&ground).with(&vec![("S".to_owned(), Marked::sensitive("s"))]);
    assert!(layers.environment().values()["S"].sensitive);
    assert_eq!(layers.environment().plain()["S"], "s");
}

/// Names collide often on purpose.
fn entries() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("[A-D]", "[a-z]{1,3}"), 0..4)
}

proptest! {
    #[test]
    fn every_place_sees_base_then_exports_then_blocks(
        base in entries(), before in entries(), outer in entries(), between in entries(), inner in entries(),
        after in entries(),
    ) {
        let mut ground = Ground::new(block(&base).into_iter().collect());
        ground.export(&before.iter().cloned().collect());
        let mut outside = Layers::ground(&ground).with(&block(&outer));
        ground.export(&between.iter().cloned().collect());
        outside.refresh(&ground);
        let mut inside = outside.with(&block(&inner));
        ground.export(&after.iter().cloned().collect());
        inside.refresh(&ground);

        let exports = [before, between, after].into_iter().map(|exports| {
            // Of one step's exports the later one wins, as in a map.
            exports.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect::<Vec<_>>()
        });
        let mut expected = BTreeMap::new();
        for level in [base].into_iter().chain(exports).chain([outer, inner]) {
            expected.extend(level);
        }
        prop_assert_eq!(&*inside.environment().plain(), &expected);
    }
}
