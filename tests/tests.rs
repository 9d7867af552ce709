//! Tests that need more than one crate.

mod support;

/// The tools of authors, from an empty folder to a tested function.
mod authoring;
/// Documents and surroundings that are wrong: the right exit code, a message that names the remedy, nothing left behind.
mod bad_input;
/// Cancelling a job: signals in, nothing left behind, an honest result.
mod cancellation;
/// Files in, files expected: one folder a case, run by the command line and by the library.
mod cases;
/// The command line: exit codes, streams, help whose examples work.
mod cli;
/// The contract of GitLab's steps as a table: each rule, and the cases that show it.
mod contract;
/// The same job twice, without anything that differs.
mod deterministic;
/// The YAML on the pages: each block is a valid file.
mod documents;
/// The shipped functions and the examples, run for real.
mod examples;
/// Git references through the command line, against real servers.
mod git;
/// Outgoing requests of steps, with a server on loopback.
mod http;
/// Which crate may use which, and that each says what it is for.
mod layers;
/// Great amounts and odd processes: jobs end right, and the engine stays small.
mod load;
/// Jobs straight from `.gitlab-ci.yml`.
mod pipelines;
/// Policies of the operator, through the command line.
mod policies;
/// The quick start of the README, followed word for word.
mod quick_start;
/// What functions that use the guest SDK alone can do, and what their modules import.
mod sdk;
/// The program under the name `step-runner`, called as GitLab Runner calls it.
mod step_runner;
/// Tenants of one host: what their steps may use together, whatever kind they are.
mod tenants;
/// Guests in workers: the wall around a running one, its death, and that everything else is as it is in-process.
mod worker;
