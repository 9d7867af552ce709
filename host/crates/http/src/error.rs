//! Why a request has no response.

use std::borrow::Cow;
use std::net::IpAddr;

/// Why a request has no response, or its response no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A rule was broken: nothing was sent. Worth a line of the audit log.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It was allowed, and did not work.
    #[error(transparent)]
    Failed(#[from] Failed),
}

/// The rule that a request broke. **Trust:** texts are the guest's; secrets are never among them, names of secrets are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The address of the request is not one that can be checked.
    #[error("the address {problem}")]
    Address {
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// No grant names the host.
    #[error("no grant names the host `{host}`")]
    Host {
        /// In its normal form.
        host: String,
    },
    /// Grants name the host with other ports.
    #[error("no grant for `{host}` names the port {port}")]
    Port {
        /// In its normal form.
        host: String,
        /// The port.
        port: u16,
    },
    /// Grants name the host and port with other methods, or nobody may use the method.
    #[error("no grant for `{host}` names the method `{method}`")]
    Method {
        /// In its normal form.
        host: String,
        /// As the guest wrote it.
        method: String,
    },
    /// Grants name the host, port and method with other paths.
    #[error("no grant for `{host}` covers the path `{path}`")]
    Path {
        /// In its normal form.
        host: String,
        /// As the guest wrote it, without the query.
        path: String,
    },
    /// `http` where only `https` is spoken.
    #[error("`http` is spoken at port 80 and with addresses that the operator allows by name; use `https`")]
    Plain,
    /// The name stands for an address that is not public.
    #[error("`{host}` stands for {address}, which is not public ({range})")]
    NotPublic {
        /// In its normal form.
        host: String,
        /// The first such address.
        address: IpAddr,
        /// The name of its range.
        range: Cow<'static, str>,
    },
    /// A header that only the host sets, or one that cannot be read in one way only.
    #[error("the header `{name}` is not the step's to set")]
    Header {
        /// In small letters.
        name: String,
    },
    /// The headers are larger than the operator allows.
    #[error("the headers have more than {limit} bytes")]
    HeadersTooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// The request has trailers. None are sent.
    #[error("trailers are not sent")]
    Trailers,
    /// A placeholder, or what looks like one, in another place than as the whole value of a header.
    #[error("a placeholder of a secret stands in {place}")]
    Placeholder {
        /// Where it stands.
        place: Cow<'static, str>,
    },
    /// A secret on its way to another host than that of its grant.
    #[error("the secret `{secret}` is not for `{host}`")]
    SecretElsewhere {
        /// Its name.
        secret: String,
        /// In its normal form.
        host: String,
    },
    /// A secret on its way over a connection that others can read.
    #[error("the secret `{secret}` is sent over `https` only")]
    SecretInClear {
        /// Its name.
        secret: String,
    },
    /// A secret with a line end or another character that no header can carry.
    #[error("the secret `{secret}` has characters that no header can carry")]
    SecretUnfit {
        /// Its name.
        secret: String,
    },
}

/// What went wrong with an allowed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The name stands for nothing, or the resolver did not answer.
    #[error("the name of the host cannot be resolved")]
    Name,
    /// Nobody takes connections there.
    #[error("no connection can be made")]
    Connect,
    /// The other side cannot show who it is, or does not speak TLS.
    #[error("the connection is not secure: {cause}")]
    Tls {
        /// What is wrong.
        cause: String,
    },
    /// It took longer than it may.
    #[error("the request took longer than it may")]
    Time,
    /// The body of the request is larger than the operator allows.
    #[error("the body of the request has more than {limit} bytes")]
    RequestTooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// The headers of the response are larger than the operator allows.
    #[error("the headers of the response have more than {limit} bytes")]
    HeadersTooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// The body of the response is larger than the operator allows.
    #[error("the body of the response has more than {limit} bytes")]
    ResponseTooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// The other side does not speak HTTP, or broke off.
    #[error("the exchange broke off")]
    Protocol,
    /// The host itself is at fault.
    #[error("the request cannot be made")]
    Internal,
}
