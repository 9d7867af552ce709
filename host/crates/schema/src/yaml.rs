//! From YAML text to [`crate::Node`] and on to documents. The only module that names the YAML library.
