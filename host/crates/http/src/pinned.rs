//! Names that stand for addresses found and checked before.

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// One name and its addresses, for the connector. Any other name stands for nothing, so that nothing can be looked up
/// a second time.
pub(crate) struct Pinned {
    pub(crate) host: String,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let found = name.as_str() == self.host;
        // The connector puts the port in.
        let addresses: Vec<_> = self.addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move {
            if found {
                Ok(Box::new(addresses.into_iter()) as Addrs)
            } else {
                Err(io::Error::other("the name was not resolved").into())
            }
        })
    }
}
