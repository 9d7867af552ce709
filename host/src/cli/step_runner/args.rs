//! The command line of `step-runner` as types: section 8.1 of the contract.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::super::args::IsolationChoice;
use super::super::lenient::LenientArguments;
use super::super::policies::PolicyArguments;

/// Runs the steps of a CI job, in place of GitLab's step runner.
#[derive(Debug, Parser)]
#[command(name = super::NAME, version = concat!(env!("CARGO_PKG_VERSION"), " (stepwell)"), arg_required_else_help = true)]
pub(super) struct StepRunner {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the list of steps in the variable STEPS.
    Ci(CiArguments),
    /// Runs one step.
    Run(Box<RunArguments>),
    /// Runs the service.
    Serve {
        /// The folder of its socket.
        folder: Option<PathBuf>,
    },
    /// Joins standard input and output to the service.
    Proxy,
    /// Copies this program to DIR/step-runner.
    Bootstrap {
        /// The folder; made where it is missing.
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Prints a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What `ci` takes.
#[derive(Debug, Args)]
pub(in super::super) struct CiArguments {
    /// Writes what came of each step to `step-results.json` where you stand.
    #[arg(long)]
    pub(super) write_steps_results: bool,
    #[command(flatten)]
    pub(super) lenient: LenientArguments,
    /// Where WebAssembly steps run.
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = IsolationChoice::Worker)]
    pub(super) isolation: IsolationChoice,
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
    /// Further arguments are ignored.
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The step: a reference in its short form, or YAML that begins with `step:`.
    #[arg(value_name = "STEP")]
    pub(super) step: Option<String>,
    /// Inputs, typed as YAML: k=v,…
    #[arg(long, value_name = "K=V,…", value_parser = super::pairs::parse)]
    pub(super) inputs: Vec<Vec<(String, String)>>,
    /// Environment variables of the step: k=v,…
    #[arg(long, value_name = "K=V,…", value_parser = super::pairs::parse)]
    pub(super) env: Vec<Vec<(String, String)>>,
    /// Job variables: k=v,…
    #[arg(long, value_name = "K=V,…", value_parser = super::pairs::parse)]
    pub(super) job: Vec<Vec<(String, String)>>,
    /// The address of a git repository that holds the step.
    #[arg(long, value_name = "URL")]
    pub(super) git_url: Option<String>,
    /// Its revision.
    #[arg(long, value_name = "REV", default_value = "", hide_default_value = true)]
    pub(super) git_rev: String,
    /// The folder of the step, from the root of the repository.
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(super) git_dir: String,
    /// The registry of an OCI image that holds the step.
    #[arg(long, value_name = "HOST")]
    pub(super) oci_registry: Option<String>,
    /// Its repository.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) oci_repository: String,
    /// Its tag.
    #[arg(long, value_name = "TAG", default_value = "", hide_default_value = true)]
    pub(super) oci_tag: String,
    /// The folder of the step in the image.
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(super) oci_dir: String,
    /// The file of the step.
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(super) oci_filename: String,
    /// A step in the text form of protocol buffers; not part of this version.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(super) text_proto_step_file: Option<PathBuf>,
    /// Writes what came of each step to a file.
    #[arg(long)]
    pub(super) write_steps_results: bool,
    /// The file [default: step-results.json]; implies --write-steps-results.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) step_results_file: Option<PathBuf>,
    /// The form of the file.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = ResultsFormat::Json)]
    pub(super) step_results_format: ResultsFormat,
    #[command(flatten)]
    pub(super) lenient: LenientArguments,
}

/// The forms of a results file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ResultsFormat {
    /// JSON.
    Json,
    /// The text form of protocol buffers; not part of this version.
    #[value(hide = true)]
    Prototext,
}
