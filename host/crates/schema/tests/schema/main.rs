//! The documents of Stepwell, read through the public door of the crate.

mod cases;
mod documents;
mod expansion;
mod mistakes;
mod pipeline_mistakes;
mod pipelines;
mod properties;
mod references;
mod strict;
mod support;
mod values;
