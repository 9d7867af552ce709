//! From trees to documents: which keys there are, what they take, and what to say when something else stands there.
//!
//! Readers go on behind a problem, so that all problems of a document are reported together. A reader that cannot give
//! its value has noted why.

mod cases;
mod definition;
mod fields;
mod function;
mod job;
mod needs;
mod node;
mod pipeline;
mod quantity;
mod reference;
mod shape;
mod spec;
mod step;
