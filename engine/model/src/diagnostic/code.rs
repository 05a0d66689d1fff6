//! The stable codes (language.md 7.2).

use std::fmt;

use serde::{Serialize, Serializer};
use studio_events::Severity;

macro_rules! codes {
    ($($code:ident $severity:ident $title:literal,)*) => {
        /// A stable diagnostic code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Code { $($code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// Its text, such as `E0030`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// What it is about, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)* }
            }

            /// Error or warning.
            pub fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    E0001 Error "unexpected text",
    E0002 Error "something is missing",
    E0003 Error "root model missing",
    E0004 Error "import not found",
    E0005 Error "unterminated string or comment",
    E0010 Error "module defined twice",
    E0011 Error "operation defined twice",
    E0012 Error "type defined twice",
    E0013 Error "enum defined twice",
    E0014 Error "field defined twice",
    E0015 Error "enum value given twice",
    E0016 Error "declaration in the wrong place",
    E0017 Error "name already taken",
    E0018 Error "field also provided by a fragment",
    E0020 Error "unknown annotation",
    E0021 Error "annotation in the wrong place",
    E0022 Error "annotation repeated",
    E0023 Error "wrong annotation parameters",
    E0024 Error "parameter repeated",
    E0025 Error "list of values with a non-string",
    E0026 Error "wrong kind of parameter",
    E0027 Error "module without plugin",
    E0028 Error "module with several annotations",
    E0030 Error "unknown type",
    E0031 Error "type argument missing",
    E0032 Error "optional twice",
    E0033 Error "unknown fragment",
    E0034 Error "`Set` of plain values",
    E0035 Error "`Array` of something else than primitives",
    E0036 Error "type that cannot be stored",
    E0040 Error "`self` outside of a type",
    E0041 Error "unknown name in an expression",
    E0042 Error "unknown field in an expression",
    E0043 Error "member of a plain value",
    E0044 Error "member of a set",
    E0045 Error "member of an array",
    E0046 Error "unknown list function",
    E0047 Error "`contains` without value",
    E0048 Error "`contains` with a value of another type",
    E0049 Error "function call on a record",
    E0050 Error "negation of something not Boolean",
    E0051 Error "logical operator on something not Boolean",
    E0052 Error "comparison of different types",
    E0053 Error "call at the start of a path",
    E0054 Error "unknown fragment met while looking up a field",
    E0060 Error "access rule not Boolean",
    E0061 Error "bare `self`",
    E0062 Error "context without field, or enum value, in a rule",
    E0063 Error "list function on a path of `self`",
    E0064 Error "unknown set function",
    E0065 Error "`some` within `some`",
    E0066 Error "comparison used as a value",
    E0067 Error "rule mixing parent and child columns",
    E0068 Error "`@access` on a json type",
    E0069 Error "`@access` on a field of a json type",
    E0070 Error "`self` in a code module",
    E0071 Warning "named rules in a code module",
    E0072 Error "hook rule without a name",
    E0073 Error "hook rule that reviews rows where it cannot",
    E0080 Error "context field without source",
    E0081 Error "context field with several sources",
    E0082 Error "type of a context field",
    E0083 Error "source key not a string",
    E0100 Error "no primary key",
    E0101 Error "default value needed",
    E0102 Error "`autoIncrement` on a field that is not an Int",
    E0103 Error "arguments of `autoIncrement`",
    E0104 Error "sequence name",
    E0105 Error "`now` on a field that is not a date or time",
    E0106 Error "uuid function on another field",
    E0107 Error "unknown default function",
    E0108 Error "default of another type",
    E0109 Error "number not valid for the type",
    E0110 Warning "context default of another type",
    E0111 Warning "context default for a composite key",
    E0112 Warning "context default without a column",
    E0113 Error "hint for another type",
    E0114 Error "`@dbtype` together with hints",
    E0115 Error "several integer sizes",
    E0116 Error "several float precisions",
    E0117 Error "`@scale` without `@precision`",
    E0118 Error "bound not a number",
    E0119 Error "unknown distance function",
    E0120 Error "unknown SQL type",
    E0121 Error "empty range",
    E0122 Error "name of a constraint or index",
    E0125 Error "column used twice",
    E0126 Error "field without column",
    E0130 Error "collection without partner",
    E0131 Error "collection with several partners",
    E0132 Error "relation without partner",
    E0133 Error "both cardinalities",
    E0134 Error "`@oneToOne` on an optional field",
    E0135 Error "one-to-one optional on both sides",
    E0136 Error "one-to-one required on both sides",
    E0137 Error "direct many-to-many",
    E0138 Error "`@column` on the inverse side",
    E0139 Error "`@column` on a collection",
    E0140 Error "unknown key in a column mapping",
    E0141 Error "incomplete column mapping",
    E0142 Error "wrong number of columns",
    E0143 Error "no column",
    E0144 Error "relation that cannot be classified",
    E0150 Error "projection that cannot be resolved",
    E0160 Error "interceptor without kind",
    E0161 Error "interceptor with several kinds",
    E0162 Error "interceptor pattern",
    E0163 Error "type used as argument and as result",
    E0164 Error "module file missing",
    E0165 Error "bundling failed",
    E0166 Error "foreign type as argument or field",
    E0167 Error "foreign result without prefix",
    E0168 Error "enum in a code module",
    W0001 Warning "name declared again elsewhere",
    W0002 Warning "unknown context source",
    W0003 Warning "default on a context field",
    W0004 Warning "writable but unreadable type",
    W0005 Warning "field rule opens only one side",
    W0006 Warning "backslash in a string",
    W0007 Warning "operation in a Postgres module",
    W0008 Warning "annotation on an enum",
    W0009 Warning "redundant cardinality",
    W0010 Warning "context type that never coerces",
    W0011 Warning "hint without effect",
    W0012 Warning "table schema overridden",
    W0013 Warning "optional context compared with a nullable column",
    W0014 Warning "rule of a method with a foreign result",
    W0015 Warning "operation name in two modules",
    W0016 Warning "doc comment that documents nothing",
    W0017 Warning "argument that nobody can give",
    W0018 Warning "comma between enum values",
}

impl Code {
    /// The code with this text, in any case.
    pub fn parse(text: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
