//! Who turns names into addresses.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The answer of a [`Resolver`], on its way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns names into addresses. It is asked once for each request; what it answers is checked before anything connects.
pub trait Resolver: Send + Sync {
    /// Returns every address of a name, in the order in which they should be tried. `host` is in the form of
    /// [`stepwell_policy::host_name`], and no address.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The resolver of the machine, with its search domains left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            // A dot at the end says that the name is complete.
            let name = if host.contains('.') { format!("{host}.") } else { host.to_owned() };
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
