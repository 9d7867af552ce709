//! Outgoing requests: one request, one response, step by step.
//!
//! A function asks for them in `spec.needs.http`; only a module that calls [`Step::http`](crate::Step::http) imports what
//! they take. Nothing is done behind the author's back: no redirection is followed, nothing is sent twice, no header is
//! added but the length of the body.
//!
//! ```
//! use stepwell_sdk::fake::Reply;
//! use stepwell_sdk::{Failure, Step};
//!
//! fn upload(step: &Step) -> Result<String, Failure> {
//!     let token = step.secret("token")?;
//!     let response = step
//!         .http()
//!         .post("https://api.example.com/v1/files")
//!         .query("name", "a b")
//!         .header("authorization", token.bearer())
//!         .file("dist/a.txt")
//!         .send()?
//!         .require_success()?;
//!     response.text()
//! }
//!
//! let url = "https://api.example.com/v1/files?name=a%20b";
//! let fake = Step::fake()
//!     .file("dist/a.txt", "content")
//!     .secret("token", "s3cr3t", "api.example.com")
//!     .reply("POST", url, Reply::new(201).body("stored"));
//! assert_eq!(upload(&fake.step()).unwrap(), "stored");
//! let request = &fake.requests()[0];
//! assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
//! assert_eq!(request.body, b"content");
//! ```

mod broken;
mod request;
mod response;
mod url;
#[cfg(target_family = "wasm")]
mod wasm;

pub(crate) use self::broken::Broken;
pub(crate) use self::request::{Body, Outgoing};
pub use self::request::{Http, Request};
pub(crate) use self::response::Incoming;
pub use self::response::Response;
#[cfg(not(target_family = "wasm"))]
pub(crate) use self::url::Url;

/// The host as far as it sends requests.
pub(crate) trait Sender {
    /// Sends a request and waits for the head of the response.
    fn send(&self, request: Outgoing) -> Result<Incoming, Broken>;
}
