//! A door for the fuzz targets, which see nothing that is private: what reads the bytes of servers, of other people's
//! repositories and of the cache. It is there only where a build is one for fuzzing.

use reqwest::Response;
use stepwell_plan::FetchError;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::advertisement::Advertisement;
use super::failure::Failure;
use super::links;
use super::manifest::Manifest;
use super::packets::Packets;
use super::settings::GitSettings;
use super::tree::{Entry, Listing};
use super::upload_pack;
use super::watch::Watch;

/// What a server says it has.
#[derive(Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Its capabilities, as they are written.
    pub capabilities: Vec<String>,
    /// All names, each once and sorted.
    pub names: Vec<String>,
    /// All objects that a name stands for, each once.
    pub objects: usize,
    /// The tags and branches that a message lists.
    pub known: Vec<String>,
}

/// Reads the answer of a server to the first request.
///
/// # Errors
/// The answer is not one of a git server, ends too early, or refuses.
pub async fn advertisement(answer: Response) -> Result<Advertised, FetchError> {
    let watch = watch();
    let mut packets = Packets::new(answer, &watch);
    let advertisement = Advertisement::read(&mut packets).await.map_err(cause)?;
    let known = advertisement.known();
    Ok(Advertised {
        names: advertisement.names.keys().cloned().collect(),
        objects: advertisement.all().len(),
        known: known.tags.into_iter().chain(known.branches).collect(),
        capabilities: advertisement.capabilities,
    })
}

/// Reads the answer of a server to the request for objects up to its end, and returns the bytes of the pack.
///
/// # Errors
/// The answer is not one of a git server, ends too early, or refuses.
pub async fn pack(answer: Response, has_bands: bool) -> Result<Vec<u8>, FetchError> {
    let watch = watch();
    let mut packets = Packets::new(answer, &watch);
    upload_pack::skip_to_pack(&mut packets).await.map_err(cause)?;
    let mut pack = Vec::new();
    while let Some(data) = upload_pack::next_of_pack(&mut packets, has_bands).await.map_err(cause)? {
        pack.extend(data);
    }
    Ok(pack)
}

/// Reads the list of a tree, and returns how many entries it has and the list that is written of them; none if it is not
/// one of ours.
pub fn manifest(text: &str) -> Option<(usize, String)> {
    let manifest = Manifest::parse(text)?;
    let entries = manifest.entries.len();
    assert!(manifest.submodules().count() <= entries);
    let _ = (manifest.folders(), manifest.bytes());
    Some((entries, manifest.to_text()))
}

/// Reads an address; returns how it is shown and whether it holds credentials.
///
/// # Errors
/// The address cannot be used.
pub fn address(text: &str) -> Result<(String, bool), FetchError> {
    Ok(match Address::parse(text)? {
        address @ Address::Local(_) => (address.to_string(), false),
        Address::Remote(remote) => (remote.to_string(), remote.credentials.is_some()),
    })
}

/// Checks the links of a tree that holds nothing else. Paths are relative, without empty parts, `.` and `..`.
///
/// # Errors
/// The path of the first link that leads out of the tree or has no valid target, with what is wrong.
pub fn check_links(links: &[(&[u8], &[u8])]) -> Result<(), (Vec<u8>, &'static str)> {
    let link = |(path, target): &(&[u8], &[u8])| (path.to_vec(), Entry::Link { target: target.to_vec() });
    links::check(&Listing { entries: links.iter().map(link).collect() })
}

fn watch() -> Watch {
    Watch::new(&GitSettings::new("/nowhere"), String::new(), CancellationToken::new(), None)
}

/// Nothing else than a fetch can fail here.
fn cause(failure: Failure) -> FetchError {
    match failure {
        Failure::Fetch(cause) => cause,
        other @ (Failure::Unknown { .. } | Failure::Absent | Failure::Cancelled) => panic!("no answer says {other:?}"),
    }
}
