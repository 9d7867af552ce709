//! Ways from the job to a step.

use super::*;

#[test]
fn the_way_down_and_up() {
    let build = StepPath::job().child(1, "build");
    let compile = build.child(0, "compile");
    assert_eq!(compile.to_string(), "build/compile");
    assert_eq!((compile.name(), compile.depth()), ("compile", 2));
    assert_eq!(compile.parent(), Some(build.clone()));
    assert_eq!(build.parent(), Some(StepPath::job()));
    assert_eq!(StepPath::job().parent(), None);
    assert!(StepPath::job().is_job() && !build.is_job());
    assert_eq!(StepPath::job().to_string(), "");
    assert_eq!(compile.segments().collect::<Vec<_>>(), [(1, "build"), (0, "compile")]);
}

#[test]
fn steps_of_the_same_name_have_different_paths_in_the_order_of_the_list() {
    let (first, second) = (StepPath::job().child(0, "a"), StepPath::job().child(1, "a"));
    assert_ne!(first, second);
    assert!(first < second);
}
