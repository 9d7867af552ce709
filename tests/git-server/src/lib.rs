//! Git repositories and servers on loopback, for tests.
