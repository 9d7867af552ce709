//! Whole runs, as people see them.
