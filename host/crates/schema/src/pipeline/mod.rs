//! Pipelines: jobs that stand in a `.gitlab-ci.yml`, with what a run of one of them needs.

pub mod variables;
