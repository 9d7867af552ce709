//! What several of the shipped functions share, written with the SDK alone: the files of a folder that patterns choose,
//! the commits of a log of git, XML with bounds on all that a document can make a reader hold, and tables for the log.
//!
//! No function itself. It refuses to know what the files mean.

#![forbid(unsafe_code)]

pub mod files;
pub mod git_log;
pub mod table;
pub mod xml;
