//! Operators of expressions (m-ld protocol, section 16.3).

/// What an expression does with its arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Not,
    And,
    Or,
    Plus,
    Minus,
    Times,
    Divide,
    Bound,
    Regex,
    In,
    NotIn,
    Str,
    Lang,
    LangMatches,
    Concat,
    /// Has no meaning but for shared data.
    Splice,
    /// Known, with a meaning in queries that are not supported.
    Aggregate,
}

impl Operator {
    /// The operator that a key is.
    pub(super) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "@eq" => Self::Equal,
            "@neq" => Self::NotEqual,
            "@lt" => Self::Less,
            "@lte" => Self::LessOrEqual,
            "@gt" => Self::Greater,
            "@gte" => Self::GreaterOrEqual,
            "@not" => Self::Not,
            "@and" => Self::And,
            "@or" => Self::Or,
            "@plus" => Self::Plus,
            "@minus" => Self::Minus,
            "@times" => Self::Times,
            "@divide" => Self::Divide,
            "@bound" => Self::Bound,
            "@regex" => Self::Regex,
            "@in" => Self::In,
            "@notin" => Self::NotIn,
            "@str" => Self::Str,
            "@lang" => Self::Lang,
            "@langmatches" => Self::LangMatches,
            "@concat" => Self::Concat,
            "@splice" => Self::Splice,
            "@count" | "@sum" | "@min" | "@max" | "@avg" | "@groupConcat" | "@sample" | "@asc"
            | "@desc" => Self::Aggregate,
            _ => return None,
        })
    }

    /// Whether it can have so many arguments.
    pub(super) fn takes(self, arguments: usize) -> bool {
        match self {
            Self::Not | Self::Bound | Self::Str | Self::Lang => arguments == 1,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Plus
            | Self::Minus
            | Self::Times
            | Self::Divide
            | Self::LangMatches => arguments == 2,
            Self::Regex => arguments == 2 || arguments == 3,
            Self::And | Self::Or | Self::In | Self::NotIn | Self::Concat => arguments >= 1,
            Self::Splice | Self::Aggregate => false,
        }
    }
}
