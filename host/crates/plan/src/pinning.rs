//! When the functions of a job are looked at.

/// When references are pinned to content, and when mistakes in what they lead to, and in expressions, are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pinning {
    /// As far as possible before anything runs, all problems at once. What is not there yet, or depends on an expression,
    /// is left open.
    #[default]
    BeforeTheFirstStep,
    /// Each when its step is reached: section 2.8 of the contract. Steps before a mistake have run by then. What comes
    /// from a network is fetched beforehand all the same, and tried again when reached where that failed.
    WhenReached,
}
