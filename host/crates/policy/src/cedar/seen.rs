//! What the policies that are put to the library look at, so that only that is made for a question: making attributes
//! takes longer than evaluating most policies.

use cedar_policy::pst;
use pst::{BinaryOp, Clause, Expr, ResourceConstraint, Var};

use super::attribute::{Attributes, path};

/// What policies look at besides the names of job, action and resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Attributes of the job.
    pub(super) job: Attributes,
    /// Attributes of the resource.
    pub(super) resource: Attributes,
    /// What lies around something.
    pub(super) around: bool,
    /// Entries of the context, but for the function.
    pub(super) context: Attributes,
    /// Attributes of the function in the context; none where it is not looked at.
    pub(super) function: Attributes,
}

impl Seen {
    const NOTHING: Self = Self {
        job: Attributes::NONE,
        resource: Attributes::NONE,
        around: false,
        context: Attributes::NONE,
        function: Attributes::NONE,
    };
    const AROUND: Self = Self { around: true, ..Self::NOTHING };
    const CONTEXT: Self = Self { context: Attributes::ALL, function: Attributes::ALL, ..Self::NOTHING };
    pub(super) const ALL: Self =
        Self { job: Attributes::ALL, resource: Attributes::ALL, around: true, ..Self::CONTEXT };

    /// Returns what either looks at.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            job: self.job.and(other.job),
            resource: self.resource.and(other.resource),
            around: self.around || other.around,
            context: self.context.and(other.context),
            function: self.function.and(other.function),
        }
    }

    /// Returns what a policy looks at.
    pub(super) fn by(policy: &pst::Template) -> Self {
        let head = match policy.resource {
            ResourceConstraint::In(_) | ResourceConstraint::IsIn(..) => Self::AROUND,
            ResourceConstraint::Any | ResourceConstraint::Eq(_) | ResourceConstraint::Is(_) => Self::NOTHING,
        };
        let conditions = policy.clauses().iter().map(|clause| match clause {
            Clause::When(condition) | Clause::Unless(condition) => Self::in_expression(condition),
        });
        conditions.fold(head, Self::and)
    }

    fn in_expression(expression: &Expr) -> Self {
        expression.reduce(&Self::of_its_own, &Self::and, Self::NOTHING)
    }

    /// Returns what an expression looks at, where that is more than its parts do. A job and a resource are their names
    /// until an attribute is taken from them.
    fn of_its_own(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Var(Var::Context) => Some(Self::CONTEXT),
            Expr::GetAttr { .. } => Some(path(expression).map_or(Self::ALL, |names| Self::at(&names))),
            Expr::HasAttr { expr, attrs } => Some(path(expr).map_or(Self::ALL, |mut names| {
                names.extend(attrs.iter().map(|name| name.as_str()));
                Self::at(&names)
            })),
            Expr::BinaryOp { op: BinaryOp::HasTag | BinaryOp::GetTag, .. } => Some(Self::ALL),
            Expr::BinaryOp { op: BinaryOp::In, left, right } => {
                Some(Self::AROUND.and(Self::in_expression(left)).and(Self::in_expression(right)))
            }
            Expr::Is { expr, in_expr: Some(outer), .. } => {
                Some(Self::AROUND.and(Self::in_expression(expr)).and(Self::in_expression(outer)))
            }
            _ => None,
        }
    }

    /// Returns what is looked at where a variable and attributes lead. What does not end at one attribute counts as all.
    fn at(names: &[&str]) -> Self {
        match names {
            ["principal", attribute] => Self { job: Attributes::named(attribute), ..Self::NOTHING },
            ["resource", attribute] => Self { resource: Attributes::named(attribute), ..Self::NOTHING },
            ["context", "function"] => Self { function: Attributes::ALL, ..Self::NOTHING },
            ["context", "function", attribute] => Self { function: Attributes::named(attribute), ..Self::NOTHING },
            ["context", entry] => Self { context: Attributes::named(entry), ..Self::NOTHING },
            _ => Self::ALL,
        }
    }
}
