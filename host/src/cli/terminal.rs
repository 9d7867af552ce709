//! What the standard streams are: terminals or not, coloured or not.

use std::io::{self, IsTerminal as _};

/// Tells whether standard error takes colour: it is a terminal, and neither `NO_COLOR` nor `TERM=dumb` says otherwise.
pub(super) fn color_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Tells whether both standard output and standard error are terminals, so that log and view share one screen.
pub(super) fn one_screen() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
