//! What a server says it has: names and the commits they stand for. Source: `gitprotocol-pack`, "Reference Discovery".

use std::collections::BTreeMap;

use git2::Oid;
use stepwell_plan::{FetchLimit, KnownRevisions};

use super::failure::Failure;
use super::packets::{Packet, Packets};

/// Largest list of names, in bytes: about a million names, ten times what the largest projects have. It is kept in
/// memory for as long as the job runs.
const MAX_LIST_BYTES: u64 = 128 << 20;

const SERVICE_LINE: &[u8] = b"# service=git-upload-pack";
const TAGS: &str = "refs/tags/";
const BRANCHES: &str = "refs/heads/";
/// Behind the name of an annotated tag, for what the tag is of.
const PEELED: &str = "^{}";
/// The name in the list of a repository that has none.
const NO_NAMES: &str = "capabilities^{}";

/// What a server says it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advertisement {
    pub(super) capabilities: Vec<String>,
    pub(super) names: BTreeMap<String, Name>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    id: Oid,
    /// What an annotated tag is of.
    peeled: Option<Oid>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// What to ask the server for: the tag, if it is an annotated one.
    pub(crate) want: Oid,
    /// The commit.
    pub(crate) commit: Oid,
}

impl Advertisement {
    /// Reads the answer to the first request.
    pub(crate) async fn read(packets: &mut Packets<'_>) -> Result<Self, Failure> {
        let Packet::Data(service) = packets.next().await? else {
            return Err(Failure::protocol("it names no service"));
        };
        if service.trim_ascii_end() != SERVICE_LINE || packets.next().await? != Packet::Flush {
            return Err(Failure::protocol("it names another service"));
        }
        let mut advertisement = Self::default();
        let mut bytes = 0_u64;
        let mut is_first = true;
        while let Packet::Data(line) = packets.next().await? {
            bytes += line.len() as u64;
            if bytes > MAX_LIST_BYTES {
                return Err(Failure::over(FetchLimit::ReceivedBytes, MAX_LIST_BYTES));
            }
            advertisement.add(&line, is_first)?;
            is_first = false;
        }
        match advertisement.capability("object-format=") {
            Some(format) if format != "sha1" => Err(Failure::protocol("its object format is not `sha1`")),
            _ => Ok(advertisement),
        }
    }

    /// Takes in one line: `ID NAME`, on the first with the capabilities behind a NUL.
    fn add(&mut self, line: &[u8], is_first: bool) -> Result<(), Failure> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        // A repository that is itself a shallow copy says so, which changes nothing here.
        if line.starts_with(b"shallow ") {
            return Ok(());
        }
        let (line, capabilities) = match line.iter().position(|byte| *byte == 0) {
            Some(end) if is_first => (&line[..end], String::from_utf8_lossy(&line[end + 1..]).into_owned()),
            Some(_) => return Err(Failure::protocol("a name holds a NUL")),
            None => (line, String::new()),
        };
        self.capabilities.extend(capabilities.split_ascii_whitespace().map(str::to_owned));
        // A name that is not UTF-8 cannot be written in a reference, but its commit can.
        let line = String::from_utf8_lossy(line);
        let (id, name) = line.split_once(' ').unwrap_or_default();
        let is_id = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = Oid::from_str(id).ok().filter(|_| is_id).ok_or_else(|| Failure::protocol("a line names no object"))?;
        if name == NO_NAMES {
            return Ok(());
        }
        match name.strip_suffix(PEELED) {
            Some(tag) => {
                if let Some(tag) = self.names.get_mut(tag) {
                    tag.peeled = Some(id);
                }
            }
            None => {
                self.names.insert(name.to_owned(), Name { id, peeled: None });
            }
        }
        Ok(())
    }

    /// Returns the commit that a tag of this exact name is of.
    pub(crate) fn tag(&self, name: &str) -> Option<Tip> {
        self.names.get(&format!("{TAGS}{name}")).map(Name::tip)
    }

    /// Returns the newest commit of a branch of this exact name.
    pub(crate) fn branch(&self, name: &str) -> Option<Tip> {
        self.names.get(&format!("{BRANCHES}{name}")).map(Name::tip)
    }

    /// Returns every object that a name stands for, each once.
    pub(crate) fn all(&self) -> Vec<Oid> {
        let mut all: Vec<Oid> = self.names.values().map(|name| name.id).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns how to ask for a commit that some name stands for.
    pub(crate) fn tip(&self, commit: Oid) -> Option<Tip> {
        self.names.values().map(Name::tip).find(|tip| tip.commit == commit)
    }

    /// Tells whether the server gives any commit that is asked for by its id.
    pub(crate) fn gives_any_commit(&self) -> bool {
        self.has("allow-reachable-sha1-in-want") || self.has("allow-any-sha1-in-want")
    }

    pub(crate) fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    fn capability(&self, prefix: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|known| known.strip_prefix(prefix))
    }

    /// Returns the names for a message.
    pub(crate) fn known(&self) -> KnownRevisions {
        let of = |prefix: &str| {
            let names = self.names.keys().filter_map(|name| name.strip_prefix(prefix));
            names.take(KnownRevisions::MAX_NAMES).map(super::excerpt::excerpt).collect()
        };
        KnownRevisions { tags: of(TAGS), branches: of(BRANCHES), candidates: Vec::new() }
    }
}

impl Name {
    fn tip(&self) -> Tip {
        Tip { want: self.id, commit: self.peeled.unwrap_or(self.id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn read(lines: &[String]) -> Result<Advertisement, Failure> {
        let mut advertisement = Advertisement::default();
        for (index, line) in lines.iter().enumerate() {
            advertisement.add(line.as_bytes(), index == 0)?;
        }
        Ok(advertisement)
    }

    #[test]
    fn names_and_capabilities() {
        let advertisement = read(&[
            format!("{ONE} HEAD\0shallow agent=git/2.39\n"),
            format!("{ONE} refs/heads/main\n"),
            format!("{ONE} refs/tags/light\n"),
            format!("{TWO} refs/tags/annotated\n"),
            format!("{ONE} refs/tags/annotated^{{}}\n"),
        ])
        .unwrap();
        let (one, two) = (Oid::from_str(ONE).unwrap(), Oid::from_str(TWO).unwrap());
        assert!(advertisement.has("shallow"));
        let tip = |want, commit| Some(Tip { want, commit });
        assert_eq!(advertisement.branch("main"), tip(one, one));
        assert_eq!(advertisement.tag("light"), tip(one, one));
        assert_eq!(advertisement.tag("annotated"), tip(two, one));
        assert_eq!((advertisement.tip(one).map(|tip| tip.commit), advertisement.tip(two)), (Some(one), None));
        assert_eq!(advertisement.all(), [one, two]);
        for unknown in ["HEAD", "refs/heads/main", "mai", "", ".git"] {
            assert_eq!((advertisement.tag(unknown), advertisement.branch(unknown)), (None, None), "{unknown}");
        }
        let known = advertisement.known();
        assert_eq!((known.tags.join(" "), known.branches.join(" ")), ("annotated light".into(), "main".into()));
    }

    #[test]
    fn a_repository_without_names() {
        let zero = "0".repeat(40);
        let advertisement = read(&[format!("{zero} capabilities^{{}}\0side-band-64k\n")]).unwrap();
        assert!(advertisement.all().is_empty());
        assert!(advertisement.has("side-band-64k"));
    }

    #[test]
    fn lines_that_are_none() {
        for line in ["", "main", "12 refs/heads/main", &"z".repeat(50), &format!("{ONE}refs/heads/main")] {
            assert!(read(&[line.to_owned()]).is_err(), "{line:?}");
        }
        assert!(read(&[format!("{ONE} a\0"), format!("{ONE} b\0c")]).is_err());
    }
}
