//! Asking a server for objects and writing them into a repository. Source: `gitprotocol-pack`, "Packfile Negotiation".
//!
//! Nothing is there beforehand, so there is nothing to negotiate: one request says what is wanted and that this is all.

use std::io::Write;

use git2::{Oid, Repository};
use stepwell_plan::FetchError;

use super::advertisement::Advertisement;
use super::excerpt::excerpt_of_bytes;
use super::failure::Failure;
use super::http::{Endpoint, Http};
use super::packets::{Packet, Packets, write_line};

/// How much of the history is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// The commits themselves.
    None,
    /// All that can be reached from them.
    All,
}

/// Fetches objects and what hangs below them into a repository.
pub(crate) async fn fetch(
    http: &Http<'_>,
    endpoint: &Endpoint,
    advertisement: &Advertisement,
    wanted: &[Oid],
    history: History,
    repository: &Repository,
) -> Result<(), Failure> {
    let body = request(advertisement, wanted, history);
    let response = http.upload(endpoint, body).await?;
    let mut packets = Packets::new(response, http.watch);
    skip_to_pack(&mut packets).await?;
    let odb = repository.odb()?;
    let mut pack = odb.packwriter()?;
    let watch = http.watch;
    pack.progress(|progress| {
        watch.count_objects(progress.received_objects(), progress.total_objects());
        watch.check().is_ok()
    });
    let has_bands = advertisement.has("side-band-64k") || advertisement.has("side-band");
    while let Some(data) = next_of_pack(&mut packets, has_bands).await? {
        if pack.write_all(&data).is_err() {
            return Err(pack_failure(http, &git2::Error::last_error(-1)));
        }
    }
    pack.commit().map_err(|error| pack_failure(http, &error))?;
    Ok(())
}

fn pack_failure(http: &Http<'_>, error: &git2::Error) -> Failure {
    match http.watch.check() {
        Err(ended) => ended,
        Ok(()) => Failure::protocol(format!("its pack is damaged: {}", super::excerpt::excerpt(error.message()))),
    }
}

fn request(advertisement: &Advertisement, wanted: &[Oid], history: History) -> Vec<u8> {
    // Acknowledgements never come, but some servers insist that they would be understood.
    let preferred = [["multi_ack_detailed", "multi_ack"], ["side-band-64k", "side-band"], ["ofs-delta", "no-progress"]];
    let mut capabilities = String::new();
    for (index, group) in preferred.iter().enumerate() {
        let alternatives = index < 2;
        let mut offered = group.iter().filter(|capability| advertisement.has(capability));
        let chosen: Vec<_> = if alternatives { offered.next().into_iter().collect() } else { offered.collect() };
        for capability in chosen {
            capabilities.push(' ');
            capabilities.push_str(capability);
        }
    }
    let mut body = Vec::new();
    for (index, id) in wanted.iter().enumerate() {
        let capabilities = if index == 0 { capabilities.as_str() } else { "" };
        write_line(&format!("want {id}{capabilities}\n"), &mut body);
    }
    if history == History::None && advertisement.has("shallow") {
        write_line("deepen 1\n", &mut body);
    }
    body.extend_from_slice(b"0000");
    write_line("done\n", &mut body);
    body
}

/// Reads up to the line that says that nothing is in common: behind it comes the pack.
pub(super) async fn skip_to_pack(packets: &mut Packets<'_>) -> Result<(), Failure> {
    loop {
        match packets.next().await? {
            Packet::Data(line) if line.starts_with(b"NAK") => return Ok(()),
            // Where the history was cut off, and the end of that list.
            Packet::Data(line) if line.starts_with(b"shallow ") || line.starts_with(b"unshallow ") => {}
            Packet::Flush => {}
            Packet::Data(_) => return Err(Failure::protocol("an unknown line stands before the pack")),
        }
    }
}

/// Returns the next piece of the pack; none at its end.
pub(super) async fn next_of_pack(packets: &mut Packets<'_>, has_bands: bool) -> Result<Option<Vec<u8>>, Failure> {
    if has_bands { next_of_band(packets).await } else { packets.raw().await }
}

/// Returns the next piece of the pack; none at its end. What the server tells people is left out.
async fn next_of_band(packets: &mut Packets<'_>) -> Result<Option<Vec<u8>>, Failure> {
    loop {
        let Packet::Data(mut data) = packets.next().await? else { return Ok(None) };
        match data.first() {
            Some(1) => {
                data.remove(0);
                return Ok(Some(data));
            }
            Some(2) => {}
            Some(3) => return Err(FetchError::Refused(excerpt_of_bytes(&data[1..])).into()),
            _ => return Err(Failure::protocol("a piece of the pack has no valid number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advertisement(capabilities: &[&str]) -> Advertisement {
        let capabilities = capabilities.iter().map(|&capability| capability.to_owned()).collect();
        Advertisement { capabilities, ..Advertisement::default() }
    }

    #[test]
    fn requests() {
        let ids = ["1".repeat(40), "2".repeat(40)].map(|id| Oid::from_str(&id).unwrap());
        let text = |capabilities: &[&str], history| {
            String::from_utf8(request(&advertisement(capabilities), &ids, history)).unwrap()
        };
        let all =
            ["multi_ack", "thin-pack", "side-band", "side-band-64k", "ofs-delta", "shallow", "multi_ack_detailed"];
        let first = format!("want {} multi_ack_detailed side-band-64k ofs-delta\n", ids[0]);
        let expected = format!("{:04x}{first}0032want {}\n000ddeepen 1\n00000009done\n", first.len() + 4, ids[1]);
        assert_eq!(text(&all, History::None), expected);
        let expected = format!("0032want {}\n0032want {}\n00000009done\n", ids[0], ids[1]);
        assert_eq!(text(&[], History::None), expected);
        assert!(!text(&all, History::All).contains("deepen"));
    }
}
