//! What host and worker say to each other about a call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell_policy::{Grants, HttpGrant, Limits, SecretGrant};
use stepwell_run::{
    Action, EventKind, Failure, FailureKind, Invocation, Level, LimitKind, LimitReached, Marked, Module, Outcome,
    Returned, SecretText, StepPath, Usage, WasmCall,
};
use stepwell_schema::{Clock, Digest, Random, Value};

use super::wire::{Malformed, Reader, Wire, wire_enum, wire_struct};
use crate::form::Form;

/// One call, with what its guest may have and nothing else: no variable, secret or folder that is not granted.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) form: Form,
    module: String,
    digest: Digest,
    step: Vec<(u64, String)>,
    id: String,
    attempt: u32,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    inputs: Vec<Input>,
    grants: Granted,
    /// By name; the text of those that the guest may read.
    secrets: Vec<(String, Option<String>)>,
    pub(super) folders: Vec<FolderUse>,
    pub(super) grace: Duration,
}

/// A folder as the guest of a call sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderUse {
    /// Under which path.
    pub(super) guest_path: String,
    /// Which of the folders that the worker was started with.
    pub(super) index: u32,
    /// Most bytes of growth and most new files, where it may be written to.
    pub(super) quota: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Input {
    name: String,
    value: Value,
    sensitive: bool,
}

/// Grants but for folders, which come opened.
#[derive(Debug)]
struct Granted {
    env: Vec<String>,
    clock: Clock,
    random: Random,
    limits: Limits,
    http: Vec<HttpGrant>,
    secrets: Vec<SecretGrant>,
    capabilities: Vec<String>,
}

impl Call {
    /// Takes what crosses over out of a call.
    pub(super) fn new(
        invocation: &Invocation,
        call: &WasmCall,
        grants: &Grants,
        form: Form,
        folders: Vec<FolderUse>,
        grace: Duration,
    ) -> Self {
        let variable = |name: &String| Some((name.clone(), invocation.environment.get(name)?.clone()));
        Self {
            form,
            module: call.module.name.clone(),
            digest: call.module.digest,
            step: invocation.step.segments().map(|(index, name)| (index as u64, name.to_owned())).collect(),
            id: invocation.id.clone(),
            attempt: invocation.attempt,
            environment: grants.env.iter().filter_map(variable).collect(),
            arguments: call.arguments.clone(),
            inputs: call
                .inputs
                .iter()
                .map(|(name, marked)| Input {
                    name: name.clone(),
                    value: marked.value.clone(),
                    sensitive: marked.sensitive,
                })
                .collect(),
            grants: Granted {
                env: grants.env.clone(),
                clock: grants.clock,
                random: grants.random,
                limits: grants.limits,
                http: grants.http.clone(),
                secrets: grants.secrets.clone(),
                capabilities: grants.capabilities.clone(),
            },
            secrets: secrets(call),
            folders,
            grace,
        }
    }

    /// Returns the invocation as the worker's sandbox takes it.
    pub(super) fn into_invocation(self) -> Invocation {
        let step = self.step.iter().fold(StepPath::job(), |path, (index, name)| {
            path.child(usize::try_from(*index).unwrap_or(usize::MAX), name)
        });
        let granted = self.grants;
        Invocation {
            step,
            id: self.id,
            attempt: self.attempt,
            environment: Arc::new(self.environment.into_iter().collect::<BTreeMap<_, _>>()),
            // Folders come opened; no path of the host is known behind the wall.
            work_dir: "/".into(),
            action: Action::Wasm(WasmCall {
                module: Arc::new(Module { name: self.module, digest: self.digest, bytes: Arc::from([]) }),
                arguments: self.arguments,
                inputs: self
                    .inputs
                    .into_iter()
                    .map(|input| (input.name, Marked { value: input.value, sensitive: input.sensitive }))
                    .collect(),
                function_folder: None,
                grants: Grants {
                    roots: Vec::new(),
                    env: granted.env,
                    clock: granted.clock,
                    random: granted.random,
                    limits: granted.limits,
                    http: granted.http,
                    secrets: granted.secrets,
                    capabilities: granted.capabilities,
                },
                secrets: self
                    .secrets
                    .into_iter()
                    .map(|(name, text)| (name, SecretText::new(text.unwrap_or_default())))
                    .collect(),
            }),
        }
    }

    /// Returns the digest of the module.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the name of the module.
    pub(super) fn module(&self) -> &str {
        &self.module
    }
}

/// Returns the names of the secrets of a call, with the text of those that the guest may read. The others stay with the
/// host, which alone puts them into requests.
fn secrets(call: &WasmCall) -> Vec<(String, Option<String>)> {
    let may_read = |name: &str| call.grants.secrets.iter().any(|grant| grant.name == name && grant.host.is_none());
    let crosses =
        |(name, secret): (&String, &SecretText)| (name.clone(), may_read(name).then(|| secret.reveal().to_owned()));
    call.secrets.iter().map(crosses).collect()
}

/// An event that a guest can cause, besides its streams.
#[derive(Debug)]
pub(super) struct Event(pub(super) EventKind);

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Outcome);

wire_struct!(Call {
    form,
    module,
    digest,
    step,
    id,
    attempt,
    environment,
    arguments,
    inputs,
    grants,
    secrets,
    folders,
    grace,
});
wire_struct!(FolderUse { guest_path, index, quota });
wire_struct!(Input { name, value, sensitive });
wire_struct!(Granted { env, clock, random, limits, http, secrets, capabilities });
wire_struct!(Limits { memory, cpu, wall, log });
wire_struct!(HttpGrant { host, port, methods, paths });
wire_struct!(SecretGrant { name, host });
wire_struct!(Failure { kind, message, causes, hint });
wire_struct!(LimitReached { limit, message });
wire_struct!(Usage { cpu, peak_memory_bytes });
wire_struct!(Returned { outputs, exports });
wire_enum!(Form { Typed = 0, Command = 1, Preview1 = 2 });
wire_enum!(Clock { None = 0, Frozen = 1, Coarse = 2, Real = 3 });
wire_enum!(Random { None = 0, Seeded = 1, Secure = 2 });
wire_enum!(Level { Trace = 0, Debug = 1, Info = 2, Warn = 3, Error = 4 });
wire_enum!(LimitKind { Wall = 0, Cpu = 1, Memory = 2, Stack = 3, Message = 4 });
wire_enum!(FailureKind {
    InvalidInput = 0,
    Failed = 1,
    Unavailable = 2,
    Denied = 3,
    Cancelled = 4,
    Internal = 5,
});

impl Wire for Digest {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            *byte = u8::take(from)?;
        }
        Ok(Self::from_bytes(bytes))
    }
}

impl Wire for Event {
    fn put(&self, to: &mut Vec<u8>) {
        match &self.0 {
            EventKind::Record { level, message, fields } => {
                to.push(0);
                level.put(to);
                message.put(to);
                fields.put(to);
            }
            EventKind::GroupOpened { title } => {
                to.push(1);
                title.put(to);
            }
            EventKind::GroupClosed => to.push(2),
            EventKind::Progress { done, total, label } => {
                to.push(3);
                done.put(to);
                total.put(to);
                label.put(to);
            }
            EventKind::Warning { message, .. } => {
                to.push(4);
                message.put(to);
            }
            EventKind::Denied { capability, asked } => {
                to.push(5);
                capability.put(to);
                asked.put(to);
            }
            // No guest causes these; where one did it would say nothing.
            EventKind::Log { .. }
            | EventKind::Transition { .. }
            | EventKind::Prepared(_)
            | EventKind::Decided(_)
            | EventKind::Busy { .. }
            | EventKind::BusyOver => to.push(u8::MAX),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(match u8::take(from)? {
            0 => EventKind::Record { level: Wire::take(from)?, message: Wire::take(from)?, fields: Wire::take(from)? },
            1 => EventKind::GroupOpened { title: Wire::take(from)? },
            2 => EventKind::GroupClosed,
            3 => EventKind::Progress { done: Wire::take(from)?, total: Wire::take(from)?, label: Wire::take(from)? },
            4 => EventKind::Warning { message: Wire::take(from)?, place: None },
            5 => EventKind::Denied { capability: Wire::take(from)?, asked: Wire::take(from)? },
            _ => return Err(Malformed),
        }))
    }
}

impl Wire for Ended {
    fn put(&self, to: &mut Vec<u8>) {
        match &self.0 {
            Outcome::Returned(returned, usage) => {
                to.push(0);
                returned.put(to);
                usage.put(to);
            }
            Outcome::Failed(failure, usage) => {
                to.push(1);
                failure.put(to);
                usage.put(to);
            }
            Outcome::LimitReached(limit, usage) => {
                to.push(2);
                limit.put(to);
                usage.put(to);
            }
            Outcome::Cancelled => to.push(3),
            Outcome::EngineError { message } => {
                to.push(4);
                message.put(to);
            }
            // Native commands never run in a worker.
            Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NotStarted { .. } => to.push(u8::MAX),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(match u8::take(from)? {
            0 => Outcome::Returned(Wire::take(from)?, Wire::take(from)?),
            1 => Outcome::Failed(Wire::take(from)?, Wire::take(from)?),
            2 => Outcome::LimitReached(Wire::take(from)?, Wire::take(from)?),
            3 => Outcome::Cancelled,
            4 => Outcome::EngineError { message: Wire::take(from)? },
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::hello::{Hello, Standing};
    use crate::worker::wire::{from_bytes, to_bytes};

    fn call(secrets: &[(&str, Option<&str>)]) -> WasmCall {
        WasmCall {
            module: Arc::new(Module { name: "m.wasm".to_owned(), digest: Digest::of(b"m"), bytes: Arc::from(*b"m") }),
            arguments: vec!["-v".to_owned()],
            inputs: vec![("a".to_owned(), Marked::sensitive(Value::Number(0.1)))],
            function_folder: Some("/secret/place".into()),
            grants: Grants {
                env: vec!["CI".to_owned()],
                secrets: secrets
                    .iter()
                    .map(|(name, host)| SecretGrant { name: (*name).to_owned(), host: host.map(str::to_owned) })
                    .collect(),
                ..Grants::default()
            },
            secrets: ["read", "send", "other"]
                .map(|name| (name.to_owned(), SecretText::new(format!("text-of-{name}"))))
                .into(),
        }
    }

    fn invocation() -> Invocation {
        let environment = [("CI", "true"), ("TOKEN", "not-granted")];
        Invocation {
            step: StepPath::job().child(0, "a").child(3, "b"),
            id: "i".to_owned(),
            attempt: 2,
            environment: Arc::new(environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            work_dir: "/srv/work".into(),
            action: Action::Script { text: String::new() },
        }
    }

    #[test]
    fn only_what_is_granted_crosses_over() {
        let given = call(&[("read", None), ("send", Some("example.com"))]);
        let bytes =
            to_bytes(&Call::new(&invocation(), &given, &given.grants, Form::Typed, Vec::new(), Duration::from_secs(1)));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("text-of-read"));
        for kept in ["text-of-send", "text-of-other", "not-granted", "/srv/work", "/secret/place"] {
            assert!(!text.contains(kept), "{kept}");
        }
    }

    #[test]
    fn a_call_comes_back_as_it_was() {
        let folder = FolderUse { guest_path: "/work".to_owned(), index: 1, quota: Some((2, 3)) };
        let given = call(&[]);
        let bytes = to_bytes(&Call::new(
            &invocation(),
            &given,
            &given.grants,
            Form::Command,
            vec![folder.clone()],
            Duration::from_secs(1),
        ));
        let back: Call = from_bytes(&bytes).unwrap();
        assert_eq!((back.form, &*back.folders, back.digest()), (Form::Command, &[folder][..], Digest::of(b"m")));
        let back = back.into_invocation();
        assert_eq!((back.step, back.attempt), (invocation().step, 2));
        let Action::Wasm(back) = back.action else { panic!("not a call") };
        assert_eq!((back.inputs, back.arguments), (given.inputs, given.arguments));
    }

    /// What a worker and its host say, each kind of it.
    fn messages() -> Vec<Vec<u8>> {
        let given = call(&[("read", None)]);
        let folders = vec![FolderUse { guest_path: "/work".to_owned(), index: 1, quota: None }];
        let call = Call::new(&invocation(), &given, &given.grants, Form::Typed, folders, Duration::from_secs(1));
        let text = || "text".to_owned();
        let events = [
            EventKind::Record { level: Level::Warn, message: text(), fields: vec![(text(), text())] },
            EventKind::GroupOpened { title: text() },
            EventKind::GroupClosed,
            EventKind::Progress { done: 1, total: Some(2), label: text() },
            EventKind::Warning { message: text(), place: None },
            EventKind::Denied { capability: text(), asked: text() },
        ];
        let usage = Usage { cpu: Some(Duration::from_millis(3)), peak_memory_bytes: Some(1) };
        let deep = Value::Struct([("a".to_owned(), Value::Array(vec![Value::Number(1.0), Value::from("b")]))].into());
        let returned = Returned { outputs: vec![(text(), deep)], exports: vec![(text(), text())] };
        let failure = Failure { kind: FailureKind::Denied, message: text(), causes: vec![text()], hint: Some(text()) };
        let ends = [
            Outcome::Returned(returned, usage),
            Outcome::Failed(failure, usage),
            Outcome::LimitReached(LimitReached { limit: LimitKind::Stack, message: text() }, usage),
            Outcome::Cancelled,
            Outcome::EngineError { message: text() },
        ];
        let events = events.map(|event| to_bytes(&Event(event)));
        let ends = ends.map(|outcome| to_bytes(&Ended(outcome)));
        [vec![to_bytes(&call)], events.into(), ends.into()].concat()
    }

    /// Reads bytes as a message, whatever they are. One that is read is written and read again as the same.
    fn read<T: Wire>(bytes: &[u8]) -> bool {
        let Ok(message) = from_bytes::<T>(bytes) else { return false };
        let written = to_bytes(&message);
        let again = from_bytes::<T>(&written).map(|message| to_bytes(&message));
        assert_eq!(again, Ok(written));
        true
    }

    const READERS: [fn(&[u8]) -> bool; 5] =
        [read::<Call>, read::<Event>, read::<Ended>, read::<Hello>, read::<Standing>];

    proptest::proptest! {
        #[test]
        fn damaged_messages_are_read_or_refused(
            which: proptest::sample::Index, at: proptest::sample::Index, end: proptest::sample::Index, byte: u8
        ) {
            let mut bytes = which.get(&messages()).clone();
            *at.get_mut(&mut bytes) = byte;
            READERS.iter().for_each(|read| { read(&bytes); });
            bytes.truncate(end.index(bytes.len()));
            READERS.iter().for_each(|read| { read(&bytes); });
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            READERS.iter().for_each(|read| { read(&bytes); });
        }
    }

    #[test]
    fn every_message_is_read() {
        assert!(messages().iter().all(|bytes| READERS.iter().any(|read| read(bytes))));
    }

    #[test]
    fn what_no_guest_causes_is_no_message() {
        let transition = EventKind::Busy { what: String::new() };
        assert!(from_bytes::<Event>(&to_bytes(&Event(transition))).is_err());
        assert!(from_bytes::<Ended>(&to_bytes(&Ended(Outcome::Exited { code: 0 }))).is_err());
    }

    #[test]
    fn ends_come_back_as_they_were() {
        let usage = Usage { cpu: Some(Duration::from_millis(3)), peak_memory_bytes: None };
        let returned = Returned { outputs: vec![("a".to_owned(), Value::Null)], exports: Vec::new() };
        let Ended(back) = from_bytes(&to_bytes(&Ended(Outcome::Returned(returned.clone(), usage)))).unwrap();
        assert!(matches!(back, Outcome::Returned(found, used) if found == returned && used == usage));
    }
}
