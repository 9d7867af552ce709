//! Outgoing requests of steps.
//!
//! **In:** a request of a guest and what its step was granted. **Out:** the response, or which rule refused it.
//! **Refuses to know:** who made the request, and how it crosses the border of a guest.
//!
//! Every name is resolved once, every address it stands for is checked, and the connection goes to a checked address.
//! No redirection is followed, no connection serves two requests, and nothing is read from the environment. Secrets are
//! put into headers here, in place of placeholders: a guest holds the placeholder and never the bytes.
//!
//! May use: policy.

#![forbid(unsafe_code)]

mod address;
mod body;
mod client;
mod credential;
mod destination;
mod error;
mod header;
mod path;
mod pinned;
mod resolver;
mod session;
mod settings;
mod trust;

pub use body::{RequestBody, ResponseBody};
pub use client::{Client, ClientError};
pub use credential::{Credential, Form, MAX_PLACEHOLDERS, PLACEHOLDER_PREFIX, Placeholder, PlaceholderText};
pub use error::{Failed, Refused, SendError};
pub use header::is_forbidden_header;
pub use resolver::{Resolver, Resolving, SystemResolver};
pub use session::{Patience, Session};
pub use settings::Settings;
