//! What would change a denial, and who may change it.

use crate::capability::Request;
use crate::rule::DecidedBy;

/// What would change a denial.
pub(crate) enum Remedy {
    /// The author asks for another path.
    PathInside,
    /// The author asks for less.
    AmountBelow,
    /// The author gives a name.
    ValidName,
    /// The author does without one of two paths.
    OnePathOrOther,
    /// The author names a host.
    ValidHost,
    /// The author of the job passes it on.
    PassOn,
    /// The operator adds this policy.
    Permit(String),
    /// The operator changes the policies that decided.
    Change(DecidedBy),
}

impl Remedy {
    pub(crate) fn text(&self, request: &Request) -> String {
        let key = request.capability.key();
        let file = match &request.place {
            Some(place) => format!("`{}`", place.source.name()),
            None => "the function file".to_owned(),
        };
        match self {
            Self::PathInside => format!(
                "the function's author asks for a path beneath the job's work dir in `{key}` of {file}; where the path comes from an input, the job gives another one"
            ),
            Self::AmountBelow => format!("the function's author asks for less in `{key}` of {file}"),
            Self::ValidName => {
                format!("the function's author gives names of letters, digits and `_` in `{key}` of {file}")
            }
            Self::OnePathOrOther => format!(
                "the function's author removes the path from `{key}` of {file} (writing includes reading), or writes to a narrower folder"
            ),
            Self::ValidHost => format!(
                "the function's author writes a host name such as `api.example.com`, or an address, in `{key}` of {file}"
            ),
            Self::PassOn => format!("whoever wrote the job adds `{}` to `allow` of the step", request.capability),
            Self::Permit(policy) => format!("to allow it, whoever runs this engine adds to its policies:\n{policy}"),
            Self::Change(decided_by) => {
                let policies: Vec<String> =
                    decided_by.policies().iter().map(|policy| format!("`{}` ({})", policy.id, policy.place)).collect();
                format!("whoever runs this engine narrows or removes the policy {}", policies.join(" and "))
            }
        }
    }
}
