//! The ways in which a server fails.

/// Which of the two requests of a fetch goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The one for the names.
    List,
    /// The one for objects.
    Fetch,
}

/// What a server does instead of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Sends so many bytes of the body, then nothing more until the server is dropped.
    Stall(usize),
    /// Sends so many bytes of the body, then closes the connection.
    BreakOff(usize),
    /// Answers with this status and no body.
    Status(u16),
    /// Answers with status 200, this content type, and this body.
    Body(&'static str, Vec<u8>),
    /// Redirects to this address.
    Redirect(String),
}
