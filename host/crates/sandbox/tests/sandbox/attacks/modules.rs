//! Modules written by hand: what no compiler makes.

use std::fmt::Write as _;

use stepwell_run::LimitKind;

use super::driver::{Attack, CORE, Class, TYPED, bytes};
use crate::support::guest;

const CPU_MILLISECONDS: u64 = 100;

fn assembled(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A core module: what stands before `_start`, and what `_start` does.
fn core(title: &str, fields: &str, start: &str) -> Attack {
    bytes(title, CORE, assembled(&format!("(module {fields} (func (export \"_start\") {start}))")))
}

/// A typed step of one core module, whose functions are given as bodies. `run` returns where its result is.
struct Typed<'a> {
    fields: &'a str,
    run: &'a str,
    realloc: &'a str,
    post: &'a str,
}

/// Takes inputs and returns an empty completion: the memory is zeros, and zeros are one.
const WELL: Typed<'_> = Typed { fields: "", run: "i32.const 0", realloc: "i32.const 1024", post: "" };

impl Typed<'_> {
    fn attack(&self, title: &str) -> Attack {
        bytes(title, TYPED, assembled(&self.text()))
    }

    fn text(&self) -> String {
        let Self { fields, run, realloc, post } = self;
        format!(
            r#"(component
            (import "stepwell:step/types@0.1.0" (instance $types
                (type $value' (variant (case "null") (case "boolean" bool) (case "number" f64) (case "text" string) (case "json" string)))
                (export "value" (type $value (eq $value')))
                (type $item' (record (field "name" string) (field "value" $value)))
                (export "item" (type $item (eq $item')))
                (type $completion' (record (field "outputs" (list $item)) (field "exports" (list (tuple string string)))))
                (export "completion" (type $completion (eq $completion')))
                (type $kind' (enum "invalid-input" "failed" "unavailable" "denied" "cancelled" "internal"))
                (export "failure-kind" (type $kind (eq $kind')))
                (type $failure' (record (field "kind" $kind) (field "message" string) (field "causes" (list string)) (field "hint" (option string))))
                (export "failure" (type $failure (eq $failure')))))
            (alias export $types "item" (type $item))
            (alias export $types "completion" (type $completion))
            (alias export $types "failure" (type $failure))
            (core module $code
                (memory (export "memory") 2)
                (data (i32.const 65536) "\ff\fe\80\c0")
                {fields}
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func $run (export "run") (param i32 i32) (result i32) {run})
                (func (export "post") (param i32) {post}))
            (core instance $code (instantiate $code))
            (func $run (param "inputs" (list $item)) (result (result $completion (error $failure)))
                (canon lift (core func $code "run") (memory $code "memory") (realloc (func $code "realloc"))
                    (post-return (func $code "post"))))
            (export "run" (func $run))
            (@custom "step-spec" "{{\22abi\22:\22stepwell:step@0.1\22}}"))"#
        )
    }
}

/// Bodies that store words of 32 bits, then return 0, which is where they are.
fn stored(words: &[(u32, u32)]) -> String {
    let mut text = String::new();
    for (at, word) in words {
        let _ = write!(text, "(i32.store (i32.const {at}) (i32.const {}))", word.cast_signed());
    }
    text + "i32.const 0"
}

const LOOP: &str = "(loop br 0) unreachable";

pub(super) fn loops() -> Vec<Attack> {
    let spinning = |attack: Attack| attack.cpu(CPU_MILLISECONDS);
    let given = |attack: Attack| spinning(attack).with(|call| call.input("text", "something to allocate"));
    vec![
        WELL.attack("(well-behaved)").is(Class::Harmless),
        spinning(Typed { run: LOOP, ..WELL }.attack("loop in run")),
        given(Typed { realloc: LOOP, ..WELL }.attack("loop in cabi_realloc")),
        spinning(Typed { post: "(loop br 0)", ..WELL }.attack("loop in post-return")),
        spinning(Typed { fields: "(func $s (loop br 0)) (start $s)", ..WELL }.attack("loop in the start function")),
        spinning(core(
            "loop in the start function",
            "(func $s (loop br 0)) (start $s) (memory (export \"memory\") 1)",
            "",
        )),
        spinning(core("loop in _start", "", "(loop br 0)")),
        core("loop in the start function, by the wall", "(func $s (loop br 0)) (start $s)", "").wall(100),
    ]
}

pub(super) fn memories() -> Vec<Attack> {
    let limit = Class::Limit(LimitKind::Memory);
    let grow = "(drop (memory.grow (i32.const 65535)))";
    vec![
        core("memory.grow past everything, then trap", "(memory 1)", &format!("{grow} unreachable")).is(limit),
        core("memory.grow past everything", "(memory 1)", grow).is(Class::Harmless),
        core("memory of 4 GiB to begin with", "(memory 65536)", "").is(limit),
        core("memory of 257 MiB to begin with", "(memory 4112)", "").is(limit),
        core("table.grow past everything", "(table 1 funcref)", "(drop (table.grow (ref.null func) (i32.const -1)))")
            .is(Class::Harmless),
        core("table of ten million", "(table 10000000 funcref)", "").is(Class::NotLoaded),
        core("two memories", "(memory 1) (memory 1)", "").ends_as(&[Class::NotLoaded, Class::Internal]),
        core("five tables", &"(table 1 funcref)".repeat(5), "").ends_as(&[Class::NotLoaded, Class::Internal]),
        core("64-bit memory", "(memory i64 1)", "").is(Class::NotLoaded),
        core("shared memory", "(memory 1 1 shared)", "").is(Class::NotLoaded),
        bytes("five components with a memory each", TYPED, many_memories(5)).is(Class::Internal),
    ]
}

fn many_memories(count: usize) -> Vec<u8> {
    let mut more = String::new();
    for number in 0..count {
        let _ = write!(more, "(core module $m{number} (memory 1)) (core instance (instantiate $m{number}))");
    }
    assembled(&WELL.text().replacen("(core instance $code", &format!("{more} (core instance $code"), 1))
}

pub(super) fn recursion() -> Attack {
    Typed { run: "(call $run (local.get 0) (local.get 1))", ..WELL }
        .attack("run calls itself")
        .is(Class::Limit(LimitKind::Stack))
}

/// A list of values that all lie in the same place: short for the guest, long for the host.
pub(super) fn lists() -> Vec<Attack> {
    let limit = Class::Limit(LimitKind::Message);
    let beyond = &[Class::Internal, limit];
    // Items of 24 bytes from 1024 on, each with a text of 60,000 bytes in the same place.
    let overlapping = "(local $at i32) (local.set $at (i32.const 1024))
        (loop
            (i32.store8 offset=8 (local.get $at) (i32.const 3))
            (i32.store offset=16 (local.get $at) (i32.const 65600))
            (i32.store offset=20 (local.get $at) (i32.const 60000))
            (local.set $at (i32.add (local.get $at) (i32.const 24)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 60000))))";
    let overlapping = format!("{overlapping} {}", stored(&[(4, 1024), (8, 2_400)]));
    vec![
        Typed { run: &overlapping, ..WELL }.attack("2,400 texts of 60,000 bytes in the same place").is(limit),
        Typed { run: &stored(&[(4, 0), (8, 5_000)]), ..WELL }.attack("5,000 outputs in the same place").ends_as(beyond),
        Typed { run: &stored(&[(4, 1024), (8, 0x7fff_ffff)]), ..WELL }.attack("a list of 2^31 outputs").ends_as(beyond),
        Typed { run: &stored(&[(4, 1024), (8, u32::MAX)]), ..WELL }.attack("a list of 2^32 outputs").ends_as(beyond),
        Typed { run: &stored(&[(12, 0), (16, 8_000)]), ..WELL }
            .attack("8,000 exports in the same place")
            .ends_as(beyond),
        Typed { run: &stored(&[(0, 1), (8, 0), (12, u32::MAX)]), ..WELL }.attack("a message of 4 GiB").ends_as(beyond),
        Typed { run: &stored(&[(0, 1), (16, 0), (20, 100_000_000)]), ..WELL }
            .attack("a hundred million causes")
            .ends_as(beyond),
        Typed { realloc: "i32.const -1", ..WELL }
            .attack("allocates beyond its memory")
            .is(Class::Internal)
            .with(|call| call.input("text", "something to allocate")),
        Typed { realloc: "i32.const 1", ..WELL }
            .attack("allocates at an odd place")
            .is(Class::Internal)
            .with(|call| call.input("text", "something to allocate")),
        Typed { realloc: "(drop (call $run (i32.const 0) (i32.const 0))) i32.const 1024", ..WELL }
            .attack("calls itself while it allocates")
            .is(Class::Harmless)
            .with(|call| call.input("text", "something to allocate")),
    ]
}

/// Completions that no SDK writes.
pub(super) fn completions() -> Vec<Attack> {
    let internal = |run: &str, title: &str| Typed { run, ..WELL }.attack(title).is(Class::Internal);
    vec![
        internal(&stored(&[(0, 7)]), "neither success nor failure"),
        internal("i32.const -1", "a result beyond the memory"),
        internal("i32.const 3", "a result at an odd place"),
        internal(&stored(&[(4, 64), (8, 1), (64, 65_536), (68, 4)]), "a name that is no text"),
        internal(&stored(&[(4, 64), (8, 1), (72, 9)]), "a value of no kind"),
        internal(&stored(&[(4, 64), (8, 1), (72, 3), (80, 65_536), (84, 4)]), "a text that is no text"),
        internal(&stored(&[(4, 64), (8, 1)]), "an output without a name"),
        internal(&stored(&[(12, 64), (16, 1), (64, 65_536), (68, 2)]), "an export that is no text"),
        internal(&stored(&[(0, 1), (4, 200)]), "a failure of no kind"),
        internal(&stored(&[(0, 1), (4, 1), (8, 65_536), (12, 4)]), "a message that is no text"),
        internal(&stored(&[(0, 1), (24, 9)]), "a hint that neither is nor is not"),
        internal(&stored(&[(4, 65), (8, 1)]), "outputs at an odd place"),
    ]
}

pub(super) fn traps() -> Vec<Attack> {
    let trap = |title: &str, fields: &str, start: &str| core(title, fields, start).is(Class::Internal);
    let memory = "(memory 1)";
    let mut attacks = vec![
        trap("unreachable", "", "unreachable"),
        trap("division by zero", "", "(drop (i32.div_s (i32.const 1) (i32.const 0)))"),
        trap("division that overflows", "", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
        trap("number that is none to an integer", "", "(drop (i32.trunc_f64_s (f64.const nan)))"),
        trap("load beyond memory", memory, "(drop (i32.load (i32.const -4)))"),
        trap("load at the highest offset", memory, "(drop (i32.load offset=4294967295 (i32.const -1)))"),
        trap("store beyond memory", memory, "(i64.store (i32.const 65535) (i64.const 1))"),
        trap(
            "indirect call of nothing",
            "(type $t (func)) (table 1 funcref)",
            "(call_indirect (type $t) (i32.const 0))",
        ),
        trap(
            "indirect call beyond the table",
            "(type $t (func)) (table 1 funcref)",
            "(call_indirect (type $t) (i32.const 9))",
        ),
        trap(
            "indirect call of another type",
            "(type $t (func (param i32))) (table funcref (elem $f)) (func $f)",
            "(call_indirect (type $t) (i32.const 1) (i32.const 0))",
        ),
        trap("trap in the start function", "(func $s unreachable) (start $s)", ""),
        trap("data beyond memory", "(memory 1) (data (i32.const 65535) \"two\")", ""),
        trap("elements beyond the table", "(table 1 funcref) (elem (i32.const 1) $f) (func $f)", ""),
    ];
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    attacks.push(
        core(
            "exit in the start function",
            &format!("{exit} (memory (export \"memory\") 1) (func $s (call $exit (i32.const 3))) (start $s)"),
            "",
        )
        .is(Class::Refused),
    );
    attacks
}

pub(super) fn bulk_traps() -> Vec<Attack> {
    let memory = "(memory 100)";
    vec![
        core("copy that ends beyond memory", memory, "(memory.copy (i32.const 1) (i32.const 0) (i32.const 6553600))")
            .is(Class::Internal),
        core("fill that ends beyond memory", memory, "(memory.fill (i32.const 1) (i32.const 7) (i32.const 6553600))")
            .is(Class::Internal),
        core(
            "table fill beyond the table",
            "(table 9 funcref)",
            "(table.fill (i32.const 1) (ref.null func) (i32.const 9))",
        )
        .is(Class::Internal),
        core(
            "copies of 200 MiB for ever",
            "(memory 3200)",
            "(loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 209715199)) br 0)",
        )
        .cpu(CPU_MILLISECONDS),
    ]
}

/// Fills its memory with a pattern where it finds none, and traps where it finds one: it was another's.
pub(super) fn canaries() -> Vec<Attack> {
    let body = "(local $at i32)
        (loop
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
            (i64.store (local.get $at) (i64.const 0x5ec2e75ec2e75ec2))
            (local.set $at (i32.add (local.get $at) (i32.const 4096)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 6553600))))
        (if (i32.eqz (ref.is_null (table.get (i32.const 5)))) (then unreachable))
        (table.set (i32.const 5) (ref.func $f))
        (if (global.get $g) (then unreachable))
        (global.set $g (i32.const 1))";
    let fields = |number: usize| {
        format!(
            "(memory {}) (table 10 funcref) (func $f) (elem declare func $f) (global $g (mut i32) (i32.const 0))",
            100 + number
        )
    };
    // The same module over and over, and two that differ, in the places of each other.
    (0..30).map(|round| core("looks for what was left", &fields(round % 3), body).is(Class::Harmless)).collect()
}

/// So much to set up that ticks pass meanwhile.
pub(super) fn slow_starts() -> Vec<Attack> {
    let start = "(func $s (local $i i32) (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 6553600))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if 0 (i32.lt_u (local.get $i) (i32.const 40)))))
        (start $s) (memory 100)";
    vec![core("a start function of many ticks", start, "").is(Class::Harmless)]
}

pub(super) fn bombs() -> Vec<Attack> {
    let refused = |attack: Attack| attack.is(Class::NotLoaded);
    let deep = |levels: usize| format!("{}{}", "(component ".repeat(levels), ")".repeat(levels));
    vec![
        refused(core("300,001 functions", &"(func)".repeat(300_001), "")),
        refused(bytes("a function of 8 MB", CORE, long_function(8_000_000))),
        refused(core("a function of 60,000 locals", &format!("(func (local {}))", "i64 ".repeat(60_000)), "")),
        refused(core("20,001 exports", &exports(20_001), "")),
        refused(bytes("components in components", TYPED, assembled(&deep(40)))),
        refused(bytes("65 core modules", TYPED, many_memories(65))),
        core("a branch table of 100,000", &branches(100_000), "").ends_as(&[
            Class::Harmless,
            Class::NotLoaded,
            Class::Internal,
        ]),
        core("blocks in blocks", "", &format!("{}{}", "block ".repeat(10_000), "end ".repeat(10_000))).ends_as(&[
            Class::Harmless,
            Class::NotLoaded,
            Class::Internal,
        ]),
    ]
}

/// A module whose `_start` does nothing, at length.
fn long_function(count: u32) -> Vec<u8> {
    let number =
        |number: u32| [0, 7, 14, 21].map(|shift| (number >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 });
    let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a".to_vec();
    module.extend(number(count + 7));
    module.push(1);
    module.extend(number(count + 2));
    module.push(0);
    module.extend(std::iter::repeat_n(1, count as usize));
    module.push(0x0b);
    module
}

fn exports(count: usize) -> String {
    (0..count).fold("(func $f)".to_owned(), |mut text, number| {
        let _ = write!(text, "(export \"e{number}\" (func $f))");
        text
    })
}

fn branches(count: usize) -> String {
    format!("(func (param i32) (block (br_table {} (local.get 0))))", "0 ".repeat(count))
}

pub(super) fn damaged() -> Vec<Attack> {
    let minimal = guest("minimal", "wasm32-wasip2");
    let command = guest("command", "wasm32-wasip1");
    let refused = |title: &str, content: Vec<u8>| bytes(title, TYPED, content).is(Class::NotLoaded);
    let mut attacks = vec![
        refused("nothing", Vec::new()),
        refused("text of a module", b"(module (func (export \"_start\")))".to_vec()),
        refused("a program of this machine", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec()),
        refused("a zip archive", b"PK\x03\x04rest".to_vec()),
        refused("a zip archive before a module", [b"PK\x03\x04", &minimal[..]].concat()),
        refused("the first eight bytes", minimal[..8].to_vec()),
        refused("half a component", minimal[..minimal.len() / 2].to_vec()),
        refused("half a module", command[..command.len() / 2].to_vec()),
        refused("a module of the future", b"\0asm\x09\0\0\0".to_vec()),
        refused("a layer of the future", b"\0asm\x0d\0\x09\0".to_vec()),
        refused("a section longer than the file", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f".to_vec()),
        refused(
            "bytes by chance",
            (0..5_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
        ),
    ];
    // A byte changed here and there: refused, or a step that ends in whichever way; never the end of the engine.
    for round in 1..20 {
        let mut changed = command.to_vec();
        let at = changed.len() * round / 20;
        changed[at] ^= 0xff;
        attacks.push(bytes(format!("byte {at} changed"), CORE, changed).cpu(500).ends_as(&[
            Class::NotLoaded,
            Class::Internal,
            Class::Harmless,
            Class::Refused,
            Class::Limit(LimitKind::Cpu),
            Class::Limit(LimitKind::Memory),
            Class::Limit(LimitKind::Message),
            Class::Limit(LimitKind::Stack),
        ]));
    }
    attacks
}

pub(super) fn confusions() -> Vec<Attack> {
    let refused = |attack: Attack| attack.is(Class::NotLoaded);
    let changed = |from: &str, to: &str| assembled(&WELL.text().replacen(from, to, 1));
    vec![
        refused(core("imports from elsewhere", "(import \"env\" \"system\" (func))", "")),
        refused(bytes("no entry", CORE, assembled("(module (func (export \"main\")))"))),
        refused(bytes("an entry that is no function", CORE, assembled("(module (memory (export \"_start\") 1))"))),
        bytes("an entry with operands", CORE, assembled("(module (func (export \"_start\") (param i32)))"))
            .ends_as(&[Class::NotLoaded, Class::Internal]),
        core("a function of WASI that there is not", "(import \"wasi_snapshot_preview1\" \"launch\" (func))", "")
            .is(Class::Internal),
        core(
            "a function of WASI with other operands",
            "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i64)))",
            "",
        )
        .is(Class::Internal),
        core(
            "writes without a memory",
            "(import \"wasi_snapshot_preview1\" \"fd_write\" (func $w (param i32 i32 i32 i32) (result i32)))",
            "(drop (call $w (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))",
        )
        .is(Class::Internal),
        bytes("a value with a number more", TYPED, changed("(case \"null\")", "(case \"null\" u32)"))
            .is(Class::Internal),
        bytes("a failure of another kind", TYPED, changed("\"cancelled\" \"internal\"", "\"cancelled\" \"eternal\""))
            .is(Class::Internal),
        refused(bytes(
            "a step without an entry",
            TYPED,
            changed("(export \"run\" (func $run))", "(export \"ran\" (func $run))"),
        )),
        bytes(
            "a memory with a maximum",
            TYPED,
            changed("(memory (export \"memory\") 2)", "(memory (export \"memory\") 2 2)"),
        )
        .is(Class::Harmless),
    ]
}

/// Sockets of preview 1, which has none but those it was given.
pub(super) fn accepts() -> Vec<Attack> {
    let accept = r#"(import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)"#;
    let tell = |fd: u32| {
        format!("(call $exit (i32.ne (i32.const 0) (call $accept (i32.const {fd}) (i32.const 0) (i32.const 0))))")
    };
    [0, 3, 99]
        .map(|fd| {
            core(&format!("accepts on descriptor {fd}"), accept, &tell(fd)).ends_as(&[Class::Refused, Class::Internal])
        })
        .into()
}
