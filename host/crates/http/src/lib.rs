//! Outgoing requests of steps.
//!
//! **In:** a request of a guest and what its step was granted. **Out:** the response, or which rule refused it.
//! **Refuses to know:** who made the request, and how it crosses the border of a guest.
//!
//! May use: policy.

#![forbid(unsafe_code)]
