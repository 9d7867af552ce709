//! The filter of system calls.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::calls::{self, Narrow, Values};

/// Refuses every call that is not listed in [`calls`] with `EPERM`, for this thread and those it will start. A refusal
/// is an error like another, so that a guest is told and the process lives.
pub(crate) fn install() -> Result<(), Error> {
    // Of two filters that refuse, the one installed last decides with which error; this one refuses one call alone.
    seccompiler::apply_filter(&unknown(libc::SYS_clone3)?)?;
    seccompiler::apply_filter(&listed()?)
}

/// Answers a call as a kernel does that does not know it.
fn unknown(call: libc::c_long) -> Result<BpfProgram, Error> {
    let errno = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    program(BTreeMap::from([(call, Vec::new())]), SeccompAction::Allow, errno)
}

fn listed() -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls::always().map(|call| (call, Vec::new())).collect();
    for narrow in calls::narrow() {
        rules.insert(narrow.call, served(&narrow)?);
    }
    program(rules, SeccompAction::Errno(libc::EPERM.cast_unsigned()), SeccompAction::Allow)
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, otherwise, listed, architecture)?.try_into()?)
}

/// Returns one rule for each value; one of them has to hold.
fn served(narrow: &Narrow) -> Result<Vec<SeccompRule>, Error> {
    let rule = |length, operator, value| {
        let condition = SeccompCondition::new(narrow.argument, length, operator, value)?;
        Ok(SeccompRule::new(vec![condition])?)
    };
    match &narrow.values {
        Values::OneOf(values) => {
            values.iter().map(|value| rule(SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *value)).collect()
        }
        Values::WithBits(bits) => Ok(vec![rule(SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(*bits), *bits)?]),
        Values::Null => Ok(vec![rule(SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?]),
    }
}
